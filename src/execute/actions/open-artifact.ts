import type { Readable } from 'node:stream';
import { render } from '../../bind.ts';
import type { Assertion, Command, Intake, Recipe, Stage } from '../../graph.ts';
import type { PourOptions } from '../intake.ts';
import type { Ended } from '../launch.ts';
import { type Poured, pour } from '../pour.ts';
import type { PerformContext } from '../task-context.ts';
import { assertAll } from './assertions.ts';
import type { RunContext } from './context.ts';
import { programsOf } from './programs.ts';
import { progressOf } from './progress.ts';

export type Opening = {
  source: Readable;
  /** What the artifact must be, from its manifest; null for a file outside the catalogue. */
  expected: { size: number; sha256: string } | null;
  decode: readonly Stage[];
  recipe: Recipe;
  /** Checked after the recipe's own, before its clean-up. */
  assert?: readonly Assertion[];
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

/** Sends an artifact through its decoders into its recipe's intake and asserts the result. Clean-up always runs. */
export async function openArtifact(opening: Opening, run: RunContext, context: PerformContext): Promise<Opened> {
  const { recipe, decode } = opening;
  const programs = programsOf(run, context);
  try {
    for (const stage of decode) await programs.runAll(stage.prepare);
    await programs.runAll(recipe.prepare);
    const poured = await pourThrough(opening, run, context);
    const values = await assertAll([...(recipe.finish ?? []), ...(opening.assert ?? [])], run, context);
    return { ...poured, values, notes: poured.ended.flatMap(({ notes }) => notes) };
  } finally {
    opening.source.destroy();
    await programs.cleanUp([...(recipe.cleanup ?? []), ...decode.flatMap((stage) => stage.cleanup ?? [])]);
  }
}

async function pourThrough(opening: Opening, run: RunContext, context: PerformContext): Promise<Poured> {
  const { recipe, decode, expected, source } = opening;
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
    throw new PourFailed(error as Error, ended, decode.length);
  }
}

function intakeOf(
  intake: Intake,
  launches: Awaited<ReturnType<ReturnType<typeof programsOf>['launches']>>,
  context: PerformContext,
): PourOptions['intake'] {
  if ('consume' in intake) return { consume: launches.at(-1)! };
  if ('discard' in intake) return intake;
  return { file: render(intake.file, context.lookup), mode: Number.parseInt(intake.mode ?? '0600', 8) };
}
