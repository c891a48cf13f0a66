/** Whole runs of the built program whose backups lie at a real SFTP server, and its bad days. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, faultProxy } from '../fakes/fault-proxy.ts';
import { canMount, has } from '../helpers/programs.ts';
import { built, runner, temporaryDirectory } from '../helpers/runner.ts';
import { below, clientsAt, filtered, hasSftp, specOf } from '../helpers/sftp.ts';
import { type Sshd, startSshd } from '../helpers/ssh.ts';
import { filesBelow, full, killIfThere, launch, waitFor } from '../proofs/support.ts';

const temporary = temporaryDirectory('runner-sftp-');
const control = join(temporary.path, 'control');
let server: Sshd;
let meddled: Sshd;
let proxy: FaultProxy;

const slow = { timeout: 300_000 };

describe.skipIf(!hasSftp || !has('tar', 'zstd'))('a plan whose backups lie at an SFTP server', slow, () => {
  beforeAll(async () => {
    await built();
    for (const name of ['whole', 'meddled']) mkdirSync(join(temporary.path, name));
    server = await startSshd(join(temporary.path, 'whole'));
    meddled = await startSshd(join(temporary.path, 'meddled'), {}, { sftp: filtered('meddle', control) });
    proxy = await faultProxy({ port: server.port });
  });
  afterAll(async () => {
    await proxy?.end();
    await server?.stop();
    await meddled?.stop();
    temporary.remove();
  });

  /** A plan in a folder of its own: what `script` prints, at one server, and here too where `beside`. */
  function planAt(
    name: string,
    sshd: Sshd,
    more: { port?: number; script?: string; beside?: true; spec?: object } = {},
  ) {
    const folder = join(temporary.path, name);
    mkdirSync(folder);
    const [root, file] = [join(folder, 'there'), join(folder, 'plan.yaml')];
    const known = join(folder, 'known_hosts');
    const port = more.port ?? sshd.port;
    writeFileSync(known, readFileSync(sshd.knownHosts, 'utf8').replace(String(sshd.port), String(port)));
    const plan = {
      version: 1,
      name: 'shop',
      destinations: {
        nas: { type: 'sftp', ...specOf(sshd, root, { port, 'known-hosts': known }), ...more.spec },
        ...(more.beside ? { disk: { type: 'local', path: join(folder, 'here') } } : {}),
      },
      backups: {
        data: {
          source: { type: 'command', run: ['sh', '-c', more.script ?? `cat ${join(folder, 'data')}`] },
          destinations: more.beside ? ['disk', 'nas'] : ['nas'],
          require: 1,
          retention: { last: 2 },
          verify: ['content'],
        },
      },
    };
    writeFileSync(file, JSON.stringify(plan).replaceAll('$', '$$$$'));
    writeFileSync(join(folder, 'data'), randomBytes(1_500_000));
    return { folder, root, file, data: join(folder, 'data') };
  }

  const states = async (file: string) => {
    const { stdout, stderr } = await runner(['list', file, '--json']);
    expect(stderr).toBe('');
    return (JSON.parse(stdout) as { backups: { state: string }[] }).backups.map(({ state }) => state);
  };
  const unfinished = (root: string) => filesBelow(root).filter((file) => file.includes('.part-'));
  /** The next run is whole, with all that it proves by itself. */
  const goesOn = async (file: string, root: string) => {
    const { exitCode, stderr } = await runner(['apply', file]);
    expect(exitCode, stderr).toBe(0);
    expect(new Set(await states(file))).toEqual(new Set(['good']));
    expect(unfinished(root).filter((name) => !name.includes('.part-small-'))).toEqual([]);
  };
  /** The same, and what lies there is whole when somebody else looks. */
  const heals = async (file: string, root: string) => {
    await goesOn(file, root);
    const { exitCode: verified, stderr: why } = await runner(['verify', file, '--level', 'checksum']);
    expect(verified, why).toBe(0);
  };

  it('apply, list, verify, restore, prune; RECOVERY.md by stock tools', async () => {
    const { folder, root, file, data } = planAt('flow', server);
    for (let run = 0; run < 3; run += 1) {
      const { exitCode, stderr } = await runner(['apply', file]);
      expect(exitCode, stderr).toBe(0);
    }
    expect((await states(file)).filter((state) => state === 'good')).toHaveLength(2);
    expect((await runner(['verify', file, '--level', 'content'])).exitCode).toBe(0);
    const restored = await runner(['restore', file, 'data', '--latest', '--to', join(folder, 'back')]);
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(readFileSync(join(folder, 'back')).equals(readFileSync(data))).toBe(true);
    expect((await runner(['prune', file])).exitCode).toBe(0);
    expect(filesBelow(root).filter((name) => name.endsWith('.manifest.json'))).toHaveLength(2);
    expect(unfinished(root)).toEqual([]);
    const page = readFileSync(join(root, 'shop', 'RECOVERY.md'), 'utf8');
    const script = /```sh\n([\s\S]*?)```/.exec(page)![1]!;
    mkdirSync(join(folder, 'by hand'));
    execFileSync('sh', ['-e', '-c', script], { cwd: join(folder, 'by hand'), stdio: 'pipe' });
    const [made] = readdirSync(join(folder, 'by hand')).filter((name) => name.startsWith('restored'));
    expect(readFileSync(join(folder, 'by hand', made!)).equals(readFileSync(data))).toBe(true);
    expect(clientsAt(server.port)).toEqual([]);
  });

  const [open, write, remove, list] = ['3', '6', '13', '11'];
  const part = String.raw`/data/\d+/\d+/\.part-`;
  const [link, replace, sync] = ['hardlink@openssh.com', 'posix-rename@openssh.com', 'fsync@openssh.com'];
  const cuts = [
    ['create', `cut-before ${open} ${part}`, 0],
    ['create', `cut-after ${open} ${part}`, 0],
    ['part', `cut-before ${write} >100000`, 2],
    ['part', `cut-after ${write} >100000`, 2],
    ['durable', `cut-before ${sync}`, 0],
    ['durable', `cut-after ${sync}`, 0],
    // What can be looked up is settled, and the run goes on as if nothing had been.
    ['complete', `cut-before ${link} [.]bin`, 0],
    ['complete', `cut-after ${link} [.]bin`, 0],
    ['complete', `cut-after ${remove} /shop/data/`, 0],
    ['manifest', `cut-before ${link} [.]manifest[.]json`, 0],
    ['manifest', `cut-after ${link} [.]manifest[.]json`, 0],
    ['list', `cut-before ${list} /shop/data`, 1],
    ['delete', `cut-before ${remove} [.]manifest[.]json`, 0],
    ['delete', `cut-after ${remove} [.]bin`, 0],
    ['lease', `cut-before ${link} /lease/`, 0],
    ['lease', `cut-after ${link} /lease/`, 0],
    ['lease', `cut-before ${replace} /lease/`, 0],
    ['lease', `cut-after ${replace} /lease/`, 0],
  ] as const;
  describe('the session ends', () => {
    let shelf: { root: string; file: string };
    // One shelf for all of them: each finds what the last one left healed.
    beforeAll(async () => {
      shelf = planAt('cuts', meddled);
      for (let run = 0; run < 2; run += 1) expect((await runner(['apply', shelf.file])).exitCode).toBe(0);
    });

    // `PROOF=full` for all of them; else every other one, so that each phase is met.
    it.each(cuts.filter((_, index) => full || index % 2 === 1))(
      'in %s (%s): never a half backup, and the next run heals',
      async (_, words, expected) => {
        const { root, file } = shelf;
        writeFileSync(control, words);
        const { exitCode, stderr } = await runner(['apply', file]);
        expect(existsSync(control), 'it never came to that').toBe(false);
        expect(exitCode, stderr).toBe(expected);
        expect(stderr).not.toMatch(/\n\s+at /);
        expect(new Set(await states(file))).toEqual(new Set(['good']));
        expect(filesBelow(root).filter((name) => name.endsWith('.manifest.json')).length).toBeGreaterThanOrEqual(2);
        await (full ? heals(file, root) : goesOn(file, root));
      },
    );

    it('and behind all of that everything is whole', async () => await heals(shelf.file, shelf.root));
  });

  it('the connection is reset: the copy here stands, and the next run heals', async () => {
    proxy.set(null);
    const { root, file } = planAt('reset', server, { port: proxy.port, beside: true });
    await goesOn(file, root);
    for (const after of full ? [500, 4000, 60_000, 900_000, 1_530_000] : [4000, 900_000]) {
      proxy.set({ act: 'reset', after, times: 1 });
      const { exitCode, stderr } = await runner(['apply', file]);
      expect(proxy.hits).toBe(1);
      expect([0, 1]).toContain(exitCode);
      if (exitCode === 1) expect(stderr).toMatch(/nas/);
      proxy.set(null);
      proxy.drop();
      await heals(file, root);
    }
  });

  it('the server is killed in the middle: partial, and the next run heals', async () => {
    const [half, killed] = [join(temporary.path, 'half'), join(temporary.path, 'killed')];
    const wait = `until [ -e ${killed} ]; do sleep 0.1; done`;
    const script = `head -c 1000000 /dev/urandom; touch ${half}; ${wait}; head -c 1000000 /dev/urandom`;
    const { root, file } = planAt('killed-server', server, { script, beside: true });
    const running = await launch(['apply', file]);
    expect(await waitFor(() => existsSync(half), 120_000)).toBe(true);
    for (const { id } of below(server.pid)) killIfThere(id, 'SIGKILL');
    writeFileSync(killed, '');
    const { exitCode, stderr } = await running.ended;
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toMatch(/the connection to root@127\.0\.0\.1:\d+ was cut/);
    await heals(file, root);
  });

  it('the program is killed with SIGKILL: no ssh is left, and the next run heals', async () => {
    const over = join(temporary.path, 'over');
    const wait = `until [ -e ${over} ]; do sleep 0.1; done`;
    const script = `head -c 1000000 /dev/urandom; touch ${join(temporary.path, 'begun')}; ${wait}`;
    const { root, file } = planAt('killed-program', server, { script });
    const running = await launch(['apply', file]);
    expect(await waitFor(() => existsSync(join(temporary.path, 'begun')), 120_000)).toBe(true);
    expect(clientsAt(server.port).length).toBeGreaterThan(0);
    process.kill(running.pid, 'SIGKILL');
    expect(await waitFor(() => clientsAt(server.port).length === 0, 60_000, 50)).toBe(true);
    await running.ended;
    writeFileSync(over, '');
    await heals(file, root);
  });

  it('an interruption leaves nothing there', async () => {
    const script = `head -c 1000000 /dev/urandom; touch ${join(temporary.path, 'started')}; sleep 120`;
    const { root, file } = planAt('interrupted', server, { script });
    const running = await launch(['apply', file]);
    expect(await waitFor(() => existsSync(join(temporary.path, 'started')), 120_000)).toBe(true);
    process.kill(running.pid, 'SIGINT');
    expect((await running.ended).exitCode).toBe(130);
    expect(unfinished(root)).toEqual([]);
    expect(clientsAt(server.port)).toEqual([]);
  });

  it.skipIf(!canMount())('a full disk: the backup fails, the older one stays whole', async () => {
    const { root, file, data } = planAt('full', server);
    mkdirSync(root);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', root]).status).toBe(0);
    try {
      await heals(file, root);
      writeFileSync(data, randomBytes(9_000_000));
      const { exitCode, stderr } = await runner(['apply', file]);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/[Dd]estination "?nas"?: cannot .*: no space is left on that file system/);
      expect(unfinished(root)).toEqual([]);
      expect(await states(file)).toEqual(['good']);
      writeFileSync(data, 'small again');
      await heals(file, root);
    } finally {
      execFileSync('umount', ['-l', root]);
    }
  });

  it('an unknown and a changed host key stop it before anything is written', async () => {
    const { root, file, folder } = planAt('keys', server, { beside: true });
    const known = join(folder, 'known_hosts');
    const right = readFileSync(known, 'utf8');
    writeFileSync(known, '');
    const unknown = await runner(['apply', file]);
    expect([unknown.exitCode, existsSync(root)]).toEqual([1, false]);
    expect(unknown.stderr).toMatch(/its host key is not in .*known_hosts: look at it \(ssh-keyscan/);
    const other = readFileSync(join(temporary.path, 'meddled', 'host.pub'), 'utf8');
    writeFileSync(known, `${right.split(' ')[0]} ${other}`);
    const changed = await runner(['apply', file]);
    expect([changed.exitCode, existsSync(root)]).toEqual([1, false]);
    expect(changed.stderr).toMatch(/its host key is not the one in/);
    writeFileSync(known, right);
  });

  it('goes through a host between', async () => {
    const { root, file } = planAt('jump', server, { spec: { jump: `root@127.0.0.1:${server.port}` } });
    await heals(file, root);
    // The client of the host between ends behind the one that started it.
    expect(await waitFor(() => clientsAt(server.port).length === 0, 30_000, 50)).toBe(true);
  });

  it('two runs at once: one of them is refused, and the backup of the other is whole', async () => {
    const go = join(temporary.path, 'go');
    const script = `until [ -e ${go} ]; do sleep 0.1; done; cat ${join(temporary.path, 'two', 'data')}`;
    const { root, file } = planAt('two', server, { script });
    const both = [await launch(['apply', file]), await launch(['apply', file])].map(({ ended }) => ended);
    // Who holds the lease waits, however late the other one comes.
    expect((await Promise.race(both)).exitCode).toBe(5);
    writeFileSync(go, '');
    expect((await Promise.all(both)).map(({ exitCode }) => exitCode).toSorted()).toEqual([0, 5]);
    await heals(file, root);
  });

  it('a folder that may not be written to is told', async () => {
    const { root, file } = planAt('not-a-folder', server);
    writeFileSync(root, 'a file');
    const { exitCode, stderr } = await runner(['apply', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/[Dd]estination "?nas"?.*cannot /);
    rmSync(root);
    await sleep(0);
    await heals(file, root);
  });
});
