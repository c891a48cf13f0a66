import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { fileSeals, sectionsOf } from '../../src/destinations/rclone/config.ts';
import { chosenHash, digestOf } from '../../src/destinations/rclone/digest.ts';
import { explained, Fault as RcloneFault } from '../../src/destinations/rclone/faults.ts';
import { flagProblem } from '../../src/destinations/rclone/flags.ts';
import { type RcloneSpec, rclone } from '../../src/destinations/rclone/index.ts';
import { type Bench, collect, destinationContract, keys, type Network, store } from '../contracts/destination.ts';
import { bundle } from '../fakes/bundle.ts';
import { type Fault, type FaultProxy, faultProxy } from '../fakes/fault-proxy.ts';
import { startWebdav } from '../helpers/emulators.ts';
import { fillFolder } from '../helpers/folders.ts';
import { opening } from '../helpers/opening.ts';
import { has, isRoot } from '../helpers/programs.ts';
import { below } from '../helpers/sftp.ts';

const made: string[] = [];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'runner-rclone-test-'));
  made.push(path);
  return path;
}

const keptToTheEnd: string[] = [];

/** A folder that stays until all is over. */
function kept(): string {
  const path = mkdtempSync(join(tmpdir(), 'runner-rclone-test-'));
  keptToTheEnd.push(path);
  return path;
}

afterAll(() => {
  for (const path of keptToTheEnd) rmSync(path, { recursive: true, force: true });
});

