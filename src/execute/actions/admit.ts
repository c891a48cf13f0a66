import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { artifactOf, partLabel } from '../../catalog/artifacts.ts';
import { authenticate, parseManifest, sha256Of } from '../../catalog/manifest.ts';
import { KeyMissing } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Action, RestoreOrigin } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { Answers } from './assertions.ts';
import type { Admitted, RunContext } from './context.ts';
import { codeOf } from './errors.ts';
import { hashStream } from './hash-artifact.ts';
import { openManifest } from './manifests.ts';
import { openOrigin } from './open-origin.ts';
import { progressOf } from './progress.ts';
import { trustFor } from './trust.ts';

type Admission = Extract<Action, { do: 'admit' }>;

/** What `unpack` finds again that this run has admitted. */
export function admittedName({ id, from, part }: Pick<Admission, 'id' | 'from' | 'part'>): string {
  const place = 'file' in from ? from.file : `${id} at ${from.destination}`;
  return part ? `${part.purpose} ${part.name} of ${place}` : place;
}

/**
 * Proves an artifact whole, from its first byte to its last, before anything of the target is touched. One that is hashed while it
 * is restored beside is only looked at: whether it is there, as long as it should be.
 */
export async function admit(action: Admission, run: RunContext, context: PerformContext): Promise<Performed> {
  const expected = await expectedOf(action, run);
  if (action.onTheWay && 'destination' in action.from) {
    const destination = await run.places.open(action.from.destination);
    const size = (await destination.stat(expected.key))?.size;
    if (size === undefined) throw new KeyMissing(`${expected.key} is not at ${destination.name}.`);
    refuseOther(action, expected, { ...expected, size });
    run.admitted.set(admittedName(action), { ...expected, isProven: false });
    return {};
  }
  const found = await proveBytes(action, expected, run, context);
  run.admitted.set(admittedName(action), { ...expected, ...found, isProven: true });
  return expected.manifest
    ? {}
    : { outcome: 'warned', message: 'no manifest lies beside it, so nothing says whether it is whole' };
}

/** Reads the whole artifact. Throws a RunnerError when it is not what its manifest says. */
export async function proveBytes(
  action: Pick<Admission, 'id' | 'from' | 'part'>,
  expected: Expected,
  run: RunContext,
  context: PerformContext,
): Promise<{ size: number; sha256: string }> {
  const source = await openOrigin(action.from, expected.key, run);
  const found = await hashStream(source, context.signal, progressOf(context, expected.size));
  refuseOther(action, expected, found);
  return found;
}

function refuseOther(
  { id, from, part }: Pick<Admission, 'id' | 'from' | 'part'>,
  expected: Expected,
  found: { size: number; sha256: string },
): void {
  if (!expected.manifest || (found.size === expected.size && found.sha256 === expected.sha256)) return;
  const how = found.size === expected.size ? 'its bytes differ' : `it has ${found.size} bytes of ${expected.size}`;
  const next =
    'file' in from
      ? ''
      : `: take another copy with --from DESTINATION, and \`runner verify PLAN --id ${id} --level checksum\` marks this one`;
  const label = part ? `${partLabel(part)} ` : '';
  throw new RunnerError(
    `the artifact ${label}of ${id} ${placeOf(from)} is not what was backed up (${how}); nothing was touched${next}`,
  );
}

type Expected = Omit<Admitted, 'isProven'>;

async function expectedOf(action: Admission, run: RunContext): Promise<Expected> {
  const { from, id, backup, part = { name: null, purpose: 'data' } } = action;
  if ('file' in from) return await beside(from.file, backup, run);
  const destination = await run.places.open(from.destination);
  const { manifest } = await openManifest(run, destination, backup, id);
  const artifact = artifactOf(manifest, part);
  if (!artifact) throw new RunnerError(`the manifest of ${id} names no artifact ${partLabel(part)}`.trimEnd());
  return { manifest, key: artifact.key, size: artifact.size, sha256: artifact.sha256 };
}

/** A file outside the catalogue is checked by the manifest that lies beside it, where one does. */
async function beside(file: string, backup: string, run: RunContext): Promise<Expected> {
  const { size } = await stat(file);
  const path = join(dirname(file), `${basename(file).split('.', 1)[0]}.manifest.json`);
  const bytes = await readOptional(path);
  if (!bytes) return { manifest: null, key: '', size, sha256: '' };
  const manifest = parseManifest(bytes, `The manifest ${path}`);
  const signature = await readOptional(`${path}.sig`);
  await authenticate({ manifest, bytes, sha256: sha256Of(bytes) }, signature, await trustFor(run, backup));
  const artifact = manifest.artifacts.find(({ key }) => basename(key) === basename(file));
  if (!artifact) throw new RunnerError(`the manifest ${path} speaks of another file than ${basename(file)}`);
  return { manifest, key: '', size: artifact.size, sha256: artifact.sha256 };
}

async function readOptional(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function placeOf(from: RestoreOrigin): string {
  return 'file' in from ? `in ${from.file}` : `at "${from.destination}"`;
}

/** What the source answered when the artifact was made, where this run has admitted it. */
export function answersOf({ of }: Extract<Action, { do: 'assert' }>, run: RunContext): Answers {
  const admitted = of && run.admitted.get(admittedName(of));
  const part = of?.part ?? { name: null, purpose: 'data' };
  if (!admitted?.manifest) return {};
  return artifactOf(admitted.manifest, part)?.answers ?? admitted.manifest.answers ?? {};
}
