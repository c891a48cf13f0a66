import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verbs } from '../../src/commands/verbs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { workplaces } from './plan.ts';

const place = workplaces();

describe('help', () => {
  it('lists every verb and the exit codes', async () => {
    const { exitCode, stdout, stderr } = await runner(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const { name } of verbs) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(stdout).toContain('130, 143  interrupted');
  });

  it.each(verbs.map(({ name }) => name))('%s has examples that name it, and the exit codes', async (name) => {
    const { exitCode, stdout, stderr } = await runner([name, '--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: runner ${name} `));
    expect(stdout).toMatch(new RegExp(`Examples:\n  runner ${name} `));
    expect(stdout).toContain('Exit codes:');
  });

  it('is printed to standard error when nothing is asked', async () => {
    const { exitCode, stdout, stderr } = await runner([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toContain('Usage: runner');
  });

  it('prints the version', async () => {
    const { exitCode, stdout } = await runner(['--version']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a command line that is wrong', () => {
  const wrong: [string[], string][] = [
    [['aply'], "unknown command 'aply'; did you mean apply?"],
    [['list', '--jsno'], "unknown option '--jsno'; did you mean --json?"],
    [['show'], 'show needs ID: runner show [PLAN] ID'],
    [['cat', 'some-id'], 'cat needs ID and PATH: runner cat [PLAN] ID PATH'],
    [['validate', 'a', 'b'], '"b" is one word too many: runner validate [PLAN]'],
    [['list', './x.yaml', 'a', 'b'], '"b" is one word too many: runner list [PLAN] [BACKUP]'],
    [
      ['verify', '--level', 'all'],
      "option '--level <level>' argument 'all' is invalid. Allowed choices are checksum, content, restore.",
    ],
    [
      ['apply', '--lock-timeout', '5'],
      "option '--lock-timeout <duration>' argument '5' is invalid. A duration such as 30s, 10m or 2h was expected.",
    ],
    [['restore', 'notes'], 'say which backup: --latest, --at TIME, --id ID or --file ARTIFACT'],
    [
      ['restore', 'notes', '--latest', '--at', '2026-01-01'],
      'only one of these can be meant: --latest, --at TIME, --id ID or --file ARTIFACT',
    ],
    [['restore', 'nots', '--latest'], 'the plan has no backup "nots"; did you mean "notes"?'],
    [['apply', 'elsewhere'], 'the plan has no backup "elsewhere"; it has notes'],
    [['list', '--from', 'dsk'], 'the plan has no destination "dsk"; did you mean "disk"?'],
    [['restore', '--latest'], '"notes" names no place of its own to restore to: say it with --to'],
    [['show', 'notes-yesterday'], '"notes-yesterday" is no id of a backup; `runner list` prints them'],
    [['retention', 'notes'], 'retention needs one of --simulate DURATION and --times FILE'],
    [['retention', 'notes', '--simulate', '400'], '"400" is no duration; 400d or 2y was expected'],
    [
      ['pin', 'notes-20260101T000000Z-abcdef', '--until', '2026-02-30'],
      '"2026-02-30" is no time; write 2026-01-15, 2026-01-15T10:30 or 2026-01-15T10:30:00+01:00',
    ],
    [
      ['forget', 'notes-20260101T000000Z-abcdef'],
      'forget needs --reason TEXT: it is all that will be left of the backup',
    ],
    [['list', '--env-file', 'nowhere.env'], 'the environment file nowhere.env cannot be read (ENOENT)'],
  ];
  it.each(wrong)('%j is one sentence and exit 4', async (words, sentence) => {
    const { path } = place();
    const { exitCode, stdout, stderr } = await runner(words, { cwd: path });
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 4, stdout: '', stderr: `runner: ${sentence}\n` });
  });
});

describe('which plan', () => {
  it('is RUNNER_PLAN before ./runner.yaml, and the argument before both', async () => {
    const { path } = place();
    const plan = (name: string) => {
      const file = join(path, `${name}.yaml`);
      writeFileSync(
        file,
        `version: 1\nname: ${name}\nbackups:\n  x:\n    source: { type: files, paths: [notes] }\n    destinations: [{ type: local, path: s }]\n`,
      );
      return file;
    };
    const [one, two] = [plan('one'), plan('two')];
    const nameOf = async (words: string[], env: Record<string, string>) =>
      /plan (\w+),/.exec((await runner(['validate', ...words], { cwd: path, env })).stdout)?.[1];
    expect(await nameOf([], {})).toBe('small');
    expect(await nameOf([], { RUNNER_PLAN: one })).toBe('one');
    expect(await nameOf([two], { RUNNER_PLAN: one })).toBe('two');
    expect(await nameOf([], { RUNNER_PLAN: 'two.yaml' })).toBe('two');
  });

  it('is missed in one sentence', async () => {
    const empty = temporaryDirectory();
    const { exitCode, stderr } = await runner(['plan'], { cwd: empty.path });
    empty.remove();
    expect(exitCode).toBe(4);
    expect(stderr).toBe('runner: no plan: name its file, set RUNNER_PLAN, or start where a runner.yaml lies\n');
  });

  it('takes variables from --env-file, and those of the environment win', async () => {
    const { path } = place(
      `version: 1\nname: \${NAME}\nbackups:\n  x:\n    source: { type: files, paths: [notes] }\n    destinations: [{ type: local, path: s }]\n`,
    );
    writeFileSync(join(path, 'names.env'), 'NAME="from-file"\n');
    const words = ['config', '--json', '--env-file', 'names.env'];
    const nameIn = async (env: Record<string, string>) =>
      JSON.parse((await runner(words, { cwd: path, env })).stdout).name;
    expect(await nameIn({})).toBe('from-file');
    expect(await nameIn({ NAME: 'outside' })).toBe('outside');
  });
});
