import type { Held } from '../../command.ts';
import type { Facts } from '../../kind.ts';
import { live, session } from './connection.ts';
import { databaseOf, type Spec } from './spec.ts';
import { literal } from './sql.ts';

/** Seconds in which the session must have exported its snapshot. */
const within = 60;

/** What would end a session that only waits. */
const limits = [
  'statement_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
];

/** Raises an error where a setting of the plan does not hold in this session: a pooler may have left it out. */
function mustHold([name, value]: [string, string]): string {
  const [setting, wanted] = [literal(name), literal(value)];
  return `do $runner$
declare was text := current_setting(${setting}); asked text := set_config(${setting}, ${wanted}, false);
begin
  if was <> asked then raise exception 'the setting % was to be %, and is %', ${setting}, asked, was; end if;
end $runner$;\n`;
}

/** A session whose transaction keeps one moment visible. pg_dump and the questions to the source join it by its name. */
export function snapshot(spec: Spec, facts: Facts): Held {
  const names = limits.map(literal).join(', ');
  return {
    command: session(live(spec, databaseOf(spec), facts), facts),
    input: [
      ...Object.entries(spec.settings ?? {}).map(mustHold),
      `select set_config(name, '0', false) from pg_settings where name in (${names});\n`,
      'begin transaction isolation level repeatable read read only;\n',
      'select pg_export_snapshot();\n',
    ].join(''),
    ready: { line: '^([0-9A-F]+-[0-9A-F]+-[0-9]+)$' },
    within,
    stop: 'end-of-input',
  };
}
