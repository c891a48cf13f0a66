import type { Facts } from '../../kind.ts';
import type { SourcePostgres } from '../../plan/generated/types.ts';

/**
 * What no plan says: `only` marks one part, which is one database, whatever its name means in a plan, or the globals;
 * `credentials` is the secret URL whose user and password also hold at another server.
 */
export type Spec = SourcePostgres & { only?: 'data' | 'globals'; credentials?: string };

export type Format = 'custom' | 'plain' | 'directory' | 'globals';

/** One row of pg_database as the server gives it; columns differ by version. */
export type DatabaseRow = { datname: string; datallowconn: boolean; datistemplate: boolean; [column: string]: unknown };

/** What the survey found. `watch` are server settings that end the sessions of a client that has gone. */
export type Found = {
  /** `150018` */
  number: number;
  database: string;
  databases: DatabaseRow[];
  user: string;
  recovery: boolean;
  watch: Record<string, string>;
};

/** What the survey found, or null where it was not asked or got no answer. */
export function found(facts: Facts): Found | null {
  return (facts.survey?.data as Found | undefined) ?? null;
}

/** The one database that the spec names; null where it names several, or where a URL or a service file does. */
export function databaseOf(spec: Spec): string | null {
  if (typeof spec.database !== 'string') return null;
  return spec.only === 'data' || spec.database !== 'all' ? spec.database : null;
}

/** Where one connects for what concerns the server and no database of it. */
export function maintenanceOf(spec: Spec): string {
  return spec['maintenance-database'] ?? 'postgres';
}

export function formatOf(spec: Spec): Format {
  return spec.only === 'globals' ? 'globals' : (spec.format ?? 'custom');
}

const extensions: Record<Format, string> = {
  custom: '.dump',
  plain: '.sql',
  directory: '.dump.tar',
  globals: '.globals.sql',
};

export function extensionOf(spec: Spec): string {
  return extensions[formatOf(spec)];
}

/** In which format an artifact was made: its extension tells, since the plan may have changed. */
export function formatMade(spec: Spec, facts: Facts): Format {
  const formats = Object.keys(extensions) as Format[];
  return formats.find((format) => extensions[format] === facts.made?.extension) ?? formatOf(spec);
}

/** `15.18`, `17beta1`, `9.6.24` -> 15, 17, 9; null where no number leads. */
export function majorOf(version: string | null | undefined): number | null {
  const match = /^(\d+)/.exec(version ?? '');
  return match ? Number(match[1]) : null;
}

/** The major version of the server whose data it is: the live one's, or the one that the artifact came from. */
export function serverMajor(facts: Facts): number | null {
  return majorOf(facts.made?.version) ?? majorOf(facts.survey?.version);
}
