/** Requests under way, so many at most: the next one waits until one of them is answered. */
export class Window {
  private under = 0;
  private wake: () => void = () => {};
  private failure: { error: unknown } | null = null;

  constructor(private readonly most: number) {}

  /** Resolves when one more may go out. Rejects once an answer was a failure. */
  async room(): Promise<void> {
    await this.until(() => this.under < this.most);
  }

  /** Resolves when every answer is there. Rejects when one was a failure. */
  async empty(): Promise<void> {
    await this.until(() => this.under === 0);
  }

  add(answer: Promise<unknown>): void {
    this.under += 1;
    const settled = (failure: { error: unknown } | null) => {
      this.under -= 1;
      this.failure ??= failure;
      this.wake();
    };
    answer.then(
      () => settled(null),
      (error: unknown) => settled({ error }),
    );
  }

  private async until(condition: () => boolean): Promise<void> {
    while (this.failure === null && !condition())
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    if (this.failure) throw this.failure.error;
  }
}
