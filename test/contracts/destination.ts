/**
 * What every destination must do. A kind hands its own factory to `destinationContract`; the checks are plain functions, so
 * that the suite itself is tried on broken drivers. `destination/stage.ts` says what a bench may bring.
 */
import { describe, it } from 'vitest';
import { full } from '../proofs/support.ts';
import { listingChecks } from './destination/listings.ts';
import { nameChecks } from './destination/names.ts';
import { networkChecks } from './destination/network.ts';
import { objectChecks } from './destination/objects.ts';
import { readChecks } from './destination/reads.ts';
import { rightChecks } from './destination/rights.ts';
import { sinkChecks } from './destination/sinks.ts';
import { type BenchFactory, type Check, untried } from './destination/stage.ts';

export type { Bench, BenchFactory, Check, Network, Right } from './destination/stage.ts';
export { collect, keys, store } from './destination/stage.ts';

export const checks: Check[] = [
  ...sinkChecks,
  ...objectChecks,
  ...readChecks,
  ...listingChecks,
  ...nameChecks,
  ...rightChecks,
  ...networkChecks,
];

/** How a kind's own suite is registered. */
export type ContractOptions = {
  /** Its benches share nothing that one check could spoil for another, and mostly wait: several are tried at once. */
  concurrent?: true;
  /** The checks that are tried, by name; default all. `PROOF=full` tries all in any case. */
  only?: RegExp;
};

/** Registers the suite for one kind. Checks of a slow store or line have minutes: the suite is about right and wrong. */
export function destinationContract(kind: string, factory: BenchFactory, options: ContractOptions = {}): void {
  const { only, ...how } = options;
  describe(`${kind} keeps the contract of destinations`, () => {
    for (const { name, run } of chosen(only)) {
      it(name, { timeout: 600_000, ...how }, async ({ skip }) => {
        if ((await run(factory)) === untried) skip('this bench arranges nothing for it');
      });
    }
  });
}

const chosen = (only = /^/) => checks.filter(({ name }) => full || only.test(name));
