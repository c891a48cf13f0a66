import type { Argument, Command } from '../../command.ts';
import type { Facts, RestoreOptions, Target } from '../../kind.ts';
import type { Recipe } from '../../recipe.ts';
import { at, type Connection, live, statements } from './connection.ts';
import { restoreTool, unpack, wholeArchive, wholeDump, wholeGlobals } from './content.ts';
import { createsPublic } from './patterns.ts';
import { pathFor } from './programs.ts';
import { formatMade, maintenanceOf, type Spec } from './spec.ts';
import { literal } from './sql.ts';

/** What `restore: { options }` knows: whether owners and grants are restored, and by how many connections. */
export const options = { owner: 'boolean', privileges: 'boolean', jobs: 'number' } as const;

/** What the manifest tells of the database that was dumped. Empty for what was made elsewhere. */
type Described = {
  bySchema?: boolean;
  extensions?: Record<string, string>;
  roles?: string[];
  database?: Record<string, unknown>;
};

export function describedBy(facts: Facts): Described {
  try {
    return JSON.parse(facts.made?.facts.database ?? '{}') as Described;
  } catch {
    return {};
  }
}

/** Fails with `text`, `%` being those of the names that are not there. */
function refuse(names: readonly string[], there: string, text: string): string {
  return `do $runner$ declare missing text;
begin
  select string_agg(quote_ident(item), ', ' order by item) into missing
    from unnest(array[${names.map(literal).join(', ')}]::text[]) wanted(item) where not exists (${there});
  if missing is not null then raise exception '${text}', missing; end if;
end $runner$`;
}

/** Says what the target's server lacks before anything is loaded, in words that pg_restore has not. */
function lacking(connection: Connection, facts: Facts, chosen: RestoreOptions): Command[] {
  const { extensions = {}, roles = [] } = describedBy(facts);
  const extensionNames = Object.keys(extensions);
  const needed = chosen.owner === false && chosen.privileges === false ? [] : roles;
  const questions = [
    ...(needed.length > 0
      ? [
          refuse(
            needed,
            'select from pg_roles where rolname = item',
            'these roles own or may use what is restored and are not on this server: %. Restore the globals first, create them, or say options: { owner: false, privileges: false }',
          ),
        ]
      : []),
    ...(extensionNames.length > 0
      ? [
          refuse(
            extensionNames,
            'select from pg_available_extensions where name = item',
            'these extensions are not installed on this server: %. Install their packages first',
          ),
        ]
      : []),
  ];
  return questions.length > 0 ? [statements(connection, questions, facts)] : [];
}

/** Of the list of an archive's entries, those that `drop` matches are left out; `name` is a file of the work directory. */
export function listWithout(tool: string, drop: string, name: string): Command[] {
  const all = `all-${name}`;
  return [
    { argv: [tool, '--list', { join: ['--file=', { work: all }] }, { work: 'dump' }] },
    { argv: ['sed', '-n', '-e', `/^[0-9]*; [0-9]* [0-9]* ${drop} /d`, '-e', `w ${name}`, all], cwd: { work: '.' } },
  ];
}

/** Whether the schema `public`, which is there already, stands in the archive. */
export function hasPublic(spec: Spec, facts: Facts): boolean {
  return describedBy(facts).bySchema ?? createsPublic(spec);
}

/** Loads the archive `{ work: 'dump' }`. */
export function loadFile(spec: Spec, facts: Facts, connection: Connection, chosen: RestoreOptions): Command[] {
  if (!hasPublic(spec, facts)) return [load(facts, connection, chosen, [{ work: 'dump' }])];
  const list = { join: ['--use-list=', { work: 'entries' }] };
  return [
    ...listWithout(restoreTool(facts), 'SCHEMA - public', 'entries'),
    load(facts, connection, chosen, [list, { work: 'dump' }]),
  ];
}

