/** What a named rule is: a check across the fields of a plan that the schemas cannot make. */
import type { Severity } from '../../diagnostic.ts';
import type { Gap } from '../cron.ts';
import type { EffectivePlan } from '../effective.ts';
import type { Plan } from '../generated/types.ts';
import type { ResolvedBackup, ResolvedPlan } from '../resolved.ts';
import type { Problem } from '../wording.ts';

/** What a rule found: where, what, and the backups whose `allow` waives it (all of them must). */
export type Finding = Problem & {
  backups: readonly string[];
  /** Where it weighs less than the rule usually does. */
  severity?: Severity;
  /** The line holds what must not be printed. */
  hideLine?: true;
};

export type RuleContext = {
  /** As written, bases and variables filled in. */
  plan: Plan;
  effective: EffectivePlan;
  resolved: ResolvedPlan;
  /** Names of the plan's own that nothing uses, by section. */
  unused: readonly { section: string; name: string }[];
  /** JSON pointer of a part of a backup, wherever it is written. */
  at(backup: ResolvedBackup, ...keys: (string | number)[]): string;
  /** The longest time between two runs of a backup or a task; null without a schedule, or with one that never runs. */
  gap(backup: { schedule?: string }): Gap | null;
  encrypts(transform: string): boolean;
  compresses(transform: string): boolean;
  /** Whether a destination itself seals what it holds, so that its provider cannot read it. */
  seals(destination: string): boolean;
  /** Whether a destination stores what is equal in several backups once. */
  deduplicates(destination: string): boolean;
  /** Where a destination is, for a person. */
  describe(destination: string): string;
};

export type Rule = {
  /** Also the name of its page in src/plan/rules. */
  id: string;
  severity: Severity;
  /** Whether a backup's `allow` may waive it. */
  waivable: boolean;
  check(context: RuleContext): Finding[];
};
