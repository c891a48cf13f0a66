import type { Manifest } from '../../catalog/format.ts';
import type { Action, Graph } from '../../graph.ts';
import type { Facts } from '../../kind.ts';
import type { ResolvedPlan } from '../../plan/resolved.ts';
import type { Connections } from '../connections.ts';
import type { Guard } from '../guard.ts';
import type { LaunchHost } from '../launch.ts';
import type { SecretReader } from '../secrets.ts';
import type { SetPlan } from './capture-set.ts';
import type { Holding } from './hold.ts';
import type { Places } from './places.ts';
import type { CommandEntry } from './record.ts';
import type { Stored } from './room.ts';

/** An artifact that was proven whole before anything of it is used. Size in bytes, hash in hex. */
export type Admitted = {
  manifest: Manifest | null;
  key: string;
  size: number;
  sha256: string;
  /** Its bytes were read and compared; else they are while it is restored. */
  isProven: boolean;
};

/** A destination that no other run writes to. `check` rejects when that is no longer so. */
export type HeldLease = { check(): Promise<void>; release(): Promise<void> };

/** What the actions of one run share. Nothing of it decides what is done: that is the graph's alone. */
export type RunContext = {
  run: string;
  graph: Graph;
  plan: ResolvedPlan;
  host: LaunchHost;
  guard: Guard;
  /** Ways to other places, and what programs keep there. */
  connections: Connections;
  secrets: SecretReader;
  places: Places;
  /** What was found on PATH before the graph was compiled; manifests record the versions. */
  programs: Facts['programs'];
  confirm: ((text: string) => Promise<boolean>) | null;
  /** Seconds to wait for another run's lease. */
  lockTimeout: number;
  stored: Stored;
  leases: Map<string, HeldLease>;
  /** Backups of this run that look wrong, and why: they are committed and prune nothing. */
  anomalies: Map<string, string>;
  /** Backups of this run that cannot be made, and why: the first task of each fails with it. */
  unfit: Map<string, string>;
  /** Destinations at which this run has removed backups. */
  thinned: Set<string>;
  /** By the name of a consistency group: what its members of this run have in common. */
  sets: Map<string, Promise<SetPlan>>;
  admitted: Map<string, Admitted>;
  /** Targets that this run has put new data in place of; only these can be rolled back. */
  swapped: Map<string, { moved: boolean }>;
  commands: CommandEntry[];
  /** Programs that stay, by the scope that holds them. */
  held: Map<string, Holding>;
};

export type CaptureAction = Extract<Action, { do: 'capture' }>;
