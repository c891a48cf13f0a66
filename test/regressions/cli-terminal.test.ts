import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { built, cli, start, temporaryDirectory } from '../helpers/runner.ts';

const plan = `version: 1
name: p
destinations: { disk: { type: local, path: disk } }
backups:
  b:
    source: { type: command, run: [sh, -c, "for i in $$(seq 100); do head -c 100000 /dev/zero; sleep 0.2; done"] }
    destinations: [disk]
`;

/** What a run on a terminal of its own writes, and its exit code, when Ctrl-C is typed once it moves bytes. */
async function interrupted(folder: string, times: number): Promise<string> {
  await built();
  // The shell gets the interrupt too: a handler keeps it alive, and the program has the usual one.
  const line = `trap : INT; stty cols 100 rows 30; '${process.execPath}' -- '${cli}' apply plan.yaml; echo "exit code $?"`;
  const child = start('script', ['-qec', line, '/dev/null'], { cwd: folder, env: { TERM: 'xterm' } });
  let written = '';
  let typed = 0;
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    written += text;
    if (typed === 0 && / [KM]iB/.test(written)) {
      typed = times;
      child.stdin!.write('\x03'.repeat(times));
    }
  });
  await new Promise((done) => child.on('close', done));
  return written;
}

const files = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' });

describe.skipIf(!has('script', 'stty'))('Ctrl-C under a live progress tree', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  beforeEach(() => {
    place = temporaryDirectory();
    writeFileSync(join(place.path, 'plan.yaml'), plan);
  });
  afterEach(() => place.remove());

  it.each([1, 2])('typed %i times undoes what was begun and ends with 130', async (times) => {
    const written = await interrupted(place.path, times);
    expect(written).toContain('exit code 130');
    expect(written).toContain('stopping, and undoing what was begun');
    const left = files(join(place.path, 'disk')).filter((name) => /\.part-|journal\/./.test(name));
    expect(left).toEqual([]);
  });
});
