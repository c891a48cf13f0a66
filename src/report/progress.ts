/** How far something is, in the words of a person. */
import { formatDuration, formatSize } from '../units.ts';

/** What is known of a task that is running. Times in milliseconds since the epoch. */
export type Progress = { title: string; since: number; bytes: number; total: number | null };

/** `412 MiB of 1.2 GiB, 180 MiB/s, 5s left`: the total is the size of the last run, so it may be passed. */
export function progressText({ since, bytes, total }: Progress, now: number): string {
  const elapsed = (now - since) / 1000;
  const rate = elapsed > 0 ? bytes / elapsed : 0;
  const known = total !== null && total > bytes ? total : null;
  const parts = [known === null ? formatSize(bytes) : `${formatSize(bytes)} of about ${formatSize(known)}`];
  if (elapsed >= 1 && rate >= 1) {
    parts.push(`${formatSize(Math.round(rate))}/s`);
    if (known !== null) parts.push(`${formatDuration(Math.ceil((known - bytes) / rate))} left`);
  }
  return parts.join(', ');
}
