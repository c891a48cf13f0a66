/** What `doctor` looks at of the sources: whether they answer and may be read, and whether they can be restored to prove it. */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { RunFacts } from '../compile/facts.ts';
import type { ReadSecret } from '../destination.ts';
import { checkFindings, foundFindings } from '../execute/actions/requirements.ts';
import { type Asked, askedOf } from '../execute/actions/requirements-there.ts';
import { runOutside } from '../execute/remote-run.ts';
import { secretReader } from '../execute/secrets.ts';
import type { Graph, Requirement } from '../graph.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { SiteHost } from '../programs.ts';
import type { Recipe } from '../recipe.ts';
import { findSource } from '../registry.ts';
import { formatSize } from '../units.ts';
import type { Host } from './command.ts';
import type { Examined } from './examination.ts';
import { newestOf } from './find.ts';
import { rowsOf } from './rows.ts';
import type { Shelves } from './shelves.ts';

/** The live sources, all at once: what each said of itself, and what its checks say. */
export async function examineSources(
  plan: ResolvedPlan,
  facts: RunFacts,
  requirements: readonly Requirement[],
  { environment }: Host,
): Promise<Examined[]> {
  const { directory } = plan;
  const { read, redact } = secretReader(plan.secrets, { directory, environment });
  const host = { environment, directory, readSecret: read };
  const answers = plan.backups.flatMap((backup): Examined[] => {
    const known = facts.sources?.[backup.name];
    if (!known?.survey) return [];
    return [
      { check: 'source', subject: backup.name, health: 'ok', message: `answers, version ${known.survey.version}` },
    ];
  });
  const found = requirements.flatMap((one): Examined[] => {
    if (one.need !== 'fact') return [];
    return rowsFrom('source', subjectOf(one), foundFindings(one.problem));
  });
  const asked = requirements.flatMap((one) => {
    const question = askedOf(one);
    return question ? [ask(question, one, host)] : [];
  });
  const said = (await Promise.all(asked)).flat();
  return [...answers, ...found, ...said.map((row) => ({ ...row, message: redact(row.message) }))];
}

const subjectOf = ({ backups }: Requirement): string => (backups ?? []).join(', ') || 'plan';

async function ask(
  { title, command, tell }: Asked,
  requirement: Requirement,
  host: SiteHost & { readSecret: ReadSecret },
): Promise<Examined[]> {
  const subject = subjectOf(requirement);
  const check = requirement.need === 'check' ? 'source' : requirement.need;
  try {
    const ended = await runOutside(command, host);
    const rows = rowsFrom(check, subject, tell(checkFindings(title, ended)));
    return rows.length > 0 ? rows : [{ check, subject, health: 'ok', message: title }];
  } catch (error) {
    return [{ check, subject, health: 'problem', message: `${title}: ${(error as Error).message}` }];
  }
}

function rowsFrom(check: string, subject: string, found: { problems: string[]; warnings: string[] }): Examined[] {
  return [
    ...found.problems.map((message): Examined => ({ check, subject, health: 'problem', message })),
    ...found.warnings.map((message): Examined => ({ check, subject, health: 'warning', message })),
  ];
}

/** Whether the throw-away server that a verification needs is to be had. */
export function examineScratch(plan: ResolvedPlan, graph: Graph): Examined[] {
  const rows = graph.tasks.flatMap(({ action }): Examined[] => {
    if (action.do !== 'verify' || action.level !== 'restore') return [];
    const backup = plan.backups.find(({ name }) => name === action.backup);
    if (!backup || !findSource(backup.source.type).scratch) return [];
    const subject = backup.name;
    const missing = action.parts.find((part) => part.missing !== undefined)?.missing;
    if (missing !== undefined) return [{ check: 'scratch', subject, health: 'problem', message: missing }];
    const [part] = action.parts;
    return part ? [{ check: 'scratch', subject, health: 'ok', message: serverOf(part.recipe) }] : [];
  });
  return rows;
}

/** The server's own program: kinds name it by its whole path. */
function serverOf(recipe: Recipe | null): string {
  const argv = recipe?.servers?.[0]?.held.command.argv ?? [];
  const program = argv.find((word) => typeof word === 'string' && word.startsWith('/'));
  return typeof program === 'string' ? `can be restored, by ${program}` : 'can be restored';
}

/** Whether what a verification unpacks fits where temporary files are made, as far as the last backups tell. */
export async function examineRoom(plan: ResolvedPlan, shelves: Shelves, host: Host): Promise<Examined[]> {
  const rows = await rowsOf(plan, shelves);
  const sizes: { name: string; size: number }[] = [];
  for (const { name, verify } of plan.backups) {
    if (verify.every(({ level }) => level === 'checksum')) continue;
    const newest = await newestOf(rows, name, shelves.places, () => {});
    const size = newest?.copies[0]?.manifest.plainSize;
    if (size) sizes.push({ name, size });
  }
  const largest = sizes.toSorted((one, other) => other.size - one.size)[0];
  if (!largest) return [];
  const subject = host.environment.TMPDIR || tmpdir();
  const { bavail, bsize } = await statfs(subject);
  const free = bavail * bsize;
  const message = `${formatSize(free)} free; the data of "${largest.name}" was ${formatSize(largest.size)}`;
  const health = free < largest.size ? 'warning' : 'ok';
  const advice = health === 'ok' ? '' : ': set TMPDIR to a larger folder, or its verification may fail';
  return [{ check: 'temporary space', subject, health, message: message + advice }];
}
