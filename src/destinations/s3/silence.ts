/** A store that takes questions and answers none: once it was silent it gets less time, and after a while no second try. */

/** How long it is borne with, in milliseconds; tests have less time. */
export type Forbearance = {
  /** For the answer to something small, while the last question had none. */
  doubt: number;
  /** Beyond the first question's own time: until then what is small is tried again. */
  grace: number;
};

/** When each silent store was first asked in vain: a later client of this process need not learn it anew. */
const silentSince = new Map<string, number>();

export class Silence {
  /** `store`: a text that is the same for the same one; `usual`: milliseconds for an answer. */
  constructor(
    private readonly store: string,
    private readonly usual: number,
    private readonly forbearance: Forbearance,
  ) {}

  /** Milliseconds for the answer to the next small question; null: as for any. */
  get limit(): number | null {
    return silentSince.has(this.store) ? Math.min(this.forbearance.doubt, this.usual) : null;
  }

  /** Whether it has lasted so long that asking again is in vain. */
  get isLong(): boolean {
    const since = silentSince.get(this.store) ?? Number.POSITIVE_INFINITY;
    return performance.now() - since >= this.usual + this.forbearance.grace;
  }

  /** A question that was asked then had no answer, or not a whole one: what is large may have come for long before. */
  met(asked: number): void {
    if (!silentSince.has(this.store)) silentSince.set(this.store, Math.max(asked, performance.now() - this.usual));
  }

  /** There was an answer. */
  end(): void {
    silentSince.delete(this.store);
  }
}
