import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { KeyExists, Unreadable } from '../../src/destination.ts';
import { faultOf } from '../../src/destinations/restic/faults.ts';
import { type ResticSpec, restic } from '../../src/destinations/restic/index.ts';
import { readSnapshots } from '../../src/destinations/restic/snapshots.ts';
import { collect, destinationContract, keys, store } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';
import { password, ResticRepository, versions } from '../helpers/restic.ts';

const made: ResticRepository[] = [];
afterEach(() => {
  for (const repository of made.splice(0)) repository.remove();
});

function repositoryOf(path?: string): ResticRepository {
  const repository = ResticRepository.make(path);
  made.push(repository);
  return repository;
}

const opened = (repository: ResticRepository, spec: Partial<ResticSpec> = {}): Promise<Destination> =>
  restic.open(
    'deep',
    { repository: repository.folder, password: { secret: 'repository' }, cache: repository.cache, ...spec },
    opening({ repository: password }, { environment: repository.environment }),
  );

/** Calls of restic cost half a second and more, several times that on a machine that is busy. */
const slow = { timeout: 240_000 };

const bench = (path?: string, spec: (repository: ResticRepository) => Partial<ResticSpec> = () => ({})) => {
  return async () => {
    const repository = ResticRepository.make(path);
    const breakListing = async () => {
      // A snapshot that no key opens: restic leaves it out with a warning.
      const file = join(repository.folder, 'snapshots', 'f'.repeat(64));
      writeFileSync(file, 'no snapshot');
      return () => rm(file);
    };
    const open = () => opened(repository, spec(repository));
    return { open, breakListing, objects: 16, end: async () => repository.remove() };
  };
};

// Restic waits a fifth of a second behind each lock, so several checks have room beside each other.
const together = { concurrent: true } as const;

describe.skipIf(!has('restic'))('the restic of the system', () => {
  destinationContract('restic', bench(), together);
});

describe.skipIf(!has('restic') || versions.length < 2)('the restic of today', () => {
  // What depends on how a version speaks.
  const only =
    /sink takes bytes|empty object|concurrent sinks of one|writers of different|missing object|cannot be read/;
  destinationContract('restic of today', bench(versions.at(-1)!.path), { ...together, only });
});

it('a server that is away is told in the words of the ssh that restic starts, where it hands them on', () => {
  const said = [
    'subprocess ssh: ssh: Could not resolve hostname nas: Name or service not known',
    'Fatal: unable to open repository at sftp:nas:/srv: unable to start the sftp session, error: EOF',
  ];
  const ended = { exitCode: 1, stderr: `${said.join('\n')}\n` };
  expect(faultOf({ name: 'deep', repository: 'sftp:nas:/srv' }, 'list the snapshots', ended).message).toBe(
    'Destination deep: restic could not list the snapshots (sftp:nas:/srv): ssh: Could not resolve hostname nas: Name or service not known.',
  );
});

describe.skipIf(!has('restic', 'rclone'))('a repository that is not a folder of this machine', () => {
  // What depends on how changes of others are seen, and on locks that go while they are read.
  const only = /sink takes bytes|before it is published|writers of (one|different)|missing object|interrupted attempt/;
  const remote = bench(undefined, ({ folder }) => ({ repository: `rclone::local:${folder}` }));
  destinationContract('restic behind rclone', remote, { ...together, only });

  // Rclone writes a file in its place: there it is empty before it is whole.
  it.each(versions)('waits for an index that another is writing (restic $name)', slow, async ({ path }) => {
    const repository = repositoryOf(path);
    const spec = { repository: `rclone::local:${repository.folder}` };
    const destination = await opened(repository, spec);
    await store(destination, 'first', Buffer.from('one'));
    const folder = join(repository.folder, 'index');
    const halves = readdirSync(folder).map((name) => [join(folder, name), readFileSync(join(folder, name))] as const);
    const writing = async (act: () => Promise<unknown>) => {
      for (const [file] of halves) writeFileSync(file, '');
      // Another host, whose cache has none of it.
      rmSync(repository.cache, { recursive: true, force: true });
      const whole = setTimeout(() => {
        for (const [file, bytes] of halves) writeFileSync(file, bytes);
      }, 1500);
      await act().finally(() => clearTimeout(whole));
    };
    await writing(() => destination.write('second', Buffer.from('two')));
    await writing(async () => expect(String(await collect(destination, 'first'))).toBe('one'));
    for (const [file] of halves) writeFileSync(file, '');
    rmSync(repository.cache, { recursive: true, force: true });
    await expect(collect(destination, 'first')).rejects.toThrow(Unreadable);
    await destination.close();
  });
});

