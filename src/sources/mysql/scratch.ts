import type { Argument, Command, Held } from '../../command.ts';
import type { Facts, Scratch, Server } from '../../kind.ts';
import type { Recipe } from '../../recipe.ts';
import { client, socketName, statement } from './connection.ts';
import { collate } from './databases.ts';
import { findServer, type Program, seriesOf, seriesText, serversFound } from './programs.ts';
import { restore } from './restore.ts';
import { flavourOf, type MysqlSpec, makers, named, systemDatabases } from './spec.ts';
import { identifier } from './sql.ts';

/** The server's directory is the work directory itself, which keeps the socket's path short. */
const server: Server = { at: 'socket', directory: { work: '.' } };

const below = (option: string, path: string): Argument => ({ join: [option, { work: path }] });

/** The database's own name, so that what names it finds it; a plain one where that would have to be quoted or is the server's. */
function scratchName(spec: MysqlSpec): string {
  const name = named(spec) ?? '';
  return /^[A-Za-z0-9_]{1,60}$/.test(name) && !systemDatabases.includes(name.toLowerCase()) ? name : 'restored';
}

/** Where the data of a verification go: a server of our own behind a socket, or a new database at a given one. */
export function scratch(spec: MysqlSpec, where: 'here' | 'container' | { url: string }, facts: Facts): Scratch {
  if (typeof where === 'object') return given(spec, where.url, facts);
  const flavour = facts.survey || facts.made ? flavourOf(spec, facts) : spec.type;
  const version = facts.made?.version ?? facts.survey?.version ?? null;
  const program = findServer(facts, flavour, seriesOf(version));
  if (!program) return { missing: missing(spec, where, version, facts) };
  const name = scratchName(spec);
  const folded = facts.made?.facts['lower-case-table-names'] === '1' ? ['--lower-case-table-names=1'] : [];
  const target = { path: name, server };
  const { intake, tail } = restore(spec, target, facts);
  const recipe: Recipe = {
    prepare: [initialise(program, folded)],
    servers: [{ after: 'prepare', held: held(spec, program, name, folded, facts) }],
    intake,
    ...(tail ? { tail } : {}),
  };
  return { recipe, target };
}

function missing(spec: MysqlSpec, where: 'here' | 'container', version: string | null, facts: Facts): string {
  const maker = makers[spec.type];
  const series = seriesOf(version);
  const wanted = series ? `${maker} ${seriesText(series)}` : maker;
  const found = serversFound(facts, spec.type);
  const place = where === 'here' ? 'on this machine' : 'in the image';
  const others = found.length === 0 ? '' : ` (found: ${found.join(', ')})`;
  const program = spec.type === 'mariadb' ? 'mariadbd' : 'mysqld';
  return `no server of ${wanted} (${program}) was found ${place}, neither in PATH nor where installers put it${others}: install it, or write \`into: { docker: ${spec.type}:${series ? seriesText(series) : 'latest'} }\``;
}

/** MariaDB's script lies where its server does: bin or scripts beside sbin, bin or libexec. */
const findInstaller = `root=$1; shift
for program in "$root/bin/mariadb-install-db" "$root/scripts/mariadb-install-db" "$root/bin/mysql_install_db" "$root/scripts/mysql_install_db"; do
  [ -x "$program" ] && exec "$program" "$@"
done
echo "mariadb-install-db was not found below $root; it belongs to MariaDB's server" >&2
exit 1`;

function initialise({ flavour, path }: Program, folded: string[]): Command {
  const data = below('--datadir=', 'data');
  if (flavour === 'mysql') return { argv: [path, '--no-defaults', '--initialize-insecure', data, ...folded] };
  const root = path.replace(/\/[^/]+\/[^/]+$/, '');
  const options = ['--auth-root-authentication-method=normal', '--skip-test-db', '--force', ...folded];
  return { argv: ['sh', '-c', findInstaller, 'sh', root, '--no-defaults', data, ...options] };
}

/** Nothing here must outlive the run: no log, no double write, no flush; no event may fire, nobody may come by network. */
const throwAway = [
  '--skip-networking',
  '--skip-log-bin',
  '--event-scheduler=OFF',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=0',
  '--innodb-fast-shutdown=2',
  '--innodb-buffer-pool-size=256M',
  '--max-allowed-packet=1G',
  '--loose-performance-schema=OFF',
];

const ownThrowAway = {
  mysql: ['--mysqlx=OFF', '--loose-innodb-redo-log-capacity=512M', '--secure-file-priv=NULL'],
  mariadb: ['--innodb-log-file-size=256M'],
};

function held(spec: MysqlSpec, program: Program, name: string, folded: string[], facts: Facts): Held {
  const files = [
    below('--datadir=', 'data'),
    below('--socket=', socketName),
    below('--pid-file=', 'pid'),
    below('--init-file=', 'init.sql'),
    below('--tmpdir=', '.'),
  ];
  return {
    command: {
      argv: [program.path, '--no-defaults', ...files, ...throwAway, ...ownThrowAway[program.flavour], ...folded],
      files: [{ path: 'init.sql', value: `CREATE DATABASE IF NOT EXISTS ${identifier(name)}${collate(facts)};\n` }],
    },
    ready: { command: statement(spec, facts, 'SELECT 1', { server, database: name, flavour: program.flavour }) },
    within: 60,
    stop: 'TERM',
  };
}

/** A given server: a database of our own with a name of this run, gone afterwards. Its user needs all privileges on `runner\_%`. */
function given(spec: MysqlSpec, secret: string, facts: Facts): Scratch {
  const to: Server = { at: 'url', secret };
  const name: Argument = { join: ['runner_', { out: 'run.id' }, `_${hash(JSON.stringify(spec))}`] };
  const run = (...sql: Argument[]): Command => {
    const { argv, ...rest } = client(spec, facts, { server: to });
    return { argv: [...argv, { join: ['--execute=', ...sql] }], ...rest };
  };
  const target = { path: name, server: to };
  const { intake, tail } = restore(spec, target, facts);
  const recipe: Recipe = {
    prepare: [run('CREATE DATABASE `', name, `\`${collate(facts)}`)],
    intake,
    ...(tail ? { tail } : {}),
    cleanup: [run('DROP DATABASE IF EXISTS `', name, '`')],
  };
  if (spec.part && 'users' in spec.part)
    return { missing: 'users are restored into a server of our own only: `into: scratch` or `into: { docker: ... }`' };
  return { recipe, target };
}

/** Two databases of one run are two databases there too. */
function hash(text: string): string {
  let sum = 0x811c9dc5;
  for (const letter of text) sum = Math.imul(sum ^ letter.codePointAt(0)!, 0x01000193) >>> 0;
  return sum.toString(36);
}
