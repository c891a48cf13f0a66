/** A plan about a MySQL or MariaDB server, in a directory of its own. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MysqlServer } from './mysql.ts';
import { type Finished, runner, temporaryDirectory } from './runner.ts';

export type MysqlPlan = {
  directory: string;
  env: Record<string, string>;
  run(...words: string[]): Promise<Finished>;
  /** Writes the plan again, with another source and other entries of the backup. */
  write(source: Record<string, unknown>, change?: Record<string, unknown>): void;
  /** The newest manifest. */
  manifest(): Record<string, unknown>;
  remove(): void;
};

export const compared = { contents: 'checksums', compare: 'source' };
export const proven = [{ restore: { into: 'scratch', assert: [compared] } }];

/**
 * As `root` behind the socket, unless the source says otherwise. `password` is what the secret of that name holds; a
 * variable GIVEN makes a secret `given`.
 */
export function makePlan(server: MysqlServer, password = ''): MysqlPlan {
  const place = temporaryDirectory('mys-');
  mkdirSync(join(place.path, 'disk'));
  const plan: MysqlPlan = {
    directory: place.path,
    env: { PASSWORD: password, PATH: server.path },
    run: (...words) => runner(words, { cwd: place.path, env: plan.env }),
    write: (source, change = {}) => {
      const own = 'host' in source || 'url' in source ? {} : { socket: server.socket, user: 'root' };
      const text = {
        version: 1,
        name: 'shop',
        secrets: { password: { env: 'PASSWORD' }, ...(plan.env.GIVEN ? { given: { env: 'GIVEN' } } : {}) },
        destinations: { disk: { type: 'local', path: 'disk' } },
        backups: {
          shop: {
            source: { type: server.flavour, ...own, ...source },
            transforms: [{ gzip: { level: 1 } }],
            destinations: ['disk'],
            verify: ['content', ...proven],
            ...change,
          },
        },
      };
      writeFileSync(join(place.path, 'plan.yaml'), JSON.stringify(text).replaceAll('$', '$$$$'));
    },
    manifest: () => {
      const files = readdirSync(place.path, { recursive: true, encoding: 'utf8' });
      const newest = files
        .filter((name) => name.endsWith('.manifest.json'))
        .sort()
        .at(-1)!;
      return JSON.parse(readFileSync(join(place.path, newest), 'utf8'));
    },
    remove: () => place.remove(),
  };
  return plan;
}
