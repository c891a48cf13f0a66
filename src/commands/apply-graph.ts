import { compileApply } from '../compile/index.ts';
import { chosenBackups } from '../compile/prune.ts';
import { readFacts } from '../facts.ts';
import type { Host } from './command.ts';
import { refuseUnusableKeys } from './keys.ts';
import type { PlacedPlan } from './plan-file.ts';

/** What `apply` of the named backups (none: all) would do: previewed, drawn and run from the same value. */
export async function applyGraph({ resolved: plan, loaded }: PlacedPlan, only: string[], { environment }: Host) {
  const backups = chosenBackups(plan, only).map(({ name }) => name);
  const facts = await readFacts(plan, { environment, backups, survey: true, copies: { backups, all: false } });
  refuseUnusableKeys(plan, loaded, facts, backups);
  return { graph: compileApply(plan, facts, { only }), facts };
}
