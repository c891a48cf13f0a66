/** An artifact on its way: a snapshot that nobody sees, until a second one, which is tiny, makes it the object of its key. */
import { KeyExists, type Sink } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { Feed } from './feed.ts';
import type { Repository } from './repository.ts';
import { type Mark, markOf, type Snapshot, wordsOf } from './snapshots.ts';

/** Starts a stream for a key. */
export async function openSink(repository: Repository, key: string, attempt: string): Promise<Sink> {
  const over = await repository.streaming();
  const mark = markOf('data', key, { attempt });
  return new ResticSink(repository, mark, new Feed(repository.program, wordsOf(mark), key), over);
}

class ResticSink implements Sink {
  private state: 'open' | 'prepared' | 'published' | 'broken' = 'open';
  private sent = 0;
  private isEnded = false;
  private readonly began = new Date();
  private data: Snapshot | null = null;
  private claim: Snapshot | null = null;

  constructor(
    private readonly repository: Repository,
    private readonly mark: Mark,
    private readonly feed: Feed,
    private readonly over: () => Promise<void>,
  ) {}

  async write(batch: readonly Uint8Array[]): Promise<void> {
    await this.step('open', 'write', async () => {
      for (const { length } of batch) this.sent += length;
      await this.feed.write(batch);
    });
  }

  async prepare(): Promise<{ size: number }> {
    return await this.step('open', 'make durable', async () => {
      const { name } = this.repository;
      const size = this.sent === 0 ? await this.leaveOut() : await this.finish();
      await this.over();
      if (size !== this.sent)
        throw new RunnerError(
          `Destination ${name}: restic took ${size} bytes of the ${this.sent} of ${this.mark.key}.`,
        );
      this.state = 'prepared';
      return { size };
    });
  }

  async publish(): Promise<void> {
    await this.step('prepared', 'publish', async () => {
      const { repository, data, sent } = this;
      const { key, attempt } = this.mark;
      const claim = markOf(data ? 'published' : 'object', key, { size: sent, of: data?.id ?? null });
      const text = data ? `${JSON.stringify({ snapshot: data.id, path: `/${key}`, size: sent })}\n` : '';
      this.claim = await repository.create(claim, Buffer.from(text));
      // Looked at behind the claim: whoever removes an attempt leaves one that is published alone.
      const isRemoved = repository.known.of(key, 'removed').some((one) => one.attempt === attempt);
      if (isRemoved || (data && !repository.known.has(data.id)))
        throw new RunnerError(`Destination ${repository.name}: ${key} was removed by another run before it was whole.`);
      this.state = 'published';
    });
  }

  async abort(): Promise<void> {
    if (this.state === 'published') return;
    this.state = 'broken';
    await this.feed.stop();
    await this.over();
    // Restic may have made it although its answer did not come.
    if (this.isEnded && !this.data) await this.repository.refresh();
    const { key, attempt } = this.mark;
    const left = this.repository.known.of(key, 'data').filter((one) => one.attempt === attempt);
    await this.repository.forget([...left, ...(this.claim ? [this.claim] : [])].map(({ id }) => id));
  }

  private async finish(): Promise<number> {
    this.isEnded = true;
    const { id, size } = await this.feed.end();
    this.data = await this.repository.learnOf(id, this.mark, this.began);
    return size;
  }

  /** Restic makes no snapshot of nothing; the object that is published is one without bytes of its own. */
  private async leaveOut(): Promise<number> {
    await this.feed.stop();
    return 0;
  }

  private async step<T>(wanted: 'open' | 'prepared', doing: string, act: () => Promise<T>): Promise<T> {
    if (this.state !== wanted) throw new Error(`a sink that is ${this.state} cannot ${doing}`);
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof KeyExists)) this.state = 'broken';
      throw error;
    }
  }
}