describe.skipIf(!has('restic'))('restic', slow, () => {
  it('is told as a place and as the command that fetches a file', () => {
    const spec = { repository: 'rest:https://ada:secret@host/it’s', password: { secret: 'p' } };
    expect(restic.describe(spec)).toBe('rest:https://host/it’s');
    const line = restic.fetch(spec, "shop/a b'c.tar");
    const echoed = spawnSync(
      'sh',
      ['-c', `restic() { printf '%s\\n' "$@"; }; cd "$(mktemp -d)"; ${line}; cat *; rm *`],
      {
        encoding: 'utf8',
      },
    );
    const path = "/shop/a b'c.tar";
    expect(echoed.stdout.split('\n')).toEqual([
      '-r',
      'rest:https://host/it’s',
      'dump',
      '--path',
      path,
      'latest',
      path,
      '',
    ]);
    expect(restic.encrypts?.(spec)).toBe(true);
    expect(restic.requirements('deep', { ...spec, 'min-free': '1GiB' })).toMatchObject([
      { need: 'program', program: 'restic' },
      { need: 'secret', secret: 'p' },
      { need: 'destination', minimumFree: 2 ** 30 },
    ]);
  });

  it('leaves snapshots alone that are not its own, whatever their tags', () => {
    const own = { id: '1', time: '2026-11-21T12:00:00Z', tags: ['runner', 'size=4'], paths: ['/a/b'] };
    const listed = [
      own,
      { ...own, id: '2', tags: ['daily'] },
      { ...own, id: '3', paths: ['/a/b', '/c'] },
      { ...own, id: '4', tags: null },
    ];
    expect(readSnapshots(JSON.stringify(listed)).map(({ id }) => id)).toEqual(['1']);
    expect(readSnapshots('null')).toEqual([]);
    expect(() => readSnapshots('{')).toThrow();
  });

  it('stores once what is equal in two backups', async () => {
    const repository = repositoryOf();
    const destination = await opened(repository);
    const bytes = randomBytes(12_000_000);
    await store(destination, 'shop/first', bytes);
    const before = repository.size();
    randomBytes(100_000).copy(bytes, 5_000_000);
    await store(destination, 'shop/second', bytes, 'two');
    expect(before).toBeGreaterThan(11_000_000);
    // Chunks have a megabyte on the average and eight at the most; what changed lies in one or two of them.
    expect(repository.size() - before).toBeLessThan(before * 0.75);
    expect((await collect(destination, 'shop/second')).equals(bytes)).toBe(true);
    await destination.close();
  });

  it('hands secrets over in the environment of the child alone', async () => {
    const repository = repositoryOf();
    const seen: string[] = [];
    const destination = await restic.open(
      'deep',
      {
        repository: repository.folder,
        password: { secret: 'repository' },
        environment: { AWS_PROFILE: 'ada', B2_ACCOUNT_KEY: { secret: 'b2' } },
      },
      {
        purpose: 'use',
        environment: { ...repository.environment, DB_PASSWORD: 'not its business' },
        readSecret: async (name) => {
          seen.push(name);
          return name === 'b2' ? 'b2-key-of-ada' : password;
        },
      },
    );
    expect(seen.toSorted()).toEqual(['b2', 'repository']);
    const sink = await destination.put('a/held', 'one');
    await sink.write([randomBytes(100)]);
    const [child] = childrenOf(process.pid, 'restic');
    const read = (file: string) => execFileSync('cat', [`/proc/${child}/${file}`], { encoding: 'utf8' });
    expect(read('cmdline')).not.toMatch(new RegExp(`${password}|b2-key-of-ada`));
    expect(read('environ').split('\0')).toEqual(
      expect.arrayContaining([`RESTIC_PASSWORD=${password}`, 'B2_ACCOUNT_KEY=b2-key-of-ada', 'AWS_PROFILE=ada']),
    );
    expect(read('environ')).not.toContain('not its business');
    await sink.abort();
    expect(childrenOf(process.pid, 'restic')).toEqual([]);
    await destination.close();
  });

  it('forgets what a killed runner’s restic makes behind its removal', async () => {
    const repository = repositoryOf();
    const [destination, other] = [await opened(repository), await opened(repository)];
    const late = await destination.put('shop/late', 'attempt-1');
    await late.write([randomBytes(1000)]);
    await other.removeAttempt('shop/late', 'attempt-1');
    await late.prepare();
    await other.sweep!('shop');
    expect(repository.snapshots().filter(({ tags }) => tags.includes('attempt=attempt-1'))).toEqual([]);
    await expect(late.publish()).rejects.toThrow(/removed by another run/);
    await late.abort();
    expect(await keys(other, '')).toEqual([]);
    for (const one of [destination, other]) await one.close();
  });

  it('of racing processes that write one key, one wins', async () => {
    const repository = repositoryOf();
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map(async (number) => {
        const destination = await opened(repository);
        await destination.write('race', Buffer.from(`${number}`));
        return number;
      }),
    );
    const winners = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(winners).toHaveLength(1);
    for (const one of results)
      if (one.status === 'rejected') expect(one.reason, String(one.reason)).toBeInstanceOf(KeyExists);
    expect(String(await (await opened(repository)).read('race', 10))).toBe(`${winners[0]}`);
  });
});

/** Processes of a name among the descendants of one. */
function childrenOf(pid: number, name: string): number[] {
  const rows = spawnSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return rows.filter(([, parent, comm]) => Number(parent) === pid && comm === name).map(([own]) => Number(own));
}
