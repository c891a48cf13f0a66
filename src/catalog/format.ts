/** Shapes of what lies at a destination. Every file says its format, is never rewritten, and unknown fields are kept. */
import type { Level, StageRecord } from '../graph.ts';

/** Format names; the number is the major version. An unknown one is opaque: never pruned, swept or counted. */
export const Format = {
  manifest: 'runner/manifest@1',
  record: 'runner/record@1',
  journal: 'runner/journal@1',
  tombstone: 'runner/tombstone@1',
  removed: 'runner/removed@1',
  lease: 'runner/lease@1',
  shelf: 'runner/shelf@1',
  run: 'runner/run@1',
} as const;

/** What later was learnt of a backup; finding and result stand in the record's file name. */
export type Finding =
  | 'checksum'
  | 'content'
  | 'restore'
  | 'drill'
  | 'anomaly'
  | 'accept'
  | 'forget'
  | 'pin'
  | 'unpin'
  | 'copy'
  | 'rekey';
export type FindingResult = 'pass' | 'fail' | 'set';

/** `name` and what follows `stages` stand only where a backup has several artifacts; the manifest's own say it of a single one. */
export type Artifact = {
  /** Of the part (a database) as its server says it; absent: the backup is this one artifact. */
  name?: string;
  /** `globals`: what belongs to a server and to none of its databases. */
  purpose: 'data' | 'globals';
  variant: 'main';
  /** Key below the destination's prefix. */
  key: string;
  /** Bytes. */
  size: number;
  /** Hex, of the stored (sealed) bytes. */
  sha256: string;
  stages: (StageRecord & { argv: string[]; seconds: number })[];
  /** Argument vector of what gave it. */
  argv?: string[];
  plainSize?: number | null;
  recovery?: string[];
  /** What the source said of itself when it was read: a position in its log. */
  facts?: Record<string, string>;
  /** What the source answered at the moment of the data, by question: what comes back is compared with it. */
  answers?: Record<string, string>;
};

/** The commit record of one backup: byte-identical at all destinations. Times are RFC 3339 UTC, sizes bytes. */
export type Manifest = {
  format: typeof Format.manifest;
  id: string;
  plan: { name: string; digest: string };
  backup: string;
  purpose: 'backup' | 'safety';
  run: string;
  created: string;
  host: string;
  /** `argv` is empty where the artifacts have their own. `version` is the server's; `facts` are what it said when it was read. */
  source: { type: string; name: string | null; argv: string[]; version?: string; facts?: Record<string, string> };
  tools: Record<string, string>;
  runner: string;
  /** The time of the data: nothing in it is older than `from` was or newer than `to`. */
  moment: { from: string; to: string };
  /** Retention tiers claimed at the commit, highest first; empty: `recent`. */
  tiers: string[];
  tags: string[];
  /** Levels whose pass makes it good. */
  required: Level[];
  /** All artifacts together; null: not known of every one. */
  plainSize: number | null;
  /** Seconds of the capture. */
  seconds: number;
  warnings: string[];
  artifacts: Artifact[];
  keys: { type: string; id: string; recipients?: string[] }[];
  sequence: number;
  previous: { id: string; sha256: string } | null;
  /** Empty where the artifacts have their own. */
  recovery: string[];
  answers?: Record<string, string>;
  /**
   * The consistency group that was backed up at one moment: `id` is the run's, `members` are the names of its backups. Their ids end
   * in the same stamp and nonce, so that names alone tell a set.
   */
  set?: { name: string; id: string; members: string[] };
  mac?: { alg: 'hmac-sha256'; kdf: 'pbkdf2-sha256'; salt: string; iterations: number; value: string };
};

/** A record's contents; its key is `<manifest stem>.<finding>-<result>-<stamp>-<nonce>.json`. */
export type FindingRecord = {
  format: typeof Format.record;
  id: string;
  finding: Finding;
  result: FindingResult;
  time: string;
  run: string;
  /** SHA-256 of the manifest it speaks of. */
  manifest: string;
  /** Where it was found; a `checksum` counts for this destination alone. */
  destination: string;
  message?: string;
  /** For a pin: RFC 3339; absent: until unpinned. */
  until?: string;
  /** For a pass: what was checked and what it gave. */
  details?: Record<string, unknown>;
};

export type Journal = {
  format: typeof Format.journal;
  run: string;
  backup: string;
  id: string;
  started: string;
  /** How its manifest is to be kept there, for whoever finishes the commit: its highest tier, and a date. */
  tier?: string;
  keptUntil?: string;
  /** Keys and attempts that may exist from now on, at this destination. */
  artifacts: { key: string; attempt: string }[];
  manifestKey: string;
};

export type Tombstone = {
  format: typeof Format.tombstone;
  run: string;
  time: string;
  deleted: { id: string; manifestKey: string; artifactKeys: string[]; reasons: string[] }[];
};

/** Beside a tombstone, `<its name>.done.json`: everything that it names is gone. */
export type Removed = { format: typeof Format.removed; run: string; time: string };

/** `.runner/format.json`: whose shelf this is. `layout` is the major version of all names below the plan's folder. */
export type ShelfFormat = { format: typeof Format.shelf; layout: number; 'plan-id': string; created: string };

/** `.runner/lease/<epoch>.json`. The highest epoch is the holder; `beat` counts up while it lives. */
export type Lease = {
  format: typeof Format.lease;
  run: string;
  host: string;
  /** The kernel's boot and the name space of its process ids, so that a pid of another container is never judged. */
  bootId: string;
  pid: number;
  /** Start time of the process as the kernel counts it, to know a reused pid. */
  pidStart: string;
  acquired: string;
  beat: number;
  /** RFC 3339; present: nobody holds it any more. */
  released?: string;
};
