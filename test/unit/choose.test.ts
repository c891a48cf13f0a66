import { expect, it } from 'vitest';
import { bestFirst } from '../../src/commands/choose.ts';
import type { ReadCopy } from '../../src/commands/find.ts';
import type { ResolvedPlan } from '../../src/plan/resolved.ts';

const wanted = [
  { key: 'a', size: 1 },
  { key: 'b', size: 2 },
];

const copy = (destination: string, state: string, artifacts: { key: string; size: number }[]) =>
  ({
    copy: { destination, entry: { artifacts }, judgement: { state } },
    manifest: { artifacts: wanted },
  }) as unknown as ReadCopy;
const plan = { destinations: { far: { offSite: true }, near: {} } } as unknown as ResolvedPlan;
const order = (...copies: ReadCopy[]) => bestFirst(plan, copies).map((one) => one.copy.destination);

it('the best copy is whole, good and near, in this order; nothing listed is nothing lost', () => {
  const whole = (destination: string, state = 'good') => copy(destination, state, wanted);
  expect(order(whole('far'), whole('near'))).toEqual(['near', 'far']);
  expect(order(whole('near', 'failed'), whole('far'))).toEqual(['far', 'near']);
  expect(order(copy('near', 'good', [wanted[0]!]), whole('far', 'failed'))).toEqual(['far', 'near']);
  expect(order(copy('near', 'good', [wanted[0]!, { key: 'b', size: 1 }]), whole('far'))).toEqual(['far', 'near']);
  expect(order(whole('far'), copy('near', 'good', []))).toEqual(['near', 'far']);
});
