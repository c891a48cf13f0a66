/** Files and SQLite databases that lie elsewhere, restored over the live data there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/programs.ts';
import { dockerEngine, type Said } from '../helpers/docker.ts';
import { has } from '../helpers/programs.ts';
import { built, cli, finished, remember, runner, start, temporaryDirectory } from '../helpers/runner.ts';
import { hasSshd, startSshd } from '../helpers/ssh.ts';
import { full } from '../proofs/support.ts';

type There = {
  runIn: Record<string, unknown>;
  env: Record<string, string>;
  /** A folder there. */
  root: string;
  sh(script: string, ...words: string[]): Said;
  stop(): Promise<void>;
};

const engine = dockerEngine();

/**
 * Programs that stop behind what they did, while a file is there: `mv` behind the first rename of a swap, `mkdir` behind a claim.
 * Should the sleep be killed before its script, that fails.
 */
const slow = ['mv', 'mkdir'];
const slowly = (real: string, root: string) => `#!/bin/sh
for last; do :; done
"${real}" "$@" || exit
case $last in
  *.runner-old) file='${root}/slow' then='${root}/swapping' ;;
  *.runner-new) file='${root}/slow-claim' then=/dev/null ;;
  *) exit 0 ;;
esac
[ -e "$file" ] || exit 0
: >"$then"
turn=0
while [ $turn -lt 60 ] && [ -e "$file" ]; do sleep 1 || exit; turn=$((turn + 1)); done
exit 0
`;

async function inDocker(): Promise<There> {
  const container = engine!.run(engine!.image('restore-there', ['sqlite3', 'readlink']), ['sleep', '3600']);
  const sh = (script: string, ...words: string[]) => container.exec(['sh', '-c', script, 'sh', ...words]);
  for (const name of slow) {
    const done = sh(
      `real=$(command -v "$1") && mkdir -p /srv/t && cp "$real" "/srv/$1" && rm -f "$real" && printf '%s' "$2" >"$real" && chmod 755 "$real"`,
      name,
      slowly(`/srv/${name}`, '/srv/t'),
    );
    if (done.status !== 0) throw new Error(done.stderr);
  }
  const stop = async () => container.remove();
  return { runIn: { docker: container.name }, env: engine!.env, root: '/srv/t', sh, stop };
}

async function bySsh(): Promise<There> {
  const place = temporaryDirectory();
  const root = join(place.path, 'there');
  const bin = join(place.path, 'bin');
  for (const path of [root, bin]) mkdirSync(path);
  for (const name of slow)
    writeFileSync(join(bin, name), slowly(findProgram(name, process.env)!, root), { mode: 0o755 });
  const sshd = await startSshd(place.path, { PATH: `${bin}:${process.env.PATH}` });
  const sh = (script: string, ...words: string[]) => {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', ...words], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const stop = async () => {
    await sshd.stop();
    place.remove();
  };
  return { runIn: sshd.runIn, env: {}, root, sh, stop };
}

const textOf = (path: string): string => (/\.json$/.test(path) ? readFileSync(path, 'utf8') : '');

/** What a tree or a file holds: every name, kind, mode and content. */
const digest = `cd "$1" && find . -name .runner-x -prune -o -print | LC_ALL=C sort | while IFS= read -r name; do
  stat -c '%n %F %a' -- "$name"; [ ! -f "$name" ] || sha256sum <"$name"; done`;

// Everything in a container, where a program starts sooner; of another host what its own way of getting there has a part in.
const everywhere = full || engine === null;

