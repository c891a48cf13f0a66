import type { Argument, Command } from '../../command.ts';
import type { Requirement } from '../../graph.ts';
import type { CapturePlan, Facts, RestoreOptions, SourceKind } from '../../kind.ts';
import { parseDuration, seconds } from '../../units.ts';
import { type RedisSpec, talk } from './connection.ts';
import { content, proof, scratch } from './dump.ts';
import { copyKeys } from './keys.ts';
import { logs, settle, taken } from './live.ts';
import { found, programNames } from './programs.ts';
import { ask } from './questions.ts';
import { bgsaveScript, dumpScript, quietScript, streamScript } from './save.ts';
import { directoryOf, fileOf, readSurvey, settingsCheck, surveyCommand, surveyed } from './survey.ts';

const timeoutOf = (spec: RedisSpec): number => seconds(parseDuration(spec.timeout ?? '1h')!);

function requirements(spec: RedisSpec, facts: Facts): Requirement[] {
  const { url, password, socket, host, port, user } = spec;
  const secrets = [url, password].filter((secret) => secret !== undefined);
  const program = { program: 'redis-cli', why: 'it talks to the server', hint: 'install redis-tools, or valkey-tools' };
  const twice = url && (socket ?? host ?? port ?? user ?? password) !== undefined;
  return [
    ...(found(facts, 'cli') === null ? [{ need: 'program' as const, ...program }] : []),
    ...secrets.map(({ secret }) => ({ need: 'secret' as const, secret, why: 'it leads into the server' })),
    ...(twice ? [problem('`url` names host, port, user and password itself, so they cannot stand beside it')] : []),
    ...(socket !== undefined && (host ?? port) !== undefined
      ? [problem('`socket` leads to the server, so `host` and `port` cannot stand beside it')]
      : []),
    ...surveyed(spec, facts),
    ...settingsCheck(spec, facts),
  ];
}

const problem = (text: string): Requirement => ({ need: 'fact', problem: text });

/** A file at its place, or the one that the dump came into. */
function stream(file: Argument): Pick<CapturePlan, 'produce' | 'plain'> {
  return {
    produce: { argv: ['sh', '-c', streamScript.trim(), 'sh', file] },
    plain: { stderr: String.raw`^plain (\d+) bytes$` },
  };
}

function capture(spec: RedisSpec, facts: Facts): CapturePlan {
  if (spec.at !== undefined) return { prepare: proof(spec.at, facts), ...stream(spec.at), cleanup: [] };
  const limit = timeoutOf(spec);
  const learn = { aof: fact(spec, facts, 'aof_enabled', 's/1/on/; s/0/off/'), role: fact(spec, facts, 'role', '') };
  if (spec.method === 'bgsave') {
    const save = talk(spec, facts, {
      does: 'have the server save',
      script: bgsaveScript,
      parameters: { seconds: String(limit) },
    });
    const file = `${directoryOf(spec, facts) ?? '.'}/${fileOf(spec, facts)}`;
    return { prepare: [{ ...save, timeout: limit + 60 }], ...stream(file), cleanup: [], learn };
  }
  const file = { work: 'dump.rdb' };
  const dump = talk(spec, facts, { does: 'take a dump', script: dumpScript, parameters: { file } });
  return { prepare: [{ ...dump, timeout: limit }], ...stream(file), cleanup: [], learn };
}

/** One line of INFO, as the manifest keeps it. */
function fact(spec: RedisSpec, facts: Facts, name: string, edit: string): Command {
  const script = `"$cli" "$@" INFO | tr -d '\\r' | sed -n "s/^$name://p" | sed "$edit"`;
  return talk(spec, facts, { does: 'a fact for the manifest', script, parameters: { name, edit } });
}

function intoKeys(options: RestoreOptions = {}): boolean {
  const { into = 'file' } = options;
  if (into !== 'keys' && into !== 'file')
    throw new Error(`the restore option into is "${into}", and can be file or keys`);
  return into === 'keys';
}

export const redis: SourceKind<RedisSpec> = {
  role: 'source',
  type: 'redis',
  programs: () => programNames,
  survey: { command: surveyCommand, read: readSurvey },
  extension: () => '.rdb',
  requirements,
  capture,
  content: (_spec, facts) => content(facts),
  scratch: (spec, where, facts) =>
    typeof where === 'object'
      ? {
          missing:
            'a dump cannot be loaded into a given redis server without replacing what it holds; use `into: scratch`',
        }
      : scratch(spec, facts),
  restores: (_spec, options) => (intoKeys(options) ? 'none' : 'file'),
  home: (spec) =>
    spec.at ?? (spec['data-directory'] === undefined ? null : `${spec['data-directory']}/${spec.file ?? 'dump.rdb'}`),
  relocate: (spec, path) => ({ ...spec, at: path }),
  neighbours: (_spec, facts) => logs(facts),
  quiet: (spec, facts) => {
    const limit = timeoutOf(spec);
    const command = talk(spec, facts, {
      does: 'pause writers, have the server save',
      script: quietScript,
      parameters: { seconds: String(limit) },
    });
    return [{ ...command, timeout: limit + 60 }];
  },
  settle: (_spec, path, facts, options) => settle(path, facts, options?.aof),
  taken: (spec, path, facts) => taken(spec, path, facts, timeoutOf(spec)),
  options: { into: 'string', pattern: 'string', replace: 'boolean', flush: 'boolean', aof: 'boolean' },
  restore: (spec, target, facts, options = {}) =>
    intoKeys(options)
      ? { intake: { consume: copyKeys(spec, facts, options) } }
      : { intake: { file: target.path }, load: proof(target.path, facts) },
  questions: ['key', 'contents'],
  ask,
  manual: () => 'cat > dump.rdb',
};
