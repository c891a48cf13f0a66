/** What every transform must do. Checks are plain functions, so that broken drivers can be shown to fail them. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Stage } from '../../src/command.ts';
import type { Inspection, TransformKind } from '../../src/kind.ts';
import { findProgram } from '../../src/programs.ts';
import { Machine, type Secrets } from './machine.ts';
import {
  argumentsOf,
  commandsOfStage,
  demand,
  demandFailure,
  demandNoSecrets,
  demandPrograms,
  demandPure,
  freeze,
  secretsOf,
} from './purity.ts';

export type TransformCase = {
  kind: TransformKind<object>;
  spec: object;
  /** The same keys with other parameters: what was sealed with `spec` must open with it too. */
  changed?: object;
  secrets?: Secrets;
  /** The same secrets with other values, or another spec, that must not open it. */
  wrong?: { secrets?: Secrets; spec?: object };
  /** Programs that count as missing. */
  without?: string[];
  environment?: Record<string, string>;
  /** What the upper-case words of the manual command stand for. */
  placeholders?: Record<string, string>;
  /** False where the format has no checksum: then only cuts are demanded. */
  findsFlips: boolean;
};

export type TransformContext = { given: TransformCase; machine: Machine; inspection: Inspection | null };
export type TransformCheck = { name: string; run(context: TransformContext): Promise<void> };

const megabyte = 1024 * 1024;

