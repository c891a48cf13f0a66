/**
 * The snapshots of ours in one repository, kept in memory, because every call of restic costs half a second or more: it is slow
 * on purpose when it derives its key. The memory is brought up to date by a call, or, where the repository is a folder of this
 * machine, by the names in its folder `snapshots`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyExists } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { ResticFault } from './faults.ts';
import { listSnapshots, readNames } from './listing.ts';
import type { Program } from './program.ts';
import { Known, type Mark, markOf, older, type Snapshot, wordsOf } from './snapshots.ts';
import { readSummary } from './summary.ts';
import { Turns } from './turns.ts';

/** Seconds for which others that write the same key at the same moment are given to step back. */
const contest = 60;
/** Snapshots that one call forgets: their ids must fit into an argument vector. */
const atOnce = 500;
/** Milliseconds for which a lock that was met is not tried again. */
const respite = 30_000;
/** Seconds for what reads all of a repository. */
const longest = 7 * 86_400;

export class Repository {
  known = new Known();
  /** Streams of this process that are on their way: restic forgets nothing while one is. */
  private streams = 0;
  private readonly doomed = new Set<string>();
  /** What lay in the folder `snapshots` when it was read last; null where it is not on this machine, or not known yet. */
  private names: Set<string> | null = null;
  private next: Promise<void> | null = null;
  private seen = -Infinity;
  private hasWritten = false;
  private wantsPrune = false;
  private lockedUntil = -Infinity;
  private readonly turns = new Turns();
  private readonly writers = new Turns();

  constructor(
    readonly program: Program,
    /** The repository's folder on this machine, or null. */
    readonly folder: string | null,
  ) {}

  get name(): string {
    return this.program.options.name;
  }

  /** Looks what is there now; who asks at the same time shares the answer. One that is `within` milliseconds old may do. */
  async refresh(within = 0): Promise<void> {
    // Names in a folder of this machine are looked at each time: that costs nothing.
    if (this.folder === null && performance.now() - this.seen < within) return;
    this.next ??= this.turns.take(() => {
      this.next = null;
      return this.load();
    });
    await this.next;
  }

  /**
   * Adds the object of a key. Restic would take two of one key, so everybody looks again behind its own: who is alone there has
   * won. Of several the oldest waits for the others to step back, the others do. Rejects with KeyExists.
   */
  async create(mark: Mark, bytes: Uint8Array): Promise<Snapshot> {
    return await this.writers.take(async () => {
      const { key } = mark;
      if (this.known.object(key)) await this.refresh();
      if (this.known.object(key)) throw this.taken(key);
      const own = await this.add(mark, bytes);
      const end = performance.now() + contest * 1000;
      for (;;) {
        const rivals = this.known.of(key, 'object', 'published').filter(({ id }) => id !== own.id);
        if (rivals.length === 0 && this.known.has(own.id)) return own;
        const isFirst = rivals.every((rival) => older(own, rival) < 0);
        if (!isFirst || performance.now() > end || !this.known.has(own.id)) break;
        await sleep(300);
        await this.refresh();
      }
      await this.forget([own.id]);
      throw this.taken(key);
    });
  }

  /** Adds a snapshot of a few bytes. */
  async add(mark: Mark, bytes: Uint8Array): Promise<Snapshot> {
    return await this.turns.take(() => this.make(mark, bytes));
  }

  private async make(mark: Mark, bytes: Uint8Array): Promise<Snapshot> {
    const time = new Date();
    return await this.learn((await this.backup(mark, bytes)).id, mark, time);
  }

  private async backup(mark: Mark, bytes: Uint8Array): Promise<{ id: string }> {
    const words = ['backup', '--json', '--quiet', ...wordsOf(mark)];
    // Restic takes nothing for a fault: what is empty says so by its size, and is a line break there.
    const input = bytes.length === 0 ? Buffer.from('\n') : bytes;
    const { stdout } = await this.program.run(words, { doing: `write ${mark.key}`, input, writes: true });
    return readSummary(stdout, mark.key);
  }

  /** Takes note of a snapshot that a stream has made. */
  async learnOf(short: string, mark: Mark, time: Date): Promise<Snapshot> {
    return await this.turns.take(() => this.learn(short, mark, time));
  }

