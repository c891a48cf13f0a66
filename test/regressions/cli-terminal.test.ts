import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { built, cli, runner, start, temporaryDirectory } from '../helpers/runner.ts';

const plan = `version: 1
name: p
destinations: { disk: { type: local, path: disk } }
backups:
  b:
    source: { type: command, run: [sh, -c, "for i in $$(seq 100); do head -c 100000 /dev/zero; sleep 0.2; done"] }
    destinations: [disk]
`;

/** What a command writes on a terminal of its own, and its exit code, when `keys` are typed once it has written `cue`. */
async function typed(folder: string, command: string, cue: RegExp, keys: string): Promise<string> {
  await built();
  // The shell gets the interrupt too: a handler keeps it alive, and the program has the usual one.
  const line = `trap : INT; stty cols 100 rows 30; '${process.execPath}' -- '${cli}' ${command}; echo "exit code $?"`;
  const child = start('script', ['-qec', line, '/dev/null'], { cwd: folder, env: { TERM: 'xterm' } });
  let written = '';
  let isTyped = false;
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    written += text;
    if (isTyped || !cue.test(written)) return;
    isTyped = true;
    child.stdin!.write(keys);
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
    const written = await typed(place.path, 'apply plan.yaml', / [KM]iB/, '\x03'.repeat(times));
    expect(written).toContain('exit code 130');
    expect(written).toContain('stopping, and undoing what was begun');
    const left = files(join(place.path, 'disk')).filter((name) => /\.part-|journal\/./.test(name));
    expect(left).toEqual([]);
  });
});

describe.skipIf(!has('script', 'stty'))('a question', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  const question = /\[y\/N\]/;
  beforeEach(async () => {
    place = temporaryDirectory();
    writeFileSync(join(place.path, 'data.txt'), 'data\n');
    const source = 'source: { type: files, paths: [data.txt] }';
    const restore = 'restore: { to: out, overwrite: true }';
    const text = `version: 1\nname: p\ndestinations: { disk: { type: local, path: disk } }\nbackups:\n  b: { ${source}, destinations: [disk], ${restore} }\n`;
    writeFileSync(join(place.path, 'plan.yaml'), text);
    mkdirSync(join(place.path, 'out'));
    writeFileSync(join(place.path, 'out', 'mine'), 'mine\n');
    await runner(['apply', 'plan.yaml'], { cwd: place.path });
  });
  afterEach(() => place.remove());

  it.each([
    ['Ctrl-C', '\x03', 130, 'SIGINT: stopping'],
    ['Ctrl-D', '\x04', 4, 'nothing was done: it was not agreed to'],
    ['no', 'n\n', 4, 'nothing was done: it was not agreed to'],
  ])('answered by %s does nothing and says so', async (_, keys, code, sentence) => {
    const written = await typed(place.path, 'restore plan.yaml b --latest', question, keys);
    expect(written).toContain(`exit code ${code}`);
    expect(written).toContain(sentence);
    expect(written).not.toContain('unexpected');
    expect(readdirSync(join(place.path, 'out'))).toEqual(['mine']);
  });
});

describe.skipIf(!has('script', 'stty'))('a question that wants a name', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  const question = /Type production\/shop to go on: /;
  const live = () => readFileSync(join(place.path, 'live', 'a.txt'), 'utf8');
  beforeEach(async () => {
    place = temporaryDirectory();
    mkdirSync(join(place.path, 'live'));
    writeFileSync(join(place.path, 'live', 'a.txt'), 'saved');
    const source = 'source: { type: files, base: live, paths: [a.txt] }';
    const restore = 'restore: { to: live, overwrite: true, confirm: production/shop }';
    const text = `version: 1\nname: p\ndestinations: { disk: { type: local, path: disk } }\nbackups:\n  b: { ${source}, destinations: [disk], ${restore} }\n`;
    writeFileSync(join(place.path, 'plan.yaml'), text);
    await runner(['apply', 'plan.yaml'], { cwd: place.path });
    writeFileSync(join(place.path, 'live', 'a.txt'), 'changed');
  });
  afterEach(() => place.remove());

  it.each([
    ['another name', 'staging/shop\n'],
    ['yes', 'yes\n'],
    ['nothing', '\n'],
    ['the end of input', '\x04'],
  ])('answered by %s does nothing and says so', async (_, keys) => {
    const written = await typed(place.path, 'restore plan.yaml b --latest', question, keys);
    expect(written).toContain('exit code 4');
    expect(written).toContain('nothing was done: production/shop was not typed');
    expect(live()).toBe('changed');
  });

  it('answered by the name goes on, and so does --yes', async () => {
    const written = await typed(place.path, 'restore plan.yaml b --latest', question, 'production/shop\n');
    expect(written).toContain('exit code 0');
    expect(live()).toBe('saved');
    expect(await runner(['restore', 'plan.yaml', 'b', '--latest', '--yes'], { cwd: place.path })).toMatchObject({
      exitCode: 0,
    });
  });
});