/** pg_restore asks for a database in argv; an empty one lets the environment say which. */
function load(facts: Facts, connection: Connection, chosen: RestoreOptions, from: Argument[]): Command {
  return {
    argv: [
      restoreTool(facts),
      '--no-password',
      '--exit-on-error',
      '--dbname=',
      ...(chosen.owner === false ? ['--no-owner'] : []),
      ...(chosen.privileges === false ? ['--no-privileges'] : []),
      ...(chosen.tablespaces === false ? ['--no-tablespaces'] : []),
      ...(typeof chosen.jobs === 'number' && chosen.jobs > 1 ? [`--jobs=${chosen.jobs}`] : []),
      ...from,
    ],
    env: connection.env,
    files: connection.files,
  };
}

/** Feeds SQL to psql; the first error ends it. */
export function runSql(facts: Facts, connection: Connection, more: Argument[]): Command {
  const argv = [pathFor(facts, 'psql', null), '-X', '-w', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', ...more];
  return { argv, env: connection.env, files: connection.files };
}

/**
 * Roles that exist already are fine, and so are tablespaces. The statements about these cannot stand in a block that forgives,
 * so they run by themselves behind the roles.
 */
export function globalsRecipe(facts: Facts, connection: Connection): Recipe & Required<Pick<Recipe, 'load'>> {
  const ofTablespaces = String.raw`^\(\(CREATE\|ALTER\|COMMENT ON\) TABLESPACE \|\(GRANT\|REVOKE\) .* ON TABLESPACE \)`;
  const forgiving = 's/^CREATE ROLE .*;$/DO $runner$ BEGIN & EXCEPTION WHEN duplicate_object THEN NULL; END $runner$;/';
  const expressions = [`/${ofTablespaces}/w tablespaces.sql`, `/${ofTablespaces}/d`, forgiving, 'w roles.sql'];
  return {
    intake: {
      consume: { argv: ['sed', '-n', ...expressions.flatMap((one) => ['-e', one])], cwd: { work: '.' } },
    },
    tail: wholeGlobals,
    load: [
      runSql(facts, connection, ['-f', { work: 'roles.sql' }]),
      runSql(facts, connection, ['-v', 'ON_ERROR_STOP=0', '-f', { work: 'tablespaces.sql' }]),
    ],
  };
}

/** Loads an artifact into a database that is there and empty. */
export function restore(spec: Spec, target: Target, facts: Facts, chosen: RestoreOptions = {}): Recipe {
  const format = formatMade(spec, facts);
  if (format === 'globals')
    return globalsRecipe(facts, { ...live({ ...spec, settings: {} }, maintenanceOf(spec), facts), role: null });
  const connection = at(spec, target, facts);
  const prepare = lacking(connection, facts, chosen);
  if (format === 'plain') {
    if (chosen.owner === false || chosen.privileges === false)
      throw new Error(
        'a plain dump is SQL, and its owners and grants cannot be left out: take `owner` and `privileges` out of the restore options, or edit the SQL by hand',
      );
    return {
      prepare,
      intake: { consume: runSql(facts, connection, ['--single-transaction', '-f', '-']) },
      tail: wholeDump,
    };
  }
  if (format === 'directory') {
    const parallel = { jobs: spec.jobs ?? 2, ...chosen };
    return {
      prepare,
      intake: { consume: unpack() },
      tail: wholeArchive,
      load: loadFile(spec, facts, connection, parallel),
    };
  }
  // Several connections jump about in the archive, and a list of entries is made of it first: it must be a file for both.
  if ((typeof chosen.jobs === 'number' && chosen.jobs > 1) || hasPublic(spec, facts))
    return { prepare, intake: { file: { work: 'dump' } }, load: loadFile(spec, facts, connection, chosen) };
  // A custom archive says how long each of its blocks is and how many there are: pg_restore misses what is cut off.
  return { prepare, intake: { consume: load(facts, connection, chosen, []) }, direct: true };
}
