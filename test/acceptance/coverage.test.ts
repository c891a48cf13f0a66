/** plans/README.md leaves nothing of the five documents out, and what it names is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verbs } from '../../src/commands/verbs.ts';
import { effectivePlan } from '../../src/plan/config.ts';
import { readPlan } from '../../src/plan/read.ts';
import { able } from '../helpers/programs.ts';
import { codes, notYet, recovery, root, type Section, sections } from './support/page.ts';

const mayWait = [
  'point in time and WAL',
  'the scheduler process',
  'notifications',
  'metrics and alert rules',
  'drill reports',
  'exports',
];
const seeds = join(root, '..', 'shared', 'seeds');
const hasSeeds = able(existsSync(seeds), 'the documents in ../shared/seeds');
const common = ['--env-file', '--help', '--json', '--yes'];

function documentLines({ document }: Section): string[] {
  const file = readdirSync(seeds).find((name) => name.startsWith(`${document}_`))!;
  return readFileSync(join(seeds, file), 'utf8').split('\n');
}

/** Whether a plan has something at `backups.redis.schedule`, as it is written or once its defaults are filled in. */
async function plansOf({ plans }: Section): Promise<(path: string) => boolean> {
  const read = await Promise.all(plans.map((plan) => readPlan(join(root, plan), { environment: {} })));
  const values = read.flatMap(({ loaded, resolved }) => [loaded.value, effectivePlan(resolved)]);
  return (path) => values.some((value) => at(value, path.split('.')) !== undefined);
}

function at(value: unknown, [key, ...rest]: string[]): unknown {
  if (key === undefined) return value;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return at((value as Record<string, unknown>)[key], rest);
}

/** What is wrong with a command of the page: a verb or a flag that the program does not have. */
function mistakes(line: string): string[] {
  return [...line.matchAll(/\brunner ([^&|;]*)/g)].flatMap(([, command = '']) => {
    const [name, ...words] = command.split(/\s+/);
    const verb = verbs.find((one) => one.name === name);
    if (!verb) return [`no verb ${name}`];
    const known = [...common, ...verb.flags.flatMap(({ flags }) => flags.match(/--[\w-]+/g) ?? [])];
    const strange = words.map((word) => /^--[\w-]+/.exec(word)?.[0]).filter((flag) => flag && !known.includes(flag));
    return strange.map((flag) => `runner ${name} has no ${flag}`);
  });
}

const isTold = (sources: string[], title: string) =>
  sources.some((source) => ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote}`)));

describe.each(sections())('the page of the plans, $name', (section) => {
  const { name, rows, plans, tests, counts, earned, explanation } = section;

  it('names plans that are valid, and quotes every finding that they earn', async () => {
    expect(plans).toContain(`plans/${name}.yaml`);
    const read = await Promise.all(plans.map((plan) => readPlan(join(root, plan), { environment: {} })));
    const said = read.flatMap(({ warnings }) => warnings.map((one) => `${one.severity} ${one.rule}: ${one.message}`));
    expect([...new Set(earned)].toSorted()).toEqual([...new Set(said)].toSorted());
  });

  it('numbers its rows, counts them, and lets only what is named wait', () => {
    const waiting = rows.filter((row) => notYet(row) !== null);
    expect(rows.map((row) => row.number)).toEqual(rows.map((_, index) => index + 1));
    expect(counts).toEqual({
      statements: rows.length,
      kept: rows.length - waiting.length,
      notYet: waiting.length,
    });
    const strange = waiting.filter((row) => !mayWait.some((reason) => notYet(row)!.startsWith(reason)));
    expect(strange.map((row) => `row ${row.number}: ${row.keptBy}`)).toEqual([]);
  });

  it('names only parts of the plan and commands that exist', async () => {
    const has = await plansOf(section);
    const wrong = rows.flatMap((row) => {
      const names = codes(row.keptBy);
      if (names.length === 0 && notYet(row) === null) return [`row ${row.number}: nothing keeps it`];
      const bad = names.flatMap((code) => {
        if (code.startsWith('runner ')) return mistakes(code);
        return has(code) ? [] : [`no ${code} in ${plans.join(', ')}`];
      });
      return bad.map((text) => `row ${row.number}: ${text}`);
    });
    expect(wrong).toEqual([]);
    expect(recovery(name)).not.toEqual([]);
    expect(recovery(name).flatMap(mistakes)).toEqual([]);
  });

  it('names only tests that exist', () => {
    const wrong = rows.flatMap((row) => {
      const names = codes(row.provedBy);
      const isFile = (code: string) => code.endsWith('.test.ts');
      const files = [...tests, ...names.filter(isFile)];
      const missing = files.filter((file) => !existsSync(join(root, file)));
      if (missing.length > 0) return [`row ${row.number}: no ${missing.join(', ')}`];
      if (names.length === 0 && notYet(row) === null) return [`row ${row.number}: nothing proves it`];
      const sources = files.map((file) => readFileSync(join(root, file), 'utf8'));
      const untold = names.filter((code) => !isFile(code) && !isTold(sources, code));
      return untold.map((title) => `row ${row.number}: no test "${title}"`);
    });
    expect(wrong).toEqual([]);
  });

  it.skipIf(!hasSeeds)('leaves no line of its document out', () => {
    const lines = documentLines(section);
    const told = new Set(rows.flatMap((row) => row.lines));
    const beyond = [...told, ...explanation].filter((line) => line < 1 || line > lines.length);
    expect(beyond, 'lines that the document does not have').toEqual([]);
    const left = lines.flatMap((text, index) => {
      const line = index + 1;
      const isCovered = text.trim() === '' || told.has(line) || explanation.includes(line);
      return isCovered ? [] : [`${line}: ${text}`];
    });
    expect(left).toEqual([]);
    expect(
      explanation.filter((line) => told.has(line)),
      'lines that are both a statement and mere explanation',
    ).toEqual([]);
  });
});
