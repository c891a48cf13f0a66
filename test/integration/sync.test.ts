/** Copies that heal one another: what is copied from where, what never comes back, and what a bad day leaves. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { built } from '../helpers/runner.ts';
import { artifactAt, damage, makeSyncWorld, type SyncWorld } from './sync-world.ts';

beforeAll(built);
let world: SyncWorld;
beforeEach(async () => {
  world = await makeSyncWorld();
});
afterEach(() => world.remove());

const json = async (verb: string, words: string[] = []) =>
  JSON.parse((await world.run(verb, words, { json: true })).stdout);
/** Applies so often that each has an id of a second of its own. */
async function apply(expected = 0): Promise<string> {
  const { exitCode, stderr } = await world.run('apply');
  expect(exitCode, stderr).toBe(expected);
  return [...new Set(['main', 'nas', 'far'].flatMap((name) => safely(() => world.at(name))))].sort().at(-1)!;
}
const safely = (give: () => string[]) => {
  try {
    return give();
  } catch {
    return [];
  }
};
const findings = async (id: string) => {
  const { findings: all } = await json('show', [id]);
  return all.map((one: { finding: string; result: string; destination: string }) =>
    [one.finding, one.result, one.destination].join(' '),
  );
};

describe('a destination that was down', () => {
  it('makes the run partial, and the next one heals it without another dump', async () => {
    await apply();
    world.down('far');
    const missed = await apply(1);
    const older = await apply(1);
    world.up('far');
    expect(world.at('far')).not.toContain(missed);
    expect(world.asked()).toBe(3);
    const last = await apply();
    expect(world.asked()).toBe(4);
    expect(world.at('far')).toEqual(world.at('main'));
    expect(world.at('far')).toEqual(expect.arrayContaining([missed, older, last]));
    expect(readFileSync(artifactAt(world, 'far', missed))).toEqual(readFileSync(artifactAt(world, 'main', missed)));
    expect(await findings(missed)).toEqual(expect.arrayContaining(['copy set far', 'checksum pass far']));
    expect((await world.run('verify', [], { id: missed })).exitCode).toBe(0);
    expect((await world.run('doctor')).stdout).not.toMatch(/missing copies/);
  });

  it('is healed too when it has been down from its first day, and when nothing is made any more', async () => {
    world.down('far');
    const id = await apply(1);
    world.up('far');
    world.write({ script: 'exit 7' });
    const { exitCode, stderr } = await world.run('sync');
    expect([exitCode, world.at('far')], stderr).toEqual([0, [id]]);
    expect(world.asked()).toBe(1);
  });

  it('and still is: the others are synced, and the exit says that something is missing', async () => {
    world.down('far');
    world.down('nas');
    const id = await apply(1);
    world.up('nas');
    const { exitCode } = await world.run('sync');
    expect([exitCode, world.at('nas')]).toEqual([1, [id]]);
  });
});

