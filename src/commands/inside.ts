/** Looks into an artifact where it lies: decoders as for a restore, then a program that lists or prints. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Lookup } from '../bind.ts';
import { artifactOf, partLabel } from '../catalog/artifacts.ts';
import { newNonce, stampOf } from '../catalog/identity.ts';
import type { Command, Stage } from '../command.ts';
import { openingChain } from '../compile/chain.ts';
import type { ReadSecret } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import type { RunContext } from '../execute/actions/context.ts';
import { prove, trustFor } from '../execute/actions/trust.ts';
import { type Guard, startGuard } from '../execute/guard.ts';
import { type LaunchHost, prepareLaunch } from '../execute/launch.ts';
import { faultOf, runCommand } from '../execute/pipeline.ts';
import { pour } from '../execute/pour.ts';
import type { PartId } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import type { Host } from './command.ts';
import type { ReadCopy } from './find.ts';

export type Inside = {
  plan: ResolvedPlan;
  backup: ResolvedBackup;
  copy: ReadCopy;
  facts: Facts;
  readSecret: ReadSecret;
  host: Host;
  part: PartId;
};

/** What programs may use while an artifact is open: a guard, a private directory, secrets. */
export type Bench = { guard: Guard; lookup: Lookup; launchHost: LaunchHost; signal: AbortSignal };

/** The artifact through its decoders into `consume`, whose output goes to `sink`. Throws RunnerError on damage. */
export async function lookInside(inside: Inside, consume: Command, sink: Writable): Promise<void> {
  const { plan, backup, copy, facts } = inside;
  const { part } = inside;
  const artifact = artifactOf(copy.manifest, part);
  if (!artifact) throw new RunnerError(`${copy.manifest.id} holds no ${partLabel(part) || 'artifact'}`);
  await proveCopy(inside);
  const { stages } = openingChain(plan, backup, artifact.stages, facts);
  await withBench(inside, stages, async ({ guard, lookup, launchHost, signal }) => {
    const launches = await Promise.all(
      [...stages.map(({ command }) => command), consume].map((command) => prepareLaunch(command, lookup, launchHost)),
    );
    await pour({
      source: await copy.place.destination.get(artifact.key),
      decode: launches.slice(0, -1),
      intake: { consume: launches.at(-1)! },
      expected: { size: artifact.size, sha256: artifact.sha256 },
      stdout: sink,
      guard,
      signal,
    });
  });
}

/** The manifest says what the bytes must be, so it is proven before any of them is decrypted. */
export async function proveCopy({
  plan,
  backup,
  copy,
  readSecret,
}: Omit<Inside, 'facts' | 'host' | 'part'>): Promise<void> {
  const secrets = { read: readSecret, redact: (text: string) => text };
  await prove(copy, copy.place.destination, await trustFor({ plan, secrets } as RunContext, backup.name), plan.name);
}

/** Runs `use` between the preparations of the stages and their clean-up. */
export async function withBench<Result>(
  { host, readSecret }: Pick<Inside, 'host' | 'readSecret'>,
  stages: Stage[],
  use: (bench: Bench) => Promise<Result>,
): Promise<Result> {
  const runId = `${stampOf(new Date())}-${newNonce()}`;
  const guard = startGuard(runId);
  const directory = await mkdtemp(join(host.environment.TMPDIR ?? tmpdir(), 'runner-look-'));
  guard.removeLater(directory);
  const lookup: Lookup = {
    out: (reference) => {
      throw new Error(`‹${reference}› is known only while a run is on`);
    },
    work: (path) => join(directory, path),
  };
  const bench = {
    guard,
    lookup,
    launchHost: { environment: host.environment, readSecret, runId },
    signal: host.signal,
  };
  try {
    await runAll(
      stages.flatMap(({ prepare }) => prepare ?? []),
      bench,
    );
    return await use(bench);
  } finally {
    const last = { ...bench, signal: new AbortController().signal };
    await runAll(
      stages.flatMap(({ cleanup }) => cleanup ?? []),
      last,
    ).catch(() => {});
    await rm(directory, { recursive: true, force: true });
    await guard.end();
  }
}

async function runAll(commands: Command[], { guard, lookup, launchHost, signal }: Bench): Promise<void> {
  for (const command of commands) {
    const ended = await runCommand(await prepareLaunch(command, lookup, launchHost), { guard, signal });
    const fault = faultOf([ended]);
    if (fault) throw fault;
  }
}
