import { type ExitCode, RunnerError } from '../diagnostic.ts';
import { wallClock } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { say } from './findings.ts';
import { parseTyped } from './moments.ts';

/** `runner pin`: kept whatever retention says. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  return say(invocation, host, (timezone) => {
    const { until } = invocation.options;
    if (until === undefined) return { finding: 'pin', done: 'is pinned until it is unpinned' };
    const typed = parseTyped(until, timezone);
    // A day is meant with all its hours.
    const end = new Date('day' in typed ? typed.day.end : typed.moment);
    if (end.getTime() <= Date.now()) throw new RunnerError(`--until ${until} lies in the past`, { exitCode: 4 });
    const shown = `is pinned until ${wallClock(end, timezone)} ${timezone}`;
    return { finding: 'pin', until: end.toISOString(), done: shown };
  });
}