/** Bytes that look random and are the same every time. */
export function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(String(index)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

const odd = Buffer.from('\0\r\n\x1a\x04\xff\xfe\0line\nno end', 'latin1');
const marker = Buffer.from('a sentence that must not be readable; '.repeat(400));
const inputs = { nothing: Buffer.alloc(0), 'one byte': Buffer.from('x'), 'odd bytes': odd, noise: noise(megabyte + 7) };

export async function startTransform(given: TransformCase): Promise<TransformContext> {
  const machine = await Machine.start({
    programs: given.kind.programs(given.spec),
    secrets: given.secrets ?? {},
    without: given.without ?? [],
    environment: given.environment ?? {},
  });
  freeze(given.spec);
  freeze(machine.facts);
  const read = async (path: string) => readFileSync(path);
  const inspection = (await given.kind.inspect?.(given.spec, read)) ?? null;
  demand(inspection === null || inspection.problems.length === 0, JSON.stringify(inspection?.problems));
  return { given, machine, inspection };
}

const forward = ({ given: { kind, spec }, machine, inspection }: TransformContext) =>
  kind.forward(spec, machine.facts, inspection);

/** As after years in a manifest: the record has been text in between. */
const inverse = ({ given: { kind, spec }, machine }: TransformContext, opening: object = spec) =>
  kind.inverse(opening, JSON.parse(JSON.stringify(kind.record(spec))), machine.facts);

const seal = (context: TransformContext, input: Uint8Array) =>
  context.machine.task().through([forward(context)], input);
const open = (context: TransformContext, artifact: Uint8Array, stage: Stage = inverse(context)) =>
  context.machine.task().through([stage], artifact);

export const transformChecks: TransformCheck[] = [
  {
    name: 'is pure: the same spec and facts give the same plain data',
    async run(context) {
      const { kind, spec } = context.given;
      await demandPure('forward', () => forward(context));
      await demandPure('inverse', () => inverse(context));
      await demandPure('record', () => kind.record(spec));
      await demandPure('keys', () => kind.keys(spec, context.inspection));
      for (const direction of ['forward', 'inverse'] as const)
        await demandPure('requirements', () => kind.requirements(spec, direction, context.machine.facts));
    },
  },
  {
    name: 'says what it is, and records it',
    async run({ given: { kind, spec } }) {
      demand(kind.role === 'transform', 'it plays another role');
      demand(/^\.[a-z0-9]+$/.test(kind.extension), 'its extension is not a dot and a short word');
      const record = kind.record(spec);
      demand(record.type === kind.type, 'its record names another type');
      demand(record.extension === kind.extension, 'its record names another extension');
    },
  },
  {
    name: 'shows no secret in arguments, records, keys or manual',
    async run(context) {
      const { kind, spec, secrets = {} } = context.given;
      const stages = [forward(context), inverse(context)];
      argumentsOf(stages.flatMap(commandsOfStage));
      const shown = [stages, kind.record(spec), kind.keys(spec, context.inspection), kind.manual(kind.record(spec))];
      demandNoSecrets(shown, secrets, 'what is shown');
    },
  },
  {
    name: 'requires the secrets and names the programs that it uses',
    async run(context) {
      const { kind, spec } = context.given;
      for (const [direction, stage] of [
        ['forward', forward(context)],
        ['inverse', inverse(context)],
      ] as const) {
        const requirements = kind.requirements(spec, direction, context.machine.facts);
        const required = requirements.flatMap((requirement) => ('secret' in requirement ? [requirement.secret] : []));
        for (const secret of secretsOf(commandsOfStage(stage)))
          demand(required.includes(secret), `${direction} uses the secret ${secret} but does not require it`);
        demandPrograms(commandsOfStage(stage), kind.programs(spec));
      }
    },
  },
  ...Object.entries(inputs).map(
    ([what, input]): TransformCheck => ({
      name: `brings back ${what}`,
      async run(context) {
        const artifact = await seal(context, input);
        demand(artifact.length > 0, 'the artifact is empty');
        demand((await open(context, artifact)).equals(input), 'other bytes came back');
      },
    }),
  ),
  {
    name: 'finds every cut',
    async run(context) {
      const artifact = await seal(context, noise(100_000));
      for (const length of [0, 1, (artifact.length >> 1) | 1, artifact.length - 1])
        await demandFailure(
          open(context, artifact.subarray(0, length)),
          `${length} of ${artifact.length} bytes opened without a complaint`,
        );
    },
  },
  {
    name: 'never hands out other bytes for a flipped bit',
    async run(context) {
      if (!context.given.findsFlips) return;
      const input = noise(50_000);
      const artifact = await seal(context, input);
      for (const part of [0, 0.1, 0.5, 0.9, 1]) {
        const flipped = Buffer.from(artifact);
        const at = Math.min(Math.floor(artifact.length * part), artifact.length - 1);
        flipped[at]! ^= 1;
        const opened = await open(context, flipped).catch(() => input);
        demand(opened.equals(input), `a flipped bit in byte ${at} of ${artifact.length} was not found`);
      }
    },
  },
  {
    name: 'opens by its manual with stock programs',
    async run(context) {
      const { kind, spec, placeholders = {}, environment = {} } = context.given;
      const [program = ''] = kind.manual(kind.record(spec)).split(' ');
      if (findProgram(program, process.env) === null)
        return void process.stderr.write(`skipped, since it is not installed: ${program} (manual of ${kind.type})\n`);
      const input = noise(70_001);
      const artifact = context.machine.path('manual-artifact');
      const opened = context.machine.path('manual-opened');
      writeFileSync(artifact, await seal(context, input));
      const words = Object.entries(placeholders);
      const line = words.reduce((text, [word, path]) => text.replaceAll(word, path), kind.manual(kind.record(spec)));
      await promisify(execFile)('sh', ['-c', `cat '${artifact}' | ${line} > '${opened}'`], {
        env: { PATH: process.env.PATH, ...environment },
      });
      demand(readFileSync(opened).equals(input), 'the manual brought back other bytes');
    },
  },
  {
    name: 'does what its flags promise',
    async run(context) {
      const { kind } = context.given;
      const artifact = await seal(context, marker);
      if (kind.compresses) demand(artifact.length < marker.length / 10, 'it promises to compress and does not');
      if (kind.encrypts) demand(!artifact.includes(marker.subarray(0, 30)), 'it promises to encrypt and does not');
      else demand(kind.keys(context.given.spec, context.inspection).length === 0, 'it names keys but encrypts nothing');
      if (kind.encrypts)
        demand(kind.keys(context.given.spec, context.inspection).length > 0, 'it names no key for the manifest');
    },
  },
  {
    name: 'opens with the parameters of the record, not of the plan of today',
    async run(context) {
      if (!context.given.changed) return;
      const artifact = await seal(context, marker);
      const opened = await open(context, artifact, inverse(context, context.given.changed));
      demand(opened.equals(marker), 'other bytes came back');
    },
  },
  {
    // A cipher that proves nothing may end well by chance (AES-CBC: 1 in 256), with other bytes: the manifest's hash tells those.
    name: 'does not open with a wrong key',
    async run(context) {
      const { wrong } = context.given;
      if (!wrong) return demand(!context.given.kind.encrypts, 'the suite was given no wrong key');
      const input = noise(5000);
      const artifact = await seal(context, input);
      const stranger = { ...context.given, ...wrong };
      const other = await startTransform({ ...stranger, secrets: wrong.secrets ?? context.given.secrets ?? {} });
      const stage = stranger.kind.inverse(
        stranger.spec,
        context.given.kind.record(context.given.spec),
        other.machine.facts,
      );
      try {
        const opened = await open(other, artifact, stage).catch(() => null);
        demand(opened === null || (!context.given.findsFlips && !opened.equals(input)), 'it opened');
      } finally {
        other.machine.end();
      }
    },
  },
  {
    name: 'leaves no process and no secret behind',
    async run(context) {
      const { kind, spec, secrets = {} } = context.given;
      const sealing = context.machine.task();
      const artifact = await sealing.through([forward(context)], marker);
      const opening = context.machine.task();
      await opening.through([kind.inverse(spec, kind.record(spec), context.machine.facts)], artifact);
      demand(await context.machine.isQuiet(), 'a process of it is still running');
      for (const { work } of [sealing, opening])
        for (const text of filesBelow(work))
          for (const secret of Object.values(secrets)) demand(!text.includes(secret), 'a secret lies in a file');
    },
  },
];

function filesBelow(directory: string): Buffer[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
}

/** Names of the checks that fail, with what they say. */
export async function failingTransformChecks(given: TransformCase): Promise<string[]> {
  const context = await startTransform(given);
  const failures: string[] = [];
  for (const check of transformChecks) {
    await check.run(context).catch((error: Error) => failures.push(`${check.name}: ${error.message}`));
  }
  context.machine.end();
  return failures;
}
