import type { Argument, Command } from '../../command.ts';
import type { CapturePlan, Facts } from '../../kind.ts';
import { parseDuration, seconds } from '../../units.ts';
import { live, script } from './connection.ts';
import { rememberSequences } from './contents.ts';
import { createsPublic, filterOptions } from './patterns.ts';
import { pathFor } from './programs.ts';
import { databaseOf, formatOf, found, majorOf, type Spec } from './spec.ts';

const defaultLockTimeout = '5m';
const defaultJobs = 2;

/** The level of pg_dump's own compression; none where a transform compresses better what is not compressed yet. */
function compression(facts: Facts): string[] {
  return facts.compressed ? ['--compress=0'] : [];
}

function lockTimeout(spec: Spec): string {
  const length = parseDuration(spec['lock-timeout'] ?? defaultLockTimeout)!;
  return `--lock-wait-timeout=${seconds(length) * 1000}`;
}

function tool(name: string, facts: Facts): string {
  return pathFor(facts, name, majorOf(facts.survey?.version));
}

function dump(spec: Spec, facts: Facts, moment: Argument | undefined, more: Argument[]): Command {
  const { env, files } = live(spec, databaseOf(spec), facts);
  return {
    argv: [
      tool('pg_dump', facts),
      '--no-password',
      ...more,
      lockTimeout(spec),
      ...(moment === undefined ? [] : [{ join: ['--snapshot=', moment] }]),
      ...(spec.role === undefined ? [] : [`--role=${spec.role}`]),
      // A standby has no unlogged tables.
      ...(found(facts)?.recovery ? ['--no-unlogged-table-data'] : []),
      ...filterOptions(spec),
    ],
    env,
    files,
  };
}

/** Roles and tablespaces. Only a superuser may read the hashes of passwords. */
function globals(spec: Spec, facts: Facts): CapturePlan {
  const { env, files } = live(spec, null, facts);
  const passwords = typeof spec.globals === 'object' && spec.globals.passwords;
  return {
    prepare: [],
    produce: {
      argv: [
        tool('pg_dumpall', facts),
        '--no-password',
        '--globals-only',
        ...(passwords ? [] : ['--no-role-passwords']),
        ...(spec.role === undefined ? [] : [`--role=${spec.role}`]),
      ],
      env,
      files,
    },
    cleanup: [],
    plain: { unknown: true },
    learn: { pg_dump: { argv: [tool('pg_dumpall', facts), '--version'] } },
  };
}

/**
 * What a restore wants to know of the database, as one line of JSON: how to create it, and what the server must have. What the
 * server's first superuser owns stands in no list of dependencies.
 */
const description = (spec: Spec) => `select json_build_object(
  'bySchema', ${createsPublic(spec)},
  'database', to_jsonb(d) - 'datacl' || jsonb_build_object('encoding', pg_encoding_to_char(d.encoding)),
  'extensions', (select coalesce(json_object_agg(extname, extversion), '{}') from pg_extension where extname <> 'plpgsql'),
  'roles', (select coalesce(json_agg(r.rolname order by r.rolname), '[]') from pg_roles r where
    exists (select from pg_shdepend s where s.refobjid = r.oid and s.refclassid = 'pg_authid'::regclass and s.dbid = d.oid)
    or r.oid = 10 and exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relowner = 10 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema')))
from pg_database d where d.datname = current_database()`;

/** A dump of one moment. A directory is written by several connections first, and then archived. */
export function capture(spec: Spec, facts: Facts, moment?: Argument): CapturePlan {
  const format = formatOf(spec);
  if (format === 'globals') return globals(spec, facts);
  const connection = live(spec, databaseOf(spec), facts);
  const described = script('describe.sql', connection, `${description(spec)};\n`, facts);
  const remembered = rememberSequences(connection, facts);
  const common = {
    cleanup: [],
    plain: { unknown: true as const },
    learn: { pg_dump: { argv: [tool('pg_dump', facts), '--version'] }, database: described },
  };
  if (format === 'plain')
    return {
      prepare: [remembered],
      produce: dump(spec, facts, moment, [
        '--format=plain',
        ...(createsPublic(spec) ? ['--clean', '--if-exists'] : []),
      ]),
      ...common,
    };
  if (format === 'custom')
    return {
      prepare: [remembered],
      produce: dump(spec, facts, moment, ['--format=custom', ...compression(facts)]),
      ...common,
    };
  const folder: Argument[] = [
    `--jobs=${spec.jobs ?? defaultJobs}`,
    '--no-sync',
    { join: ['--file=', { work: 'dump' }] },
  ];
  const whole = dump(spec, facts, moment, ['--format=directory', ...folder, ...compression(facts)]);
  return {
    prepare: [remembered, whole],
    produce: { argv: ['tar', '-c', '-f', '-', '-C', { work: '.' }, 'dump'] },
    ...common,
  };
}
