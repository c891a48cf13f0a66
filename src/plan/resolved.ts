/** The plan after names, includes, defaults and paths are settled. Secrets are still references. */

import type { SshHost } from '../command.ts';
import type { Expectation, Level } from '../graph.ts';
import type { Contents } from '../recipe.ts';
import type { Duration, RetentionPolicy, Tier } from '../retention/policy.ts';
import type { EffectivePlan } from './effective.ts';

/** Where a secret is read from at the moment of use. `file` paths are absolute. */
export type SecretReference = { optional: boolean } & (
  | { env: string }
  | { file: string }
  | { credential: string }
  | { command: string[] }
);

/** A kind's own part of a plan. `spec` has been validated by the kind's schema; its `format: path` values are absolute. */
export type Configured<Spec = Record<string, unknown>> = { name: string | null; type: string; spec: Spec };

/** `run-in` as written; a pod by its selector is looked up when it is needed. */
export type PlannedPlace =
  | { docker: string; user?: string }
  | { compose: { service: string; project?: string; file?: string }; user?: string }
  | { ssh: SshHost }
  | { kubernetes: { context?: string; namespace?: string; pod?: string; selector?: string; container?: string } }
  | { user: string };

/** A source and where its programs run; absent: here. */
export type ResolvedSource = Configured & { place?: PlannedPlace };

export type Objectives = { rpo?: Duration; rto?: Duration; copies?: number; media?: number; offSite?: number };

export type EnvironmentValue = string | { secret: string };

/** A step as written, units settled: seconds for `timeout` and `within`. */
export type PlannedStep = { timeout?: number } & (
  | { run: string[]; environment?: Record<string, EnvironmentValue>; place?: PlannedPlace }
  | { http: string; within?: number }
  | { sql: string }
  | { manual: string }
);

/** What is stopped for a swap and started again in reverse order. */
export type PlannedStop = { timeout?: number } & (
  | { run: string[]; start: string[] }
  | { systemd: string }
  | { docker: string }
  | { compose: { service: string; project?: string; file?: string } }
);

export type Hooks = { before: PlannedStep[]; after: PlannedStep[]; onFailure: PlannedStep[]; finally: PlannedStep[] };

/** Bounds of one assertion; `tolerance` is a fraction (0.05) for `compare: source`. */
export type PlannedBounds = {
  equals?: string | number;
  atLeast?: number;
  atMost?: number;
  compare?: 'source';
  tolerance?: number;
};

export type PlannedAssertion =
  | ({ sql: string } & PlannedBounds)
  | ({ key: string } & PlannedBounds)
  | ({ collection: string } & PlannedBounds)
  | { contents: Contents; tolerance?: number }
  | { file: string; exists: boolean; sha256?: string; size?: PlannedBounds }
  | ({ count: string } & PlannedBounds)
  | ({ command: string[] } & PlannedBounds);

/** Where a restore is verified; `url` is the name of a secret. */
export type Into = 'scratch' | { docker: string } | { url: string };

/** Absent `every` (seconds): after each capture. `into` of level `restore` alone; absent: scratch. */
export type PlannedVerification = {
  level: Level;
  every?: number;
  at?: string;
  into?: Into;
  assert: PlannedAssertion[];
};

export type PlannedRestore = {
  to?: string;
  overwrite: boolean;
  /** What a person types before live data is replaced. */
  confirm?: string;
  before: PlannedStep[];
  assert: PlannedAssertion[];
  stop: PlannedStop[];
  after: PlannedStep[];
  safety: { destinations: string[]; within: Duration };
  options: Record<string, unknown>;
  /** Takes the place of the same keys of the source's spec. */
  as: Record<string, unknown>;
};

export type ResolvedBackup = {
  name: string;
  source: ResolvedSource;
  transforms: Configured[];
  destinations: { name: string; tiers?: Tier[] }[];
  require: number;
  /** By destination name; null: nothing is ever pruned there. */
  retention: Record<string, RetentionPolicy | null>;
  /** Five-field cron expression in the plan's zone. */
  schedule?: string;
  objectives: Objectives;
  expect: Expectation;
  /** `verify` as written; checksum at the commit always happens and does not stand here. */
  verify: PlannedVerification[];
  hooks: Hooks;
  restore: PlannedRestore;
  /** A rule's id -> why it is waived for this backup. */
  allow: Record<string, string>;
  layout?: string;
  tags: string[];
  priority?: { nice?: number; io?: 'idle' | 'low' | 'normal' };
  /** Seconds for the whole capture. */
  timeout?: number;
};

/**
 * Backups that are made at one moment, restored and pruned together. `before` holds the application still, `after` lets it go on,
 * `maxHold` seconds later at the latest.
 */
export type ResolvedGroup = {
  name: string;
  /** Names of backups, in the order of the plan. */
  members: string[];
  quiesce: { before: PlannedStep[]; after: PlannedStep[]; maxHold: number } | null;
};

/** Steps that are no backup: they are done when they are named, or when their schedule owes them. */
export type ResolvedTask = { name: string; schedule?: string; steps: PlannedStep[]; hooks: Hooks };

/** `dropAfter`: seconds for which it alone may hold up the other destinations of a backup; absent: they wait. */
export type ResolvedDestination = Configured & {
  name: string;
  offSite: boolean;
  /** The plan's word for what it is stored on; the type where it has none. */
  medium: string;
  minFree?: number;
  /** Bytes. */
  quota?: { warn?: number; fail?: number };
  /** Of 10^9 bytes a month. */
  price?: number;
  dropAfter?: number;
};

export type ResolvedPlan = {
  name: string;
  /** Tells it from another plan of that name; the name where the plan states no id. */
  id: string;
  /** Whether the plan states its id. */
  claimsId: boolean;
  /** Absolute path of the plan's file; relative paths of a plan start at its directory. */
  file: string;
  directory: string;
  /** SHA-256 (hex) of the effective plan as `runner config --json` prints it. */
  digest: string;
  timezone: string;
  objectives: Objectives;
  secrets: Record<string, SecretReference>;
  signing?: { key: string; public: string };
  destinations: Record<string, ResolvedDestination>;
  hooks: Hooks;
  backups: ResolvedBackup[];
  groups: ResolvedGroup[];
  tasks: ResolvedTask[];
  /** The same in the plan's own language, as `runner config` prints it. */
  effective?: EffectivePlan;
};
