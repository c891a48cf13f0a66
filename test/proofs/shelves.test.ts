/**
 * Generated histories laid out as real shelves: `prune --dry-run --json` must say what `retention --times` says.
 * `PROOF=full npx vitest run test/proofs/shelves.test.ts`: 500 of them; without it 40.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Finding, FindingResult } from '../../src/catalog/format.ts';
import type { Item } from '../../src/retention/decide.ts';
import type { RetentionPolicy } from '../../src/retention/policy.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { sampleManifest } from '../unit/catalog/sample.ts';
import { type History, history, random } from '../unit/retention/histories.ts';
import { command } from './in-process.ts';
import { layAgain, type Model } from './shelf.ts';
import { filesBelow, full, printTable, proofTimeout } from './support.ts';

const shelves = full ? 500 : 40;
/** Every so many shelves the program itself is asked as well, and the prune is really made. */
const byProgram = 20;
const byDeed = 4;

const home = temporaryDirectory('runner-shelves-');
afterAll(() => home.remove());

type Row = { id: string; time: string; keep: boolean; reasons: string[] };
type Explained = { time: string; keep: boolean; reasons: string[] };
type Case = { folder: string; plan: string; times: string; disk: string; past: History };

const stamp = (time: Date) => `${time.toISOString().slice(0, 19)}Z`;
const written = ({ amount, unit }: { amount: number; unit: string }) => `${amount}${unit}`;

function policyText(policy: RetentionPolicy): string {
  const rules: Record<string, unknown> = { floor: policy.floor, 'week-starts': policy.weekStarts, tags: policy.tags };
  if (policy.last !== undefined) rules.last = policy.last;
  if (policy.within !== undefined) rules.within = written(policy.within);
  for (const [tier, rule] of Object.entries(policy.tiers))
    rules[tier] = 'count' in rule ? rule.count : written(rule.reach);
  return JSON.stringify(rules);
}

/** A history that lies in the past, since a backup from the future rightly stops every prune. */
function pastHistory(seed: number): History {
  const source = random(seed);
  for (;;) {
    const made = history(source);
    const items = made.items.filter(({ time }) => time.getTime() > 0).map(({ held: _, ...item }) => item);
    const isMeaningful =
      made.policy.last !== undefined || made.policy.within !== undefined || Object.keys(made.policy.tiers).length > 0;
    if (items.length > 0 && isMeaningful && items.at(-1)!.time.getTime() < Date.now()) return { ...made, items };
  }
}

/** What lies beside a backup for it to be what the history says. */
function marksOf(item: Item, turn: number): [Finding, FindingResult][] {
  const good: [Finding, FindingResult][] = [
    ['checksum', 'pass'],
    ['content', 'pass'],
  ];
  const bad: [Finding, FindingResult][][] = [
    [['checksum', 'pass']],
    [...good, ['content', 'fail']],
    [...good, ['anomaly', 'set']],
    [],
  ];
  return [
    ...(item.good ? good : bad[turn % bad.length]!),
    ...(item.pinned ? [['pin', 'set'] as [Finding, FindingResult]] : []),
  ];
}

async function layOut(seed: number, plain: boolean): Promise<Case> {
  const drawn = pastHistory(seed);
  const past: History = plain
    ? { ...drawn, items: drawn.items.map(({ id, time }) => ({ id, time, good: true })) }
    : drawn;
  const folder = join(home.path, String(seed));
  const disk = join(folder, 'disk');
  const model: Model = { root: folder, manifest: sampleManifest({ id: past.items[0]!.id, backup: 'shop' }) };
  const artifact = join(folder, model.manifest.artifacts[0]!.key);
  await mkdir(dirname(artifact), { recursive: true });
  await writeFile(artifact, 'sealed bytes');
  for (const [index, item] of past.items.entries()) {
    const change = { tags: item.tags ?? [], plainSize: null };
    await layAgain(model, item.id, { root: disk, linked: true, marks: marksOf(item, index), change });
  }
  const plan = join(folder, 'plan.yaml');
  await writeFile(
    plan,
    `version: 1\nname: shop\ntimezone: ${past.zone}\ndestinations: { disk: { type: local, path: disk } }\nbackups:\n  shop:\n    source: { type: command, run: [date] }\n    destinations: [disk]\n    retention: ${policyText(past.policy)}\n    verify: [content]\n`,
  );
  const times = join(folder, 'times.txt');
  await writeFile(
    times,
    past.items
      .filter(({ good }) => good)
      .map(({ time }) => `${stamp(time)}\n`)
      .join(''),
  );
  return { folder, disk, plan, times, past };
}

