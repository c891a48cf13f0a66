import type { Facts, Survey } from '../../kind.ts';
import type { SourceMongodb } from '../../plan/generated/types.ts';

/** `url`: the connection string of whoever restores, where the plan names another (`restore: { as: { url } }`). */
export type Spec = SourceMongodb & { url?: { secret: string } };

/** What the server said of itself; null is what the user may not ask. See `runner-builtin mongo ... survey`. */
export type Found = {
  version: string;
  /** The name of the replica set; null for a server on its own, and for the router of a sharded cluster. */
  set: string | null;
  mongos: boolean;
  databases: string[] | null;
  /** Of the database, or of all. */
  collections: { database: string; name: string; type: string; empty: boolean }[] | null;
  user: { user: string; db: string } | null;
  privileges: { resource: Resource; actions: string[] }[] | null;
  /** Seconds that the oplog reaches back; null where nothing has left it yet, too. */
  oplog: number | null;
  /** What stands in the connection string: a database, and a time limit that the tools take for seconds. */
  uri: { database: string | null; seconds: boolean };
};

export type Resource = { db?: string; collection?: string; anyResource?: boolean; cluster?: boolean };

export function foundOf(facts: Facts): Found | null {
  return facts.survey ? (facts.survey.data as Found) : null;
}

export function readSurvey(printed: string): Survey {
  const line = printed.trim().split('\n').at(-1) ?? '';
  const data = JSON.parse(line) as Found;
  return { version: data.version, data };
}

/** By the plan, of the collections of the database. */
export function isChosen({ collections, 'exclude-collections': excluded }: Spec, name: string): boolean {
  return !excluded?.includes(name) && (!collections || collections.includes(name));
}

/** Whether what was written during the dump is taken too: where it can be, unless the plan says otherwise. */
export function takesOplog(spec: Spec, facts: Facts): boolean {
  if (spec.oplog !== undefined) return spec.oplog;
  const found = foundOf(facts);
  return spec.database === undefined && found !== null && found.set !== null && found.uri.database === null;
}

/** Whether an artifact holds an oplog: its manifest tells, else what a dump would be now. */
export function hasOplog(spec: Spec, facts: Facts): boolean {
  const told = facts.made?.facts.oplog;
  return told === undefined ? takesOplog(spec, facts) : told === 'yes';
}
