/** A length of time as written in a plan. `y w d` follow the calendar of the plan's zone where a rule says so. */
export type Duration = { amount: number; unit: 's' | 'm' | 'h' | 'd' | 'w' | 'y' };

export type Tier = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'quarterly' | 'yearly';

/** `count`: the N newest periods that hold a backup. `reach`: younger than this, measured from the newest good backup. */
export type TierRule = { count: number } | { reach: Duration };

/** One named retention of a plan, with every default filled in. */
export type RetentionPolicy = {
  last?: number;
  within?: Duration;
  tiers: Partial<Record<Tier, TierRule>>;
  /** Tags that keep a backup for ever. */
  tags: string[];
  /** The newest N good backups are always kept. Default 1. */
  floor: number;
  weekStarts: 'monday' | 'sunday';
};
