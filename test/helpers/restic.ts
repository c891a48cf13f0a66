/** Restic repositories for tests: made once for each version of restic, and copied, since making one takes a second. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programPath, servers } from './programs.ts';
import { quicken } from './restic-key.ts';
import { removeFolder } from './runner.ts';

export const password = 'correct horse battery';

/** Folders in which a restic lies: the system's, and a newer one that the tests brought along. */
export const versions: { name: string; path: string }[] = [
  { name: 'of the system', path: programPath },
  { name: 'of today', path: `${join(servers, 'restic', 'usr', 'bin')}:${programPath}` },
].filter(({ name }) => name !== 'of today' || existsSync(join(servers, 'restic', 'usr', 'bin', 'restic')));

export class ResticRepository {
  private constructor(
    readonly folder: string,
    private readonly path: string,
  ) {}

  /** An empty repository in a folder of its own; `path` is where its restic is looked for. */
  static make(path: string = programPath): ResticRepository {
    const made = new ResticRepository(mkdtempSync(join(tmpdir(), 'runner-restic-')), path);
    rmSync(made.folder, { recursive: true });
    cpSync(template(path), made.folder, { recursive: true });
    return made;
  }

  get environment(): Record<string, string> {
    return { PATH: this.path, HOME: tmpdir(), RESTIC_REPOSITORY: this.folder, RESTIC_PASSWORD: password };
  }

  /** What restic prints; it must succeed. */
  run(...words: string[]): string {
    return execFileSync('restic', ['--no-cache', ...words], {
      env: this.environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 2 ** 30,
    });
  }

  /** Bytes of all that lies in the repository. */
  size(): number {
    return Number(spawnSync('du', ['-sb', join(this.folder, 'data')], { encoding: 'utf8' }).stdout.split('\t')[0]);
  }

  snapshots(): { id: string; paths: string[]; tags: string[] }[] {
    return JSON.parse(this.run('snapshots', '--json')) ?? [];
  }

  /** A folder for restic's cache. */
  get cache(): string {
    return `${this.folder}-cache`;
  }

  remove(): void {
    for (const folder of [this.folder, this.cache]) removeFolder(folder);
  }
}

const templates = new Map<string, string>();

function template(path: string): string {
  const known = templates.get(path);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), 'runner-restic-template-'));
  const env = { PATH: path, HOME: tmpdir(), RESTIC_REPOSITORY: folder, RESTIC_PASSWORD: password };
  execFileSync('restic', ['--no-cache', 'init'], { env, stdio: 'ignore' });
  quicken(folder, password);
  templates.set(path, folder);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
