/** What `runner config` prints. */

import type { Duration, RetentionPolicy } from '../retention/policy.ts';
import { formatDuration, seconds } from '../units.ts';
import type { EffectivePlan } from './effective.ts';
import type { ResolvedBackup, ResolvedPlan } from './resolved.ts';

/**
 * The effective plan: a valid plan in plain data, with bases, defaults, names and paths settled, secrets as references.
 * A dollar sign is written `$$`, as in every plan: read again it is the same one.
 */
export function effectivePlan(resolved: ResolvedPlan): EffectivePlan {
  if (!resolved.effective) throw new Error('this plan was not made by resolvePlan');
  return escaped(resolved.effective) as EffectivePlan;
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, escaped(entry)]));
}

/** What the plan promises for one backup, as short texts for a table; null where it promises nothing. */
export type PromiseRow = {
  backup: string;
  rpo: string | null;
  rto: string | null;
  /** Copies with the live data, on how many media those of the destinations lie, and how many of them are off-site. */
  copies: number;
  media: number;
  offSite: number;
  /** How far back the longest rule of its retentions reaches; `for ever` when nothing is pruned somewhere. */
  oldest: string;
  /** How it is proven: `checksum`, `content`, `restore every 7d`. */
  proof: string;
  /** Ids of the rules that it waives -> why. */
  waivers: Record<string, string>;
};

/** One row a backup for `runner config --promises`. */
export function promises(resolved: ResolvedPlan): PromiseRow[] {
  return resolved.backups.map((backup) => {
    const { rpo, rto } = backup.objectives;
    // A destination with a filter does not hold the newest backup, so it keeps no promise of copies.
    const whole = backup.destinations.filter(({ tiers }) => tiers === undefined);
    return {
      backup: backup.name,
      rpo: rpo ? written(rpo) : null,
      rto: rto ? written(rto) : null,
      copies: 1 + whole.length,
      media: new Set(whole.map(({ name }) => resolved.destinations[name]?.medium)).size,
      offSite: whole.filter(({ name }) => resolved.destinations[name]?.offSite).length,
      oldest: oldestReach(backup),
      proof: proofOf(backup),
      waivers: backup.allow,
    };
  });
}

const written = ({ amount, unit }: Duration) => `${amount}${unit}`;

const periods = {
  hourly: 'hours',
  daily: 'days',
  weekly: 'weeks',
  monthly: 'months',
  quarterly: 'quarters',
  yearly: 'years',
};
const lengths = {
  hourly: 3600,
  daily: 86_400,
  weekly: 604_800,
  monthly: 2_629_800,
  quarterly: 7_889_400,
  yearly: 31_557_600,
};

function oldestReach({ retention }: ResolvedBackup): string {
  const policies = Object.values(retention);
  if (policies.some((policy) => policy === null || policy.tags.length > 0)) return 'for ever';
  const reaches = policies.flatMap((policy) => reachesOf(policy!));
  return reaches.toSorted((a, b) => b.length - a.length)[0]!.text;
}

function reachesOf({ last, within, tiers, floor }: RetentionPolicy): { length: number; text: string }[] {
  const newest = Math.max(last ?? 0, floor);
  return [
    { length: 0, text: newest === 1 ? 'the newest' : `the newest ${newest}` },
    ...(within ? [{ length: seconds(within), text: written(within) }] : []),
    ...(Object.keys(lengths) as (keyof typeof lengths)[]).flatMap((tier) => {
      const rule = tiers[tier];
      if (!rule) return [];
      if ('reach' in rule) return [{ length: seconds(rule.reach), text: written(rule.reach) }];
      return [{ length: rule.count * lengths[tier], text: `${rule.count} ${periods[tier]}` }];
    }),
  ];
}

function proofOf({ verify }: ResolvedBackup): string {
  const levels = verify.map(({ level, every }) =>
    every === undefined ? level : `${level} every ${formatDuration(every)}`,
  );
  return ['checksum', ...levels].join(', ');
}
