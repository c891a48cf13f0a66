/** How the plain stream of an artifact is taken in and what is asserted of it, as data. */
import type { Argument, Command, Held } from './command.ts';

/** Where the size of the plain stream is read: a file that is streamed, a stderr line of the producer, or not at all. */
export type PlainSize = { file: Argument } | { stderr: string } | { unknown: true };

/** The end that a plain stream must have; the consumer is killed before its end of input when it is wrong. */
export type Tail = { zeros: number } | { text: string; within: number };

/** Where a plain stream goes when an artifact is opened. */
export type Intake = { consume: Command } | { file: Argument; mode?: string; owner?: number } | { discard: true };

/** Bounds for a value read from a program, a file or a count. Numbers compare as numbers, `equals` also as text. */
export type Expect = { equals?: string | number; atLeast?: number; atMost?: number; compare?: 'source' };

/**
 * One assertion. `command` prints a value. With `question` it must equal what the source answered when the backup was made, as the
 * manifest keeps it; where it keeps nothing, what `reference` prints now.
 */
export type Assertion =
  | {
      title: string;
      check: 'output';
      command: Command;
      expect: Expect;
      question?: string;
      reference?: Command;
      tolerance?: number;
    }
  /** Line by line; `tolerance` is a fraction of each count. */
  | { title: string; check: 'contents'; command: Command; contents: Contents; question: string; tolerance?: number }
  /** `look` prints `absent` or its size and, where one is expected, its SHA-256: of data that lies elsewhere. */
  | { title: string; check: 'file'; path: Argument; exists: boolean; size?: Expect; sha256?: string; look?: Command }
  /** `names` prints the paths below the directory, each with a NUL behind it: of data that lies elsewhere. */
  | { title: string; check: 'count'; directory: Argument; pattern?: string; expect: Expect; names?: Command }
  | { title: string; check: 'exit'; command: Command };

/**
 * How the plain stream of an artifact is taken in: commands before, the intake with its end, commands and assertions after.
 * `servers` are started behind `prepare`, or behind the intake where they read what it wrote, and stay until the end.
 */
export type Recipe = {
  prepare?: Command[];
  servers?: { after: 'prepare' | 'intake'; held: Held }[];
  /** A filter of ours, always run here, that the stream goes through first: it fails where the format itself is not whole. */
  through?: Command;
  intake: Intake;
  tail?: Tail;
  /** The consumer itself fails on a stream that was cut: the kernel joins it to the decoders, and nobody counts what it takes. */
  direct?: true;
  /** Behind the intake and the servers: what works on what the intake wrote. */
  load?: Command[];
  finish?: Assertion[];
  /** Also after a failure, while the servers still run. */
  cleanup?: Command[];
  /** Likewise, when they have ended. */
  sweep?: Command[];
};

/** What the data holds, part by part: rows of each table, keys of each database. Lines of `name<TAB>value`, sorted. */
export type Contents = 'counts' | 'checksums';
