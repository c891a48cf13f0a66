import type { Requirement } from '../../graph.ts';
import type { Facts } from '../../kind.ts';
import { nearest } from '../../plan/nearest.ts';
import { isAskable } from './connection.ts';
import { privilegeProblems } from './privileges.ts';
import { type Found, foundOf, isChosen, type Spec, takesOplog } from './spec.ts';

/** Seconds: an oplog that reaches back less far is told of. A dump that takes longer than it fails. */
const shortOplog = 3600;

const hint = "install MongoDB's database tools (mongodb-database-tools)";

function secrets({ uri, password, tls }: Spec): Requirement[] {
  const why = 'MongoDB is connected to with it';
  return [uri, password, tls?.['key-password']].flatMap((found) =>
    found ? [{ need: 'secret' as const, secret: found.secret, why, format: 'line' as const }] : [],
  );
}

function contradictions(spec: Spec): string[] {
  const { uri, database, collections, oplog, users } = spec;
  const excluded = spec['exclude-collections'];
  const parts = ['host', 'port', 'user', 'password', 'authentication-database', 'replica-set', 'tls'] as const;
  const beside = uri ? parts.filter((key) => spec[key] !== undefined).map((key) => `\`${key}\``) : [];
  const both = collections?.find((name) => excluded?.includes(name));
  return [
    ...(beside.length > 0 ? [`\`uri\` says how to connect: leave out ${beside.join(', ')}`] : []),
    ...(spec.password && spec.user === undefined && !uri ? ['`password` wants a `user`'] : []),
    ...(oplog && database !== undefined
      ? ['the oplog belongs to the whole server: leave out `oplog`, or leave out `database` to back up all of it']
      : []),
    ...(database === undefined && (collections || excluded)
      ? ['`collections` and `exclude-collections` want a `database`']
      : []),
    ...(database === undefined && users
      ? ['`users` wants a `database`: a dump of all of a server holds its users anyway']
      : []),
    ...(both === undefined
      ? []
      : [`the collection "${both}" stands in \`collections\` and in \`exclude-collections\``]),
  ];
}

const quoted = (name: string | undefined): string => (name === undefined ? '' : `; did you mean "${name}"?`);

/** What the server has, against what the plan names. */
function unknown(spec: Spec, found: Found): string[] {
  const { database, collections = [], 'exclude-collections': excluded = [] } = spec;
  if (database === undefined) return [];
  if (found.collections === null) return [];
  const there = found.collections.map(({ name }) => name);
  if (there.length === 0 && found.databases === null)
    return [`there is no database "${database}", or the user sees no collection in it`];
  if (there.length === 0)
    return [`there is no database "${database}"${quoted(nearest(database, found.databases ?? []))}`];
  return [...collections, ...excluded]
    .filter((name) => !there.includes(name))
    .map((name) => `there is no collection "${name}" in "${database}"${quoted(nearest(name, there))}`);
}

function connectionString({ oplog, database }: Spec, { uri }: Found): string[] {
  const named = uri.database;
  return [
    ...(oplog && named !== null
      ? [
          `the connection string names the database "${named}", and the oplog belongs to the whole server: take it out (and say authSource=${named} where users log in by it), or leave out \`oplog\``,
        ]
      : []),
    ...(database !== undefined && named !== null && named !== database
      ? [
          `the connection string names the database "${named}" and the plan "${database}": take it out of the string (and say authSource=${named} where users log in by it)`,
        ]
      : []),
    ...(uri.seconds
      ? [
          'warning: the connection string holds serverSelectionTimeoutMS, which mongodump takes for seconds: take it out',
        ]
      : []),
  ];
}

function oplogProblems(spec: Spec, facts: Facts, found: Found): string[] {
  if (!takesOplog(spec, facts)) return [];
  if (found.mongos) return ['`oplog` wants a replica set, and this is the router of a sharded cluster: leave it out'];
  if (found.set === null)
    return [
      '`oplog` wants a replica set, and this server stands alone: it keeps none. Leave it out, or make the server a replica set of one',
    ];
  if (found.oplog !== null && found.oplog < shortOplog && found.oplog > 0)
    return [
      `warning: the oplog of "${found.set}" reaches back ${found.oplog} s only: a dump that takes longer fails (replSetResizeOplog makes it longer)`,
    ];
  return [];
}

/** What would be missing from the dump without a word. */
function silentLosses(spec: Spec, found: Found): string[] {
  const chosen = (found.collections ?? []).filter(({ name }) => isChosen(spec, name));
  const dollar = chosen.filter(({ name }) => name.includes('$') && !name.startsWith('system.'));
  const plain = chosen.filter(({ name, type }) => !name.startsWith('system.') && type !== 'view');
  // A database without collections is none: that is told by its name.
  const isKnown = found.collections && (spec.database === undefined || found.collections.length > 0);
  const what = spec.database === undefined ? 'the server' : `the database "${spec.database}"`;
  return [
    ...dollar.map(
      ({ database, name }) =>
        `mongodump leaves out collections with a $ in their name: rename "${name}" of "${database}", or name it in \`exclude-collections\``,
    ),
    ...(isKnown && plain.every(({ empty }) => empty) ? [`warning: ${what} holds no documents`] : []),
  ];
}

function unasked(spec: Spec, facts: Facts): string[] {
  if (isAskable(facts)) return [];
  const several = spec.collections && spec.collections.length > 1;
  return [
    ...(several
      ? [
          'several `collections` are chosen by what the server has, and no mongosh is there to ask it: install it there, or name those that are left out in `exclude-collections`',
        ]
      : []),
    'warning: no mongosh is there, so that nothing is asked before the dump: neither names nor privileges',
    ...(spec.database === undefined && spec.oplog === undefined
      ? ['warning: nobody can ask there whether it is a replica set: say `oplog: true` or `oplog: false`']
      : []),
  ];
}

export function requirements(spec: Spec, facts: Facts): Requirement[] {
  const why = 'MongoDB is backed up with it';
  const found = foundOf(facts);
  // Only a manifest tells of which database an artifact is.
  const isOpening = facts.made?.facts.database !== undefined;
  const problems = [
    ...contradictions(spec),
    ...(found ? unknown(spec, found) : []),
    ...(found ? connectionString(spec, found) : []),
    ...(found ? oplogProblems(spec, facts, found) : []),
    ...(found ? privilegeProblems(spec, found, takesOplog(spec, facts)) : []),
    ...(found ? silentLosses(spec, found) : []),
    ...unasked(spec, facts),
  ];
  return [
    ...secrets(spec),
    { need: 'program', program: 'mongodump', why, hint },
    ...(isOpening
      ? [{ need: 'program' as const, program: 'mongorestore', why: 'the dump is loaded with it', hint }]
      : []),
    ...problems.map((problem) => ({ need: 'fact' as const, problem })),
  ];
}
