import type { Command } from '../../command.ts';
import type { Facts } from '../../kind.ts';
import type { Assertion } from '../../recipe.ts';
import { type RedisSpec, talk } from './connection.ts';

import type { ServerFacts } from './survey.ts';

/** Seconds in which a server that was started must answer; then it may load for as long as the plan's `timeout` says. */
const answerTime = 120;

/** Names beside the dump under which a server keeps its log of writes, which it reads instead of the dump. */
export function logs(facts: Facts): string[] {
  const { appendFile, appendDirectory } = (facts.survey?.data ?? {}) as Partial<ServerFacts>;
  return [appendDirectory ?? 'appendonlydir', appendFile ?? 'appendonly.aof'];
}

/** Whether the server keeps such a log: as the plan says, as it says itself, or as it was when the backup was made. */
export function keepsLog(facts: Facts, option: unknown): boolean {
  if (typeof option === 'boolean') return option;
  return (facts.survey?.data as ServerFacts | undefined)?.aof ?? facts.made?.facts.aof === 'on';
}

/**
 * A server that keeps a log takes an empty one for no data, whatever lies beside it. A log may begin with a dump, so a copy of the
 * dump takes its place: the server starts with its own settings, and again. Both belong to the owner of the directory.
 */
const settleScript = `# the dump becomes the log of writes, where the server keeps one
if [ "$3" = on ]; then cp -p "$1" "$1.$2" || exit 1; fi
[ "$(id -u)" -eq 0 ] || exit 0
owner=$(ls -ldn "$(dirname "$1")" | { read -r _ _ user group _; printf '%s:%s' "$user" "$group"; })
chown "$owner" "$1" || exit 1
[ "$3" != on ] || chown "$owner" "$1.$2"`;

export function settle(path: string, facts: Facts, option: unknown): Command[] {
  const [, log = ''] = logs(facts);
  return [{ argv: ['sh', '-c', settleScript, 'sh', path, log, keepsLog(facts, option) ? 'on' : 'off'] }];
}

/**
 * A server counts what it loaded when it started; what the application has written since does not matter then. Before 7.0 it does not:
 * there a server that has keys must do. `expected` is what the proof of the dump noted, if it could. A server that was never stopped
 * has not read it, whatever it once loaded, and goes on writing to what was moved aside: `before` is how its run was called.
 */
const takenScript = `
now() { date +%s; }
expected=$(cat "$noted" 2>/dev/null)
end=$(($(now) + answer_time))
while :; do
  info=$("$cli" "$@" INFO 2>&1 | tr -d '\\r')
  case $info in
    *loading:1*) end=$(($(now) + $seconds)) ;;
    *loading:0*) break ;;
  esac
  [ "$(now)" -lt "$end" ] || { printf 'the server does not answer: %s\\n' "$info" | head -n 1; exit 0; }
  sleep 0.5
done
value() { printf '%s\\n' "$info" | sed -n "s/^$1://p"; }
if [ -n "$before" ] && [ "$(value run_id)" = "$before" ]; then
  "$cli" "$@" CLIENT UNPAUSE >/dev/null 2>&1
  printf 'still the run of before, which has read nothing; the stop steps of the plan must stop the server\\n'
  exit 0
fi
loaded=$(value rdb_last_load_keys_loaded) expired=$(value rdb_last_load_keys_expired)
if [ -z "$loaded" ]; then
  loaded=$(printf '%s\\n' "$info" | grep -c '^db[0-9]*:keys=[1-9]')
  [ "\${expected:-1}" -eq 0 ] || expected=
elif [ -n "$expected" ]; then loaded=$((loaded + expired))
fi
if [ -z "$expected" ] && [ "$loaded" -gt 0 ]; then echo loaded
elif [ "\${expected:-1}" -eq "$loaded" ]; then echo loaded
else printf '%s of %s keys; does the server really read %s?\\n' "$loaded" "\${expected:-the}" "$path"
fi`.replace('answer_time', String(answerTime));

export function taken(spec: RedisSpec, path: string, facts: Facts, seconds: number): Assertion[] {
  const before = (facts.survey?.data as ServerFacts | undefined)?.run ?? '';
  const command = talk(spec, facts, {
    does: 'wait for the server, compare what it loaded',
    script: takenScript,
    parameters: { noted: { work: 'expected' }, seconds: String(seconds), path, before },
  });
  return [{ title: 'the server has loaded the dump', check: 'output', command, expect: { equals: 'loaded' } }];
}
