import type { Facts } from '../../kind.ts';
import type { Flavour } from './spec.ts';

/** What is looked for. On Debian `mysql` and `mysqldump` are MariaDB's too: the version line tells whose a program is. */
export const programNames = ['mariadb-dump', 'mysqldump', 'mariadb', 'mysql', 'mariadbd', 'mysqld'];

/** Where Debian, Red Hat, Oracle's packages and Homebrew put them. */
export const programFolders = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/libexec',
  '/usr/local/mysql/bin',
  '/opt/homebrew/opt/mysql*/bin',
  '/opt/homebrew/opt/mariadb*/bin',
  '/usr/local/opt/mysql*/bin',
  '/usr/local/opt/mariadb*/bin',
];

export type Version = { major: number; minor: number };
/** `command` is the plain name for what PATH finds first, else an absolute path. */
export type Program = { command: string; path: string; flavour: Flavour; version: Version };
export type Role = 'client' | 'dump' | 'server';

const names: Record<Role, Record<Flavour, string[]>> = {
  client: { mariadb: ['mariadb', 'mysql'], mysql: ['mysql'] },
  dump: { mariadb: ['mariadb-dump', 'mysqldump'], mysql: ['mysqldump'] },
  server: { mariadb: ['mariadbd', 'mysqld'], mysql: ['mysqld'] },
};

/** `10.11.19-MariaDB`, `9.7.4-2`: the two numbers that make a series. Null where there are none. */
export function seriesOf(version: string | null | undefined): Version | null {
  const found = /^(\d+)\.(\d+)/.exec(version ?? '');
  return found ? { major: Number(found[1]), minor: Number(found[2]) } : null;
}

export const seriesText = ({ major, minor }: Version): string => `${major}.${minor}`;

export const olderThan = (one: Version, other: Version): boolean =>
  one.major < other.major || (one.major === other.major && one.minor < other.minor);

/** Whose a program is, by the first line that it prints of itself. */
export function readVersion(line: string): { flavour: Flavour; version: Version } | null {
  const maria = /(\d+\.\d+)\.\d+-MariaDB/i.exec(line);
  const found = maria ?? /(?:Distrib|Ver) (\d+\.\d+)\.\d+/.exec(line);
  const version = seriesOf(found?.[1]);
  return version ? { flavour: maria || /mariadb/i.test(line) ? 'mariadb' : 'mysql', version } : null;
}

function candidates(facts: Facts, role: Role, flavour: Flavour): Program[] {
  return names[role][flavour].flatMap((name) => {
    const first = facts.programs[name] ?? null;
    const all = facts.installed?.[name] ?? (first ? [first] : []);
    return all.flatMap(({ path, version }): Program[] => {
      const read = readVersion(version);
      return read?.flavour === flavour ? [{ command: path === first?.path ? name : path, path, ...read }] : [];
    });
  });
}

/** The first that is not older than the server, else the newest; null where this maker's is not there. */
export function findProgram(facts: Facts, role: Role, flavour: Flavour, server?: Version | null): Program | null {
  const found = candidates(facts, role, flavour);
  const fit = server ? found.find(({ version }) => !olderThan(version, server)) : found[0];
  return fit ?? newest(found);
}

/** A server of the same series; of a later one of the same major version where there is none. Without a version the newest. */
export function findServer(facts: Facts, flavour: Flavour, series: Version | null): Program | null {
  const found = candidates(facts, 'server', flavour);
  if (series === null) return newest(found);
  const same = found.find(({ version }) => version.major === series.major && version.minor === series.minor);
  const later = found.filter(({ version }) => version.major === series.major && !olderThan(version, series));
  return same ?? newest(later);
}

/** What all of this maker's servers that were found are, for a person. */
export const serversFound = (facts: Facts, flavour: Flavour): string[] =>
  candidates(facts, 'server', flavour).map(({ path, version }) => `${seriesText(version)} at ${path}`);

function newest(found: readonly Program[]): Program | null {
  return found.reduce<Program | null>(
    (best, program) => (best === null || olderThan(best.version, program.version) ? program : best),
    null,
  );
}

/** What a command is called where none was found: preflight then says that it is missing. */
export const usualName = (role: Role, flavour: Flavour): string => names[role][flavour][0]!;
