import type { Command } from '../../command.ts';
import type { Facts, RestoreOptions } from '../../kind.ts';
import { type RedisSpec, talk } from './connection.ts';
import { databases, serve } from './dump.ts';
import { clearPage, moveOut } from './lua.ts';
import { tool } from './programs.ts';

/**
 * The dump is loaded by a private server beside the live one, which then hands its keys over: RESTORE commands in the server's own
 * protocol, so that names and values may be any bytes. The input ends only when all of it was right; nothing is touched before.
 */
const script = `${serve}
fail() { printf '%s\\n' "$1" >&2; exit 1; }
cat >dump.rdb || exit 1
serve "$server" "$(pwd)/dump.rdb"
answer=$("$cli" "$@" PING 2>&1)
[ "$answer" = PONG ] || fail "the live server does not answer: $answer"
spaces() { tr -d '\\r' | sed -n 's/^db\\([0-9]*\\):.*/\\1/p'; }
clear_live() {
  for database in $("$cli" "$@" INFO keyspace | spaces); do
    cursor=0
    while :; do
      cursor=$("$cli" "$@" -n "$database" EVAL "$clear" 0 "$pattern" "$cursor")
      case $cursor in ''|*[!0-9]*) fail "the live server does not let its keys be deleted: $cursor" ;; esac
      [ "$cursor" != 0 ] || break
    done
  done
}
[ "$flush" != yes ] || clear_live "$@"
emit() {
  for database in $(ours INFO keyspace | spaces); do
    [ "$database" != "$state" ] || continue
    ours -n "$state" DEL cursor pending >/dev/null || return 1
    while :; do
      ours --raw EVAL "$move" 0 "$database" "$pattern" "$replace" "$state" || return 1
      more=$(ours -n "$state" GET more)
      [ "$more" = yes ] || break
    done
    [ "$more" = no ] || return 1
  done
  : >"$home/whole"
}
emit | "$cli" "$@" --pipe --pipe-timeout "$timeout" >"$home/said" 2>"$home/errors"
[ -e "$home/whole" ] || fail 'the keys could not be read from the dump'
sent=$(ours -n "$state" GET sent)
counted=$(sed -n 's/^errors: \\([0-9]*\\), replies: \\([0-9]*\\)$/\\1 \\2/p' "$home/said")
errors=\${counted% *} replies=\${counted#* }
kept=$(grep -c '^BUSYKEY' "$home/errors")
if [ -z "$counted" ] || [ "$replies" -ne "\${sent:-0}" ] || [ "$errors" -ne "$kept" ]; then
  grep -v '^BUSYKEY' "$home/errors" | sort -u | head -n 3 >&2
  fail "not every key could be restored: \${sent:-0} commands were sent, \${replies:-none} answered, \${errors:-none} with an error"
fi
[ "$kept" -eq 0 ] || printf '%s keys were there already and stay as they are\\n' "$kept" >&2`;

/** Takes the plain stream on standard input, where the live server is. */
export function copyKeys(spec: RedisSpec, facts: Facts, options: RestoreOptions): Command {
  const { pattern = '*', replace = false, flush = false } = options;
  const command = talk(spec, facts, {
    does: 'load the dump in a private server, copy its keys into the live one',
    script,
    parameters: {
      server: tool(facts, 'server'),
      pattern: String(pattern),
      replace: replace ? 'REPLACE' : '',
      flush: flush ? 'yes' : '',
      state: String(databases),
      timeout: '600',
      move: moveOut,
      clear: clearPage,
    },
  });
  return { ...command, cwd: { work: '.' } };
}
