/** The built program against real repositories: what a person does with them, and their bad days. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultProxy } from '../fakes/fault-proxy.ts';
import { startHttp } from '../helpers/git-http.ts';
import { has } from '../helpers/programs.ts';
import { built, cli, runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasSshd, startSshd } from '../helpers/ssh.ts';
import { full } from '../proofs/support.ts';

type Listed = { id: string; backup: string; state: string };

describe.skipIf(!has('git', 'tar'))('configuration in Git', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  const at = (...names: string[]) => join(place.path, ...names);
  const run = (...words: string[]) => runner(words, { cwd: place.path, env: { XDG_CACHE_HOME: at('cache') } });
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', at('forge.git'), ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  const ok = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await run(...words);
    expect(exitCode, `${words.join(' ')}: ${stderr}`).toBe(0);
    return stdout;
  };
  const list = async (): Promise<Listed[]> => JSON.parse(await ok('list', 'plan.json', '--json')).backups;
  const sites = (text: string) => writeFileSync(at('etc', 'site', 'index.html'), text);

  function plan(destination: object = {}, rest: object = {}): void {
    const forge = { type: 'git', repository: at('forge.git'), ...destination };
    const backup = (paths: string[]) => ({
      source: { type: 'files', base: 'etc', paths },
      destinations: ['forge'],
      retention: { last: 5 },
      verify: ['content'],
    });
    const backups = { site: { ...backup(['site']), ...rest }, cron: backup(['cron']) };
    writeFileSync(at('plan.json'), JSON.stringify({ version: 1, name: 'web', destinations: { forge }, backups }));
  }

  beforeEach(() => {
    place = temporaryDirectory();
    for (const name of ['site', 'cron']) mkdirSync(at('etc', name), { recursive: true });
    sites('one\n');
    writeFileSync(at('etc', 'cron', 'nightly'), '0 2 * * *\n');
    execFileSync('git', ['init', '-q', '--bare', '--initial-branch=main', at('forge.git')]);
    plan();
  });
  afterEach(() => place.remove());

  it('apply, list, verify, restore the newest, by date and by commit, prune', async () => {
    plan({}, { retention: { last: 2 } });
    await ok('apply', 'plan.json', 'site');
    const [first] = await list();
    const between = new Date(Date.now() + 1000);
    await sleep(2100);
    sites('two\n');
    await ok('apply', 'plan.json');
    expect(git('show', 'main:site/site/index.html')).toBe('two');
    expect(git('show', 'main:cron/cron/nightly')).toBe('0 2 * * *');
    expect(git('log', '--format=%s', 'main').split('\n')).toHaveLength(3);
    expect(git('diff', '--shortstat', 'main~2', 'main', '--', 'site')).toBe(
      '1 file changed, 1 insertion(+), 1 deletion(-)',
    );
    await ok('verify', 'plan.json');
    const restored = async (to: string, ...how: string[]) => {
      await ok('restore', 'plan.json', 'site', ...how, '--to', to);
      return readFileSync(at(to, 'site', 'index.html'), 'utf8');
    };
    expect(await restored('newest', '--latest')).toBe('two\n');
    expect(await restored('dated', '--at', between.toISOString().replace(/\.\d+Z$/, 'Z'))).toBe('one\n');
    const commit = git('log', '--format=%h', `--grep=Runner-Backup: ${first!.id}`, 'main');
    expect(await restored('committed', '--id', commit)).toBe('one\n');
    expect((await run('restore', 'plan.json', 'site', '--id', '0123456789', '--to', 'x')).exitCode).toBe(4);
    sites('three\n');
    await ok('apply', 'plan.json', 'site');
    const kept = await list();
    expect(kept.filter(({ backup }) => backup === 'site').map(({ state }) => state)).toEqual(['good', 'good']);
    expect(kept.map(({ id }) => id)).not.toContain(first!.id);
    // What is pruned is gone from the listing; the history still tells it.
    expect(git('show', `${commit}:site/site/index.html`)).toBe('one');
    git('fsck', '--strict');
  });

  it('a clean machine that has nothing but the plan restores', async () => {
    await ok('apply', 'plan.json', 'site');
    rmSync(at('cache'), { recursive: true });
    await ok('restore', 'plan.json', 'site', '--latest', '--to', 'back');
    expect(readFileSync(at('back', 'site', 'index.html'), 'utf8')).toBe('one\n');
  });

  it('a backup with a secret is refused, and nothing of it comes there', async () => {
    await ok('apply', 'plan.json', 'site');
    const before = git('rev-parse', 'main');
    writeFileSync(at('etc', 'site', '.env'), 'DB_PASSWORD=correct-horse\n');
    const { exitCode, stderr } = await run('apply', 'plan.json', 'site');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('site/.env:1 (a password)');
    expect(stderr).not.toContain('correct-horse');
    expect(git('rev-parse', 'main')).toBe(before);
    for (const repository of [at('forge.git'), at('cache')])
      expect(execFileSync('sh', ['-c', 'grep -rl correct-horse "$1" || true', 'sh', repository]).toString()).toBe('');
    plan({ 'allow-secrets': { 'site/.env': 'made up' } });
    await ok('apply', 'plan.json', 'site');
  });

  it('somebody who pushes at the same time loses nothing, and neither do we', async () => {
    await ok('apply', 'plan.json', 'site');
    execFileSync('git', ['clone', '-q', at('forge.git'), at('clone')]);
    let pushed = 0;
    let ended = false;
    const theirs = (async () => {
      while (!ended) {
        const script = `cd "$1" && git pull -q --rebase && echo ${pushed} >> notes && git add notes && git -c user.name=a -c user.email=a commit -qm "note ${pushed}" && git push -q`;
        const child = spawn('sh', ['-c', script, 'sh', at('clone')], {
          env: { ...process.env, HOME: place.path },
          stdio: 'ignore',
        });
        const code = await new Promise((done) => child.on('close', done));
        if (code === 0) pushed += 1;
        else execFileSync('git', ['-C', at('clone'), 'reset', '-q', '--hard', 'origin/main']);
        await sleep(100);
      }
    })();
    try {
      for (const text of ['two\n', 'three\n']) {
        sites(text);
        await ok('apply', 'plan.json', 'site');
      }
    } finally {
      ended = true;
      await theirs;
    }
    expect(pushed).toBeGreaterThan(0);
    const subjects = git('log', '--format=%s', 'main').split('\n');
    expect(subjects.filter((line) => line.startsWith('Backup of site'))).toHaveLength(3);
    expect(subjects.filter((line) => line.startsWith('note '))).toHaveLength(pushed);
    expect(git('show', 'main:site/site/index.html')).toBe('three');
  });

  it('two runs on two branches, at once', async () => {
    const other = JSON.parse(readFileSync(at('plan.json'), 'utf8'));
    other.destinations.forge.branch = 'other';
    writeFileSync(at('other.json'), JSON.stringify(other));
    await Promise.all([ok('apply', 'plan.json', 'site'), ok('apply', 'other.json', 'cron')]);
    expect(git('ls-tree', '-r', '--name-only', 'main')).toBe('site/site/index.html');
    expect(git('ls-tree', '-r', '--name-only', 'other')).toBe('cron/cron/nightly');
  });

  it('a hook of the server that refuses is told in its own words, and leaves nothing', async () => {
    await ok('apply', 'plan.json', 'site');
    mkdirSync(at('forge.git', 'hooks'), { recursive: true });
    writeFileSync(
      at('forge.git', 'hooks', 'update'),
      '#!/bin/sh\ncase $1 in refs/heads/*) echo "main is protected here"; exit 1 ;; esac\n',
    );
    chmodSync(at('forge.git', 'hooks', 'update'), 0o755);
    sites('two\n');
    const { exitCode, stderr } = await run('apply', 'plan.json', 'site');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /cannot push to .*: the server does not let this be pushed \(it says: main is protected here/,
    );
    expect(git('show', 'main:site/site/index.html')).toBe('one');
    expect(await list()).toHaveLength(1);
    rmSync(at('forge.git', 'hooks', 'update'));
    await ok('apply', 'plan.json', 'site');
    expect(git('show', 'main:site/site/index.html')).toBe('two');
  });

  it('a repository that is not there, a plan that does not fit', async () => {
    plan({ repository: at('nowhere.git') });
    const missing = await run('apply', 'plan.json', 'site');
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toMatch(/there is no repository/);
    plan({}, { transforms: ['zstd'] });
    const { exitCode, stderr } = await run('validate', 'plan.json');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('plain-tree');
  });

  it('kill -9 at many moments: no half backup is seen, the next run heals', async () => {
    await built();
    const began = performance.now();
    await ok('apply', 'plan.json', 'site');
    const whole = performance.now() - began;
    for (const part of full ? [0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] : [0.4, 0.6, 0.8]) {
      const delay = whole * part;
      sites(`${part}\n`);
      const child = spawn(process.execPath, ['--', cli, 'apply', 'plan.json', 'site', '--lock-timeout', '30s'], {
        cwd: place.path,
        env: { ...process.env, XDG_CACHE_HOME: at('cache') },
        stdio: 'ignore',
      });
      // It may be done before it is killed: the first one, by which the delay goes, was slow.
      const closed = new Promise((done) => child.on('close', done));
      await sleep(delay);
      child.kill('SIGKILL');
      await closed;
      for (const { state } of await list()) expect(['good', 'unproven']).toContain(state);
    }
    sites('healed\n');
    await ok('apply', 'plan.json', 'site');
    const all = await list();
    expect(all.at(-1)!.state).toBe('good');
    await ok('verify', 'plan.json', 'site');
    expect(git('show', 'main:site/site/index.html')).toBe('healed');
    expect(git('ls-tree', '-r', '--name-only', 'refs/runner/main', 'keys/web/.runner/journal/')).toBe('');
    git('fsck', '--strict');
  });

  describe.skipIf(!hasSshd())('over ssh', () => {
    it('a cut line fails the run and the next one heals; a wrong key and an unknown host are told', async () => {
      mkdirSync(at('keys'));
      const server = await startSshd(at('keys'));
      const proxy = await faultProxy({ port: server.port });
      try {
        const repository = `ssh://${server.user}@127.0.0.1:${server.port}${at('forge.git')}`;
        const good = { repository, key: server.key, 'known-hosts': server.knownHosts };
        plan(good);
        await ok('apply', 'plan.json', 'site');
        writeFileSync(at('keys', 'none'), '');
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('keys', 'wrong')]);
        for (const [change, said] of [
          [{ key: at('keys', 'wrong') }, 'the server refuses the key'],
          [{ 'known-hosts': at('keys', 'none') }, 'the host key of the server is not known'],
        ] as const) {
          plan({ ...good, ...change });
          const { exitCode, stderr } = await run('apply', 'plan.json', 'site');
          expect(exitCode).toBe(2);
          expect(stderr).toContain(said);
        }
        const known = readFileSync(server.knownHosts, 'utf8').replace(`:${server.port} `, `:${proxy.port} `);
        writeFileSync(at('keys', 'proxied'), known);
        const through = {
          ...good,
          repository: repository.replace(`:${server.port}`, `:${proxy.port}`),
          'known-hosts': at('keys', 'proxied'),
        };
        for (const after of full ? [2000, 8000, 20_000, 30_000] : [2000, 20_000]) {
          plan(through);
          sites(`until ${after}\n`);
          proxy.set({ act: 'reset', direction: 'up', after });
          const { exitCode } = await run('apply', 'plan.json', 'site');
          expect([1, 2]).toContain(exitCode);
          proxy.set(null);
          plan(good);
          for (const { state } of await list()) expect(['good', 'unproven']).toContain(state);
        }
        plan(through);
        sites('healed\n');
        await ok('apply', 'plan.json', 'site');
        expect(git('show', 'main:site/site/index.html')).toBe('healed');
        await ok('verify', 'plan.json', 'site');
      } finally {
        await proxy.end();
        await server.stop();
      }
    });
  });

  it('over http with a token, which is in nobody’s arguments', async () => {
    git('config', 'http.receivepack', 'true');
    const server = await startHttp(place.path, 'ada', 'correct-horse-token');
    try {
      const token = { secret: 'token' };
      plan({ repository: `${server.url}/forge.git`, user: 'ada', token });
      const written = JSON.parse(readFileSync(at('plan.json'), 'utf8'));
      const withToken = (value: string) => {
        writeFileSync(at('token'), `${value}\n`, { mode: 0o600 });
        writeFileSync(at('plan.json'), JSON.stringify({ ...written, secrets: { token: { file: 'token' } } }));
      };
      withToken('wrong');
      const { exitCode, stderr } = await run('apply', 'plan.json', 'site');
      expect(exitCode).toBe(2);
      expect(stderr).toContain('the server refuses the credentials');
      withToken('correct-horse-token');
      // Every Git that is started tells its arguments, and what it was given in its environment.
      mkdirSync(at('bin'));
      const real = execFileSync('sh', ['-c', 'command -v git']).toString().trim();
      writeFileSync(at('bin', 'git'), `#!/bin/sh\nprintf '%s ' "$@" >> ${at('arguments')}\nexec ${real} "$@"\n`);
      chmodSync(at('bin', 'git'), 0o755);
      const env = { XDG_CACHE_HOME: at('cache'), PATH: `${at('bin')}:${process.env.PATH}` };
      const applied = await runner(['apply', 'plan.json', 'site'], { cwd: place.path, env });
      expect(applied.exitCode, applied.stderr).toBe(0);
      expect(readFileSync(at('arguments'), 'utf8')).toContain('push');
      expect(readFileSync(at('arguments'), 'utf8')).not.toContain('correct-horse-token');
      for (const folder of ['cache', 'forge.git'])
        expect(
          execFileSync('sh', ['-c', 'grep -rl correct-horse-token "$1" || true', 'sh', at(folder)]).toString(),
        ).toBe('');
      expect(git('show', 'main:site/site/index.html')).toBe('one');
    } finally {
      await server.end();
    }
  });

  it('doctor says that the history keeps what is pruned', async () => {
    await ok('apply', 'plan.json', 'site');
    const { stdout } = await run('doctor', 'plan.json');
    expect(stdout).toMatch(/ok +may push +forge +commits can be pushed to refs\/heads\/main/);
    expect(stdout).toMatch(/what was ever committed stays in the history/);
    expect(existsSync(at('cache', 'runner', 'git'))).toBe(true);
  });
});
