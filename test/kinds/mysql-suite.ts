import { afterAll, beforeAll } from 'vitest';
import { describeSource } from '../contracts/describe.ts';
import { type Flavour, MysqlServer } from '../helpers/mysql.ts';
import { makeCase } from './mysql-case.ts';
import { temporary } from './temporary.ts';

/** Runs the suite of sources against real servers of that maker. */
export function describeKind(flavour: Flavour): void {
  const before = { PATH: process.env.PATH, HOME: process.env.HOME };
  let servers: MysqlServer[] = [];
  beforeAll(async () => {
    servers = [await MysqlServer.start(flavour), await MysqlServer.start(flavour)];
    process.env.PATH = servers[0]!.path;
    process.env.HOME = temporary();
  });
  afterAll(async () => {
    Object.assign(process.env, before);
    await Promise.all(servers.map((server) => server.stop()));
  });
  describeSource('contract', () => makeCase(servers[0]!, servers[1]!, process.env.HOME!));
}
