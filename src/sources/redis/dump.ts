import type { Argument, Command, Held } from '../../command.ts';
import type { Facts, Scratch } from '../../kind.ts';
import type { Assertion, Recipe } from '../../recipe.ts';
import { type RedisSpec, socketName, talk } from './connection.ts';
import { found, isOlder, serverVersion, tool, versionNumbers } from './programs.ts';

/** Seconds in which a server of ours must have loaded a dump. */
const loadingTime = 6 * 3600;

/** A server has as many databases as it is told, and refuses a dump that names a higher one. An empty one costs next to nothing. */
export const databases = 16_384;

/** `examine CHECKER FILE` sets `answer` to `whole` or to what is wrong, and `keys` to how many there are. */
const examine = `
examine() {
  said=$("$1" "$2" 2>&1)
  end=$(printf '%s\\n' "$said" | sed -n 's/^\\[offset \\([0-9]*\\)\\].*RDB looks OK.*/\\1/p')
  keys=$(printf '%s\\n' "$said" | sed -n 's/^\\[info\\] \\([0-9]*\\) keys read$/\\1/p')
  size=$(($(wc -c <"$2")))
  if [ -z "$end" ]; then
    answer=$(printf '%s\\n' "$said" | sed -n '/ERROR DETECTED/{n;s/^\\[offset \\([0-9]*\\)\\] \\(.*\\)/\\2 at byte \\1/p;}')
    [ -n "$answer" ] || answer=$(printf '%s\\n' "$said" | tail -n 1)
  elif [ "$end" -ne "$size" ]; then answer="$((size - end)) bytes follow the end of the dump"
  else answer=whole
  fi
}`;

const examineScript = `# read the dump to its end
${examine}
examine "$1" "$2"
printf '%s\\n' "$answer"`;

/** Like it, but fails, and notes the number of keys for the check behind the start. */
const noteScript = `# read the dump to its end, count its keys
${examine}
examine "$1" "$2"
[ "$answer" = whole ] || { printf 'the dump is damaged: %s\\n' "$answer" >&2; exit 1; }
printf '%s\\n' "$keys" >"$3"`;

/** The checksum by our own program, where the server's is not installed. */
function examination(path: Argument, facts: Facts): Command {
  const checker = found(facts, 'check');
  if (checker === null) return { argv: ['runner-builtin', 'redis-check', path] };
  return { argv: ['sh', '-c', examineScript, 'sh', checker, path] };
}

export function content(facts: Facts): Recipe {
  const file = { work: 'content.rdb' };
  return {
    intake: { file },
    finish: [
      {
        title: `${found(facts, 'check') ?? 'its checksum'} finds the dump whole`,
        check: 'output',
        command: examination(file, facts),
        expect: { equals: 'whole' },
      },
    ],
  };
}

/** Fails where the file at `path` is damaged; how many keys it holds is noted as `expected` in the work directory. */
export function proof(path: Argument, facts: Facts): Command[] {
  const checker = found(facts, 'check');
  if (checker === null) return [{ argv: ['runner-builtin', 'redis-check', path, 'strict'] }];
  return [{ argv: ['sh', '-c', noteScript, 'sh', checker, path, { work: 'expected' }] }];
}

/** Arguments of a server that listens on a socket in `directory` alone and keeps nothing. */
export const privateArguments = (directory: string): string[] => [
  ...['--port', '0', '--unixsocket', socketName, '--dir', directory, '--dbfilename', 'dump.rdb'],
  ...['--save', '', '--appendonly', 'no', '--databases', String(databases + 1), '--daemonize', 'no'],
];

/**
 * As a replica of nobody it keeps what has expired since, so that all keys of the file can be counted, and it takes no writes.
 * There is nothing to connect to: it has no network, or nobody listens there.
 */
const keepsAll = ['--replicaof', '127.255.255.254', '1'];

const answers = '# does it answer?\n[ "$("$1" -s "$2" PING 2>/dev/null)" = PONG ]';

/** Every key of the file is there, those of the past included. Without the checker that the number comes from, what was loaded counts. */
const loadedScript = `${examine}
examine "$checker" dump.rdb
loaded=$("$cli" "$@" INFO keyspace | tr -d '\\r' | sed -n 's/^db[0-9]*:keys=\\([0-9]*\\),.*/\\1/p' | { sum=0; while read -r n; do sum=$((sum + n)); done; echo "$sum"; })
if [ "$answer" != whole ]; then printf '%s\\n' "$answer"
elif [ "$loaded" -eq "$keys" ]; then printf 'all\\n'
else printf '%s of %s keys\\n' "$loaded" "$keys"
fi`;

export function scratch(spec: RedisSpec, facts: Facts): Scratch {
  const server = found(facts, 'server');
  const version = versionNumbers(server === null ? null : facts.programs[server]?.version);
  const wanted = serverVersion(facts);
  const advice = 'install a redis-server (or valkey-server), or verify with `into: { docker: IMAGE }`';
  if (server === null || found(facts, 'cli') === null)
    return { missing: `no redis-server and redis-cli on PATH to load the dump into; ${advice}` };
  if (isOlder(version, wanted))
    return {
      missing: `the dump is of version ${wanted.join('.')} and ${server} here is ${version.join('.')}, which may not read it; ${advice}`,
    };
  const target = { path: '', server: { at: 'socket' as const, directory: { work: '.' } } };
  const held: Held = {
    command: { argv: [server, ...privateArguments('.'), ...keepsAll], cwd: { work: '.' } },
    ready: { command: { argv: ['sh', '-c', answers, 'sh', tool(facts, 'cli'), socketName], cwd: { work: '.' } } },
    within: loadingTime,
    stop: 'TERM',
  };
  const checker = found(facts, 'check');
  const loaded: Assertion[] =
    checker === null
      ? []
      : [
          {
            title: 'the server has loaded every key of the dump',
            check: 'output',
            command: talk(spec, facts, {
              does: 'compare the number of keys with the file',
              script: loadedScript,
              parameters: { checker },
              target,
            }),
            expect: { equals: 'all' },
          },
        ];
  return {
    recipe: {
      intake: { file: { work: 'dump.rdb' } },
      servers: [{ after: 'intake', held }],
      finish: loaded,
    },
    target,
  };
}

/**
 * Shell: `serve SERVER FILE [ARGUMENT...]` starts a private server on a file in a directory of its own, `$home`, waits until it has
 * loaded, and ends it with the script. `ours` talks to it.
 */
export const serve = `
ours() { (cd "$home" && unset REDISCLI_AUTH && exec "$cli" -s ${socketName} "$@"); }
serve() {
  server=$1 file=$2
  shift 2
  home=$(pwd)/serve.$$
  mkdir -m 700 "$home" || exit 1
  trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; rm -rf "$home"' EXIT
  trap 'exit 143' HUP INT TERM
  ln -s "$file" "$home/dump.rdb" || exit 1
  "$server" "$@" ${privateArguments('"$home"')
    .map((argument) => (argument === '' ? "''" : argument))
    .join(' ')} >"$home/log" 2>&1 </dev/null &
  pid=$!
  until [ "$(ours PING 2>/dev/null)" = PONG ]; do
    kill -0 "$pid" 2>/dev/null || { printf 'the dump was not loaded: ' >&2; tail -n 3 "$home/log" >&2; exit 1; }
    sleep 0.1
  done
}`;
