/** A container engine for tests, and images made of this machine's own programs: nothing is pulled from anywhere. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findProgram } from '../../src/programs.ts';
import { able } from './programs.ts';

export type Said = { status: number | null; stdout: string; stderr: string };

export type Container = {
  name: string;
  exec(argv: string[], options?: { user?: string; input?: string }): Said;
  stop(): void;
  /** Its processes as the engine sees them: the command lines. */
  processes(): string[];
  remove(): void;
};

export type DockerEngine = {
  /** What a program needs to reach it. */
  env: Record<string, string>;
  compose: boolean;
  docker(argv: string[], input?: string): Said;
  /**
   * The name of an image that holds these programs of this machine (a name on PATH or a path), `sh` and the usual tools, what
   * they are linked with, and `folders` as they are. Made once for each set of contents.
   */
  image(name: string, programs: string[], folders?: string[]): string;
  /** Starts a container without network that runs `argv`. */
  run(image: string, argv: string[], options?: { user?: string; args?: string[] }): Container;
};

const usual = [
  'sh',
  'dash',
  'bash',
  'env',
  'dd',
  'mkdir',
  'mkfifo',
  'rm',
  'rmdir',
  'mv',
  'cp',
  'ls',
  'stat',
  'cat',
  'head',
  'tail',
];
const tools = [
  ...[
    'sleep',
    'sort',
    'tr',
    'wc',
    'od',
    'id',
    'chmod',
    'chown',
    'touch',
    'test',
    'true',
    'false',
    'printf',
    'echo',
    'grep',
    'sed',
  ],
  ...[
    'find',
    'tar',
    'gzip',
    'setpriv',
    'timeout',
    'seq',
    'sha256sum',
    'sync',
    'tee',
    'cut',
    'date',
    'df',
    'du',
    'dirname',
    'ln',
  ],
];
/** What programs look up without being linked with it: names of users, the time zone's and the locale's data. */
const extras = ['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/usr/lib/locale/C.utf8'];

let known: DockerEngine | null | undefined;

/** The engine that answers, or null with a printed reason. */
export function dockerEngine(): DockerEngine | null {
  if (known === undefined) known = findEngine();
  return able(known !== null, 'docker') ? known : null;
}

function findEngine(): DockerEngine | null {
  if (findProgram('docker', process.env) === null) return null;
  const own = join(process.env.RUNNER_TEST_SERVERS ?? '/opt/runner-test', 'docker');
  const env: Record<string, string> = {};
  const socket = join(own, 'docker.sock');
  const host = process.env.DOCKER_HOST ?? (existsSync(socket) ? `unix://${socket}` : undefined);
  const config = process.env.DOCKER_CONFIG ?? (existsSync(join(own, 'config')) ? join(own, 'config') : undefined);
  if (host !== undefined) env.DOCKER_HOST = host;
  if (config !== undefined) env.DOCKER_CONFIG = config;
  const docker = (argv: string[], input?: string): Said => {
    const { status, stdout, stderr } = spawnSync('docker', argv, {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      timeout: 300_000,
      ...(input === undefined ? {} : { input }),
    });
    return { status, stdout, stderr };
  };
  if (docker(['version']).status !== 0) return null;
  const compose = docker(['compose', 'version']).status === 0;
  return {
    env,
    compose,
    docker,
    image: (name, programs, folders = []) => importImage(docker, name, programs, folders),
    run: (image, argv, { user, args = [] } = {}) => {
      const as = user === undefined ? [] : [`--user=${user}`];
      const fixed = ['--detach', '--init', '--network=none', '--pull=never'];
      return container(docker, must(docker(['run', ...fixed, ...as, ...args, '--', image, ...argv])));
    },
  };
}

function container(docker: DockerEngine['docker'], name: string): Container {
  return {
    name,
    exec: (argv, { user, input } = {}) => {
      const as = user === undefined ? [] : [`--user=${user}`];
      return docker(['exec', ...(input === undefined ? [] : ['-i']), ...as, name, ...argv], input);
    },
    stop: () => void must(docker(['stop', '--time=0', name])),
    processes: () =>
      must(docker(['top', name, '-eo', 'pid,args']))
        .split('\n')
        .slice(1),
    remove: () => void docker(['rm', '--force', '--volumes', name]),
  };
}

function must({ status, stdout, stderr }: Said): string {
  if (status !== 0) throw new Error(`docker failed (${status ?? 'no answer in 300 s'}): ${stderr}`);
  return stdout.trim();
}

function importImage(docker: DockerEngine['docker'], name: string, programs: string[], folders: string[]): string {
  const wanted = [...new Set([...usual, ...tools, ...programs])].flatMap(
    (program) => findProgram(program, process.env) ?? [],
  );
  // An archive that holds a file twice is refused: what lies in a folder comes with it.
  const files = withLibraries([...wanted, ...folders.flatMap(programsBelow)]).filter(
    (path) => !folders.some((folder) => path.startsWith(`${folder}/`)),
  );
  const all = [...new Set([...files, ...extras.filter((path) => existsSync(path)), ...folders])].sort();
  const hash = createHash('sha256')
    .update(JSON.stringify(all.map((path) => [path, statSync(path).mtimeMs])))
    .digest('hex');
  const tag = `runner-test/${name}:${hash.slice(0, 12)}`;
  if (docker(['image', 'inspect', tag]).status === 0) return tag;
  const work = mkdtempSync(join(tmpdir(), 'runner-image-'));
  try {
    const list = join(work, 'list');
    const archive = join(work, 'image.tar');
    writeFileSync(
      list,
      ['/tmp', '/run', '/var/tmp', ...topLinks(), ...all]
        .filter((path) => existsSync(path))
        .map((path) => `${path.slice(1)}\0`)
        .join(''),
    );
    // Folders at the top are empty in the image; what a kind's own folder holds is taken whole.
    const empty = ['tmp', 'run', 'var/tmp'].flatMap((path) => [`--exclude=${path}/*`]);
    const words = ['--create', `--file=${archive}`, '--directory=/', ...empty, '--null', `--files-from=${list}`];
    const { status, stderr } = spawnSync('tar', words, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    // 1: something changed while it was read. /tmp does, since others work in it; what lies there is left out.
    if (status !== 0 && status !== 1) throw new Error(`tar failed (${status}): ${stderr}`);
    const path = `PATH=${[...new Set([...wanted.map(dirname), '/usr/sbin', '/usr/bin', '/sbin', '/bin'])].join(':')}`;
    must(docker(['import', '--change', `ENV ${path}`, '--change', 'CMD ["sh"]', archive, tag]));
    return tag;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** `/bin -> usr/bin` and the like, where the machine has them. */
function topLinks(): string[] {
  return ['/bin', '/sbin', '/lib', '/lib64', '/lib32'].filter(
    (path) => existsSync(path) && realpathSync(path) !== path,
  );
}

/** Each file under the name that it is asked by and the one that it lies at, with what it is linked with. */
function withLibraries(paths: string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) for (const name of [path, resolved(path), realpathSync(path)]) found.add(name);
  const { stdout } = spawnSync('ldd', [...found], { encoding: 'utf8', maxBuffer: 1 << 28 });
  for (const [, library] of stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)) {
    found.add(resolved(library!));
    found.add(realpathSync(library!));
  }
  return [...found];
}

/** The same file, reached through real folders: an archive must not hold one below a link. */
function resolved(path: string): string {
  return join(realpathSync(dirname(path)), path.slice(path.lastIndexOf('/') + 1));
}

function programsBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.endsWith('.so') || (statSync(path).mode & 0o111) !== 0);
}