const opens: Destination[] = [];
afterEach(async () => {
  for (const destination of opens.splice(0)) await destination.close();
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

const started = (
  spec: Omit<RcloneSpec, 'type'>,
  secrets: Record<string, string> = {},
  environment: Record<string, string | undefined> = process.env,
): Promise<Destination> =>
  rclone.open('remote', { type: 'rclone', ...spec } as RcloneSpec, opening(secrets, { environment }));

/** One that is closed behind the test. */
async function opened(...o: Parameters<typeof started>): Promise<Destination> {
  const destination = await started(...o);
  opens.push(destination);
  return destination;
}

/** What every process of ours could be seen with, by its arguments. */
const argumentsSeen = () =>
  below(process.pid)
    .map(({ words }) => words)
    .join('\n');

/** The store as somebody else sees it: who is root may do everything. */
async function asNobody(path: string): Promise<Destination> {
  const bin = kept();
  chmodSync(bin, 0o755);
  const script = ['#!/bin/sh', `PATH=\${PATH#*:}`, 'exec setpriv --reuid=65534 --clear-groups rclone "$@"', ''];
  writeFileSync(join(bin, 'rclone'), script.join('\n'), { mode: 0o755 });
  const environment = { ...process.env, HOME: '/', PATH: `${bin}:${process.env.PATH}` };
  return await started({ options: { type: 'local' }, path }, {}, environment);
}

/** A folder in which somebody else may look around, and nothing more; less where a right is to be missing. */
function rightsOf(path: string): NonNullable<Bench['denied']> {
  const narrowed = (name: string, mode: number) => async () => {
    chmodSync(path, 0o755);
    chmodSync(join(path, name), mode);
    return await asNobody(path);
  };
  return {
    write: narrowed('held', 0o755),
    remove: narrowed('held', 0o755),
    read: narrowed('held/object', 0o600),
    list: narrowed('held', 0o711),
  };
}

const davOf = (url: string, flags: string[], temporary = tmpdir()) => {
  const options = { type: 'webdav', url, vendor: 'other', user: 'shop', pass: { secret: 'dav' } };
  return started({ options, flags } as never, { dav: 'secret' }, { ...process.env, TMPDIR: temporary });
};

/** The folder by WebDAV, through a line that can be made bad; nothing is started where nobody asks for it. */
function badLine(path: string): { network: Network; end(): Promise<void> } {
  let server: Awaited<ReturnType<typeof startWebdav>> | null = null;
  let proxy: FaultProxy | null = null;
  const open = async () => {
    server = await startWebdav(path, 'shop', 'secret');
    proxy = await faultProxy({ port: Number(new URL(server.url).port) });
    // A third try is as good as rclone's tenth.
    return await davOf(`http://127.0.0.1:${proxy.port}`, ['--timeout=5s', '--low-level-retries=3']);
  };
  const set = (fault: Fault | null) => {
    proxy?.set(fault);
    if (fault === null) proxy?.drop();
  };
  const end = async () => {
    await proxy?.end();
    await server?.stop();
  };
  return { network: { open, set, patience: 180_000 }, end };
}

const slow = { timeout: 120_000 };
const refuses = (key: string) => /\p{Cc}/u.test(key);

describe.skipIf(!has('rclone'))('rclone', () => {
  const contract = async (): Promise<Bench> => {
    // Several are tried at once: what belongs to one goes with it, and not behind a test.
    const path = mkdtempSync(join(tmpdir(), 'runner-rclone-test-'));
    const open = () => started({ options: { type: 'local' }, path });
    const fill = (names: readonly string[]) => fillFolder(path, names);
    const denied = isRoot && has('setpriv') ? { denied: rightsOf(path) } : {};
    const { network, end: mended } = badLine(path);
    const end = async () => {
      await mended();
      rmSync(path, { recursive: true, force: true });
    };
    return { open, objects: 300, many: 25_000, fill, refuses, ...denied, network, end };
  };
  destinationContract('rclone', contract, { concurrent: true });

  it('leaves nothing of what rclone stores here first when it is killed', slow, async () => {
    const [path, temporary] = [folder(), folder()];
    const server = await startWebdav(path, 'shop', 'secret');
    try {
      const destination = await davOf(server.url, [], temporary);
      opens.push(destination);
      const sink = await destination.put('data', 'one');
      await sink.write([randomBytes(3_000_000)]);
      const spooled = () => readdirSync(temporary, { recursive: true }).filter((name) => /spool/.test(String(name)));
      for (let tries = 0; tries < 1200 && spooled().length === 0; tries += 1) await sleep(50);
      expect(spooled()).not.toEqual([]);
      await sink.abort();
      await destination.close();
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  it('gives a store up that falls silent in the middle of an upload, and kills rclone', slow, async () => {
    const server = await startWebdav(folder(), 'shop', 'secret');
    const proxy = await faultProxy({ port: Number(new URL(server.url).port) });
    try {
      const destination = await davOf(`http://127.0.0.1:${proxy.port}`, ['--timeout=2s']);
      opens.push(destination);
      // rclone takes all of it, and waits for the store with what it has not sent.
      const sink = await destination.put('data', 'one');
      proxy.set({ act: 'stall', direction: 'up' });
      await sink.write([randomBytes(8_000_000)]);
      await expect(sink.prepare()).rejects.toThrow(/^Destination remote: cannot store data: .*not answered for 2 s/);
      proxy.set(null);
      proxy.drop();
      await sink.abort();
      expect(argumentsSeen()).not.toContain('rcat --timeout=2s');
      expect(await keys(destination, '')).toEqual([]);
    } finally {
      await proxy.end();
      await server.stop();
    }
  });

  it('works where the store moves nothing: the key itself is written, and not overwritten', async () => {
    const destination = await opened({ options: { type: 'local' }, path: folder(), flags: ['--disable=move,copy'] });
    const bytes = randomBytes(300_000);
    await store(destination, 'a/data', bytes);
    expect((await collect(destination, 'a/data')).equals(bytes)).toBe(true);
    await expect(store(destination, 'a/data', bytes)).rejects.toThrow(/already exists/);
    const cut = await destination.put('a/cut', 'one');
    await cut.write([bytes]);
    await cut.abort();
    await destination.write('small', Buffer.from('x'));
    expect(await keys(destination, '')).toEqual(['a/data', 'small']);
  });

  it('rejects a listing of which rclone could not read a part', async () => {
    const path = folder();
    const destination = await opened({ options: { type: 'local' }, path });
    for (const key of ['a/1', 'b/1']) await destination.write(key, Buffer.from('x'));
    await destination.close();
    // rclone goes on after the folder that it may not read.
    execFileSync('chmod', ['700', join(path, 'b')]);
    execFileSync('chmod', ['755', path, join(path, 'a')]);
    const nobody = await asNobody(path);
    opens.push(nobody);
    await expect(keys(nobody, '')).rejects.toThrow(/a part of the listing is missing|permission denied/);
    expect(await keys(nobody, 'a/')).toEqual(['a/1']);
  });

  it('sweeps what a killed write of a small file left an hour ago, and nothing else', async () => {
    const path = folder();
    const destination = await opened({ options: { type: 'local' }, path });
    const sink = await destination.put('data', 'run-1');
    await sink.write([randomBytes(500_000)]);
    const there = join(path, '.runner-tmp');
    const old = new Date(Date.now() - 3_700_000);
    const left = `small-${'a'.repeat(16)}-${'b'.repeat(16)}`;
    for (const name of [left, `${left}x`, 'small-notes']) {
      writeFileSync(join(there, name), 'x');
      utimesSync(join(there, name), old, old);
    }
    writeFileSync(join(there, left.replace('aaa', 'ccc')), 'x');
    await destination.sweep!('shop');
    expect(readdirSync(there)).not.toContain(left);
    for (const name of [`${left}x`, 'small-notes', left.replace('aaa', 'ccc')])
      expect(readdirSync(there)).toContain(name);
    await sink.prepare();
    await sink.publish();
  });
});

describe.skipIf(!has('rclone'))('rclone is told', () => {
  it('passwords by its environment, in its own form: nothing is in any argument', async () => {
    const path = folder();
    const password = 'correct horse & battery';
    const server = await startWebdav(path, 'shop', password);
    try {
      const options = { type: 'webdav', url: server.url, vendor: 'other', user: 'shop', pass: { secret: 'dav' } };
      const destination = await opened({ options, path: 'deep/er' }, { dav: password });
      const sink = await destination.put('a/data', 'one');
      await sink.write([randomBytes(200_000)]);
      const own = argumentsSeen()
        .split('\n')
        .filter((line) => !line.includes('serve webdav'));
      expect(own.filter((line) => line.includes('rcat') && line.includes('runner:deep/er'))).toHaveLength(1);
      expect(own.filter((line) => line.includes('horse') || line.includes('RCLONE_CONFIG'))).toEqual([]);
      await sink.prepare();
      await sink.publish();
      expect(readdirSync(join(path, 'deep/er/a'))).toEqual(['data']);
      await expect(opened({ options }, { dav: 'wrong' }).then((other) => keys(other, ''))).rejects.toThrow(
        /not accepted/,
      );
    } finally {
      await server.stop();
    }
  });

  it('a configuration that is a secret by a private file, which goes with it, also when nobody closes it', async () => {
    const [path, temporary] = [folder(), folder()];
    const environment = { ...process.env, TMPDIR: temporary };
    const config = { config: `[plain]\ntype = alias\nremote = ${path}\n` };
    const destination = await opened(
      { remote: 'plain', config: { secret: 'config' }, path: 'sub' },
      config,
      environment,
    );
    const [name] = readdirSync(temporary);
    expect(statSync(join(temporary, name!, 'rclone.conf')).mode & 0o777).toBe(0o600);
    expect(statSync(join(temporary, name!)).mode & 0o777).toBe(0o700);
    await destination.write('x', Buffer.from('1'));
    expect(readFileSync(join(path, 'sub/x'), 'utf8')).toBe('1');
    await destination.close();
    expect(readdirSync(temporary)).toEqual([]);
    // As a killed runner leaves it.
    const script = `import { rclone } from ${JSON.stringify(join(import.meta.dirname, '../../src/destinations/rclone/index.ts'))};
      import { readdirSync } from 'node:fs';
      await rclone.open('remote', { type: 'rclone', remote: 'plain', config: { secret: 'x' } }, {
        readSecret: async () => process.env.TEXT, environment: process.env, purpose: 'use' });
      process.stdout.write(String(readdirSync(process.env.TMPDIR).length), () => process.kill(process.pid, 'SIGKILL'));`;
    const entry = join(folder(), 'entry.ts');
    writeFileSync(entry, script);
    // Beside the packages that it needs.
    const beside = mkdtempSync(join(import.meta.dirname, '../../node_modules/.runner-rclone-'));
    made.push(beside);
    const env = { ...environment, TEXT: config.config };
    const { stdout, signal } = spawnSync(process.execPath, [await bundle(entry, beside)], { env, encoding: 'utf8' });
    expect([stdout, signal]).toEqual(['1', 'SIGKILL']);
    for (let tries = 0; tries < 1200 && readdirSync(temporary).length > 0; tries += 1) await sleep(50);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('the password of an encrypted configuration', async () => {
    const [path, conf] = [folder(), join(folder(), 'rclone.conf')];
    // `[plain]`, `type = local`, as rclone 1.75 encrypts it; the format is as old as encryption there.
    const sealed = 'AyxPyzY+KRmFmfaUuurzYn17WF3f4cvoANG+DsjGs4dPbKZq0/ECAcyuK/25Ez1ey5uyQoveJJddduzs/NM=';
    writeFileSync(conf, `# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n${sealed}`);
    const spec = { remote: 'plain', config: conf, path, 'config-password': { secret: 'lock' } };
    const destination = await opened(spec, { lock: 'open sesame' });
    await destination.write('x', Buffer.from('1'));
    expect(readdirSync(path)).toContain('x');
    await expect(opened(spec, { lock: 'wrong' })).rejects.toThrow(/^Destination remote: cannot open .*encrypted/);
    await expect(opened({ remote: 'plain', config: conf, path })).rejects.toThrow(/encrypted: give `config-password`/);
  });

  it('of no remote that it knows: a sentence', async () => {
    const conf = join(folder(), 'rclone.conf');
    writeFileSync(conf, '');
    await expect(opened({ remote: 'nowhere', config: conf })).rejects.toThrow(
      /^Destination remote: cannot open .*knows no such remote/,
    );
  });

  it('nothing of what its variables would change', async () => {
    const path = folder();
    const environment = { ...process.env, RCLONE_DRY_RUN: 'true', RCLONE_EXCLUDE: '*.json' };
    const destination = await opened({ options: { type: 'local' }, path }, {}, environment);
    await destination.write('a.json', Buffer.from('{}'));
    expect(await keys(destination, '')).toEqual(['a.json']);
  });
});

describe.skipIf(!has('rclone'))('a crypt remote', () => {
  it('seals what it holds', async () => {
    const path = folder();
    const options = { type: 'crypt', remote: path, password: { secret: 'one' }, password2: { secret: 'two' } };
    const destination = await opened({ options }, { one: 'first password', two: 'second password' });
    await store(destination, 'a/data', Buffer.from('plain words'));
    expect(String(await collect(destination, 'a/data'))).toBe('plain words');
    const all = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(all).toHaveLength(1);
    expect(String(readFileSync(join(all[0]!.parentPath, all[0]!.name)))).toMatch(/^RCLONE/);
  });

  it('counts as encryption where it is known, and only there', () => {
    const conf = join(folder(), 'rclone.conf');
    writeFileSync(
      conf,
      '# words\n[sealed]\ntype = crypt\nremote = x:\n\n[open]\ntype=crypt\nno_data_encryption = true\n[plain]\ntype = drive\n',
    );
    const answers = ['sealed', 'open', 'plain', 'nowhere'].map((remote) =>
      rclone.encrypts!({ type: 'rclone', remote, config: conf }),
    );
    expect(answers).toEqual([true, false, false, false]);
    expect(rclone.encrypts!({ type: 'rclone', options: { type: 'crypt', remote: 'x:' } })).toBe(true);
    expect(rclone.encrypts!({ type: 'rclone', remote: 'sealed', config: { secret: 'x' } })).toBe(false);
    expect(fileSeals('/nowhere', 'sealed')).toBe(false);
    expect(sectionsOf('# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAbC=\n')).toEqual({});
  });
});

describe('what rclone is asked', () => {
  it('has flags that are its own, and none that are ours', () => {
    for (const flag of ['--bwlimit=8M', '--s3-chunk-size=64M', '--timeout=2m']) expect(flagProblem(flag)).toBeNull();
    const ours = ['--config=x', '--rc-addr=:1', '--dry-run', '--exclude=*', '--max-age=1d', '-n', '--log-level=DEBUG'];
    for (const flag of ours) expect(flagProblem(flag), flag).not.toBeNull();
  });

  it('has the hash that costs least here of those that the store gives', () => {
    expect(chosenHash(['md5', 'sha1', 'quickxor'])).toBe('sha1');
    expect(chosenHash(['md5'])).toBe('md5');
    expect(chosenHash(['quickxor', 'whirlpool'])).toBeNull();
    for (const [kind, sum] of [
      ['crc32', '352441c2'],
      ['md5', '900150983cd24fb0d6963f7d28e17f72'],
    ] as const) {
      const digest = digestOf(kind);
      for (const part of ['a', 'bc']) digest.update(Buffer.from(part));
      expect(digest.hex()).toBe(sum);
    }
  });

  it('has a path that does not depend on where runner is started', () => {
    const problems = (options: object, path?: string) =>
      rclone
        .requirements('disk', { type: 'rclone', options, path } as RcloneSpec)
        .filter(({ need }) => need === 'fact');
    for (const path of ['backups', './b', undefined])
      expect(problems({ type: 'local' }, path)).toMatchObject([
        { problem: expect.stringMatching(/must begin with "\/"/) },
      ]);
    expect([...problems({ type: 'local' }, '/srv'), ...problems({ type: 'webdav' }, 'srv')]).toEqual([]);
  });

  it('is told without what only its makers understand', () => {
    const said =
      '-> github.com/Azure/azure-storage-blob-go/azblob.newStorageError, github.com/Azure/azure-storage-blob-go/azblob/zc_storage_error.go:42\n===== RESPONSE ERROR (ServiceCode=AuthorizationFailure) =====\nDescription=403 Server failed to authenticate, Details: HEAD http://x/y?sig=abc';
    const { message } = explained(new RcloneFault(said), 'cloud', 'open', 'shop');
    expect(message).toBe(
      'Destination cloud: cannot open shop: the credentials are not accepted there, or may not do that (rclone says: AuthorizationFailure: 403 Server failed to authenticate).',
    );
  });

  it('is a line for a person: options that are secrets are variables to fill in', () => {
    const options = { type: 'webdav', url: 'https://x.org', pass: { secret: 'dav-key' } };
    expect(rclone.fetch({ type: 'rclone', options, path: 'a b' }, 'k/file')).toBe(
      `RCLONE_WEBDAV_PASS=DAV-KEY rclone copyto ':webdav,url="https://x.org":a b/k/file' ./file`,
    );
  });
});