describe('which copy is taken', () => {
  /** Two good copies, the third place empty. */
  async function twoOfThree(): Promise<string> {
    world.down('nas');
    const id = await apply(1);
    world.up('nas');
    return id;
  }

  it('the near one, and what the preview shows is what is done', async () => {
    const id = await twoOfThree();
    const { stdout } = await world.run('sync', [], { dryRun: true });
    expect(stdout).toMatch(new RegExp(`copy   ${id}  from main or far, 9\\d(\\.\\d)? KiB`));
    expect(stdout).toMatch(/orders at main: copy 0\n/);
    expect(world.at('nas')).toEqual([]);
    const plan = await world.run('plan');
    expect(plan.stdout).toContain(`copy   ${id}  from main or far`);
    expect((await world.run('sync')).exitCode).toBe(0);
    const record = world.files('nas', `${id}.copy-set-`)[0]!;
    expect(JSON.parse(readFileSync(record, 'utf8')).message).toBe('copied from main');
  });

  it('the one that is named, where one is', async () => {
    const id = await twoOfThree();
    expect((await world.run('sync', [], { from: 'far' })).exitCode).toBe(0);
    const record = world.files('nas', `${id}.copy-set-`)[0]!;
    expect(JSON.parse(readFileSync(record, 'utf8')).message).toBe('copied from far');
  });

  it.each(['bytes', 'length'] as const)(
    'the second where the first is damaged (%s), which is written down',
    async (how) => {
      const id = await twoOfThree();
      const first = artifactAt(world, 'main', id);
      damage(first, how);
      const { exitCode, stderr } = await world.run('sync');
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(new RegExp(`${id} at "main": .*(have changed|has 1000\\d+ bytes)`));
      expect(readFileSync(artifactAt(world, 'nas', id))).toEqual(readFileSync(artifactAt(world, 'far', id)));
      expect(await findings(id)).toEqual(expect.arrayContaining(['checksum fail main', 'copy set nas']));
      const [row] = (await json('list')).backups;
      expect(row.copies).toEqual(
        expect.arrayContaining([
          { destination: 'main', state: 'failed' },
          { destination: 'nas', state: 'good' },
        ]),
      );
      expect(world.files('nas', '.part-')).toEqual([]);
      expect(world.files('nas').filter((file) => file.includes('/journal/'))).toEqual([]);
    },
  );

  it('one of which a part is gone is no source at all', async () => {
    const id = await twoOfThree();
    rmSync(artifactAt(world, 'main', id));
    expect((await world.run('sync', [], { dryRun: true })).stdout).toContain(`copy   ${id}  from far,`);
    expect((await world.run('sync')).exitCode).toBe(0);
    expect(world.at('nas')).toEqual([id]);
  });

  it('none where all are damaged: nothing of it is left, and the exit says so', async () => {
    const id = await twoOfThree();
    damage(artifactAt(world, 'main', id));
    damage(artifactAt(world, 'far', id));
    expect((await world.run('sync')).exitCode).toBe(1);
    expect(world.files('nas', id)).toEqual([]);
    expect(world.files('nas').filter((file) => file.includes('/journal/'))).toEqual([]);
    // Both are known as damaged now: there is nothing that could be copied.
    expect((await world.run('sync')).exitCode).toBe(0);
  });

  it('a manifest that was changed is no source, and that is found although its hash was never asked for', async () => {
    const id = await twoOfThree();
    const [manifest] = world.files('main', `${id}.manifest.json`);
    writeFileSync(manifest!, readFileSync(manifest!, 'utf8').replace('"host": "', '"host": "x'));
    const { exitCode, stderr } = await world.run('sync');
    expect([exitCode, world.at('nas')]).toEqual([1, [id]]);
    expect(stderr).toMatch(/changed after it was committed/);
    expect(readFileSync(world.files('nas', `${id}.manifest.json`)[0]!)).toEqual(
      readFileSync(world.files('far', `${id}.manifest.json`)[0]!),
    );
  });
});

describe('who made a manifest', () => {
  it('is proven as a restore does it, by the key of the artifact and without the password of the source', async () => {
    for (const name of ['key', 'password'])
      writeFileSync(join(world.root, name), 'correct horse battery staple\n', { mode: 0o600 });
    const sealed =
      'destinations: [main, nas, far], require: 1, transforms: [{ aes: { key: { secret: key }, iterations: 20000 } }]';
    world.write({
      backup: sealed,
      allow: '',
      source: ', environment: { PASSWORD: { secret: password } }',
      more: 'secrets: { key: { file: key }, password: { file: password } }\n',
    });
    world.down('nas');
    const id = await apply(1);
    world.up('nas');
    rmSync(join(world.root, 'password'));
    const [manifest] = world.files('main', `${id}.manifest.json`);
    const changed = readFileSync(manifest!, 'utf8').replace('"host": "', '"host": "x');
    writeFileSync(manifest!, changed);
    const hash = createHash('sha256').update(changed).digest('hex');
    for (const file of world.files('main', `${id}.checksum-`))
      writeFileSync(file, readFileSync(file, 'utf8').replace(/"manifest": "[0-9a-f]+"/, `"manifest": "${hash}"`));
    const { exitCode, stderr } = await world.run('sync');
    expect([exitCode, world.at('nas')], stderr).toEqual([1, [id]]);
    expect(stderr).toMatch(/cannot be trusted: its MAC does not fit/);
    expect(readFileSync(world.files('nas', `${id}.manifest.json`)[0]!, 'utf8')).not.toContain('"host": "x');
  });
});

