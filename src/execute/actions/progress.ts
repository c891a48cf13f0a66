import type { PerformContext } from '../task-context.ts';

/** Milliseconds between two progress events of one task. */
const interval = 200;

/** Counts bytes and tells of them now and then, as a running total. */
export function progressOf(context: PerformContext, total?: number): (bytes: number) => void {
  let sum = 0;
  let last = Number.NEGATIVE_INFINITY;
  return (bytes) => {
    sum += bytes;
    const now = performance.now();
    if (now - last < interval && sum !== total) return;
    last = now;
    context.emit({ event: 'task-progress', task: context.id, bytes: sum, ...(total === undefined ? {} : { total }) });
  };
}
