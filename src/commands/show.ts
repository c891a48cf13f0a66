import { partLabel, partOf, recoveryOf, sizeOf } from '../catalog/artifacts.ts';
import type { Artifact, Manifest } from '../catalog/format.ts';
import { timeOfStamp } from '../catalog/identity.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { age, fields, oneLine, wallClock } from '../report/human.ts';
import { formatDuration, formatSize } from '../units.ts';
import type { Host, Invocation } from './command.ts';
import { backupOf, findRow, type ReadCopy, readEveryCopy } from './find.ts';
import { fromDestination, openPlan } from './plan-file.ts';
import type { Row } from './rows.ts';
import { tellFailures, withShelves } from './shelves.ts';

/** `runner show`: one backup, its copies, what was found out about it, and how to open it by hand. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const id = invocation.words[0]!;
  const backup = backupOf(id);
  const plan = await openPlan(invocation, host);
  const names = fromDestination(plan, invocation.options.from);
  return withShelves(plan, names, backup, host, async (shelves) => {
    tellFailures(shelves, host);
    const row = await findRow(plan, shelves, id);
    const copies = await readEveryCopy(row, shelves.places, (message) => host.terminal.say(`warning: ${message}\n`));
    const [first] = copies;
    if (!first) throw new RunnerError(`no readable destination holds the manifest of ${id}`);
    const differ = copies.some(({ sha256 }) => sha256 !== first.sha256);
    if (differ) host.terminal.say(`warning: ${conflict(id, first)}\n`);
    host.terminal.data(
      invocation.options.json ? asJson(row, copies, first) : asText(row, copies, first, plan.timezone),
    );
    return differ || shelves.failures.length > 0 ? ExitCode.partial : ExitCode.success;
  });
}

function conflict(id: string, { place }: ReadCopy): string {
  return `copy-conflict: the copies of ${id} are not the same, and what is shown is that at ${place.name}; find out which one is true and read it with --from`;
}

/** The hash of a copy's manifest, which is the identity of what it says; null where it cannot be read. */
function hashAt(copies: readonly ReadCopy[], destination: string): string | null {
  return copies.find(({ place }) => place.name === destination)?.sha256 ?? null;
}

function findings(row: Row): { finding: string; result: string; time: string; destination: string }[] {
  return row.copies.flatMap(({ destination, entry }) =>
    entry.records.map(({ finding, result, stamp }) => {
      return { finding, result, time: timeOfStamp(stamp)?.toISOString() ?? stamp, destination };
    }),
  );
}

function asJson(row: Row, read: readonly ReadCopy[], { manifest, sha256 }: ReadCopy): string {
  const { id, state, pinned, tiers, copies } = row;
  const places = copies.map(({ destination, judgement, entry }) => ({
    destination,
    state: judgement.state,
    manifest: entry.manifestKey,
    manifestSha256: hashAt(read, destination),
  }));
  const whole = { format: 'runner/show@1', id, state, pinned, tiers, copies: places, findings: findings(row) };
  return `${JSON.stringify({ ...whole, manifestSha256: sha256, manifest }, null, 2)}\n`;
}

function asText(row: Row, read: readonly ReadCopy[], { manifest, sha256 }: ReadCopy, timezone: string): string {
  const local = (time: string) => wallClock(new Date(time), timezone);
  const { moment, source, artifacts, keys } = manifest;
  const rows: [string, string][] = [
    ['id', row.id],
    ['state', row.pinned ? `${row.state}, pinned` : row.state],
    ['made', `${local(manifest.created)} ${timezone}, ${age(row.time, new Date())} ago, by ${manifest.host}`],
    ['data', `as of ${local(moment.from)} to ${local(moment.to)}`],
    ['source', sourceText(source)],
    ...Object.entries(source.facts ?? {}).map(([name, value]): [string, string] => ['fact', `${name}: ${value}`]),
    ...(manifest.set ? [['set', setText(row, manifest.set)] as [string, string]] : []),
    ['purpose', manifest.purpose],
    ['tiers', row.tiers.length === 0 ? 'recent' : row.tiers.join(', ')],
    ['tags', manifest.tags.join(', ') || 'none'],
    [
      'size',
      artifacts.length === 1
        ? formatSize(sizeOf(manifest))
        : `${formatSize(sizeOf(manifest))} in ${artifacts.length} parts`,
    ],
    ['plain size', manifest.plainSize === null ? 'unknown' : formatSize(manifest.plainSize)],
    ['took', formatDuration(manifest.seconds)],
    ['must pass', manifest.required.join(', ') || 'checksum at the commit'],
    ...keys.map((key): [string, string] => ['key', [key.type, key.id, ...(key.recipients ?? [])].join(' ')]),
    ...artifacts.flatMap(artifactRows),
    ...row.copies.map(({ destination, judgement }): [string, string] => [
      'copy',
      `${destination} (${judgement.state}), manifest ${hashText(hashAt(read, destination), sha256)}`,
    ]),
    ...findings(row).map((found): [string, string] => [
      'finding',
      `${found.finding} ${found.result} at ${found.destination}, ${local(found.time)}`,
    ]),
    ...manifest.warnings.map((warning): [string, string] => ['warning', warning]),
  ];
  return `${fields(rows)}${recoveryText(manifest)}`;
}

function hashText(hash: string | null, shown: string): string {
  if (hash === null) return 'cannot be read';
  return hash === shown ? hash.slice(0, 16) : `${hash.slice(0, 16)}, which DIFFERS from the one shown`;
}

function sourceText({ type, name, version }: Manifest['source']): string {
  const what = version === undefined ? type : `${type} ${version}`;
  return name === null ? what : `${name} (${what})`;
}

function setText({ set }: Row, { name, id, members }: NonNullable<Manifest['set']>): string {
  const state = set === 'incomplete' ? '; not all of them are there and good' : '';
  return `${name}: ${members.join(', ')}, backed up together by run ${id}${state}`;
}

function artifactRows(artifact: Artifact): [string, string][] {
  const part = partLabel(partOf(artifact));
  return [
    ...(part === '' ? [] : [['part', part] as [string, string]]),
    ['artifact', `${artifact.key} (${formatSize(artifact.size)})`],
    ['sha256', artifact.sha256],
    ['made by', artifact.stages.map((stage) => stage.argv.join(' ')).join(' | ') || 'no transform'],
    ...Object.entries(artifact.facts ?? {}).map(([name, value]): [string, string] => ['fact', `${name}: ${value}`]),
  ];
}

function recoveryText(manifest: Manifest): string {
  const sections = manifest.artifacts.map((artifact) => {
    const part = partLabel(partOf(artifact));
    const lines = recoveryOf(manifest, artifact).map((line) => `  ${line}\n`);
    return `\nTo open ${part === '' ? 'it' : oneLine(part)} by hand (ARTIFACT is the file above):\n${lines.join('')}`;
  });
  return sections.join('');
}
