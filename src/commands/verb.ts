/** What a verb of the program is, and what many of them share. */
import type { Command } from './command.ts';

export type Slot = 'PLAN' | 'BACKUP' | 'BACKUPS' | 'ID' | 'PATH';

/** `[flags, description, choices or the name of a check]`; see cli-options.ts. */
export type Flag = { flags: string; text: string; choices?: readonly string[]; check?: 'duration'; hidden?: true };

export type Verb = {
  name: string;
  summary: string;
  /** Positional arguments in their order. A name in brackets may be left out. */
  slots: { slot: Slot; optional: boolean }[];
  flags: Flag[];
  examples: string[];
  /** What its exit codes say beyond the general table. */
  exits?: string;
  load(): Promise<{ run: Command }>;
};

export const plan = { slot: 'PLAN', optional: true } as const;
export const backup = { slot: 'BACKUP', optional: true } as const;
export const needsBackup = { slot: 'BACKUP', optional: false } as const;
export const backups = { slot: 'BACKUPS', optional: true } as const;
export const id = { slot: 'ID', optional: false } as const;

export const full = { flags: '--full', text: 'also what is long: environments and scripts to their end' };
export const json: Flag = { flags: '--json', text: 'print JSON on standard output' };
export const quiet: Flag = { flags: '-q, --quiet', text: 'print warnings and errors only' };
export const yes: Flag = { flags: '-y, --yes', text: 'agree to everything that would be asked' };
export const from: Flag = { flags: '--from <destination>', text: 'read this destination only' };
export const part: Flag = {
  flags: '--part <name>',
  text: 'of a backup in several parts: this one (a database, or globals)',
};
export const running: Flag[] = [
  { flags: '--json', text: 'print every event as a line of JSON on standard output' },
  quiet,
  { flags: '--log-dir <directory>', text: 'write a log and a record of the run into this directory' },
  {
    flags: '--lock-timeout <duration>',
    text: 'wait this long for a run that holds the lock, such as 10m (default: not at all)',
    check: 'duration',
  },
];
export const levels = ['checksum', 'content', 'restore'] as const;
export const tiers = ['hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'yearly', 'recent'] as const;

/** Printed below every help. */
export const exitCodes = `Exit codes:
  0         success
  1         partial: some destinations, checks or backups failed, or an anomaly was found
  2         complete failure
  3         unexpected: a fault of the program or the system
  4         the plan or the command line is wrong; nothing was started
  5         another run holds the lock
  130, 143  interrupted by SIGINT or SIGTERM; everything unfinished was undone
`;
