import type { Command } from '../../command.ts';
import type { Facts, Question, Target } from '../../kind.ts';
import { type RedisSpec, talk } from './connection.ts';
import { serve } from './dump.ts';
import { digestPage } from './lua.ts';
import { isOlder, serverVersion, tool } from './programs.ts';

/** `keyspace` prints `DB KEYS EXPIRING` for each database that holds something. */
const keyspace = `
keyspace() {
  said=$("$cli" "$@" INFO keyspace) || exit 1
  case $said in *Keyspace*) ;; *) printf '%s\\n' "$said" >&2; exit 1 ;; esac
  printf '%s\\n' "$said" | tr -d '\\r' | sed -n 's/^db\\([0-9]*\\):keys=\\([0-9]*\\),expires=\\([0-9]*\\).*/\\1 \\2 \\3/p'
}`;

/** SCAN may give a name twice. Names are printed in quotes, so that a line is one name; a failure is told beside the pipe. */
const keyScript = `${keyspace}
databases=$(keyspace "$@") || exit 1
total=0
for database in $(printf '%s\\n' "$databases" | cut -d ' ' -f 1); do
  count=$({ { "$cli" "$@" -n "$database" --no-raw --scan --pattern "$pattern" || echo failed >&3; } | LC_ALL=C sort -u | wc -l; } 3>&1)
  case $count in *failed*) exit 1 ;; esac
  total=$((total + count))
done
printf '%s\\n' "$total"`;

const countsScript = `${keyspace}
spaces=$(keyspace "$@") || exit 1
printf '%s\\n' "$spaces" | while read -r database keys expiring; do
  [ -z "$database" ] || printf 'db%s\\t%s\\n' "$database" "$keys"
done | LC_ALL=C sort`;

/** Names and values of what never expires, in any order; of what does, how many. */
const checksumsScript = `${keyspace}
digest() { if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }
pages() {
  cursor=0
  while :; do
    page=$("$cli" "$@" $evaluate "$lua" 0 "$cursor" </dev/null) || return 1
    cursor=\${page%%"
"*}
    case $cursor in ''|*[!0-9]*) printf '%s\\n' "$page" | head -n 3 >&2; return 1 ;; esac
    printf '%s\\n' "$page" | sed 1d
    [ "$cursor" != 0 ] || break
  done
}
spaces=$(keyspace "$@") || exit 1
lines=$(printf '%s\\n' "$spaces" | while read -r database keys expiring; do
  [ -n "$database" ] || continue
  sum=$({ { pages "$@" -n "$database" || echo failed >&3; } | LC_ALL=C sort -u | digest; } 3>&1)
  case $sum in *failed*) printf 'not every key could be read\\n' >&2; exit 1 ;; esac
  printf 'db%s\\t%s\\n' "$database" "$sum"
  [ "$expiring" -eq 0 ] || printf 'db%s expiring\\t%s\\n' "$database" "$expiring"
done) || exit 1
[ -z "$lines" ] || printf '%s\\n' "$lines" | LC_ALL=C sort`;

type Asked = { does: string; script: string; parameters: Record<string, string> };

function questionOf(question: Question, facts: Facts): Asked {
  if ('key' in question) return { does: 'count keys', script: keyScript, parameters: { pattern: question.key } };
  if ('contents' in question && question.contents === 'counts')
    return { does: 'count keys by database', script: countsScript, parameters: {} };
  if (!('contents' in question)) throw new Error('a redis source was asked what it does not answer');
  // A read-only call needs fewer rights; it came with 7.0.
  const evaluate = isOlder(serverVersion(facts), [7, 0]) ? 'EVAL' : 'EVAL_RO';
  return { does: 'digest every database', script: checksumsScript, parameters: { evaluate, lua: digestPage } };
}

/** Asks the live server (`target` null), a server of ours, or a dump that was restored to a file: that one is loaded for the question. */
export function ask(spec: RedisSpec, question: Question, target: Target | null, facts: Facts): Command {
  const { does, script, parameters } = questionOf(question, facts);
  if (target === null || target.server) return talk(spec, facts, { does, script, parameters, target });
  const loaded = `${serve}
serve "$server" "$file" --replicaof 127.255.255.254 1
cd "$home" || exit 1
${script}`;
  const server = { at: 'socket' as const, directory: { work: '.' } };
  return talk(spec, facts, {
    does,
    script: loaded,
    parameters: { ...parameters, server: tool(facts, 'server'), file: target.path },
    target: { path: '', server },
  });
}