  /**
   * Forgets snapshots. While anybody's stream is on its way restic forgets nothing: then a tombstone says that they are gone, and
   * a later call forgets them.
   */
  async forget(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.turns.take(async () => {
      for (const id of ids) {
        this.known.delete(id);
        this.doomed.add(id);
      }
      if (!(await this.flush(0))) await this.bury(ids);
    });
  }

  /** Forgets them with the next call that forgets anything: nothing depends on it. */
  forgetLater(ids: readonly string[]): void {
    for (const id of ids) this.doomed.add(id);
  }

  /** A stream begins; what is returned must be called when it is over. */
  async streaming(): Promise<() => Promise<void>> {
    await this.turns.take(async () => {
      this.streams += 1;
    });
    let over = false;
    return async () => {
      if (over) return;
      over = true;
      this.streams -= 1;
      // What it held up is tried again by whatever is forgotten next, and when all is closed.
      await this.turns.take(() => this.flush(0)).catch(() => {});
    };
  }

  /** Gives back the space of what was forgotten; behind the last stream of our own, since restic cannot before. */
  async prune(): Promise<void> {
    this.wantsPrune = true;
    if (this.streams > 0) return;
    this.wantsPrune = false;
    await this.turns.take(async () => {
      await this.flush(this.program.options.patience);
      await this.program.run(['prune', '--quiet'], { doing: 'give space back', timeout: longest });
    });
  }

  async close(): Promise<void> {
    if (this.hasWritten) await this.turns.take(() => this.flush(1)).catch(() => {});
    if (this.wantsPrune) await this.prune().catch(() => {});
  }

  private taken(key: string): KeyExists {
    return new KeyExists(`${key} already exists at ${this.name}; nothing is overwritten.`);
  }

  /** False where a lock is in the way. */
  private async flush(patience: number): Promise<boolean> {
    if (this.streams > 0 || (patience === 0 && performance.now() < this.lockedUntil)) return this.doomed.size === 0;
    while (this.doomed.size > 0) {
      const ids = [...this.doomed].slice(0, atOnce);
      try {
        await this.program.run(['forget', '--quiet', ...ids], { doing: 'forget snapshots', patience });
      } catch (error) {
        if (!(error instanceof ResticFault && error.kind === 'locked')) throw error;
        this.lockedUntil = performance.now() + respite;
        return false;
      }
      for (const id of ids) {
        this.doomed.delete(id);
        this.known.delete(id);
        this.names?.delete(id);
      }
    }
    return true;
  }

  private async bury(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += atOnce) {
      const mark = markOf('tombstone', 'forgotten', { buries: ids.slice(start, start + atOnce) });
      await this.backup(mark, Buffer.from('these snapshots are gone\n'));
    }
    // The names tell of a snapshot more than is known.
    this.names = null;
  }

  /** Where only the new snapshot has come since, the names say so, and nothing has to be asked. */
  private async learn(short: string, mark: Mark, time: Date): Promise<Snapshot> {
    this.hasWritten = true;
    const names = await readNames(this.folder);
    const fresh = names && this.names ? [...names].filter((name) => !this.names!.has(name)) : [];
    if (names && fresh.length === 1 && fresh[0]!.startsWith(short) && names.size === this.names!.size + 1) {
      const snapshot = { ...mark, id: fresh[0]!, time };
      this.known.add(snapshot);
      this.names = names;
      this.seen = performance.now();
      return snapshot;
    }
    await this.load();
    const found = this.known.starting(short);
    if (!found) throw new RunnerError(`Destination ${this.name}: ${mark.key} was removed as soon as it was written.`);
    return found;
  }

  private async load(): Promise<void> {
    const began = performance.now();
    const names = await readNames(this.folder);
    if (!names || !this.names || names.size !== this.names.size || ![...names].every((name) => this.names!.has(name))) {
      const listed = await listSnapshots(this.program);
      this.known = new Known(listed.filter(({ id }) => !this.doomed.has(id)));
      this.forgetLater(this.known.waste);
      // One that came behind the names and goes again would leave them as they were, and never be missed.
      this.names = names && listed.every(({ id }) => names.has(id)) ? names : null;
    }
    this.seen = began;
  }
}
