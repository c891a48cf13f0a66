import { hostname } from 'node:os';
import { basename } from 'node:path';
import { render } from '../../bind.ts';
import { Format, type Manifest } from '../../catalog/format.ts';
import { sealManifest } from '../../catalog/manifest.ts';
import type { Command } from '../../graph.ts';
import type { PerformContext } from '../task-context.ts';
import type { Place } from './capture-place.ts';
import type { Caught } from './capture-stream.ts';
import type { CaptureAction, RunContext } from './context.ts';
import { signingKey } from './trust.ts';
import { runnerVersion } from './version.ts';

export type Sealed = { bytes: Uint8Array; sha256: string; signature: Uint8Array | null };

/** The commit record of a backup that has been read whole. It is made once and is the same at every destination. */
export function buildManifest(
  action: CaptureAction,
  place: Place,
  caught: Caught,
  run: RunContext,
  context: PerformContext,
): Manifest {
  const { streamed, moment, seconds } = caught;
  const { manifest: known } = action;
  return {
    format: Format.manifest,
    id: place.id,
    plan: known.plan,
    backup: action.backup,
    purpose: known.purpose,
    run: run.run,
    created: new Date().toISOString(),
    host: hostname(),
    source: { ...known.source, argv: action.produce.argv.map((argument) => render(argument, context.lookup)) },
    tools: toolsOf(action, run),
    runner: runnerVersion,
    moment: { from: moment.from.toISOString(), to: moment.to.toISOString() },
    tiers: place.tiers,
    tags: action.tags,
    required: known.required,
    plainSize: streamed.plainSize,
    seconds: rounded(seconds),
    warnings: [...streamed.warnings, ...streamed.missing],
    artifacts: [
      {
        purpose: 'data',
        variant: 'main',
        key: place.artifactKey,
        size: streamed.size,
        sha256: streamed.sha256,
        stages: known.stages.map((stage, index) => ({
          ...stage,
          argv: streamed.stages[index]?.argv ?? [],
          seconds: rounded(streamed.stages[index]?.seconds ?? 0),
        })),
      },
    ],
    keys: known.keys,
    sequence: place.sequence,
    previous: place.previous,
    recovery: known.recovery,
  };
}

/** The bytes that are written, with the signature or the MAC that the plan asks for. */
export async function sealed(manifest: Manifest, action: CaptureAction, run: RunContext): Promise<Sealed> {
  const { mac } = action.manifest;
  return await sealManifest(manifest, {
    sign: await signingKey(run),
    mac: mac ? { passphrase: await run.secrets.read(mac.secret), iterations: mac.iterations } : null,
  });
}

/** Versions of the programs that took part, as they were found before the run. */
function toolsOf(action: CaptureAction, run: RunContext): Record<string, string> {
  const commands: Command[] = [
    ...action.prepare,
    action.produce,
    ...action.branches.flatMap(({ stages }) => stages.map(({ command }) => command)),
  ];
  const words = commands.flatMap(({ argv }) =>
    argv.flatMap((word) => (typeof word === 'string' ? [basename(word)] : [])),
  );
  const found = Object.entries(run.programs).filter(([name, fact]) => fact && words.includes(name));
  return Object.fromEntries(found.map(([name, fact]) => [name, fact!.version]));
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
