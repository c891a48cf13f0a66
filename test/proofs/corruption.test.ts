/**
 * Damage at a destination. `PROOF=full npx vitest run test/proofs/corruption.test.ts`: 1,000 bit flips and cuts of artifacts and
 * manifests over all transform chains, each found by `verify` and by the next prune, and as many intact backups verified
 * beside them; without it 42. Most are run in this process, some by the program.
 */
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Options } from '../../src/commands/command.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { type Random, random } from '../unit/retention/histories.ts';
import { type Chain, chainNames, makeChain } from './chains.ts';
import { command, type Said } from './in-process.ts';
import { filesBelow, full, isSentence, printTable, proofTimeout } from './support.ts';

const damages = full ? 1000 : 42;
/** Every so many by the program itself. */
const byProgram = full ? 40 : 16;

type Kind = { file: 'artifact' | 'manifest'; how: string; act(path: string, random: Random): Promise<void> };

async function flip(path: string, source: Random): Promise<void> {
  const bytes = await readFile(path);
  const at = source.below(bytes.length);
  bytes[at] = bytes[at]! ^ (1 << source.below(8));
  await writeFile(path, bytes);
}

const cuts: [string, (size: number) => number][] = [
  ['1 %', (size) => size * 0.01],
  ['10 %', (size) => size * 0.1],
  ['60 %', (size) => size * 0.6],
  ['99 %', (size) => size * 0.99],
  ['last byte', (size) => size - 1],
];

const damagesOf = (file: Kind['file']): Kind[] =>
  cuts.flatMap(([how, left]) => [
    { file, how: 'flip', act: flip },
    {
      file,
      how: `cut at ${how}`,
      act: async (path) => truncate(path, Math.floor(left((await readFile(path)).length))),
    },
  ]);

const kinds = damagesOf('artifact').flatMap((kind, index) => [kind, damagesOf('manifest')[index]!]);

const home = temporaryDirectory('runner-corruption-');
const { present, missing } = chainNames();
const chains: Chain[] = [];
beforeAll(async () => {
  for (const [index, name] of present.entries()) chains.push(await makeChain(name, join(home.path, `chain-${index}`)));
}, proofTimeout);
afterAll(() => home.remove());

type Count = {
  chain: string;
  damaged: number;
  flips: number;
  cuts: number;
  manifests: number;
  'found by verify': number;
  'not counted by prune': number;
  'intact verified': number;
  'false alarms': number;
  'by the program': number;
};

const zero = (chain: string): Count => ({
  chain,
  damaged: 0,
  flips: 0,
  cuts: 0,
  manifests: 0,
  'found by verify': 0,
  'not counted by prune': 0,
  'intact verified': 0,
  'false alarms': 0,
  'by the program': 0,
});

it(
  'every bit flip and every cut is found by verify and counted by no prune, and nothing intact is called damaged',
  async () => {
    const counts = new Map(chains.map(({ name }) => [name, zero(name)]));
    const jobs = Array.from({ length: damages }, (_, index) => index);
    const lane = async (number: number) => {
      for (let index = jobs.shift(); index !== undefined; index = jobs.shift()) {
        const chain = chains[index % chains.length]!;
        await damageOne(
          chain,
          kinds[(Math.floor(index / chains.length) + (index % chains.length) * 3) % kinds.length]!,
          index,
          number,
          counts.get(chain.name)!,
        );
      }
    };
    await Promise.all([lane(0), lane(1)]);
    const rows = [...counts.values()];
    printTable(`damage of artifacts and manifests${missing.length > 0 ? ` (not there: ${missing.join('; ')})` : ''}`, [
      ...rows,
      summed(rows),
    ]);
    const all = summed(rows);
    expect([all.damaged, all['found by verify'], all['not counted by prune'], all['false alarms']]).toEqual([
      damages,
      damages,
      damages,
      0,
    ]);
  },
  proofTimeout,
);

function summed(rows: Count[]): Count {
  const sum = zero('all');
  for (const row of rows)
    for (const [name, value] of Object.entries(row))
      if (typeof value === 'number')
        (sum as Record<string, unknown>)[name] = ((sum as Record<string, unknown>)[name] as number) + value;
  return sum;
}

