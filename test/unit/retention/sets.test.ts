/**
 * Retention of sets on generated shelves, against a naive reading of its sentences: a set is whole when each backup that was to be
 * in it is there and good; only whole ones fill slots; a set stays as long as the retention of any of its backups keeps that one.
 */
import { expect, test } from 'vitest';
import { setOf, stampOf } from '../../../src/catalog/identity.ts';
import { judgeUnit } from '../../../src/catalog/sets.ts';
import { readShelf } from '../../../src/catalog/shelf.ts';
import { decide } from '../../../src/retention/decide.ts';
import { together } from '../../../src/retention/sets.ts';
import { MemoryDestination } from '../../contracts/destination-memory.ts';
import { layOut } from '../catalog/sample.ts';
import { anyPolicy, type Random, random } from './histories.ts';
import { naive } from './naive.ts';

const members = ['orders', 'stock', 'uploads'];
const now = new Date('2027-01-01T00:00:00Z');

/** One backup as it was made; the reading below knows nothing else of it. */
type Made = { id: string; backup: string; time: Date; good: boolean; pinned: boolean; wanted: string[] };

async function shelf(chance: Random): Promise<{ destination: MemoryDestination; made: Made[] }> {
  const destination = new MemoryDestination('main');
  const made: Made[] = [];
  let time = Date.UTC(2026, 0, 1, 2);
  for (let turn = 0; turn < 14; turn += 1) {
    time += (1 + Math.floor(chance.next() * 60)) * 3_600_000;
    // The group was smaller once, and before that there was none.
    const wanted = turn < 2 ? null : turn < 5 ? members.slice(0, 2) : members;
    for (const [index, backup] of (wanted ?? members).entries()) {
      if (chance.chance(0.1)) continue;
      const nonce = wanted ? `set${String(turn).padStart(3, '0')}` : `one${turn}0${index}`.slice(0, 6).padEnd(6, 'x');
      const id = `${backup}-${stampOf(new Date(time))}-${nonce}`;
      const good = !chance.chance(0.15);
      const pinned = chance.chance(0.05);
      await layOut(destination, {
        id,
        marks: [
          ['checksum', 'pass'],
          ...(good ? [['content', 'pass'] as ['content', 'pass']] : []),
          ...(pinned ? [['pin', 'set'] as ['pin', 'set']] : []),
        ],
        change: wanted ? { set: { name: 'shop', id: `run-${turn}`, members: wanted } } : {},
      });
      made.push({ id, backup, time: new Date(time), good, pinned, wanted: wanted ?? [backup] });
    }
  }
  return { destination, made };
}

test('agrees with the naive reading, and tears no set', { timeout: 600_000 }, async () => {
  let [torn, saved, incomplete] = [0, 0, 0];
  for (let seed = 1; seed <= 120; seed += 1) {
    const chance = random(seed);
    const policy = { ...anyPolicy(chance), tags: [] };
    const { destination, made } = await shelf(chance);
    const unit = members.map((name) => ({ name, required: ['content' as const] }));
    const { judged } = await judgeUnit(await readShelf(destination, 'shop', null), destination, unit, {
      tags: false,
      now,
    });
    const decisions = [...judged].map(([backup, all]) => ({
      backup,
      decision: decide(
        policy,
        'Europe/Berlin',
        all.map(({ item }) => item),
      ),
    }));
    const united = together(decisions, setOf);
    const kept = new Set(united.flatMap(({ decision }) => decision.keep.map(({ id }) => id)));

    const inSet = (one: Made) =>
      made.filter((other) => other.id.slice(other.backup.length) === one.id.slice(one.backup.length));
    const isWhole = (one: Made) =>
      one.wanted.every((name) => inSet(one).some((other) => other.backup === name && other.good));
    const stays = new Set(
      members.flatMap((name) => {
        const own = made.filter(({ backup }) => backup === name);
        return [
          ...naive(
            policy,
            'Europe/Berlin',
            own.map((one) => ({ ...one, good: isWhole(one) })),
          ).keys(),
        ];
      }),
    );
    const wanted = made.filter((one) => inSet(one).some(({ id }) => stays.has(id)));
    expect([...kept].sort(), `seed ${seed}`).toEqual(wanted.map(({ id }) => id).sort());
    for (const one of made) {
      const alike = new Set(inSet(one).map(({ id }) => kept.has(id)));
      if (alike.size > 1) torn += 1;
      if (kept.has(one.id) && !stays.has(one.id)) saved += 1;
      if (one.good && !isWhole(one)) incomplete += 1;
    }
    const everything = united.flatMap(({ decision }) => [...decision.keep, ...decision.delete]);
    expect(everything).toHaveLength(made.length);
  }
  expect(torn).toBe(0);
  // The generated shelves hold what is to be told apart.
  expect(Math.min(saved, incomplete)).toBeGreaterThan(20);
});
