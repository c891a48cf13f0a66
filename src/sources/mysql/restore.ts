import type { Command } from '../../command.ts';
import type { Facts, Target } from '../../kind.ts';
import type { Recipe } from '../../recipe.ts';
import { place } from './ask.ts';
import { client } from './connection.ts';
import { tailOf } from './dump.ts';
import type { MysqlSpec } from './spec.ts';

/**
 * The client goes on after an error, and tells it by this exit code unless it could not go on at all. Errors alone are handed on:
 * MariaDB's client repeats the statement that failed, which may hold megabytes.
 */
const script = `{ code=0; "$@" --force 2>&1 >/dev/null || code=$?; printf '\\nended %s\\n' "$code"; } |
grep -a -e '^ERROR ' -e '^ended ' | {
  code=1 errors=0
  while IFS= read -r line; do
    case $line in
      'ended '*) code=\${line#ended } ;;
      *) errors=1; printf '%s\\n' "$line" >&2 ;;
    esac
  done
  [ "$code" = 0 ] || exit "$code"
  [ "$errors" = 0 ] || exit 9
}`;

/**
 * What a view or a grant names and is not there: a table of another database, one that was gone when the dump was made. Everything
 * else is restored, and each is told. Any other error fails the restore.
 */
const absent = { pattern: '^ERROR (1049|1146|1305|1356|1449) ', means: 'warning' as const };

function load({ argv, ...rest }: Command): Command {
  return { argv: ['sh', '-c', script, 'sh', ...argv], exits: [{ code: 9, lines: [absent] }], ...rest };
}

/**
 * The client loads as it reads. A dump that was cut between two tables would leave none unread: so it is killed before the end of
 * its input unless the last line is the one of a whole dump.
 */
export function restore(spec: MysqlSpec, target: Target, facts: Facts): Recipe {
  const { server } = target;
  const isUsers = spec.part && 'users' in spec.part;
  const options = isUsers ? (server ? { server } : {}) : place(spec, target, facts);
  return { intake: { consume: load(client(spec, facts, options)) }, tail: tailOf(spec) };
}