async function damageOne(chain: Chain, kind: Kind, index: number, lane: number, count: Count): Promise<void> {
  const where = `${chain.name}, ${kind.file} ${kind.how}, turn ${index}`;
  const program = index % byProgram === 0;
  const folder = join(home.path, `lane-${lane}`);
  const ask = (verb: string, words: string[], flags: string[], options: Options) =>
    asked(folder, chain, program, verb, words, flags, options);
  const newest = chain.ids[3]!;
  const one = index % 2 === 0 ? { flags: ['--id', newest], options: { id: newest } } : { flags: [], options: {} };
  const verify = () => ask('verify', one.options.id === undefined ? ['orders'] : [], one.flags, one.options);

  await lay(chain, folder);
  const intact = await verify();
  count['intact verified'] += 1;
  if (intact.exitCode !== 0 || findings(folder, newest, 'fail').length > 0) count['false alarms'] += 1;
  expect(intact.exitCode, `${where}: intact: ${intact.stderr}`).toBe(0);

  const path = join(folder, 'disk', kind.file === 'artifact' ? chain.artifact : chain.manifest);
  const damage = () => kind.act(path, random(index + 1));
  await damage();
  // Before anybody has verified it: a prune opens what it would keep instead of the others.
  if (kind.file === 'manifest' || kind.how !== 'flip') {
    await ask('prune', [], ['--yes'], { yes: true });
    expect(standing(folder, chain), `${where}: pruned unseen`).toContain(chain.ids[1]);
    await lay(chain, folder);
    await damage();
  }
  const found = await verify();
  expect([1, 2], `${where}: ${found.stdout}${found.stderr}`).toContain(found.exitCode);
  expect(
    findings(folder, newest, 'fail').length,
    `${where}: no record of what was found: ${found.stderr}`,
  ).toBeGreaterThan(0);
  expect(isSentence(found.stderr), found.stderr).toBe(true);
  count['found by verify'] += 1;

  const shown = await ask('prune', [], ['--dry-run', '--json'], { dryRun: true, json: true });
  const rows = JSON.parse(shown.stdout).backups as { id: string; keep: boolean; reasons: string[] }[];
  expect(
    rows.map(({ keep }) => keep),
    where,
  ).toEqual([false, true, true, true]);
  expect(rows[3]!.reasons.join(), where).toMatch(/^not good/);
  const pruned = await ask('prune', [], ['--yes'], { yes: true });
  expect(pruned.exitCode, `${where}: ${pruned.stderr}`).toBe(0);
  expect(standing(folder, chain), where).toEqual(chain.ids.slice(1));
  count['not counted by prune'] += 1;

  count.damaged += 1;
  count[kind.how === 'flip' ? 'flips' : 'cuts'] += 1;
  if (kind.file === 'manifest') count.manifests += 1;
  if (program) count['by the program'] += 1;
}

/** A fresh copy of the shelf; the plan lies beside it, so that its paths lead to the copy. */
async function lay(chain: Chain, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await cp(chain.root, folder, { recursive: true });
}

async function asked(
  folder: string,
  _chain: Chain,
  program: boolean,
  verb: string,
  words: string[],
  flags: string[],
  options: Options,
): Promise<Said> {
  const plan = join(folder, 'plan.yaml');
  if (!program) return await command(verb, plan, words, options, {});
  const { exitCode, stdout, stderr } = await runner([verb, ...flags, plan, ...words]);
  return { exitCode: exitCode ?? -1, stdout, stderr };
}

function findings(folder: string, id: string, result: 'pass' | 'fail'): string[] {
  return filesBelow(join(folder, 'disk')).filter((file) =>
    new RegExp(`/${id}\\.(checksum|content)-${result}-`).test(file),
  );
}

/** Ids whose manifest and artifact lie there. */
function standing(folder: string, { ids }: Chain): string[] {
  const files = filesBelow(join(folder, 'disk'));
  return ids.filter(
    (id) =>
      files.some((file) => file.endsWith(`/${id}.manifest.json`)) &&
      files.some((file) => file.includes(`/${id}.`) && !file.endsWith('.json')),
  );
}
