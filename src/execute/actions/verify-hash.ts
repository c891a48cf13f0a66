import { Damaged } from '../../catalog/document.ts';
import { manifestKey } from '../../catalog/keys.ts';
import { sha256Of } from '../../catalog/manifest.ts';
import { type Destination, KeyMissing, Unreadable } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { asError } from './errors.ts';
import { record } from './findings.ts';
import { hashStream } from './hash-artifact.ts';
import { openManifest } from './manifests.ts';
import { progressOf } from './progress.ts';
import type { Sites, VerifyAction } from './verify-sites.ts';

/** What was found at one destination. `fault`: it could not be told, which proves nothing either way. */
type Finding = { name: string } & (
  | { held: false }
  | { manifest: string; problem: string | null; isSafety?: boolean }
  | { fault: Error }
);

/** Every byte at every destination that holds it is read again and hashed against the manifest. */
export async function verifyByHash(
  action: VerifyAction,
  id: string,
  sites: Sites,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const findings: Finding[] = [];
  for (const destination of sites.up) findings.push(await look(destination, action.backup, id, run, context));
  const held = findings.flatMap((one) => ('manifest' in one ? [one] : []));
  const faults = findings.flatMap((one) => ('fault' in one ? [one] : []));
  const whole = held.filter(({ problem }) => problem === null);
  const unlike = new Set(whole.map(({ manifest }) => manifest)).size > 1;
  const wrong: string[] = [];
  for (const finding of held) {
    const problem = finding.problem ?? (unlike ? 'its manifest differs from that of another copy' : null);
    if (problem !== null) wrong.push(`"${finding.name}": ${problem}`);
    const destination = sites.up.find(({ name }) => name === finding.name)!;
    // What a restore threw out must not come to be counted as good.
    if (problem !== null || !finding.isSafety)
      await keepResult(destination, id, { manifest: finding.manifest, problem }, run, context);
    const told = { event: 'verified', task: context.id, backup: action.backup, id, level: 'checksum' } as const;
    context.emit({
      ...told,
      destination: finding.name,
      result: problem === null ? 'pass' : 'fail',
      ...(problem === null ? {} : { message: problem }),
    });
  }
  for (const destination of sites.up) {
    if (held.some(({ name }) => name === destination.name)) wrong.push(...(await storeProblem(destination)));
  }
  if (wrong.length > 0) throw new RunnerError(`${id} is damaged at ${wrong.join('; ')}`);
  const untold = [...faults.map(({ name, fault }) => ({ name, error: fault })), ...sites.down];
  const message = untold.map(({ name, error }) => `"${name}": ${error.message}`).join('; ');
  if (held.length === 0 && untold.length > 0) throw new RunnerError(`${id} could not be verified: ${message}`);
  if (held.length === 0) throw new RunnerError(`${id} lies at none of ${action.destinations.join(', ')}`);
  return untold.length > 0 ? { outcome: 'partial', message: `not everywhere: ${message}` } : {};
}

/** What a store finds wrong with itself: the bytes of this backup may still be whole. */
async function storeProblem(destination: Destination): Promise<string[]> {
  try {
    await destination.check?.();
    return [];
  } catch (error) {
    return [`"${destination.name}", whose store is not whole: ${asError(error).message}`];
  }
}

async function look(
  destination: Destination,
  backup: string,
  id: string,
  run: RunContext,
  context: PerformContext,
): Promise<Finding> {
  const { name } = destination;
  const plan = run.plan.name;
  try {
    if (!(await destination.stat(manifestKey(plan, id)))) return { name, held: false };
    const { manifest, sha256 } = await openManifest(run, destination, backup, id);
    for (const artifact of manifest.artifacts) {
      const problem = await artifactProblem(destination, artifact, context);
      if (problem !== null) return { name, manifest: sha256, problem };
    }
    return { name, manifest: sha256, problem: null, isSafety: manifest.purpose === 'safety' };
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof Damaged)
      return { name, manifest: await hashOf(destination, plan, id), problem: error.message };
    return { name, fault: asError(error) };
  }
}

/** Why the bytes are not those of the manifest, or null. Rejects when they cannot be read at all. */
export async function artifactProblem(
  destination: Destination,
  { key, size, sha256 }: { key: string; size: number; sha256: string },
  context: PerformContext,
): Promise<string | null> {
  try {
    const found = await hashStream(await destination.get(key), context.signal, progressOf(context, size));
    if (found.size !== size) return `${key} has ${found.size} bytes of ${size}`;
    return found.sha256 === sha256 ? null : `the bytes of ${key} have changed`;
  } catch (error) {
    if (error instanceof KeyMissing) return `${key} is missing`;
    if (error instanceof Unreadable) return error.message;
    throw error;
  }
}

/** The hash of a manifest that makes no sense any more: the record speaks of exactly these bytes. */
export async function hashOf(destination: Destination, plan: string, id: string): Promise<string> {
  return sha256Of(await destination.read(manifestKey(plan, id), 16 * 1024 * 1024).catch(() => new Uint8Array()));
}

async function keepResult(
  destination: Destination,
  id: string,
  { manifest, problem }: { manifest: string; problem: string | null },
  run: RunContext,
  context: PerformContext,
): Promise<void> {
  const result = problem === null ? 'pass' : 'fail';
  const found = {
    id,
    finding: 'checksum',
    result,
    manifest,
    ...(problem === null ? {} : { message: problem }),
  } as const;
  try {
    await record(found, destination, run);
  } catch (error) {
    const message = `what was found of ${id} could not be kept at "${destination.name}": ${asError(error).message}`;
    context.emit({ event: 'notice', level: 'warning', task: context.id, message });
    if (result === 'pass') throw error;
  }
}
