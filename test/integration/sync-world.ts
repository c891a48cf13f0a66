/** A plan with three local destinations and a source that counts how often it is asked, run as a person would. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Options } from '../../src/commands/command.ts';
import { command, type Said } from '../proofs/in-process.ts';

export type SyncWorld = {
  root: string;
  plan: string;
  /** How often the source was started. */
  asked(): number;
  run(verb: string, words?: string[], options?: Options): Promise<Said>;
  /** Ids whose manifests lie at a destination, the oldest first. */
  at(destination: string): string[];
  /** Absolute paths of all files of an id, or of everything, at a destination. */
  files(destination: string, part?: string): string[];
  /** A destination that cannot be used until `up`. */
  down(destination: string): void;
  up(destination: string): void;
  /** Writes the plan again with other parts. */
  write(change?: {
    destinations?: string;
    backup?: string;
    allow?: string;
    more?: string;
    source?: string;
    script?: string;
  }): void;
  remove(): void;
};

export async function makeSyncWorld(): Promise<SyncWorld> {
  const root = await mkdtemp(join(tmpdir(), 'runner-sync-'));
  mkdirSync(join(root, 'tmp'));
  const plan = join(root, 'plan.yaml');
  const world: SyncWorld = {
    root,
    plan,
    asked: () => (existsSync(join(root, 'asked')) ? readFileSync(join(root, 'asked'), 'utf8').length : 0),
    run: (verb, words = [], options = {}) => command(verb, plan, words, options, { TMPDIR: join(root, 'tmp') }),
    at: (destination) =>
      world
        .files(destination)
        .filter((file) => file.endsWith('.manifest.json'))
        .map((file) => file.split('/').at(-1)!.replace('.manifest.json', ''))
        .sort(),
    files: (destination, part = '') => {
      if (!existsSync(join(root, destination))) return [];
      const all = readdirSync(join(root, destination), { recursive: true, withFileTypes: true });
      return all
        .filter((entry) => entry.isFile() && entry.name.includes(part))
        .map((entry) => join(entry.parentPath, entry.name));
    },
    down: (destination) => {
      if (existsSync(join(root, destination))) renameSync(join(root, destination), join(root, `${destination}.away`));
      writeFileSync(join(root, destination), 'no folder');
    },
    up: (destination) => {
      rmSync(join(root, destination));
      if (existsSync(join(root, `${destination}.away`)))
        renameSync(join(root, `${destination}.away`), join(root, destination));
    },
    write: (change = {}) => {
      const {
        destinations = 'main: { type: local, path: main }\n  nas: { type: local, path: nas }\n  far: { type: local, path: far, off-site: true }',
        backup = 'destinations: [main, nas, far], require: 1',
        allow = 'allow: { unencrypted-copy: test }',
        more = '',
        source: rest = '',
        script = `printf x >> ${root}/asked; date +%s%N; head -c 100000 /dev/urandom`,
      } = change;
      const source = `{ type: command, run: [sh, -c, "${script}"], extension: .bin${rest} }`;
      writeFileSync(
        plan,
        `version: 1\nname: shop\ntimezone: UTC\ndestinations:\n  ${destinations}\nbackups:\n  orders: { source: ${source}, ${backup}${allow && `, ${allow}`} }\n${more}`,
      );
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  world.write();
  return world;
}

/** The only artifact of an id at a destination. */
export function artifactAt(world: SyncWorld, destination: string, id: string): string {
  const [artifact] = world.files(destination, id).filter((file) => file.endsWith('.bin'));
  if (artifact === undefined) throw new Error(`no artifact of ${id} at ${destination}`);
  return artifact;
}

/** Other bytes of the same length, or more of them. */
export function damage(file: string, how: 'bytes' | 'length' = 'bytes'): void {
  const bytes = how === 'length' ? Buffer.concat([readFileSync(file), Buffer.from('more')]) : readFileSync(file);
  if (how === 'bytes') bytes[bytes.length >> 1]! ^= 1;
  rmSync(file);
  writeFileSync(file, bytes);
}
