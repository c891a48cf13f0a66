/** What a driver of a destination is: a small runtime interface to a store. */
import type { Readable } from 'node:stream';
import type { Requirement } from './graph.ts';
import type { Tier } from './retention/policy.ts';

/** What a driver said of its destination, behind words that name it already. */
export function withoutName(name: string, message: string): string {
  const prefix = `Destination ${name}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

/** A named object at a destination. `size` in bytes, `modified` as the store says. */
export type StoredObject = {
  key: string;
  size: number;
  modified: Date;
  /** The store's own word for how it is kept, where it has several: `GLACIER`. */
  class?: string;
  /** It cannot be read before it is thawed. */
  archived?: true;
};

/** What is known of a backup before it is written, for stores that keep it accordingly. */
export type Placement = {
  /** Bytes that are expected, by the backup before it; null where there is none. */
  expected: number | null;
  tier: Tier | 'recent';
  /** Until when the plan's retention surely keeps it; null where it says no date. */
  keptUntil: Date | null;
};

/** An artifact on its way: invisible until `publish`. Any method may reject; then `abort` must be called. */
export interface Sink {
  /** Takes whole batches in order; resolves when the memory may be used again. */
  write(batch: readonly Uint8Array[]): Promise<void>;
  /** Everything durable, still unclaimed; the size that the store counts, in bytes. */
  prepare(): Promise<{ size: number }>;
  /** Claims the key; rejects with KeyExists when it is taken. */
  publish(): Promise<void>;
  /** Leaves nothing behind. Never rejects because something is already gone. */
  abort(): Promise<void>;
}

/** What the plan wants of a store, as far as the store's own settings may contradict it. */
export type Demands = {
  /** The plan's folder below the prefix, with its slash at the end: probes are made below `.runner/` in it, and removed. */
  folder: string;
  /** Seconds for which the plan's retentions keep a backup there at most; null: for ever. */
  keeps: number | null;
  /** Seconds in which a restore is promised (`objectives: { rto }`); null: not promised. */
  rto: number | null;
};

/** What `doctor` found out at a store, in words of the field: `check` is what was looked at (`versioning`, `may delete`). */
export type Found = { check: string; health: 'ok' | 'warning' | 'problem'; message: string };

/** Keys are relative to the destination's prefix, `/`-separated; `..`, absolute and empty segments are refused. */
export interface Destination {
  readonly name: string;
  /**
   * False where `write` cannot refuse an overwrite for sure: the lease then looks twice before it counts on being alone.
   * A function where that has to be found out.
   */
  readonly exclusive?: false | (() => Promise<boolean>);
  /** Seconds between the signs of life of who holds a lease there, where one costs more than a moment. Default 15. */
  readonly beat?: number;
  /** Opens a sink for a large object. A journal has `attempt`, so that what is left of it can be removed. */
  put(key: string, attempt: string, placement?: Placement): Promise<Sink>;
  /**
   * A sink whose bytes the store itself copies from `key` at `from`; null where it cannot, because the two are not the same store
   * or one key may not do both. It has its name from `prepare` on; who asks reads it back, compares its hash, and
   * either has it stay (`publish`) or go (`abort`).
   */
  copy?(from: Destination, key: string, attempt: string, placement?: Placement): Promise<Sink | null>;
  /** Writes a small object once, atomically and durably. Equal bytes are fine, other bytes reject with KeyExists. */
  write(key: string, bytes: Uint8Array, placement?: Placement): Promise<void>;
  /** Replaces a small object atomically: RECOVERY.md with its signature, and the lease, whose holder shows that it lives. */
  replace(key: string, bytes: Uint8Array): Promise<void>;
  /** Reads a small object whole; rejects with KeyMissing, or when it is larger than `limit` bytes. */
  read(key: string, limit: number): Promise<Uint8Array>;
  /** Streams an object; rejects with KeyMissing, or with Archived where it must be thawed first. */
  get(key: string, range?: { start: number; end?: number }): Promise<Readable>;
  stat(key: string): Promise<StoredObject | null>;
  /** Every object whose key starts with `prefix`, in batches; rejects unless the listing was read to its end. */
  list(prefix: string): AsyncIterable<StoredObject[]>;
  /** Removes an object; one that is already gone is fine. */
  remove(key: string): Promise<void>;
  /** Removes what an interrupted `put(key, attempt)` left. */
  removeAttempt(key: string, attempt: string): Promise<void>;
  /** Removes below a folder what a killed writer left of small files an hour ago or earlier; only where that is possible. */
  sweep?(folder: string): Promise<void>;
  /** Why the object may not be deleted yet, in words (`locked until 2027-01-01 (compliance)`); null where it may. */
  locked?(key: string): Promise<string | null>;
  /** Asks the store to make an archived object readable for some days; says in words when it will be. */
  thaw?(key: string, days: number): Promise<string>;
  /** Tries what the plan's credentials may do, and reads the store's settings. Leaves nothing behind. */
  examine?(demands: Demands): Promise<Found[]>;
  /** The id of the backup that the store itself knows by another name (a commit); null where it knows none. */
  find?(text: string): Promise<string | null>;
  /** Checks the store's own structures; rejects with what is wrong. Only where it has such. */
  check?(): Promise<void>;
  /** Gives back the space of what was removed, where that takes a step of its own. Called once a run, at its end. */
  reclaim?(): Promise<void>;
  /** Free bytes, or null where the store does not say. */
  free(): Promise<number | null>;
  /** The store's own clock. */
  clock(): Promise<Date>;
  close(): Promise<void>;
}

export class KeyExists extends Error {
  override readonly name = 'KeyExists';
}

export class KeyMissing extends Error {
  override readonly name = 'KeyMissing';
}

/** The store has the object, and cannot give its bytes back: what is kept there is damaged. The message says so. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/** The object is in a class that must be thawed before it can be read. The message says so, and how. */
export class Archived extends Error {
  override readonly name = 'Archived';
}

/** The store's credentials may not delete, and the plan says so: what was to go stays until `runner prune` comes. */
export class MayNotDelete extends Error {
  override readonly name = 'MayNotDelete';
}

/** Gives the text of a secret at the moment of use. */
export type ReadSecret = (name: string) => Promise<string>;

/** What a driver is given to open its store. */
export type Opening = {
  readSecret: ReadSecret;
  /** The runner's own: for credential chains, agents and PATH. */
  environment: Readonly<Record<string, string | undefined>>;
  /** `prune`: with the credentials that may delete, where the spec has such (`prune-as`). */
  purpose: 'use' | 'prune';
};

export interface DestinationKind<Spec = never> {
  readonly role: 'destination';
  readonly type: string;
  /** True where the store itself seals what it holds with a key of the plan's, so that its provider cannot read it. */
  encrypts?(spec: Spec): boolean;
  /** True where what is equal in several backups is stored once, which compressed and encrypted streams are not. */
  readonly deduplicates?: true;
  /** True where it takes the members of a tar stream as plain files: only untransformed sources of folders can go there. */
  readonly plainTree?: true;
  /** Where such a one shows the newest files of a backup: a folder that no other backup may have. */
  shows?(spec: Spec, plan: string, backup: string): string;
  /** How the store locks what belongs to a backup: for so many seconds, or as long as the retention keeps it; null where it does not. */
  locks?(spec: Spec): number | 'retention' | null;
  /** `elsewhere`: these credentials may not delete, and others that may are named (`prune-as`); `never`: none are. Null: they may. */
  appendOnly?(spec: Spec): 'elsewhere' | 'never' | null;
  /** The programs it runs here among them. */
  requirements(name: string, spec: Spec): Requirement[];
  /** Where it is, for a person and for RECOVERY.md: a path or a URL without secrets. */
  describe(spec: Spec): string;
  /** Shell words that fetch ARTIFACT by hand, for RECOVERY.md: `cp /srv/backups/KEY .` */
  fetch(spec: Spec, key: string): string;
  /** The kind's heavy libraries are loaded here, not at the top of the module. */
  open(name: string, spec: Spec, opening: Opening): Promise<Destination>;
}
