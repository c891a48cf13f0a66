import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a group may take to end in good order. */
const graceSeconds = 5;
const pollSeconds = 0.05;

/** Ends a process group: TERM, 5 s, KILL. Resolves when nothing of it runs any more, or KILL has been sent. */
export async function endGroup(group: number): Promise<void> {
  if (!signalGroup(group, 'SIGTERM')) return;
  for (let waited = 0; waited < graceSeconds; waited += pollSeconds) {
    await sleep(pollSeconds * 1000);
    if (!signalGroup(group, 0) || onlyZombies(group)) return;
  }
  signalGroup(group, 'SIGKILL');
}

/** False where nothing of the group is left. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

/** Orphans that nobody reaps, as in a container without an init, still answer signals. Linux; elsewhere we wait. */
function onlyZombies(group: number): boolean {
  try {
    return readdirSync('/proc').every((name) => !/^\d+$/.test(name) || !runsIn(group, name));
  } catch {
    return false;
  }
}

function runsIn(group: number, id: string): boolean {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'latin1');
    // The program's name stands in parentheses and may hold some itself.
    const [state, , ownGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(ownGroup) === group && state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}
