import type { Command } from '../../command.ts';
import type { Requirement } from '../../graph.ts';
import type { Facts, Survey } from '../../kind.ts';
import { type RedisSpec, talk } from './connection.ts';

/** What a server says of itself. What it may not say (CONFIG, ACL) is null. */
export type ServerFacts = {
  brand: 'redis' | 'valkey';
  loading: boolean;
  role: string;
  /** False for a replica that has lost its primary. */
  linked: boolean;
  aof: boolean;
  cluster: boolean;
  lastSave: string;
  /** Another one at each start of the server. */
  run: string;
  keys: number;
  modules: string[];
  directory: string | null;
  file: string | null;
  appendFile: string | null;
  appendDirectory: string | null;
  checksum: string | null;
  /** Why the user may not be sent a dump; null where it may or where nobody says. */
  refused: string | null;
};

const script = `
said=$("$cli" "$@" INFO 2>&1) || { printf '%s\\n' "$said" >&2; exit 1; }
printf '%s\\n' "$said"
for name in dir dbfilename appendfilename appenddirname rdbchecksum; do
  printf '\\n#config %s\\n' "$name"
  "$cli" "$@" CONFIG GET "$name" 2>/dev/null
done
printf '\\n#sync\\n'
"$cli" "$@" ACL DRYRUN "$("$cli" "$@" ACL WHOAMI 2>/dev/null)" SYNC 2>/dev/null
exit 0`;

export function surveyCommand(spec: RedisSpec, facts: Facts): Command {
  return talk(spec, facts, { does: 'ask the server what it is', script });
}

/** Throws an Error with one sentence where the server refused. */
export function readSurvey(_spec: RedisSpec, printed: string): Survey {
  const [info = '', ...sections] = printed.replaceAll('\r', '').split(/\n#(?=config |sync\n)/);
  const value = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1] ?? '';
  refuse(info);
  const configured = new Map(sections.flatMap(setting));
  const config = (name: string) => configured.get(name) ?? null;
  const brand = value('valkey_version') ? 'valkey' : 'redis';
  const data: ServerFacts = {
    brand,
    loading: value('loading') === '1',
    role: value('role'),
    linked: value('master_link_status') !== 'down',
    aof: value('aof_enabled') === '1',
    cluster: value('cluster_enabled') === '1',
    lastSave: value('rdb_last_bgsave_status'),
    run: value('run_id'),
    keys: [...info.matchAll(/^db\d+:keys=(\d+)/gm)].reduce((sum, [, keys]) => sum + Number(keys), 0),
    modules: [...info.matchAll(/^module:name=([^,]*)/gm)].map(([, name = '']) => name),
    directory: config('dir'),
    file: config('dbfilename'),
    appendFile: config('appendfilename'),
    appendDirectory: config('appenddirname'),
    checksum: config('rdbchecksum'),
    refused:
      /no permissions to run the '(p?sync)'/.exec(sections.find((text) => text.startsWith('sync')) ?? '')?.[0] ?? null,
  };
  return { version: value(`${brand}_version`), data };
}

function refuse(info: string): void {
  if (/^AUTH failed: (?!ERR AUTH <password> called without)/m.test(info))
    throw new Error('the server refuses the user or the password of the plan');
  if (/^(-?NOAUTH)/m.test(info)) throw new Error('the server wants a user or a password, and the plan names none');
  if (/^-?NOPERM/m.test(info))
    throw new Error(
      'the user may not run INFO; grant +info +sync +replconf +config|get (the page of the kind says what else)',
    );
  if (!/^(redis|valkey)_version:/m.test(info))
    throw new Error(`what answers is no Redis server: ${info.trim().split('\n', 1)[0] || 'it said nothing'}`);
}

/** The reply to CONFIG GET: the name and the value, a line each; nothing where it is unknown, or an error. */
function setting(section: string): [string, string][] {
  const [head = '', name, ...value] = section.replace(/\n+$/, '').split('\n');
  return name !== undefined && head === `config ${name}` ? [[name, value.join('\n')]] : [];
}

/** What stands against a backup now, or should be known of it. */
export function surveyed(spec: RedisSpec, facts: Facts): Requirement[] {
  if (!facts.survey) return [];
  const server = facts.survey.data as ServerFacts;
  const { method = 'rdb' } = spec;
  const problems = [
    server.loading && 'the server is still loading its data; back it up when it is done',
    method === 'rdb' &&
      server.refused !== null &&
      `the user may not be sent a dump (it has ${server.refused} command): ACL SETUSER ... +sync +replconf`,
    method === 'bgsave' &&
      directoryOf(spec, facts) === null &&
      'the server does not say where its dump lies (CONFIG GET dir is refused); write `data-directory`',
  ];
  const warnings = [
    server.role === 'slave' &&
      !server.linked &&
      'the server is a replica that has lost its primary: its data may be old',
    server.keys === 0 && !server.loading && 'the server holds no key at all',
    server.checksum === 'no' && 'rdbchecksum is off at the server, so a damaged dump cannot be told by its checksum',
    server.cluster && 'the server is a node of a cluster: only the keys of its own slots are in the backup',
    server.modules.length > 0 && `a restore needs a server with the same modules: ${server.modules.join(', ')}`,
    method === 'bgsave' && server.lastSave === 'err' && "the server's last save failed; its log says why",
  ];
  const fact = (problem: string): Requirement => ({ need: 'fact', problem });
  return [
    ...problems.filter((text) => text !== false).map(fact),
    ...warnings.filter((text) => text !== false).map((text) => fact(`warning: ${text}`)),
  ];
}

/** Names are kebab-case by the schema; a value is the rest of its line. Some settings are passwords, so those are not told. */
const settingsScript = `
printf '%s\\n' "$settings" | while read -r name wanted; do
  said=$("$cli" "$@" CONFIG GET "$name" 2>&1 </dev/null; echo .)
  said=\${said%"
."}
  is=\${said#"$name
"}
  if [ "$is" = "$said" ]; then is='not to be read'
  elif [ "$is" = "$wanted" ]; then continue
  else case $name in *pass*|*auth*) is='another' ;; *) is="\\"$is\\"" ;; esac
  fi
  printf 'the setting %s of the server is %s, and the plan wants "%s"\\n' "$name" "$is" "$wanted"
done`;

/** What the server must be set to is read back right before each backup. */
export function settingsCheck(spec: RedisSpec, facts: Facts): Requirement[] {
  const lines = Object.entries(spec.settings ?? {}).map(([name, wanted]) => `${name} ${wanted}`);
  if (lines.length === 0 || facts.survey === null) return [];
  const parameters = { settings: lines.join('\n') };
  const command = talk(spec, facts, { does: 'compare the settings of the server', script: settingsScript, parameters });
  return [{ need: 'check', title: 'the settings of the server', command }];
}

/** The directory of the server's files, as it sees it. */
export function directoryOf(spec: RedisSpec, facts: Facts): string | null {
  return spec['data-directory'] ?? (facts.survey?.data as ServerFacts | undefined)?.directory ?? null;
}

/** The name of its dump there. */
export function fileOf(spec: RedisSpec, facts: Facts): string {
  return spec.file ?? (facts.survey?.data as ServerFacts | undefined)?.file ?? 'dump.rdb';
}
