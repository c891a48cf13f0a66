/** Who a process is, so that the holder of a lease can be told dead at once, also when its pid was given to another. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export type ProcessIdentity = {
  /** Boot of the kernel and name space of its pids; empty where the system does not tell. */
  bootId: string;
  pid: number;
  /** When it started, in the kernel's ticks since boot; empty where the system does not tell. */
  pidStart: string;
};

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return { bootId: bootId(), pid: process.pid, pidStart: startOf(process.pid) ?? '' };
}

/** True only when it is certain that the process is gone: it ran under this very kernel and its pid is free or another's. */
export function isDead({ bootId: boot, pid, pidStart }: ProcessIdentity): boolean {
  if (boot === '' || pidStart === '' || boot !== bootId()) return false;
  return startOf(pid) !== pidStart;
}

function bootId(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** Null when there is no such process; a zombie counts as none: it will never write again. */
function startOf(pid: number): string | null {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything, also spaces and parentheses.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return bootId() === '' ? '' : null;
  }
}

/** Whether a run of this machine is going on: the guard that every run starts carries its id and outlives it. */
export function isRunning(run: string): boolean {
  try {
    return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && isGuardOf(pid, run));
  } catch {
    return false;
  }
}

function isGuardOf(pid: string, run: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').endsWith(`\0runner-guard\0${run}\0`);
  } catch {
    return false;
  }
}
