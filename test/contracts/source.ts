/** What every source must do. Checks are plain functions, so that broken drivers can be shown to fail them. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { pathProblem } from '../../src/execute/actions/requirements.ts';
import type { CapturePlan, SourceKind } from '../../src/kind.ts';
import { Machine, type Secrets } from './machine.ts';
import {
  argumentsOf,
  commandsOfRecipe,
  demand,
  demandFailure,
  demandNoSecrets,
  demandPrograms,
  demandPure,
  freeze,
  secretsOf,
} from './purity.ts';

export type SourceCase = {
  kind: SourceKind<object>;
  spec: object;
  /** The same spec over something that does not exist. */
  missing: object;
  /** The same spec over something that is there and holds nothing at all, where the kind can be pointed at such. */
  empty?: object;
  secrets?: Secrets;
  without?: string[];
  /** Where a restore that goes to a program puts its data: read back by `fingerprint`. */
  restoredBy?: string;
  /** A canonical text of the data at a path: of the live data with null. */
  fingerprint(path: string | null): Promise<string> | string;
  /** What the manual command makes in its working directory; a database's name. */
  manualResult: string;
  /** A member's name as `list` prints it, and its bytes. */
  member?: { name: string; bytes: string };
  /** A query with its answer, and one that would change the data. */
  query?: { sql: string; answer: string; harmful: string[] };
  /** Where the end of a plain stream lies, when what follows it carries nothing. */
  end?(plain: Buffer): number;
  /** The name of the database that is restored into, where the server allows not every name. */
  restoredTo?(name: string): string;
  /** Live data elsewhere, equal to the source's, for `relocate`. */
  elsewhere?: string;
};

export type SourceContext = { given: SourceCase; machine: Machine };
export type SourceCheck = { name: string; run(context: SourceContext): Promise<void> };

export async function startSource(given: SourceCase): Promise<SourceContext> {
  const machine = await Machine.start({
    programs: given.kind.programs(given.spec),
    secrets: given.secrets ?? {},
    without: given.without ?? [],
  });
  freeze(given.spec);
  const { survey } = given.kind;
  if (survey) {
    const printed = await machine.task().run(survey.command(given.spec, machine.facts));
    machine.facts = { ...machine.facts, survey: survey.read(given.spec, printed.trim()) };
  }
  freeze(machine.facts);
  return { given, machine };
}

const captureOf = ({ given: { kind, spec }, machine }: SourceContext): CapturePlan => kind.capture(spec, machine.facts);

async function capture(context: SourceContext): Promise<Buffer> {
  return (await context.machine.task().capture(captureOf(context))).bytes;
}

const nameOf = ({ restoredTo }: SourceCase, name: string): string => restoredTo?.(name) ?? `-${name} \`é; $it`;

/** A restore into a fresh place; where it went. */
async function restore({ given, machine }: SourceContext, plain: Uint8Array, name: string): Promise<string> {
  const path = given.kind.restores(given.spec) === 'database' ? nameOf(given, name) : machine.path(name);
  for (const command of given.kind.databases?.drop(given.spec, path, machine.facts) ?? [])
    await machine.task().run(command);
  for (const command of given.kind.databases?.create(given.spec, path, null, machine.facts) ?? [])
    await machine.task().run(command);
  await machine.task().take(given.kind.restore(given.spec, { path }, machine.facts), plain);
  return given.kind.restores(given.spec) === 'none' ? (given.restoredBy ?? path) : path;
}

function content({ given: { kind, spec }, machine }: SourceContext, plain: Uint8Array): Promise<void> {
  return machine.task().take(kind.content(spec, machine.facts), plain);
}

