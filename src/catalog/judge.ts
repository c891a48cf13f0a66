/** Whether a backup counts. Good needs a positive mark: what nobody has proven fills no slot of a retention. */
import type { Level } from '../graph.ts';
import type { ShelfEntry, ShelfRecord } from './shelf.ts';

/**
 * `unproven`: a required check has not passed here. `failed`: a check failed, and nobody accepted that. `anomalous`: likewise
 * for an anomaly. `forgotten`: a person wants it gone, and it may not go yet. `incomplete`: its artifact is not there, or its
 * manifest is damaged. `opaque`: made by a newer runner.
 */
export type State = 'good' | 'unproven' | 'failed' | 'anomalous' | 'forgotten' | 'incomplete' | 'opaque';

export type Judgement = {
  state: State;
  /** A pin whose `until` has not passed, as far as it is known: names do not tell it. */
  pinned: boolean;
  /** The record that pins it. */
  pin: string | null;
  /** Levels that have passed here. */
  passed: Level[];
  /** Names do not suffice: its manifest must be read before it may be told from a good one. */
  consult: boolean;
  /** Why it is incomplete or opaque. */
  problem?: string;
};

/** What reading the manifest told beside the names. */
export type Known = {
  /** Levels that the plan of its day required. */
  required: readonly Level[];
  /** Artifacts that are not where the manifest says. */
  missing?: readonly string[];
};

/**
 * Judges one copy by its names. `required` are the levels of today's plan; those of the manifest count only where one of today's
 * is missing. A `fail` or `anomaly` stands until a later `accept`: a later pass does not answer it.
 */
export function judge(entry: ShelfEntry, required: readonly Level[], known: Known | null = null): Judgement {
  const marks = readMarks(entry.records);
  const { passed } = marks;
  const proven = holds(passed, required) || (known !== null && holds(passed, known.required));
  const { pin } = marks;
  const common = { pinned: pin !== null, pin, passed, consult: false };
  if (marks.forgotten) return { ...common, state: 'forgotten' };
  if (marks.failed) return { ...common, state: 'failed' };
  if (marks.anomalous) return { ...common, state: 'anomalous' };
  const missing = known?.missing ?? [];
  if (missing.length > 0) return { ...common, state: 'incomplete', problem: `${missing.join(', ')} is missing` };
  const consult = known === null && (!proven || entry.artifacts.length === 0);
  return { ...common, consult, state: proven ? 'good' : 'unproven' };
}

type Marks = { passed: Level[]; failed: boolean; anomalous: boolean; forgotten: boolean; pin: string | null };

/** `records` are sorted by stamp. In one second the worse mark counts: missing a bad one would delete good backups. */
function readMarks(records: readonly ShelfRecord[]): Marks {
  let accepted = '';
  for (const { finding, stamp } of records) if (finding === 'accept') accepted = stamp;
  const marks: Marks = { passed: [], failed: false, anomalous: false, forgotten: false, pin: null };
  let unpinned = '';
  for (const { finding, result, stamp, key } of records) {
    if (finding === 'anomaly') marks.anomalous ||= stamp >= accepted;
    else if (finding === 'forget') marks.forgotten ||= stamp >= accepted;
    else if (result === 'fail') marks.failed ||= stamp >= accepted;
    else if (result === 'pass' && isLevel(finding) && !marks.passed.includes(finding)) marks.passed.push(finding);
    else if (finding === 'pin' && stamp >= unpinned) marks.pin = key;
    else if (finding === 'unpin') {
      unpinned = stamp;
      // In one second the pin wins: it deletes nothing.
      const pinStamp = marks.pin === null ? '' : records.find((record) => record.key === marks.pin)!.stamp;
      if (pinStamp < stamp) marks.pin = null;
    }
  }
  return marks;
}

function isLevel(finding: string): finding is Level {
  return finding === 'checksum' || finding === 'content' || finding === 'restore';
}

/** Where a plan asks for nothing, the checksum of the commit is the mark. */
function holds(passed: readonly Level[], required: readonly Level[]): boolean {
  const wanted: readonly Level[] = required.length > 0 ? required : ['checksum'];
  return wanted.every((level) => passed.includes(level));
}