async function ask(one: Case, program: boolean): Promise<{ rows: Row[]; explained: Explained[] }> {
  const asked = async (verb: string, words: string[], flags: string[], options: object) => {
    const said = program
      ? await runner([verb, one.plan, ...words, ...flags])
      : await command(verb, one.plan, words, options, {});
    expect(
      [said.exitCode, said.stderr.replaceAll(/^.*advice.*\n(?: .*\n)*|^\d+ advice.*\n|^\n/gm, '')],
      `${verb} ${one.plan}`,
    ).toEqual([0, '']);
    return JSON.parse(said.stdout);
  };
  const pruned = await asked('prune', [], ['--dry-run', '--json'], { dryRun: true, json: true });
  expect(pruned.blocked, one.plan).toEqual([]);
  const explained = await asked('retention', ['shop'], ['--times', one.times, '--json'], {
    times: one.times,
    json: true,
  });
  return { rows: pruned.backups, explained };
}

/** Compares row by row; returns how many were compared. */
function compare(
  { past }: Case,
  rows: Row[],
  explained: Explained[],
  where: string,
): { kept: number; deleted: number } {
  expect(
    rows.map(({ id }) => id),
    where,
  ).toEqual(past.items.map(({ id }) => id));
  const byTime = new Map(explained.map((row) => [row.time, row]));
  const newest = past.items.findLast(({ good }) => good)?.time;
  for (const [index, item] of past.items.entries()) {
    const row = rows[index]!;
    const tagged = item.tags?.some((tag) => past.policy.tags.includes(tag)) ?? false;
    if (item.good) {
      const { keep, reasons } = byTime.get(stamp(item.time))!;
      const own = [...(tagged ? ['tag release'] : []), ...(item.pinned ? ['pinned'] : [])];
      const wanted = own.length === 0 ? { keep, reasons } : { keep: true, reasons: [...own, ...(keep ? reasons : [])] };
      expect({ keep: row.keep, reasons: row.reasons }, `${where} ${item.id}`).toEqual(wanted);
    } else if (
      !tagged &&
      !item.pinned &&
      past.policy.within === undefined &&
      newest !== undefined &&
      newest.getTime() - item.time.getTime() > 8 * 86_400_000
    ) {
      expect(row.keep, `${where} ${item.id} is not good and old`).toBe(false);
    }
  }
  return { kept: rows.filter(({ keep }) => keep).length, deleted: rows.filter(({ keep }) => !keep).length };
}

it(
  'a shelf is pruned as the same times are explained',
  async () => {
    const total = { shelves: 0, backups: 0, kept: 0, deleted: 0, 'by the program': 0, 'really pruned': 0 };
    for (let seed = 1; seed <= shelves; seed += 1) {
      // Every other shelf holds only good backups: then nothing at all may differ.
      const one = await layOut(seed, seed % 2 === 0);
      const program = seed % byProgram === 0;
      const { rows, explained } = await ask(one, program);
      const { kept, deleted } = compare(one, rows, explained, `seed ${seed}`);
      total.shelves += 1;
      total.backups += rows.length;
      total.kept += kept;
      total.deleted += deleted;
      if (program) total['by the program'] += 1;
      if (seed % byDeed === 0) {
        const done = program
          ? await runner(['prune', '--yes', '--quiet', one.plan])
          : await command('prune', one.plan, [], { yes: true, quiet: true }, {});
        expect(done.exitCode, `seed ${seed}: ${done.stderr}`).toBe(0);
        const left = filesBelow(one.disk).flatMap((file) => /([^/]+)\.manifest\.json$/.exec(file)?.slice(1) ?? []);
        expect(left.sort(), `seed ${seed}`).toEqual(
          rows
            .filter(({ keep }) => keep)
            .map(({ id }) => id)
            .sort(),
        );
        total['really pruned'] += 1;
      }
      await rm(one.folder, { recursive: true });
    }
    printTable('prune --dry-run --json against retention --times', [total]);
    expect(total.deleted).toBeGreaterThan(shelves);
  },
  proofTimeout,
);
