import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newNonce, stampOf } from '../catalog/identity.ts';
import type { Command } from '../command.ts';
import type { ReadSecret } from '../destination.ts';
import type { SiteHost } from '../programs.ts';
import { startGuard } from './guard.ts';
import { type Ended, prepareLaunch } from './launch.ts';
import { runCommand } from './pipeline.ts';

/** Runs one program outside of a graph, here or at its place, with a private directory of its own. */
export async function runOutside(
  command: Command,
  { environment, directory, readSecret, connections }: SiteHost & { readSecret: ReadSecret },
  options: { timeout?: number; maxOutput?: number } = {},
): Promise<Ended & { stdout: string }> {
  const runId = `${stampOf(new Date())}-${newNonce()}`;
  const guard = startGuard(runId);
  const path = await mkdtemp(join(environment.TMPDIR || tmpdir(), `runner-${runId}-`));
  guard.removeLater(path);
  const lookup = {
    out: (reference: string) => {
      throw new Error(`‹${reference}› is known only while a run is on`);
    },
    work: (file: string) => join(path, file),
  };
  try {
    const host = {
      environment,
      readSecret,
      runId,
      ...(directory === undefined ? {} : { directory }),
      ...(connections ? { connections } : {}),
    };
    const { timeout, maxOutput } = options;
    const launch = await prepareLaunch(timeout === undefined ? command : { ...command, timeout }, lookup, host);
    const signal = new AbortController().signal;
    return await runCommand(launch, { guard, signal, ...(maxOutput === undefined ? {} : { maxOutput }) });
  } finally {
    await rm(path, { recursive: true, force: true });
    await guard.end();
  }
}
