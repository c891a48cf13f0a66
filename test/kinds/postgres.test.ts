import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgres } from '../../src/sources/postgres/index.ts';
import { describeSource } from '../contracts/describe.ts';
import { hasPostgres, Postgres } from '../helpers/postgres.ts';
import { shop } from './postgres-data.ts';

const here = describe.skipIf(!hasPostgres());
const password = ` !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_\`abcdefghijklmnopqrstuvwxyz{|}~`;
const oddName = `-it's a "shop" $HOME; a=b ü\\x`;
let server: Postgres;

here('a postgres source', () => {
  beforeAll(async () => {
    server = await Postgres.start();
    await server.create(oddName, shop);
    await server.create('twin', shop);
    await server.query(`create role "back up" login superuser password '${password.replaceAll("'", "''")}'`);
    // What a person has in the environment when they restore by hand.
    Object.assign(process.env, { PGHOST: server.directory, PGPORT: String(server.port), PGUSER: 'postgres' });
  });
  afterAll(() => server?.stop());

  const base = () => ({
    type: 'postgres' as const,
    host: '127.0.0.1',
    port: server.port,
    user: 'back up',
    password: { secret: 'password' },
    database: oddName,
  });

  for (const format of ['custom', 'plain', 'directory'] as const)
    describe(format, () =>
      describeSource('contract', async () => {
        for (const name of ['restored', 'queried', 'moved']) await server.query(`drop database if exists ${name}`);
        return {
          kind: postgres,
          spec: { ...base(), format },
          missing: { ...base(), format, database: 'nowhere' },
          secrets: { password },
          fingerprint: (name: string | null) => server.dump(name ?? oddName),
          ...(format === 'plain' ? { end: (plain: Buffer) => plain.indexOf('dump complete') + 5 } : {}),
          manualResult: 'restored',
          elsewhere: 'twin',
          query: {
            sql: 'select count(*) from customers',
            answer: '500',
            harmful: [
              'delete from customers',
              'select 1; delete from customers',
              'commit; delete from customers',
              '\\! touch pwned',
              'drop table customers',
            ],
          },
        };
      }),
    );

  it('is not tested with nothing', () => expect(server.port).toBeGreaterThan(0));
});
