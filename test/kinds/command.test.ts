import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SourceCommand } from '../../src/plan/generated/types.ts';
import { command } from '../../src/sources/command/index.ts';
import { describeSource } from '../contracts/describe.ts';
import { Machine } from '../contracts/machine.ts';
import { noise } from '../contracts/transform.ts';
import { temporary } from './temporary.ts';

const spec = (rest: Omit<SourceCommand, 'type'>): SourceCommand => ({ type: 'command', ...rest });

function live(): string {
  const path = join(temporary(), "live '$data' ü");
  writeFileSync(path, noise(200_000));
  return path;
}

const text = (path: string) => readFileSync(path).toString('hex');

describe('restored into a file', () =>
  describeSource('command', () => {
    const path = live();
    return {
      kind: command,
      spec: spec({ run: ['cat', path], extension: '.ldif' }),
      missing: spec({ run: ['cat', `${path}-none`] }),
      empty: spec({ run: ['true'] }),
      fingerprint: (place: string | null) => text(place ?? path),
      manualResult: 'restored.ldif',
    };
  }));

describe('restored by a program, with a secret', () =>
  describeSource('command', () => {
    const path = live();
    const target = join(temporary(), "it's restored");
    // The program gives its output only to one who has a password, as a database would.
    const guarded = 'test -n "$PASSWORD" && exec cat "$1"';
    return {
      kind: command,
      spec: spec({
        run: ['sh', '-c', guarded, 'sh', path],
        restore: ['sh', '-c', 'exec cat > "$1"', 'sh', target],
        environment: { PASSWORD: { secret: 'password' }, MODE: 'all' },
      }),
      secrets: { password: 's3cret pässword' },
      missing: spec({ run: ['/nowhere/dump'] }),
      empty: spec({ run: ['true'] }),
      restoredBy: target,
      fingerprint: (place: string | null) => text(place ?? path),
      manualResult: target,
    };
  }));

describe('command', () => {
  it('refuses a program that prints nothing, whatever it exits with', async () => {
    const machine = await Machine.start({ programs: [] });
    const nothing = machine.task().capture(command.capture(spec({ run: ['true'] }), machine.facts));
    await expect(nothing).rejects.toThrow(/printed nothing, and an empty backup is refused/);
    machine.end();
  });

  it('blames the program that failed, not the count behind it', async () => {
    const machine = await Machine.start({ programs: [] });
    const run: [string, string, string] = ['sh', '-c', 'echo no such table >&2; exit 3'];
    const failing = machine.task().capture(command.capture(spec({ run }), machine.facts));
    await expect(failing).rejects.toThrow(/"sh" failed with exit code 3: no such table/);
    machine.end();
  });

  it('is never started to learn its version', () => {
    expect(command.programs(spec({ run: ['./dump'] }))).toEqual([]);
  });

  it('runs in the environment of the runner, with what the plan adds', () => {
    const { produce } = command.capture(spec({ run: ['dump'], environment: { A: 'b' } }), { programs: {} });
    expect(produce).toEqual({ argv: ['dump'], inheritEnvironment: true, env: { A: 'b' } });
  });

  it('restores into a file, or through the program that the plan names', () => {
    expect(command.restores(spec({ run: ['dump'] }))).toBe('file');
    expect(command.restores(spec({ run: ['dump'], restore: ['load'] }))).toBe('none');
    expect(command.extension(spec({ run: ['dump'] }))).toBe('.bin');
  });
});
