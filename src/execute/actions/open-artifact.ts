import type { Readable } from 'node:stream';
import { render } from '../../bind.ts';
import type { Command, Stage } from '../../command.ts';
import type { Assertion, Intake, Recipe } from '../../recipe.ts';
import { faultOf } from '../blame.ts';
import type { PourOptions } from '../intake.ts';
import type { Ended } from '../launch.ts';
import { type Poured, pour } from '../pour.ts';
import type { PerformContext } from '../task-context.ts';
import { type Answers, assertAll } from './assertions.ts';
import type { RunContext } from './context.ts';
import { type Holding, NeverReady, startHeld } from './hold.ts';
import { type Programs, programsOf } from './programs.ts';
import { progressOf } from './progress.ts';

export type Opening = {
  source: Readable;
  /** What the artifact must be, from its manifest; null for a file outside the catalogue. */
  expected: { size: number; sha256: string } | null;
  decode: readonly Stage[];
  recipe: Recipe;
  /** Checked after the recipe's own, before its clean-up. */
  assert?: readonly Assertion[];
  /** What the source answered when the backup was made, by question. */
  answers?: Answers;
};

export type Opened = Poured & { values: Record<string, string>; notes: string[] };

/** Thrown while an artifact flows through its decoders: `ended` are the programs that had been started. */
export class PourFailed extends Error {
  override readonly name = 'PourFailed';
  readonly ended: Ended[];
  readonly decoders: number;
  constructor(cause: Error, ended: Ended[], decoders: number) {
    super(cause.message, { cause });
    this.ended = ended;
    this.decoders = decoders;
  }
}

/**
 * Sends an artifact through its decoders into its recipe's intake and asserts the result. Clean-up always runs, while the
 * recipe's servers are still there; then they are ended.
 */
export async function openArtifact(opening: Opening, run: RunContext, context: PerformContext): Promise<Opened> {
  const { recipe, decode } = opening;
  const programs = programsOf(run, context);
  const servers: Holding[] = [];
  try {
    for (const stage of decode) await programs.runAll(stage.prepare);
    await programs.runAll(recipe.prepare);
    await startServers('prepare', recipe, servers, run, context);
    const poured = await pourThrough(opening, run, context);
    await startServers('intake', recipe, servers, run, context);
    const loaded = await load(recipe.load ?? [], programs);
    const asserted = [...(recipe.finish ?? []), ...(opening.assert ?? [])];
    const values = await assertAll(asserted, run, context, opening.answers);
    return { ...poured, values, notes: [...poured.ended, ...loaded].flatMap(({ notes }) => notes) };
  } catch (error) {
    context.signal.throwIfAborted();
    // Whatever its clients complain about: without the server nothing can be said of the data.
    const lost = servers.map((server) => server.lost()).find((one) => one !== null);
    throw lost ? lost.error : error;
  } finally {
    opening.source.destroy();
    await programs.cleanUp([...(recipe.cleanup ?? []), ...decode.flatMap((stage) => stage.cleanup ?? [])]);
    for (const server of servers.toReversed()) await server.release();
    await programs.cleanUp(recipe.sweep);
  }
}

/** A server that reads what the intake wrote and ends over it speaks of the data, as a consumer does. */
async function startServers(
  after: 'prepare' | 'intake',
  recipe: Recipe,
  servers: Holding[],
  run: RunContext,
  context: PerformContext,
): Promise<void> {
  for (const server of recipe.servers ?? []) {
    if (server.after !== after) continue;
    try {
      servers.push(await startHeld(server.held, run, context));
    } catch (error) {
      throw after === 'intake' && error instanceof NeverReady ? new PourFailed(error, [error.ended], 0) : error;
    }
  }
}

/** What fails here fails over the data, or over the machine: as for a consumer, its words tell. */
async function load(commands: readonly Command[], programs: Programs): Promise<Ended[]> {
  const all: Ended[] = [];
  for (const command of commands) {
    const ended = await programs.attempt(command);
    const fault = faultOf([ended]);
    if (fault) throw new PourFailed(fault, [ended], 0);
    all.push(ended);
  }
  return all;
}

async function pourThrough(opening: Opening, run: RunContext, context: PerformContext): Promise<Poured> {
  const { recipe, expected, source } = opening;
  const decode = [...opening.decode, ...(recipe.through ? [{ command: recipe.through }] : [])];
  const programs = programsOf(run, context);
  const commands: Command[] = [
    ...decode.map(({ command }) => command),
    ...('consume' in recipe.intake ? [recipe.intake.consume] : []),
  ];
  const launches = await programs.launches(commands);
  let ended: Ended[] = [];
  try {
    const poured = await pour({
      source,
      decode: launches.slice(0, decode.length),
      intake: intakeOf(recipe.intake, launches, context),
      ...(recipe.tail ? { tail: recipe.tail } : {}),
      ...(recipe.direct ? { direct: true } : {}),
      ...(expected ? { expected } : {}),
      guard: run.guard,
      signal: context.signal,
      onBytes: progressOf(context, expected?.size),
      onEnded: (all) => {
        ended = all;
      },
    });
    programs.report(commands, poured.ended);
    return poured;
  } catch (error) {
    programs.report(commands, ended);
    context.signal.throwIfAborted();
    throw new PourFailed(error as Error, ended, opening.decode.length);
  }
}

function intakeOf(
  intake: Intake,
  launches: Awaited<ReturnType<ReturnType<typeof programsOf>['launches']>>,
  context: PerformContext,
): PourOptions['intake'] {
  if ('consume' in intake) return { consume: launches.at(-1)! };
  if ('discard' in intake) return intake;
  const { file, mode = '0600', owner } = intake;
  return {
    file: render(file, context.lookup),
    mode: Number.parseInt(mode, 8),
    ...(owner === undefined ? {} : { owner }),
  };
}
