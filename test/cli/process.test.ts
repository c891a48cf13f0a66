import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { built, cli, finished, runner, shell, start } from '../helpers/runner.ts';
import { small, type Workplace, workplaces } from './plan.ts';

const place = workplaces();

/** A source that writes its process id into `begun` and then takes its time. */
function slowPlace(hooks = ''): Workplace {
  const made = place();
  const script = `echo $$$$ > ${made.path}/begun; echo half; exec sleep 60`;
  const source = `type: command, run: [sh, -c, "${script}"], restore: [cat], extension: .txt`;
  writeFileSync(join(made.path, 'runner.yaml'), small.replace('type: files, paths: [notes]', () => source) + hooks);
  return made;
}

async function until<Result>(look: () => Result | null): Promise<Result> {
  for (;;) {
    const found = look();
    if (found !== null) return found;
    await sleep(20);
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null;
  } catch {
    return null;
  }
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('an interrupt', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s undoes what was begun and is exit %i', async (signal, code) => {
    await built();
    const { path } = slowPlace();
    const child = start(process.execPath, ['--', cli, 'apply'], { cwd: path });
    const end = finished(child);
    const pid = Number(await until(() => read(join(path, 'begun'))));
    child.kill(signal);
    const { exitCode, stderr } = await end;
    expect(exitCode).toBe(code);
    expect(stderr).toContain(`runner: ${signal}: stopping and undoing what was begun\n`);
    expect(isAlive(pid)).toBe(false);
    const left = readdirSync(join(path, 'store'), { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.includes('notes-') && !name.includes('.runner'))).toEqual([]);
    expect((await runner(['list', '--json'], { cwd: path })).exitCode).toBe(0);
  });

  it('is heard a second time, and the work goes on being undone', async () => {
    await built();
    // What undoes takes until it was heard.
    const wait = 'until [ -e heard ]; do sleep 0.1; done';
    const { path } = slowPlace(`    hooks: { finally: [{ run: [timeout, "100", sh, -c, "${wait}"] }] }\n`);
    const child = start(process.execPath, ['--', cli, 'apply'], { cwd: path });
    let said = '';
    child.stderr!.on('data', (text) => (said += text));
    const end = finished(child);
    await until(() => read(join(path, 'begun')));
    child.kill('SIGINT');
    // Of two signals at once a process hears one.
    await until(() => said.match('stopping and undoing'));
    child.kill('SIGINT');
    await until(() => said.match('still undoing'));
    writeFileSync(join(path, 'heard'), '');
    const { exitCode, stderr } = await end;
    expect(exitCode).toBe(130);
    expect(stderr).toContain('runner: still undoing what was begun\n');
  });
});

describe('a fault', () => {
  it('is exit 3, one sentence, and a private file with the details', async () => {
    const { path } = place();
    const { exitCode, stderr } = await shell('runner config > /dev/full', { cwd: path });
    expect(exitCode).toBe(3);
    const match = /^runner: an unexpected fault: .*ENOSPC.* \(details: (.*)\)\n$/.exec(stderr);
    expect(match).not.toBeNull();
    expect(readFileSync(match![1]!, 'utf8')).toContain('ENOSPC');
  });
});

describe('--quiet', () => {
  it('says nothing of what goes well, and everything of what does not', async () => {
    const { path } = place();
    expect(await runner(['apply', '-q'], { cwd: path })).toEqual({ exitCode: 0, signal: null, stdout: '', stderr: '' });
    writeFileSync(
      join(path, 'runner.yaml'),
      small.replace('type: files, paths: [notes]', 'type: command, run: ["false"], restore: [cat], extension: .txt'),
    );
    const failed = await runner(['apply', '-q'], { cwd: path });
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(failed.stderr).toMatch(/error: back up notes: failed/);
  });
});

describe('apply --due', () => {
  it('makes what the schedule owes, once', async () => {
    const { path } = place(`${small}    schedule: "0 0 1 1 *"\n`);
    const due = () => runner(['apply', '--due', '--json'], { cwd: path });
    expect((await due()).stdout).toContain('"event":"committed"');
    const second = await due();
    expect(second).toMatchObject({ exitCode: 0, stdout: '' });
    expect(second.stderr).toMatch(/^nothing is due; next is notes at \d{4}-01-01 00:00:00 UTC\n$/);
  });
});
