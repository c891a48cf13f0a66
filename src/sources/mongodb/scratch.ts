import type { Argument, Held } from '../../command.ts';
import type { Facts, Scratch, Target } from '../../kind.ts';
import { asked, scopeOf } from './ask.ts';
import { socketName } from './connection.ts';
import type { Spec } from './spec.ts';
import { restore } from './tools.ts';

/** Where installers put versions side by side. */
export const folders: readonly string[] = [
  '/opt/homebrew/opt/mongodb-community@*/bin',
  '/usr/local/opt/mongodb-community@*/bin',
  '/opt/homebrew/opt/mongodb-community/bin',
  '/usr/local/opt/mongodb-community/bin',
  '/opt/mongodb*/bin',
];

/** Seconds in which an empty server must be up. */
const startTime = 60;

/** `7.0` of `db version v7.0.12`: MongoDB's data is as its first two numbers say. */
function series(version: string | null | undefined): string | null {
  return /(\d+\.\d+)/.exec(version ?? '')?.[1] ?? null;
}

function serverFor(facts: Facts): { path: string } | { missing: string } {
  const all = facts.installed?.mongod ?? [];
  const wanted = series(facts.made?.version);
  const fitting = all.filter(({ version }) => wanted === null || series(version) === wanted);
  const path = fitting.at(-1)?.path;
  if (path !== undefined) return { path };
  const others = [...new Set(all.map(({ version }) => series(version)).filter((one) => one !== null))];
  const found = others.length === 0 ? 'none was found' : `only ${others.join(' and ')} was found`;
  const which = wanted === null ? 'mongod' : `mongod of version ${wanted}`;
  return {
    missing: `a ${which} is needed to load the dump into, and ${found} on PATH and where installers put it: install it, or verify with into: { docker: "mongo:${wanted ?? 'latest'}" }`,
  };
}

/** It listens on a socket in its directory and nowhere else, and keeps nothing for later. */
function mongod(path: string): Held {
  const settings = ['diagnosticDataCollectionEnabled=false', 'ttlMonitorEnabled=false'];
  return {
    command: {
      argv: [
        path,
        '--dbpath=data',
        `--bind_ip=./${socketName}`,
        '--wiredTigerCacheSizeGB=0.25',
        ...settings.map((setting) => `--setParameter=${setting}`),
      ],
      cwd: { work: '.' },
    },
    ready: { line: '[Ww]aiting for connections' },
    within: startTime,
    stop: 'TERM',
  };
}

function inOwnServer(spec: Spec, facts: Facts): Scratch {
  const server = serverFor(facts);
  if ('missing' in server) return server;
  const program = facts.programs.mongorestore?.path;
  if (program === undefined)
    return {
      missing:
        "mongorestore is needed to load the dump, and it was not found on PATH: install MongoDB's database tools",
    };
  const target: Target = { path: spec.database ?? '', server: { at: 'socket', directory: { work: '.' } } };
  const recipe = restore(spec, target, facts, {}, { program });
  return {
    recipe: {
      ...recipe,
      prepare: [{ argv: ['mkdir', { work: 'data' }] }],
      servers: [{ after: 'prepare', held: mongod(server.path) }],
    },
    target,
  };
}

/** Databases of names that nobody else has, dropped afterwards. */
function atGivenServer(spec: Spec, secret: string, facts: Facts): Scratch {
  if (!facts.programs.mongorestore)
    return {
      missing:
        "mongorestore is needed to load the dump, and it was not found on PATH: install MongoDB's database tools",
    };
  const name: Argument[] = ['runner_', { out: 'run.id' }, ...(spec.database === undefined ? ['_'] : [])];
  const target: Target = { path: { join: name }, server: { at: 'url', secret } };
  const drop = asked({ spec, target }, ['drop', ...scopeOf(spec, target)], facts);
  return { recipe: { ...restore(spec, target, facts), cleanup: [drop] }, target };
}

export function scratch(spec: Spec, where: 'here' | 'container' | { url: string }, facts: Facts): Scratch {
  return typeof where === 'string' ? inOwnServer(spec, facts) : atGivenServer(spec, where.url, facts);
}
