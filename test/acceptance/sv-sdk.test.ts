/** sv-sdk, document 002: its disasters, and its way back by the lines of plans/README.md. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { line, succeed } from './support/shell.ts';
import { canServe, startWorld, type World } from './support/sv-sdk.ts';

const plan = 'plans/sv-sdk.yaml';

describe.skipIf(!canServe())('sv-sdk', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld(async () => true);
  });
  afterAll(async () => await world?.stop());

  it('x', async () => {
    world.sql('create schema auth; create table auth.users(id int primary key, email text); insert into auth.users select i, md5(random()::text)||md5(random()::text) from generate_series(1,40000) i');
    world.redis('SET', 'a', '1');
    await succeed(`cd ${world.home} && mkdir -p certs logs && echo A=1 > .env && echo c > certs/x.pem && echo l > logs/l`, {});
    const done = await line(`runner apply ${plan}`, world.env);
    console.log(done.exitCode, done.stdout, done.stderr);
    console.log((await line(`runner list ${plan}`, world.env)).stdout);
  });
});