describe('what retention says', () => {
  it('what was pruned or forgotten does not come back', async () => {
    world.write({
      backup: 'destinations: [main, nas, far], retention: { main: { last: 9 }, nas: { last: 1 }, far: { last: 9 } }',
    });
    const first = await apply();
    const second = await apply();
    expect(world.at('nas')).toEqual([second]);
    // It would be kept by now, and lies at the others.
    world.write({ backup: 'destinations: [main, nas, far], retention: { last: 9 }' });
    await apply();
    expect((await world.run('sync', [], { all: true })).exitCode).toBe(0);
    expect(world.at('nas')).not.toContain(first);
    expect(world.at('main')).toContain(first);
  });

  it('a destination gets what its own retention keeps, and nothing that is older than itself before --all', async () => {
    const backup = (places: string) => `destinations: ${places}, retention: { main: { last: 9 }, nas: { last: 2 } }`;
    // Nothing is off-site here.
    const destinations = 'main: { type: local, path: main }\n  nas: { type: local, path: nas }';
    const write = (places: string) => world.write({ destinations, backup: backup(places), allow: '' });
    world.write({ destinations, backup: backup('[main]').replace(', nas: { last: 2 }', ''), allow: '' });
    const ids = [await apply(), await apply(), await apply(), await apply()];
    write('[main, nas]');
    expect((await world.run('sync')).exitCode).toBe(0);
    expect(world.at('nas')).toEqual([]);
    expect((await world.run('sync', [], { all: true })).exitCode).toBe(0);
    expect(world.at('nas')).toEqual(ids.slice(2));
    const last = await apply();
    expect(world.at('nas')).toEqual([ids[3], last]);
  });

  it('a destination that was emptied gets all of it again, also what only a copy of a copy still has', async () => {
    const write = (places: string, far: string) =>
      world.write({
        backup: `destinations: ${places}, require: 1, retention: { main: { last: 1 }, nas: { last: 5 }${far} }`,
        allow: '',
        destinations: ['main', 'nas', ...(far ? ['far'] : [])]
          .map((name) => `${name}: { type: local, path: ${name} }`)
          .join('\n  '),
      });
    write('[main, nas]', '');
    const ids = [await apply(), await apply(), await apply()];
    write('[main, nas, far]', ', far: { last: 2 }');
    expect((await world.run('sync', [], { all: true })).exitCode).toBe(0);
    expect([world.at('main'), world.at('far')]).toEqual([ids.slice(2), ids.slice(1)]);
    rmSync(join(world.root, 'nas'), { recursive: true });
    mkdirSync(join(world.root, 'nas'));
    const { exitCode, stderr } = await world.run('sync');
    expect([exitCode, world.at('nas')], stderr).toEqual([0, ids.slice(1)]);
  });

  it('tiers may go to different destinations: only those are copied that belong there', async () => {
    world.write({
      backup:
        'destinations: [main, nas, { far: { tiers: [monthly] } }], require: 1, retention: { last: 9, monthly: 12 }',
    });
    world.down('far');
    const monthly = await apply(1);
    // The second of its month goes nowhere but to the others.
    const other = await apply(1);
    world.up('far');
    expect((await world.run('sync')).exitCode).toBe(0);
    expect(world.at('far')).toEqual([monthly]);
    expect(world.at('main')).toEqual([monthly, other]);
  });
});

