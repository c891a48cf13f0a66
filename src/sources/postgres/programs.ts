import type { Facts } from '../../kind.ts';

export type Tool = { path: string; major: number };

/** Installers put versions side by side: Debian, Homebrew on both processors, the packages of postgresql.org, others. */
export const folders = [
  '/usr/lib/postgresql/*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/opt/homebrew/opt/libpq/bin',
  '/usr/local/opt/libpq/bin',
  '/usr/pgsql-*/bin',
  '/usr/libexec/postgresql*',
  '/opt/postgresql/*/bin',
  '/opt/postgresql-*/bin',
  '/usr/local/pgsql/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
];

export const clients = ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql'];
export const servers = ['postgres', 'initdb'];

/** `pg_dump (PostgreSQL) 15.18 (Debian 15.18-1)` */
function versionIn(line: string): number | null {
  const match = /\(PostgreSQL\) (\d+)/.exec(line);
  return match ? Number(match[1]) : null;
}

/** All that were found of a program, the oldest first. */
export function toolsOf(facts: Facts, name: string): Tool[] {
  const program = facts.programs[name];
  const all = facts.installed?.[name] ?? (program ? [program] : []);
  const tools = all.flatMap(({ path, version }) => {
    const major = versionIn(version);
    return major === null ? [] : [{ path, major }];
  });
  // Among equals the last: Debian's wrapper in /usr/bin, which chooses a version of its own, comes before the real one.
  return tools.toReversed().toSorted((one, other) => one.major - other.major);
}

/** The oldest that is not older than `major`: a newer one reads all, an older one nothing. The newest without `major`. */
export function toolFor(facts: Facts, name: string, major: number | null): Tool | null {
  const tools = toolsOf(facts, name);
  if (major === null) return tools.at(-1) ?? null;
  return tools.find((tool) => tool.major >= major) ?? null;
}

/** Its path, or the bare name where none was found: a requirement says so before anything starts. */
export function pathFor(facts: Facts, name: string, major: number | null): string {
  return (toolFor(facts, name, major) ?? toolsOf(facts, name).at(-1))?.path ?? name;
}

/** How one comes by the programs of a major version. */
export function installHint(major: number | null): string {
  const version = major === null ? '' : `-${major}`;
  const brew = major === null ? 'libpq' : `postgresql@${major}`;
  return `apt-get install postgresql-client${version} (from apt.postgresql.org where Debian has no such version), or: brew install ${brew}`;
}
