import { hostname } from 'node:os';
import { basename } from 'node:path';
import { render } from '../../bind.ts';
import { type Artifact, Format, type Manifest } from '../../catalog/format.ts';
import { sealManifest } from '../../catalog/manifest.ts';
import type { Command } from '../../command.ts';
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
  const { parts, moment, seconds } = caught;
  const { manifest: known } = action;
  const single =
    action.parts.length === 1 && action.parts[0]!.name === null ? describePart(action, 0, caught, context) : null;
  return {
    format: Format.manifest,
    id: place.id,
    plan: known.plan,
    backup: action.backup,
    purpose: known.purpose,
    run: run.run,
    created: new Date().toISOString(),
    host: hostname(),
    source: { ...known.source, argv: single?.argv ?? [], ...(single?.facts ? { facts: single.facts } : {}) },
    tools: toolsOf(action, run),
    runner: runnerVersion,
    moment: { from: moment.from.toISOString(), to: moment.to.toISOString() },
    tiers: place.tiers,
    tags: action.tags,
    required: known.required,
    plainSize: sumOf(parts.map(({ streamed }) => streamed.plainSize)),
    seconds: rounded(seconds),
    warnings: parts.flatMap(({ streamed, learnt }) => [...learnt.warnings, ...streamed.warnings, ...streamed.missing]),
    artifacts: action.parts.map((part, index): Artifact => {
      const name = part.name === null ? {} : { name: part.name };
      const own = single ? {} : describePart(action, index, caught, context);
      return { ...name, purpose: part.purpose, ...artifactOf(action, index, place, caught), ...own };
    }),
    keys: known.keys,
    sequence: place.sequence,
    previous: place.previous,
    recovery: single?.recovery ?? [],
    ...(single?.answers ? { answers: single.answers } : {}),
    ...(known.set ? { set: { name: known.set.name, id: run.run, members: known.set.members } } : {}),
  };
}

function artifactOf(action: CaptureAction, index: number, place: Place, caught: Caught) {
  const { streamed } = caught.parts[index]!;
  return {
    variant: 'main' as const,
    key: place.artifactKeys[index]!,
    size: streamed.size,
    sha256: streamed.sha256,
    stages: action.manifest.stages.map((stage, at) => ({
      ...stage,
      argv: streamed.stages[at]?.argv ?? [],
      seconds: rounded(streamed.stages[at]?.seconds ?? 0),
    })),
  };
}

/** What stands at the manifest itself for a single artifact, and at each where there are several. */
function describePart(action: CaptureAction, index: number, caught: Caught, context: PerformContext) {
  const { produce, recovery } = action.parts[index]!;
  const { streamed, learnt } = caught.parts[index]!;
  return {
    argv: produce.argv.map((argument) => render(argument, context.lookup)),
    plainSize: streamed.plainSize,
    recovery,
    ...(Object.keys(learnt.facts).length > 0 ? { facts: learnt.facts } : {}),
    ...(Object.keys(learnt.answers).length > 0 ? { answers: learnt.answers } : {}),
  };
}

/** Null when one of them is not known. */
function sumOf(sizes: (number | null)[]): number | null {
  return sizes.reduce((sum, size) => (sum === null || size === null ? null : sum + size), 0);
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
    ...action.parts.flatMap(({ prepare, produce }) => [...prepare, produce]),
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
