import { compileApply } from '../compile/index.ts';
import { backupsOf, type Work } from '../compile/task.ts';
import { readFacts } from '../facts.ts';
import type { Host } from './command.ts';
import { refuseUnusableKeys } from './keys.ts';
import type { PlacedPlan } from './plan-file.ts';

/** What `apply` of the named backups and tasks would do (nothing named: all backups): previewed, drawn and run from the same value. */
export async function applyGraph({ resolved: plan, loaded }: PlacedPlan, work: Work, { environment }: Host) {
  const backups = backupsOf(plan, work).map(({ name }) => name);
  const facts = await readFacts(plan, { environment, backups, survey: true, copies: { backups, all: false } });
  refuseUnusableKeys(plan, loaded, facts, backups);
  return { graph: compileApply(plan, facts, work), facts };
}
