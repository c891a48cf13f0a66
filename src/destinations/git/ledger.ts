/**
 * The bookkeeping of a repository: what is there, read again whenever somebody asks, and changes to it. Changes that come while one
 * is being pushed go together in the next push. Nothing is forced: who was overtaken looks, and makes the change again on top.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RunnerError } from '../../diagnostic.ts';
import { Draft, type Edit, type Shown } from './build.ts';
import type { Git } from './program.ts';
import type { Remote } from './remote.ts';
import { readView, type View } from './view.ts';

/** What a change makes of a view; nothing where all is done already. May throw, for KeyExists. */
export type Decide = (view: View) => { edits: Edit[]; shown?: Shown };

type Waiting = { decide: Decide; asked: number; done(): void; fail(error: unknown): void };
type Verdict = { waiting: Waiting; error?: unknown };

/** So long somebody else may be faster before it is given up. */
const patience = 120_000;

export class Ledger {
  private known: { view: View; at: number } | null = null;
  private reading: { view: Promise<View>; at: number } | null = null;
  private queue: Waiting[] = [];
  private working = false;

  constructor(
    private readonly name: string,
    private readonly git: Git,
    private readonly remote: Remote,
  ) {}

  /** The view as it is now; with `age`, one that was read at most so many milliseconds ago will do. */
  async view(age = 0): Promise<View> {
    if (this.known && performance.now() - this.known.at < age) return this.known.view;
    const asked = performance.now();
    // A reading that began before the question may have missed what the question is about.
    while (this.reading && this.reading.at < asked) await this.reading.view.catch(() => {});
    if (!this.reading) {
      const at = performance.now();
      const view = this.refresh(at).finally(() => {
        this.reading = null;
      });
      this.reading = { view, at };
    }
    return await this.reading.view;
  }

  /** What was last known; null: nothing was ever asked. */
  get last(): View | null {
    return this.known?.view ?? null;
  }

  /** Makes a change, on top of whatever others make at the same time. */
  async change(decide: Decide): Promise<void> {
    await new Promise<void>((done, fail) => {
      this.queue.push({ decide, asked: performance.now(), done, fail });
      if (!this.working) void this.work();
    });
  }

  private async refresh(at: number): Promise<View> {
    let tips = await this.remote.tips();
    const before = this.known?.view;
    if (!before || before.tips.state !== tips.state || before.tips.branch !== tips.branch)
      tips = await this.remote.fetch(tips);
    const view = before && before.tips.state === tips.state ? { ...before, tips } : await readView(this.git, tips);
    // A push of ours that ended meanwhile knows more.
    if (!this.known || this.known.at <= at) this.known = { view, at };
    return view;
  }

  private async work(): Promise<void> {
    this.working = true;
    // What is asked for in the same turn goes together.
    await Promise.resolve();
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0);
      try {
        for (const { waiting, error } of await this.perform(batch))
          error === undefined ? waiting.done() : waiting.fail(error);
      } catch (error) {
        for (const waiting of batch) waiting.fail(error);
      }
    }
    this.working = false;
  }

  private async perform(batch: Waiting[]): Promise<Verdict[]> {
    const until = performance.now() + patience;
    for (let attempt = 0; ; attempt += 1) {
      const { view, at } = this.known ?? { view: await this.view(), at: performance.now() };
      const draft = new Draft(this.name, view, new Date());
      const { verdicts, shown, isSure } = decideAll(batch, draft, at);
      if (!isSure && attempt === 0) {
        await this.view();
        continue;
      }
      for (const one of shown) await draft.show(this.git, this.remote.localRef('branch'), one);
      if (draft.isEmpty) return verdicts;
      if (await this.push(draft, view, attempt)) return verdicts;
      if (performance.now() > until)
        throw new RunnerError(
          `Destination ${this.name}: others push to the repository so often that no turn came in ${patience / 1000} s.`,
        );
    }
  }

  /** False where somebody was faster; the view is new then. */
  private async push(draft: Draft, before: View, attempt: number): Promise<boolean> {
    const state = await draft.commit(this.git, this.remote.localRef('state'));
    const { branch } = draft.view.tips;
    const at = performance.now();
    const isShown = branch !== null && branch !== before.tips.branch;
    const pushed = await this.remote.push({ state, ...(isShown ? { branch } : {}) });
    if (pushed === 'done') {
      this.known = { view: draft.view, at };
      return true;
    }
    if (attempt > 0) await sleep(Math.random() * Math.min(2000, 25 * 2 ** attempt));
    const now = await this.view().catch((error: unknown) => {
      throw typeof pushed === 'object' ? pushed.unknown : error;
    });
    if (now.tips.state === state) return true;
    const isSame = now.tips.state === before.tips.state && now.tips.branch === before.tips.branch;
    if (typeof pushed === 'object' && (isSame || attempt > 3)) throw pushed.unknown;
    return false;
  }
}

/** `isSure` is false where a change had nothing to do, or was refused, by a view that is older than its question. */
function decideAll(batch: Waiting[], draft: Draft, at: number) {
  const verdicts: Verdict[] = [];
  const shown: Shown[] = [];
  let isSure = true;
  for (const waiting of batch) {
    const isOld = at < waiting.asked;
    try {
      const wanted = waiting.decide(draft.view);
      for (const edit of wanted.edits) draft.apply(edit);
      if (wanted.shown) shown.push(wanted.shown);
      if (wanted.edits.length === 0 && isOld) isSure = false;
      verdicts.push({ waiting });
    } catch (error) {
      if (isOld) isSure = false;
      verdicts.push({ waiting, error });
    }
  }
  return { verdicts, shown, isSure };
}
