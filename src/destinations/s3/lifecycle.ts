/** Lifecycle rules of a bucket, held against what the plan promises. */
import type { LifecycleRule, Tag } from '@aws-sdk/client-s3';
import type { Found } from '../../destination.ts';
import { formatDuration } from '../../units.ts';
import { thawSeconds } from './thaw.ts';

export type Promised = {
  /** What the names of the plan's objects begin with. */
  folder: string;
  /** Of every object of the plan. */
  tags: Readonly<Record<string, string>>;
  /** Seconds for which the plan keeps a backup; null: for ever. */
  keeps: number | null;
  /** Seconds in which a restore is promised; null: not promised. */
  rto: number | null;
  /** Whether old versions are read: of what a delete marker or a newer version covers. */
  deep: boolean;
};

const check = 'lifecycle';
const day = 86_400;

/** What enabled rules do to the plan's objects and the plan did not say. Rules that do no harm are one line. */
export function judgeLifecycle(rules: readonly LifecycleRule[], promised: Promised): Found[] {
  const ours = rules.filter((rule) => rule.Status === 'Enabled' && touches(rule, promised));
  const found = ours.flatMap((rule) => [...deletions(rule, promised), ...freezes(rule, promised)]);
  if (found.length > 0) return found;
  const count = ours.length === 0 ? 'no rule touches these backups' : 'no rule contradicts the plan';
  const aborts = ours.some(({ AbortIncompleteMultipartUpload: abort }) => abort?.DaysAfterInitiation !== undefined);
  const hint = aborts ? '' : '; one that aborts unfinished uploads after 7 days would spare their cost after a crash';
  return [{ check, health: 'ok', message: `${count}${hint}` }];
}

function touches(rule: LifecycleRule, { folder, tags }: Promised): boolean {
  const { Filter: filter, Prefix: old } = rule;
  const prefix = filter?.Prefix ?? filter?.And?.Prefix ?? old ?? '';
  const demanded: Tag[] = [...(filter?.Tag ? [filter.Tag] : []), ...(filter?.And?.Tags ?? [])];
  const isBeside = !prefix.startsWith(folder) && !folder.startsWith(prefix);
  return !isBeside && demanded.every(({ Key, Value }) => Key !== undefined && tags[Key] === Value);
}

function deletions(rule: LifecycleRule, { keeps, deep }: Promised): Found[] {
  const { Days: days, Date: date } = rule.Expiration ?? {};
  const found: Found[] = [];
  const plan = keeps === null ? 'keeps for ever' : `keeps for ${formatDuration(keeps)}`;
  const remedy = 'let `retention` alone delete, or make the rule as long';
  if (date !== undefined)
    found.push(problem(rule, `deletes on ${date.toISOString().slice(0, 10)} what the plan ${plan}: ${remedy}`));
  else if (days !== undefined && (keeps === null || days * day < keeps))
    found.push(problem(rule, `deletes after ${count(days)} what the plan ${plan}: ${remedy}`));
  const noncurrent = rule.NoncurrentVersionExpiration?.NoncurrentDays;
  if (deep && noncurrent !== undefined && (keeps === null || noncurrent * day < keeps))
    found.push({
      check,
      health: 'warning',
      message: `${nameOf(rule)} deletes old versions after ${count(noncurrent)}: whoever covers a backup with a delete marker has destroyed it then, unless its lock lasts longer`,
    });
  return found;
}

/** A class that must be thawed is no place for what is promised within less than its thaw. */
function freezes(rule: LifecycleRule, { keeps, rto }: Promised): Found[] {
  return (rule.Transitions ?? []).flatMap(({ StorageClass: word, Days: days, Date: date }) => {
    const thaw = thawSeconds(word);
    if (thaw === null || rto === null || thaw <= rto) return [];
    if (days !== undefined && keeps !== null && days * day >= keeps) return [];
    const when = date === undefined ? `after ${count(days ?? 0)}` : `on ${date.toISOString().slice(0, 10)}`;
    return [
      problem(
        rule,
        `moves to ${word} ${when}, which takes ${formatDuration(thaw)} to thaw, and the plan promises a restore within ${formatDuration(rto)}`,
      ),
    ];
  });
}

function problem(rule: LifecycleRule, what: string): Found {
  return { check, health: 'problem', message: `${nameOf(rule)} ${what}` };
}

const nameOf = ({ ID: id }: LifecycleRule) => (id ? `the rule "${id}"` : 'a rule without a name');
const count = (days: number) => (days === 1 ? '1 day' : `${days} days`);
