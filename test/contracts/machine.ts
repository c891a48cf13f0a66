/** Runs what a driver describes with real programs, in a private directory: the part of a run that the suites need. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lookup } from '../../src/bind.ts';
import type { Command, Stage } from '../../src/command.ts';
import { type Ended, prepareLaunch } from '../../src/execute/launch.ts';
import { faultOf, runCommand, startPipeline } from '../../src/execute/pipeline.ts';
import { pour } from '../../src/execute/pour.ts';
import type { CapturePlan, Facts } from '../../src/kind.ts';
import { programFacts } from '../../src/programs.ts';
import type { Assertion, Recipe } from '../../src/recipe.ts';

export type Secrets = Record<string, string>;

const guard = { watch: () => {}, unwatch: () => {} };
const { signal } = new AbortController();
let runs = 0;

export class Machine {
  readonly directory = mkdtempSync(join(tmpdir(), 'runner-contract-'));
  readonly runId = `contract-${process.pid}-${++runs}`;
  private works = 0;

  private constructor(
    public facts: Facts,
    readonly secrets: Secrets,
    private readonly environment: Record<string, string | undefined>,
  ) {}

  /** `without` names programs that count as missing. */
  static async start(options: {
    programs: string[];
    secrets?: Secrets;
    without?: string[];
    environment?: Record<string, string>;
  }): Promise<Machine> {
    await buildBuiltin();
    const environment = { ...process.env, ...options.environment };
    const programs = await programFacts(options.programs, environment);
    for (const name of options.without ?? []) programs[name] = null;
    return new Machine({ programs }, options.secrets ?? {}, environment);
  }

  /** A fresh private directory, as every task has one. */
  task(): Task {
    const work = join(this.directory, `work-${++this.works}`);
    mkdirSync(work, { mode: 0o700 });
    const lookup: Lookup = {
      out: (reference) => {
        throw new Error(`nothing binds ${reference} here`);
      },
      work: (path) => join(work, path),
    };
    return new Task(work, lookup, {
      environment: this.environment,
      runId: this.runId,
      readSecret: async (name) => {
        if (!Object.hasOwn(this.secrets, name)) throw new Error(`no secret ${name}`);
        return this.secrets[name]!;
      },
    });
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  end(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Processes that carry this machine's run id (Linux). */
  leftovers(): string[] {
    if (!existsSync('/proc')) return [];
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`).includes(`RUNNER_RUN_ID=${this.runId}\0`);
        } catch {
          return false;
        }
      });
  }

  /** Waits until none is left; false where some stay. */
  async isQuiet(): Promise<boolean> {
    for (const end = performance.now() + 10_000; this.leftovers().length > 0; await sleep(50))
      if (performance.now() > end) return false;
    return true;
  }
}

export class Task {
  constructor(
    readonly work: string,
    readonly lookup: Lookup,
    private readonly host: Parameters<typeof prepareLaunch>[2],
  ) {}

  /** Runs one command; throws the sentence of its failure. */
  async run(command: Command): Promise<string> {
    const ended = await runCommand(await prepareLaunch(command, this.lookup, this.host), { guard, signal });
    throwFault([ended]);
    return ended.stdout;
  }

  /** Sends bytes through a chain of stages. */
  async through(stages: Stage[], input: Uint8Array): Promise<Buffer> {
    return this.around(stages, async () => {
      const launches = await this.launches(stages.map(({ command }) => command));
      const pipeline = startPipeline(launches, { input: 'pipe', output: 'pipe', guard, signal });
      pipeline.input!.on('error', () => {});
      Readable.from(pieces(input)).pipe(pipeline.input!);
      const output = await collect(pipeline.output!);
      throwFault(await pipeline.ended);
      return output;
    });
  }

  /** What a source produces, its plain size as the plan says it is known, and how its programs ended. */
  async capture(plan: CapturePlan): Promise<{ bytes: Buffer; size: number | null; ended: Ended[] }> {
    const chain: Stage = { command: plan.produce, prepare: plan.prepare, cleanup: plan.cleanup };
    return this.around([chain], async () => {
      const commands = [plan.produce, ...(plan.counter ? [plan.counter] : [])];
      const pipeline = startPipeline(await this.launches(commands), { input: 'none', output: 'pipe', guard, signal });
      const bytes = await collect(pipeline.output!);
      const ended = await pipeline.ended;
      throwFault(ended);
      return { bytes, size: this.sizeOf(plan, ended), ended };
    });
  }

  /** Opens a plain stream as a restore or a check does. */
  async take(recipe: Recipe, plain: Uint8Array): Promise<void> {
    for (const command of recipe.prepare ?? []) await this.run(command);
    try {
      await pour({
        source: Readable.from(pieces(plain)),
        decode: recipe.through ? await this.launches([recipe.through]) : [],
        intake: await this.intake(recipe),
        ...(recipe.tail ? { tail: recipe.tail } : {}),
        guard,
        signal,
      });
      for (const command of recipe.load ?? []) await this.run(command);
      for (const assertion of recipe.finish ?? []) await this.assert(assertion);
    } finally {
      for (const command of recipe.cleanup ?? []) await this.run(command);
    }
  }

  /** Feeds bytes to one command and returns what it prints. */
  async ask(command: Command, input: Uint8Array): Promise<Buffer> {
    return this.through([{ command }], input);
  }

  private async intake(recipe: Recipe): Promise<Parameters<typeof pour>[0]['intake']> {
    const { intake } = recipe;
    if ('consume' in intake) return { consume: (await this.launches([intake.consume]))[0]! };
    if ('file' in intake) return { file: this.render(intake.file), mode: 0o600 };
    return intake;
  }

  private async assert(assertion: Assertion): Promise<void> {
    if (assertion.check === 'output') {
      const value = (await this.run(assertion.command)).trim();
      if (value !== String(assertion.expect.equals)) throw new Error(`${assertion.title}: it is ${value}`);
    } else if (assertion.check === 'file') {
      const { size } = statSync(this.render(assertion.path));
      if (size < (assertion.size?.atLeast ?? 0)) throw new Error(`${assertion.title}: ${size} bytes`);
    } else throw new Error(`the suites do not know the assertion ${assertion.check}`);
  }

  private sizeOf({ plain, counter }: CapturePlan, ended: Ended[]): number | null {
    if ('file' in plain) return statSync(this.render(plain.file)).size;
    if ('unknown' in plain) return null;
    const found = new RegExp(plain.stderr, 'm').exec(ended[counter ? 1 : 0]!.stderr);
    return found ? Number(found[1]) : Number.NaN;
  }

  private async around<Result>(stages: Stage[], act: () => Promise<Result>): Promise<Result> {
    try {
      for (const command of stages.flatMap(({ prepare }) => prepare ?? [])) await this.run(command);
      return await act();
    } finally {
      for (const command of stages.flatMap(({ cleanup }) => cleanup ?? [])) await this.run(command);
    }
  }

  private render(argument: Parameters<typeof JSON.stringify>[0]): string {
    return typeof argument === 'string' ? argument : this.lookup.work(argument.work);
  }

  private launches(commands: Command[]) {
    return Promise.all(commands.map((command) => prepareLaunch(command, this.lookup, this.host)));
  }
}

function throwFault(ended: Ended[]): void {
  const fault = faultOf(ended);
  if (fault) throw fault;
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // A stage that failed is told by its exit; what it had printed may end in any way.
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {}
  return Buffer.concat(chunks);
}

let built: Promise<void> | undefined;

/** `runner-builtin` is started from dist; a change in its source wants a new bundle. */
export function buildBuiltin(): Promise<void> {
  built ??= build();
  return built;
}

async function build(): Promise<void> {
  const root = resolve(import.meta.dirname, '../..');
  const source = join(root, 'src/builtin');
  const bundle = join(root, 'dist/builtin.js');
  const newest = Math.max(...readdirSync(source).map((name) => statSync(join(source, name)).mtimeMs));
  if (existsSync(bundle) && statSync(bundle).mtimeMs >= newest) return;
  const { build } = await import('rolldown');
  const { output } = await build({
    input: join(source, 'main.ts'),
    platform: 'node',
    external: ['libsql', 'mongodb'],
    output: { format: 'esm', codeSplitting: false },
    write: false,
  });
  mkdirSync(join(root, 'dist'), { recursive: true });
  // Several test files may be here at once: each puts a whole file in place.
  const draft = `${bundle}.${process.pid}`;
  writeFileSync(draft, output[0].code);
  renameSync(draft, bundle);
}
