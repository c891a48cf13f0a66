import type { Manifest } from '../catalog/format.ts';
import type { Requirement, RestoreOrigin, Scope, StageRecord, Task } from '../graph.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import type { RunFacts } from './facts.ts';

/** What is restored, and where. Paths are absolute; names that must be free were chosen when the facts were read. */
export type RestoreChoice = {
  backup: string;
  id: string;
  /** Null for an artifact outside the catalogue: then `records` come from its extensions. */
  manifest: Manifest | null;
  records?: StageRecord[];
  from: RestoreOrigin;
  /** Null only for kinds whose restore is a program that takes the stream. */
  target: string | null;
  /** The target is the live data's place: the plan's before, stop and after steps apply. */
  live: boolean;
  /** Something lies at the target, and the person has agreed to replace it. */
  replaces: boolean;
  beside: string;
  aside: string;
  /** Keep a committed copy of what is replaced. */
  safety: boolean;
};

export type RestoreContext = { plan: ResolvedPlan; backup: ResolvedBackup; choice: RestoreChoice; facts: RunFacts };
export type RestorePart = { tasks: Task[]; scopes: Scope[]; requirements: Requirement[] };
