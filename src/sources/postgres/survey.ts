import type { SourceKind } from '../../kind.ts';
import { live, statements } from './connection.ts';
import { databaseOf, type Found, maintenanceOf, type Spec } from './spec.ts';

/** The oldest server whose catalogues are as our questions expect them. */
const oldest = 120_000;

/**
 * Settings that end the session of a client that has gone without a word (its machine died, its network was cut) within some
 * seconds, where the server lets a session set them. Without them it would hold its snapshot and locks for two hours.
 */
const watch: Record<string, string> = {
  tcp_keepalives_idle: '3',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '2',
  tcp_user_timeout: '8000',
  client_connection_check_interval: '2000',
};

const question = `select json_build_object(
  'version', current_setting('server_version'), 'number', current_setting('server_version_num')::int,
  'database', current_database(), 'user', current_user, 'recovery', pg_is_in_recovery(),
  'settable', (select coalesce(json_agg(name), '[]') from pg_settings where context = 'user'
    and name in (${Object.keys(watch)
      .map((name) => `'${name}'`)
      .join(', ')})
    and (name <> 'client_connection_check_interval' or version() like '%linux%')),
  'databases', (select json_agg(to_jsonb(d) - 'datacl' || jsonb_build_object('encoding', pg_encoding_to_char(d.encoding))
    order by d.datname) from pg_database d))`;

type Answer = Found & { version: string; settable: string[] };

/** The database that is asked: the only one, else the first of a list, else the one for what concerns the server. */
export function surveyed(spec: Spec): string | null {
  const one = databaseOf(spec);
  if (one !== null) return one;
  if (Array.isArray(spec.database)) return spec.database[0]!;
  return spec.database === undefined ? null : maintenanceOf(spec);
}

export const survey: NonNullable<SourceKind<Spec>['survey']> = {
  command: (spec, facts) => {
    // A setting that does not exist would be told as a server that does not answer: it is checked later, by its name.
    const { settings: _, role: __, ...plain } = spec;
    return statements(live(plain, surveyed(spec), facts), [question], facts);
  },
  read: (spec, printed) => {
    const { version, settable, ...data } = JSON.parse(printed) as Answer;
    if (data.number < oldest)
      throw new Error(`the server is PostgreSQL ${version}; version 12 is the oldest that can be backed up`);
    const wanted = surveyed(spec);
    if (wanted !== null && data.database !== wanted)
      throw new Error(
        `the service "${spec.service}" leads to the database "${data.database}" and not to "${wanted}": leave \`dbname\` out of the service file, or \`database\` out of the plan`,
      );
    const watched = Object.fromEntries(settable.map((name) => [name, watch[name]!]));
    // Packagers add their own: `15.18 (Debian 15.18-0+deb12u1)`.
    return { version: version.split(' ', 1)[0]!, data: { ...data, watch: watched } satisfies Found };
  },
};
