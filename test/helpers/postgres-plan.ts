/** A plan about a PostgreSQL server, in a directory of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Postgres } from './postgres.ts';
import { type Finished, runner, temporaryDirectory } from './runner.ts';

export type Shop = {
  directory: string;
  env: Record<string, string>;
  run(...words: string[]): Promise<Finished>;
  /** Writes the plan again, with another source, other checks, other entries of the backup. */
  write(source: Record<string, unknown>, change?: Record<string, unknown>): void;
  remove(): void;
};

export const compared = { contents: 'checksums', compare: 'source' };

/** `password` is what the secret `password` holds. */
export function makeShop(server: Postgres, password: string, env: Record<string, string> = {}): Shop {
  const place = temporaryDirectory('pgs-');
  mkdirSync(join(place.path, 'disk'));
  const shop: Shop = {
    directory: place.path,
    env: { PASSWORD: password, PATH: `${server.bin}:${process.env.PATH}`, ...env },
    run: (...words) => runner(words, { cwd: place.path, env: shop.env }),
    write: (source, change = {}) => {
      const connection = { host: '127.0.0.1', port: server.port, user: 'postgres', password: { secret: 'password' } };
      const given = 'url' in source || 'service' in source ? {} : connection;
      const plan = {
        version: 1,
        name: 'shop',
        secrets: { password: { env: 'PASSWORD' } },
        destinations: { disk: { type: 'local', path: 'disk' } },
        backups: {
          orders: {
            source: { type: 'postgres', ...given, ...source },
            transforms: [{ gzip: { level: 1 } }],
            destinations: ['disk'],
            verify: ['content', { restore: { into: 'scratch', assert: [compared] } }],
            ...change,
          },
        },
      };
      // A dollar sign would begin a variable of the plan language.
      writeFileSync(
        join(place.path, 'plan.yaml'),
        JSON.stringify(plan).replaceAll('$', () => '$$'),
      );
    },
    remove: () => place.remove(),
  };
  return shop;
}
