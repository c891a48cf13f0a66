/** What is on a server that only a program in its container or behind ssh can reach: the same before a backup and after its restore. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MysqlServer } from '../helpers/mysql.ts';
import type { Postgres } from '../helpers/postgres.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { canServe, type Served, serve } from '../helpers/served.ts';
import { canonical, makeShop } from '../kinds/mysql-case.ts';
import { shop } from '../kinds/postgres-data.ts';

const password = `p'a"s$s w\\o%rd`;

/** Everything that the kind's databases can hold, its canonical text, and how some of it is lost. */
const kinds = {
  postgres: {
    fill: async ({ server }: Served) => await (server as Postgres).create('shop', shop),
    text: ({ server }: Served) => (server as Postgres).dump('shop'),
    spoil: async ({ server }: Served) =>
      void (await (server as Postgres).query(
        `drop table logs; drop view big_totals; delete from orders; select lo_unlink(4711), setval('tickets', 1);
        drop index lower_name; revoke all on customers from reporting`,
        'shop',
      )),
    holds: ['BLOB', 'PARTITION BY', 'GRANT', 'CREATE INDEX', 'pg_catalog.setval', 'CREATE VIEW'],
  },
  mariadb: {
    fill: async ({ server }: Served) => makeShop(server as MysqlServer, 'shop'),
    text: ({ server }: Served) => canonical(server as MysqlServer, 'shop'),
    spoil: async ({ server }: Served) =>
      void (server as MysqlServer).sql(
        'DELETE FROM orders; DROP TABLE parted; DROP VIEW a_richest; DROP PROCEDURE pay; SELECT SETVAL(numbers, 5000)',
        'shop',
      ),
    holds: ['PARTITION BY', 'CREATE', 'TRIGGER', 'PROCEDURE', 'EVENT', 'setval'],
  },
} as const;

const cases = (['postgres', 'mariadb'] as const).flatMap((kind) =>
  (['docker', 'ssh'] as const).map((place) => [kind, place] as const),
);

describe.each(cases)('%s, %s', (kind, place) => {
  describe.skipIf(!canServe(kind, place))('apply and restore', () => {
    let home: ReturnType<typeof temporaryDirectory>;
    const { fill, text, spoil, holds } = kinds[kind];
    let served: Served;

    beforeAll(async () => {
      home = temporaryDirectory('rnd-');
      served = await serve(kind, place, password);
      await fill(served);
    });
    afterAll(async () => {
      await served?.stop();
      home?.remove();
    });

    it('bring everything back as it was', async () => {
      // The throw-away server belongs to a user that owns nothing.
      chmodSync(home.path, 0o755);
      mkdirSync(join(home.path, 'disk'));
      const source = { ...served.source, database: 'shop' };
      const assert = [{ contents: 'checksums', compare: 'source' }];
      const plan = {
        version: 1,
        name: 'shop',
        secrets: { password: { env: 'PASSWORD' } },
        destinations: { disk: { type: 'local', path: 'disk' } },
        backups: {
          shop: { source, destinations: ['disk'], verify: ['content', { restore: { into: 'scratch', assert } }] },
        },
      };
      writeFileSync(join(home.path, 'plan.yaml'), JSON.stringify(plan));
      const succeeds = async (...words: string[]) => {
        const env = { ...served.env, PASSWORD: password };
        const { exitCode, stderr } = await runner([words[0]!, 'plan.yaml', ...words.slice(1)], { cwd: home.path, env });
        expect(exitCode, stderr).toBe(0);
      };
      const before = text(served);
      for (const needed of holds) expect(before.toLowerCase()).toContain(needed.toLowerCase());
      await succeeds('apply');
      await spoil(served);
      expect(text(served)).not.toBe(before);
      await succeeds('restore', 'shop', '--latest', '--yes', '--no-safety-backup');
      expect(text(served)).toBe(before);
    });
  });
});
