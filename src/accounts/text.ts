/** Accounts in a few lines for a person. */
import type { Tier } from '../retention/policy.ts';
import { formatSize } from '../units.ts';
import type { Account, Amount } from './estimate.ts';

const order: (Tier | 'recent')[] = ['yearly', 'quarterly', 'monthly', 'weekly', 'daily', 'hourly', 'recent'];

/** One line a destination, its warnings below it; nothing where no size is known yet. */
export function accountsText(accounts: readonly Account[]): string {
  const told = accounts.filter(({ after, warnings }) => after.bytes > 0 || warnings.length > 0);
  if (told.length === 0) return '';
  const widest = Math.max(...told.map(({ destination }) => destination.length));
  const lines = told.flatMap(({ destination, after, month, quota, warnings }) => {
    const tiers = order.flatMap((tier) => (after.tiers[tier] ? [`${tier} ${amountText(after.tiers[tier])}`] : []));
    const notes = [
      tiers.join(', '),
      ...(quota?.fail === undefined
        ? []
        : [`${share(after.bytes, quota.fail)} of its quota of ${formatSize(quota.fail)}`]),
      ...(month === undefined ? [] : [`${money(month)} a month`]),
    ];
    const line = `  ${destination.padEnd(widest)}  ${sizeText(after)}: ${notes.join('; ')}`;
    return [line, ...warnings.map((warning) => `  ${''.padEnd(widest)}  warning: ${warning}`)];
  });
  return `sizes after this run, by those of the last backups\n${lines.join('\n')}\n`;
}

/** `1.2 GiB in 14`. */
export function amountText(amount: Amount): string {
  return `${sizeText(amount)} in ${amount.backups}`;
}

function sizeText({ bytes, unsized }: Amount): string {
  if (unsized === 0) return formatSize(bytes);
  return bytes === 0 ? 'of unknown size' : `at least ${formatSize(bytes)}`;
}

/** Two digits behind the point; what is less than a hundredth is said so. */
export function money(amount: number): string {
  return amount > 0 && amount < 0.005 ? 'less than 0.01' : amount.toFixed(2);
}

function share(bytes: number, limit: number): string {
  return `${Math.round((bytes / limit) * 100)}%`;
}