export const sourceChecks: SourceCheck[] = [
  {
    name: 'is pure: the same spec and facts give the same plain data',
    async run(context) {
      const { kind, spec, query, member } = context.given;
      const { facts } = context.machine;
      await demandPure('capture', () => captureOf(context));
      await demandPure('content', () => kind.content(spec, facts));
      await demandPure('restore', () => kind.restore(spec, { path: '/restored' }, facts));
      await demandPure('requirements', () => kind.requirements(spec, facts));
      if (query) await demandPure('query', () => kind.ask!(spec, { sql: query.sql }, null, facts));
      if (member) await demandPure('extract', () => kind.extract!(spec, member.name, facts));
    },
  },
  {
    name: 'says what it is',
    async run({ given: { kind, spec } }) {
      demand(kind.role === 'source', 'it plays another role');
      demand(/^\.[A-Za-z0-9._-]+$/.test(kind.extension(spec)), 'its extension does not begin with a dot');
      demand(
        ['directory', 'file', 'database', 'none'].includes(kind.restores(spec)),
        'it restores nothing that is known',
      );
    },
  },
  {
    name: 'shows no secret in arguments or manual',
    async run(context) {
      const { kind, spec, secrets = {} } = context.given;
      const plan = captureOf(context);
      const recipes = [
        kind.content(spec, context.machine.facts),
        kind.restore(spec, { path: '/restored' }, context.machine.facts),
      ];
      argumentsOf([...plan.prepare, plan.produce, ...recipes.flatMap(commandsOfRecipe)]);
      demandNoSecrets([plan, recipes, kind.manual(spec)], secrets, 'what is shown');
    },
  },
  {
    name: 'requires the secrets and names the programs that it uses',
    async run(context) {
      const { kind, spec } = context.given;
      const requirements = kind.requirements(spec, context.machine.facts);
      const plan = captureOf(context);
      const capturing = [...plan.prepare, plan.produce, ...plan.cleanup, ...(plan.counter ? [plan.counter] : [])];
      const required = requirements.flatMap((requirement) => ('secret' in requirement ? [requirement.secret] : []));
      for (const secret of secretsOf(capturing))
        demand(required.includes(secret), `it uses the secret ${secret} but does not require it`);
      const programs = requirements.flatMap((found) => (found.need === 'program' ? [found.program] : []));
      demandPrograms(capturing, [...kind.programs(spec), ...programs]);
    },
  },
  {
    name: 'brings the data back',
    async run(context) {
      const { given } = context;
      const restored = await restore(context, await capture(context), 'restored');
      const [before, after] = [await given.fingerprint(null), await given.fingerprint(restored)];
      demand(after === before, `other data came back:\n${after}\ninstead of\n${before}`);
    },
  },
  {
    name: 'leaves the source as it was',
    async run(context) {
      const before = await context.given.fingerprint(null);
      await capture(context);
      demand((await context.given.fingerprint(null)) === before, 'the source has changed');
    },
  },
  {
    name: 'knows the plain size where it says so',
    async run(context) {
      const { bytes, size } = await context.machine.task().capture(captureOf(context));
      demand(size === null || size === bytes.length, `it says ${size} of ${bytes.length} bytes`);
    },
  },
  {
    name: 'fails where the source does not exist',
    async run({ given, machine }) {
      const plan = given.kind.capture(given.missing, machine.facts);
      await demandFailure(machine.task().capture(plan), 'a capture of nothing succeeded');
    },
  },
  {
    name: 'fails where the source holds nothing',
    async run({ given, machine }) {
      if (!given.empty) return;
      const attempt = async () => {
        for (const requirement of given.kind.requirements(given.empty!, machine.facts))
          if (requirement.need === 'path')
            demand((await pathProblem(requirement)) === null, 'the preflight refuses it');
        const { bytes } = await machine.task().capture(given.kind.capture(given.empty!, machine.facts));
        await machine.task().take(given.kind.content(given.empty!, machine.facts), bytes);
      };
      await demandFailure(attempt(), 'nothing passed for a backup');
    },
  },
  {
    name: 'content passes what is whole',
    async run(context) {
      await content(context, await capture(context));
    },
  },
  {
    name: 'content finds an empty stream and every cut that leaves a stump',
    async run(context) {
      const plain = await capture(context);
      await demandFailure(content(context, Buffer.alloc(0)), 'nothing at all passed for whole');
      // Sources whose format has no end of its own (any program's output) cannot know; they say so by their intake.
      if (context.given.kind.type === 'command') return;
      // Formats may be padded with zeros behind their end: the last byte of all data is what counts.
      const last = context.given.end?.(plain) ?? plain.findLastIndex((byte) => byte !== 0);
      for (const length of [1, (plain.length >> 10) << 9, last])
        await demandFailure(content(context, plain.subarray(0, length)), `${length} of ${plain.length} bytes passed`);
    },
  },
  {
    name: 'restores by its manual with stock programs',
    async run(context) {
      const { given, machine } = context;
      const directory = machine.path('by hand');
      mkdirSync(directory);
      const plain = await capture(context);
      const shell = promisify(execFile)('sh', ['-c', given.kind.manual(given.spec)], { cwd: directory });
      // A command that reads nothing breaks the pipe; what it made of that is told by its exit and its result.
      shell.child.stdin!.on('error', () => {});
      shell.child.stdin!.end(plain);
      await shell;
      const isPlace = given.manualResult.startsWith('/') || given.kind.restores(given.spec) === 'database';
      const result = isPlace ? given.manualResult : `${directory}/${given.manualResult}`;
      demand((await given.fingerprint(result)) === (await given.fingerprint(null)), 'other data came back');
    },
  },
  {
    name: 'lists and extracts, where it says that it can',
    async run(context) {
      const { kind, spec, member } = context.given;
      if (!kind.list && !kind.extract) return demand(!member, 'it neither lists nor extracts');
      demand(member, 'the suite was given no member');
      const plain = await capture(context);
      const listed = await context.machine.task().ask(kind.list!(spec, context.machine.facts), plain);
      const lines = listed.toString().split('\n');
      demand(lines.includes(member.name), `${member.name} is not among ${lines.length} listed names`);
      const extract = (name: string) =>
        context.machine.task().ask(kind.extract!(spec, name, context.machine.facts), plain);
      demand((await extract(member.name)).toString() === member.bytes, 'other bytes were extracted');
      await demandFailure(extract(`${member.name}-no`), 'a member that is not there was extracted');
    },
  },
  {
    name: 'answers queries and changes nothing by them, where it says that it can',
    async run(context) {
      const { kind, spec, query, fingerprint } = context.given;
      if (!kind.questions?.includes('sql')) return demand(!query, 'it answers no query');
      demand(query, 'the suite was given no query');
      const { facts } = context.machine;
      const restored = await restore(context, await capture(context), 'queried');
      for (const target of [null, { path: restored }]) {
        const answer = await context.machine.task().run(kind.ask!(spec, { sql: query.sql }, target, facts));
        demand(answer.trim() === query.answer, `the answer was ${answer.trim()}`);
        for (const sql of query.harmful)
          await context.machine
            .task()
            .run(kind.ask!(spec, { sql: sql }, target, facts))
            .catch(() => {});
        const now = await fingerprint(target?.path ?? null);
        demand(now === (await fingerprint(restored)) && now.length > 0, 'a query changed the data');
      }
    },
  },
  {
    name: 'takes the same data elsewhere, where it says that it can',
    async run({ given, machine }) {
      const { kind, spec, elsewhere } = given;
      if (!kind.relocate) return demand(kind.home(spec) === null, 'it has a home but cannot be relocated');
      demand(elsewhere, 'the suite was given no other place');
      const moved = kind.relocate(spec, elsewhere);
      demand(kind.home(moved) === elsewhere, 'its home did not move');
      const { bytes } = await machine.task().capture(kind.capture(moved, machine.facts));
      const path = await restore({ given: { ...given, spec: moved }, machine }, bytes, 'moved');
      demand((await given.fingerprint(path)) === (await given.fingerprint(elsewhere)), 'other data came back');
    },
  },
  {
    name: 'leaves no process behind',
    async run({ machine }) {
      demand(await machine.isQuiet(), 'a process of it is still running');
    },
  },
];

/** Names of the checks that fail, with what they say. */
export async function failingSourceChecks(given: SourceCase): Promise<string[]> {
  const context = await startSource(given);
  const failures: string[] = [];
  for (const check of sourceChecks) {
    await check.run(context).catch((error: Error) => failures.push(`${check.name}: ${error.message}`));
  }
  context.machine.end();
  return failures;
}
