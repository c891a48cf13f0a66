import type { Argument, Command, Value } from '../../command.ts';
import type { Facts, Target } from '../../kind.ts';
import type { SourceRedis } from '../../plan/generated/types.ts';
import { tool } from './programs.ts';

/** `at`: a dump that a restore moved aside, instead of a server. */
export type RedisSpec = SourceRedis & { at?: string };

/** Arguments of redis-cli that lead to the server, and what it must not show: the password by REDISCLI_AUTH. */
type Link = { arguments: Argument[]; env: Record<string, Value> };

/** What a URL holds cannot stand in a graph, so a constant script hands it over. The positional parameters are redis-cli's. */
const unfold = `
[ -z "\${REDIS_AT_USER-}" ] || set -- --user "$REDIS_AT_USER" "$@"
[ -z "\${REDIS_AT_PORT-}" ] || set -- -p "$REDIS_AT_PORT" "$@"
[ -z "\${REDIS_AT_HOST-}" ] || set -- -h "$REDIS_AT_HOST" "$@"
case \${REDIS_AT_SCHEME-} in rediss|valkeys) set -- --tls "$@";; esac`;

function tlsArguments({ tls }: RedisSpec): string[] {
  if (!tls) return [];
  const { ca, certificate, key, 'server-name': name } = tls;
  return [
    '--tls',
    ...(ca === undefined ? [] : ['--cacert', ca]),
    ...(certificate === undefined ? [] : ['--cert', certificate]),
    ...(key === undefined ? [] : ['--key', key]),
    ...(name === undefined ? [] : ['--sni', name]),
  ];
}

function linkTo(spec: RedisSpec): Link {
  const { url, host, port, socket, user, password } = spec;
  if (url)
    return {
      arguments: tlsArguments(spec),
      env: {
        REDIS_AT_SCHEME: { ...url, part: 'scheme' },
        REDIS_AT_HOST: { ...url, part: 'host' },
        REDIS_AT_PORT: { ...url, part: 'port' },
        REDIS_AT_USER: { ...url, part: 'user' },
        REDISCLI_AUTH: { ...url, part: 'password' },
      },
    };
  const place = socket === undefined ? ['-h', host ?? '127.0.0.1', '-p', String(port ?? 6379)] : ['-s', socket];
  return {
    arguments: [...place, ...(user === undefined ? [] : ['--user', user]), ...tlsArguments(spec)],
    env: password ? { REDISCLI_AUTH: password } : {},
  };
}

/** Where our own servers listen, in their directory: a relative name is short enough for a socket wherever that lies. */
export const socketName = 'redis.sock';

/**
 * A constant script that talks to a server: of `target`, or the live one. In it `$cli` is redis-cli, the parameters are taken off
 * by name, and `"$@"` is what leads to the server. `does` stands at its top, for whoever reads a preview.
 */
export function talk(
  spec: RedisSpec,
  facts: Facts,
  {
    does,
    script,
    parameters = {},
    target = null,
  }: { does: string; script: string; parameters?: Record<string, Argument>; target?: Target | null },
): Command {
  const link: Link = target ? { arguments: ['-s', socketName], env: {} } : linkTo(spec);
  const names = ['cli', ...Object.keys(parameters)];
  const taken = `${names.map((name, index) => `${name}=\${${index + 1}}`).join(' ')}\nshift ${names.length}`;
  return {
    argv: [
      'sh',
      '-c',
      `# ${does}\n${taken}${spec.url && !target ? unfold : ''}\n${script.trim()}\n`,
      'sh',
      tool(facts, 'cli'),
      ...Object.values(parameters),
      ...link.arguments,
    ],
    ...(Object.keys(link.env).length > 0 && { env: link.env }),
    ...(target?.server?.at === 'socket' && { cwd: target.server.directory }),
  };
}