describe.each([
  ['a container', inDocker, engine !== null && has('sqlite3'), true],
  ['another host', bySsh, hasSshd() && has('sqlite3'), everywhere],
] as const)('over the live data in %s', (_, begin, able, whole) => {
  describe.skipIf(!able)('there', () => {
    const here = temporaryDirectory();
    const odd = `we "ird' $x; -näme`;
    let there: There;
    let data: string;
    let ledger: string;

    beforeAll(async () => {
      there = await begin();
      data = `${there.root}/data ${odd}`;
      ledger = `${there.root}/ledger ${odd}.sqlite`;
      await built();
      write();
      await begun();
    });
    afterAll(async () => {
      await there?.stop();
      here.remove();
    });

    const must = (script: string, ...words: string[]): string => {
      const said = there.sh(script, ...words);
      if (said.status !== 0) throw new Error(said.stderr);
      return said.stdout;
    };
    const write = (ofData: Record<string, unknown> = {}, ofLedger: Record<string, unknown> = {}) => {
      const base = { destinations: ['disk'] };
      const plan = {
        version: 1,
        name: 'shop',
        destinations: { disk: { type: 'local', path: 'store' } },
        backups: {
          data: {
            ...base,
            source: { type: 'files', base: data, paths: ['.'], 'run-in': there.runIn },
            restore: { overwrite: true, options: { permissions: true }, ...ofData },
          },
          ledger: {
            ...base,
            source: { type: 'sqlite', path: ledger, 'run-in': there.runIn },
            restore: { assert: [{ sql: 'select count(*) from t', equals: 3 }], ...ofLedger },
          },
        },
      };
      writeFileSync(join(here.path, 'plan.yaml'), JSON.stringify(plan).replaceAll('$', '$$$$'));
    };
    const options = () => ({ cwd: here.path, env: there.env });
    const run = (...words: string[]) => runner([words[0]!, 'plan.yaml', ...words.slice(1)], options());
    const restore = (name: string, ...words: string[]) => run('restore', name, '--latest', '--yes', ...words);
    const tree = () => must(digest, data);
    const rows = () => must('sqlite3 -readonly "$1" "select count(*) from t"', ledger).trim();
    /** Nothing of ours lies beside. */
    const left = () => must('ls -A "$1" | grep runner- || :', there.root);
    // This machine's own folder holds those of others too.
    const privates = () => ('docker' in there.runIn ? must('ls -d /tmp/runner-*-there 2>/dev/null || :') : '');

    const store = join(here.path, 'store');
    /** Brings the store back as it was with no more than the backups. */
    let restock: () => void;

    /** The data, and its backups, once. */
    const begun = async () => {
      must(
        `cd "$1" && mkdir -p "$2/sub $4" && printf a >"$2/a" && printf b >"$2/sub $4/-b
line" &&
ln -s a "$2/link" && chmod 640 "$2/a" && head -c 3000000 /dev/urandom >"$2/big" &&
sqlite3 "$3" "create table t(x); insert into t values (1), (2), (3)" && chown 1234:2345 "$3" && chmod 640 "$3" &&
mkdir kept && cp -a -- "$2" kept/data && cp -a -- "$3" kept/ledger`,
        there.root,
        data,
        ledger,
        odd,
      );
      const made = await run('apply', '-q');
      expect(made, made.stderr).toMatchObject({ exitCode: 0 });
      restock = remember(store);
    };

    /** Something else in the place of what was backed up. */
    const prepare = () => {
      restock();
      must(
        'cd "$1" && rm -rf slow* swapping .*.runner-* "$2" "$3" "$3"-* && cp -a kept/data "$2" && cp -a kept/ledger "$3"',
        there.root,
        data,
        ledger,
      );
      write();
      const before = tree();
      must('printf other >"$1/a" && rm "$1/big" && sqlite3 "$2" "delete from t where x > 1"', data, ledger);
      return before;
    };
    const kept = () => readdirSync(store, { recursive: true }).map(String);

    it('is put in place byte for byte, with a safety copy of what was there', async () => {
      const before = prepare();
      write({
        assert: [
          {
            file: 'a',
            sha256: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
          },
          { file: 'big', size: { 'at-least': '1MB', 'at-most': '4MB' } },
          { file: 'gone', exists: false },
          { count: '**', equals: 4 },
          { count: 'sub*/*', equals: 1 },
          { command: ['sh', '-c', 'test -L "$RUNNER_TARGET/link"'] },
        ],
      });
      const files = await restore('data');
      expect(files, files.stderr).toMatchObject({ exitCode: 0 });
      expect(tree()).toBe(before);
      write();
      const database = await restore('ledger');
      expect(database, database.stderr).toMatchObject({ exitCode: 0 });
      expect(rows()).toBe('3');
      expect(must('stat -c "%u:%g %a" "$1"', ledger).trim()).toBe('1234:2345 640');
      expect([left(), privates()]).toEqual(['', '']);
      const safety = kept().filter((name) => /"purpose": ?"safety"/.test(textOf(join(store, name))));
      expect(safety.map((name) => /(data|ledger)-/.exec(name)?.[1]).sort()).toEqual(['data', 'ledger']);
    });

    it.runIf(whole)('is made anew where it is gone, and beside here with --to', async () => {
      const before = prepare();
      must('rm -rf "$1" "$2"', data, ledger);
      for (const name of ['data', 'ledger']) {
        const done = await restore(name);
        expect(done, done.stderr).toMatchObject({ exitCode: 0 });
      }
      expect([tree().replace(/^\. directory .*\n/, ''), rows()]).toEqual([
        before.replace(/^\. directory .*\n/, ''),
        '3',
      ]);
      const out = await restore('data', '--to', 'out');
      expect(out, out.stderr).toMatchObject({ exitCode: 0 });
      expect(readFileSync(join(here.path, 'out', 'a'), 'utf8')).toBe('a');
    });

    it.runIf(whole)('stays when an assertion, the artifact or a later step says no', async () => {
      prepare();
      const [live, count] = [tree(), rows()];
      write({ assert: [{ count: '**', 'at-least': 50 }] });
      expect(await restore('data')).toMatchObject({ exitCode: 2 });
      expect(tree()).toBe(live);
      write({ after: [{ run: ['false'] }] }, { after: [{ run: ['false'] }] });
      for (const name of ['data', 'ledger']) expect(await restore(name)).toMatchObject({ exitCode: 1 });
      expect([tree(), rows(), left()]).toEqual([live, count, '']);
      write();
      for (const path of kept().filter((name) => /\/data\/.*\.tar[^/]*$|\.sqlite[^/]*$/.test(name))) {
        const file = join(store, path);
        const bytes = readFileSync(file);
        bytes[bytes.length >> 1]! ^= 1;
        execFileSync('chmod', ['u+w', file]);
        writeFileSync(file, bytes);
      }
      for (const name of ['data', 'ledger']) expect((await restore(name)).exitCode).not.toBe(0);
      expect([tree(), rows(), left(), privates()]).toEqual([live, count, '', '']);
    });

    it.runIf(whole)('is refused with a sentence where it cannot be replaced', async () => {
      prepare();
      write({ overwrite: false });
      expect(await restore('data')).toMatchObject({
        exitCode: 4,
        stderr: expect.stringContaining('let the plan say restore: { overwrite: true }'),
      });
      write();
      must('rm "$1" && mkdir "$1"', ledger);
      expect(await restore('ledger')).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('is a directory') });
      must('rm -r "$1" && mkfifo "$1"', ledger);
      expect(await restore('ledger')).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('no file but') });
      must('rm "$1" && ln -s nowhere "$1"', ledger);
      expect(await restore('ledger')).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('leads nowhere') });
      must('rm "$1"', ledger);
      const real = await runner(['restore', 'plan.yaml', 'data', '--latest'], options());
      expect(real).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('needs --yes') });
    });

    it.runIf(whole)('is reached through a link, which stays', async () => {
      const before = prepare();
      must('mv "$1" "$2/behind" && ln -s behind "$1"', data, there.root);
      const done = await restore('data');
      expect(done, done.stderr).toMatchObject({ exitCode: 0 });
      expect(must('readlink "$1"', data).trim()).toBe('behind');
      expect(must(digest, `${data}/.`)).toBe(before);
      must('rm "$1"; rm -r "$2/behind"', data, there.root);
    });

    /** Starts a restore, and ends it when a file is there that was not. */
    const cut = async (name: string, file: string, signal: 'SIGKILL' | 'SIGINT', behind = () => {}) => {
      must('rm -rf -- "$1"', file);
      const words = ['restore', 'plan.yaml', name, '--latest', '--yes'];
      const child = start(process.execPath, ['--', cli, ...words], options());
      const ended = finished(child);
      for (const began = Date.now(); there.sh('[ -e "$1" ]', file).status !== 0; ) {
        const isLate = Date.now() - began > 120_000;
        if (isLate) child.kill('SIGKILL');
        if (isLate || child.exitCode !== null) throw new Error(`never there: ${file}\n${(await ended).stderr}`);
        await sleep(20);
      }
      child.kill(signal);
      behind();
      return await ended;
    };
    const settled = async (isSo: () => boolean) => {
      for (const began = Date.now(); !isSo() && Date.now() - began < 120_000; ) await sleep(100);
    };

    it.each(whole ? (['SIGKILL', 'SIGINT'] as const) : (['SIGKILL'] as const))(
      'stays when %s ends the restore before the swap',
      async (signal) => {
        prepare();
        const [live, count] = [tree(), rows()];
        const slow = { assert: [{ command: ['sh', '-c', `: >"${there.root}/slow-assert"; exec sleep 60`] }] };
        write(slow, slow);
        for (const [name, file] of [
          ['data', data],
          ['ledger', ledger],
        ] as const) {
          const beside = `${there.root}/.${file.slice(there.root.length + 1)}.runner-new`;
          const asIs = async () => {
            await settled(() => left() === '' && privates() === '');
            expect([tree(), rows(), left(), privates()]).toEqual([live, count, '', '']);
          };
          await cut(name, beside, signal);
          await asIs();
          await cut(name, `${there.root}/slow-assert`, signal);
          await asIs();
        }
      },
    );

    it('keeps nothing of a claim that was killed before it could answer', async () => {
      prepare();
      const [live, count] = [tree(), rows()];
      must(': >"$1/slow-claim"', there.root);
      await cut('data', `${there.root}/.data ${odd}.runner-new`, 'SIGKILL');
      await settled(() => left() === '' && privates() === '');
      must('rm "$1/slow-claim"', there.root);
      expect([tree(), rows(), left(), privates()]).toEqual([live, count, '', '']);
    });

    it.each(whole ? ['data', 'ledger'] : ['data'])(
      'half a swap of the %s is undone when the restore is killed',
      async (name) => {
        prepare();
        const [live, count] = [tree(), rows()];
        must(': >"$1/slow"', there.root);
        await cut(name, `${there.root}/swapping`, 'SIGKILL');
        await settled(() => left() === '');
        must('rm "$1/slow" "$1/swapping"', there.root);
        expect([left(), tree(), rows()]).toEqual(['', live, count]);
      },
    );

    it.runIf(whole)('is whole when Ctrl-C comes in the middle of the swap', async () => {
      const before = prepare();
      must(': >"$1/slow"', there.root);
      // The swap goes on when the interruption was sent, and not before: who looks for it may be slow.
      const goOn = () => must('sleep 1; rm "$1/slow"', there.root);
      const ended = await cut('data', `${there.root}/swapping`, 'SIGINT', goOn);
      must('rm "$1/swapping"', there.root);
      // The data is in its place and no copy of the old one was kept: restored, and yet not all that was promised.
      expect(ended, ended.stderr).toMatchObject({ exitCode: 130 });
      expect(ended.stderr).toMatch(/: restored to /);
      expect(tree()).toBe(before);
      expect(ended.stderr).toMatch(/what lay (at|there at) .*\.runner-old/);
      must('rm -rf "$1"/.*runner-old', there.root);
    });
  });
});
