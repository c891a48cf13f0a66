import type { Requirement } from '../../graph.ts';
import type { Facts } from '../../kind.ts';
import { checkDatabase, checkName, checkServer } from './checks.ts';
import { namesOf, part } from './parts.ts';
import { installHint, toolFor, toolsOf } from './programs.ts';
import { databaseOf, formatOf, majorOf, type Spec } from './spec.ts';

/** Settings that pg_dump gives itself: a plan's own would be overruled without a word. */
const ofPgDump = new Set(
  `bytea_output client_encoding datestyle extra_float_digits idle_in_transaction_session_timeout intervalstyle lock_timeout
  quote_all_identifiers row_security search_path statement_timeout synchronize_seqscans transaction_timeout`.split(
    /\s+/,
  ),
);

function secrets(spec: Spec): Requirement[] {
  return [spec.password, spec.url].flatMap((found) =>
    found
      ? [{ need: 'secret', secret: found.secret, why: 'the database is read with it', format: 'line' } as const]
      : [],
  );
}

/** The programs that a dump needs, in a version that is not older than the server. */
function programs(spec: Spec, facts: Facts): Requirement[] {
  const major = majorOf(facts.survey?.version);
  const wanted = ['psql', 'pg_dump', ...(spec.globals ? ['pg_dumpall'] : [])];
  return [
    ...wanted.flatMap((name): Requirement[] => {
      const tool = toolFor(facts, name, name === 'psql' ? null : major);
      const why = 'PostgreSQL is backed up with it';
      if (tool) return [{ need: 'program', program: tool.path, why, hint: installHint(major) }];
      const newest = toolsOf(facts, name).at(-1);
      if (!newest) return [{ need: 'program', program: name, why, hint: installHint(major) }];
      const problem = `the server is PostgreSQL ${facts.survey?.version}, and the newest ${name} here is of version ${newest.major}, which cannot read it; ${installHint(major)}`;
      return [{ need: 'fact', problem }];
    }),
    ...(formatOf(spec) === 'directory'
      ? [
          {
            need: 'program' as const,
            program: 'tar',
            why: 'the directory is packed with it',
            hint: 'apt-get install tar',
          },
        ]
      : []),
  ];
}

function contradictions(spec: Spec): Requirement[] {
  const given = (keys: (keyof Spec)[]) => keys.filter((key) => spec[key] !== undefined).map((key) => `\`${key}\``);
  const beside = spec.url
    ? given(['host', 'port', 'user', 'password', 'service'])
    : spec.service
      ? given(['host', 'port', 'user'])
      : [];
  const overruled = Object.keys(spec.settings ?? {}).filter((name) => ofPgDump.has(name.toLowerCase()));
  const problems = [
    ...(beside.length > 0
      ? [`\`${spec.url ? 'url' : 'service'}\` says how to connect: leave out ${beside.join(', ')}`]
      : []),
    ...(spec.jobs !== undefined && formatOf(spec) !== 'directory'
      ? ['`jobs` has a meaning only with `format: directory`']
      : []),
    ...overruled.map((name) => `pg_dump sets ${name} itself: leave it out of \`settings\``),
  ];
  return problems.map((problem) => ({ need: 'fact', problem }));
}

/** What can be asked of the live source. One that did not answer is told by the house; only its name is looked up again. */
function checks(spec: Spec, facts: Facts): Requirement[] {
  const single = databaseOf(spec);
  if (facts.survey === null) return single === null ? [] : [checkName(spec, single, facts)];
  if (toolsOf(facts, 'psql').length === 0) return [];
  if (single !== null || spec.database === undefined) return [checkDatabase(spec, facts)];
  if (!facts.survey && !Array.isArray(spec.database)) return [];
  const names = namesOf(spec, facts);
  const there = names.filter((name) => isThere(name, facts));
  return [
    checkServer(spec, names, facts),
    ...there.map((name) => checkDatabase(part(spec, { name, purpose: 'data' }), facts)),
  ];
}

/** One that is not there is told by name; asking it too would say the same in worse words. */
function isThere(name: string, facts: Facts): boolean {
  const databases = facts.survey?.data.databases as { datname: string }[] | undefined;
  return !databases || databases.some(({ datname }) => datname === name);
}

export function requirements(spec: Spec, facts: Facts): Requirement[] {
  return [...contradictions(spec), ...secrets(spec), ...programs(spec, facts), ...checks(spec, facts)];
}