describe('a group', () => {
  const group = `  uploads: { source: { type: command, run: [echo, uploads], extension: .bin }, destinations: [main, nas], require: 1 }
groups: { shop: { together: [orders, uploads] } }
`;
  const setAt = (name: string) => world.at(name).map((id) => id.split('-')[0]);

  it('whose set is torn everywhere is made whole by what each destination has', async () => {
    const destinations = 'main: { type: local, path: main }\n  nas: { type: local, path: nas }';
    world.write({ destinations, backup: 'destinations: [main, nas], require: 1', allow: '', more: group });
    expect((await world.run('apply')).exitCode).toBe(0);
    for (const file of world.files('main', 'orders-')) rmSync(file);
    for (const file of world.files('nas', 'uploads-')) rmSync(file);
    expect([setAt('main'), setAt('nas')]).toEqual([['uploads'], ['orders']]);
    const { exitCode, stderr } = await world.run('sync', ['orders']);
    expect(exitCode, stderr).toBe(0);
    expect([setAt('main'), setAt('nas')]).toEqual([
      ['orders', 'uploads'],
      ['orders', 'uploads'],
    ]);
    const { backups } = await json('list');
    expect(backups.every((row: { set: { state: string } }) => row.set.state === 'whole')).toBe(true);
  });
});

describe('copies of one id that differ', () => {
  it('are told by list, show and doctor, and never copied', async () => {
    world.down('nas');
    const id = await apply(1);
    world.up('nas');
    const [manifest] = world.files('far', `${id}.manifest.json`);
    // Neither the size nor a record of a hash gives it away.
    for (const file of world.files('far', `${id}.checksum-`)) {
      const text = readFileSync(manifest!, 'utf8');
      const changed = text.replace(/"seconds": (\d)/, (_all, digit) => `"seconds": ${(Number(digit) + 1) % 10}`);
      writeFileSync(manifest!, changed);
      const hash = createHash('sha256').update(changed).digest('hex');
      writeFileSync(file, readFileSync(file, 'utf8').replace(/"manifest": "[0-9a-f]+"/, `"manifest": "${hash}"`));
    }
    const list = await world.run('list');
    expect([list.exitCode, list.stdout]).toEqual([1, expect.stringContaining('copy-conflict')]);
    const show = await world.run('show', [id]);
    expect([show.exitCode, show.stdout]).toEqual([1, expect.stringMatching(/far \(good\), manifest .* DIFFERS/)]);
    expect((await world.run('doctor')).stdout).toMatch(/copy-conflict/);
    const sync = await world.run('sync');
    expect([sync.exitCode, world.at('nas')]).toEqual([1, []]);
    expect(sync.stderr).toMatch(/copy-conflict/);
  });
});

describe('records', () => {
  it('of what was found of the backup go along, those of one copy do not', async () => {
    world.write({ backup: 'destinations: [main, nas, far], require: 1, verify: [content]' });
    world.down('nas');
    const id = await apply(1);
    world.up('nas');
    expect((await world.run('pin', [id], { reason: 'audit' })).exitCode).toBe(0);
    expect((await world.run('sync')).exitCode).toBe(0);
    const there = world.files('nas', `${id}.`).map((file) => file.slice(file.lastIndexOf(`${id}.`) + id.length + 1));
    const found = there.filter((name) => /^(content-pass|pin-set|copy-set|checksum-pass)-/.test(name));
    const kinds = new Set(found.map((name) => name.split('-')[0]));
    expect([...kinds].sort()).toEqual(['checksum', 'content', 'copy', 'pin']);
    const [row] = (await json('list')).backups;
    expect(row.copies).toContainEqual({ destination: 'nas', state: 'good' });
  });

  it('a layout of its own and several parts are copied as well', async () => {
    world.write({ backup: 'destinations: [main, nas, far], require: 1, layout: "{yyyy}/{id}{ext}"' });
    world.down('nas');
    const id = await apply(1);
    world.up('nas');
    expect((await world.run('sync', [], { dryRun: true })).stdout).toMatch(/from main or far, 9\d(\.\d)? KiB/);
    expect((await world.run('sync')).exitCode).toBe(0);
    expect(existsSync(join(world.root, 'nas', id.split('-')[1]!.slice(0, 4), `${id}.bin`))).toBe(true);
  });
});
