/** Every verb of the program: what `--help` says of it and where it is built. Loading this costs nothing else. */
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

const plan = { slot: 'PLAN', optional: true } as const;
const backup = { slot: 'BACKUP', optional: true } as const;
const needsBackup = { slot: 'BACKUP', optional: false } as const;
const backups = { slot: 'BACKUPS', optional: true } as const;
const id = { slot: 'ID', optional: false } as const;

const json: Flag = { flags: '--json', text: 'print JSON on standard output' };
const quiet: Flag = { flags: '-q, --quiet', text: 'print warnings and errors only' };
const yes: Flag = { flags: '-y, --yes', text: 'agree to everything that would be asked' };
const from: Flag = { flags: '--from <destination>', text: 'read this destination only' };
const running: Flag[] = [
  { flags: '--json', text: 'print every event as a line of JSON on standard output' },
  quiet,
  { flags: '--log-dir <directory>', text: 'write a log and a record of the run into this directory' },
  {
    flags: '--lock-timeout <duration>',
    text: 'wait this long for a run that holds the lock, such as 10m (default: not at all)',
    check: 'duration',
  },
];
const levels = ['checksum', 'content', 'restore'] as const;
const tiers = ['hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'yearly', 'recent'] as const;

export const verbs: Verb[] = [
  {
    name: 'validate',
    summary: 'tell every problem of a plan, with line and column',
    slots: [plan],
    flags: [json, quiet],
    examples: ['runner validate plans/prod.yaml'],
    load: () => import('./validate.ts'),
  },
  {
    name: 'plan',
    summary: 'show what apply would do: every command, every deletion, a digest',
    slots: [plan, backups],
    flags: [json],
    examples: ['runner plan plans/prod.yaml', 'runner plan plans/prod.yaml orders --json'],
    load: () => import('./plan.ts'),
  },
  {
    name: 'apply',
    summary: 'make the backups, verify them, and prune what retention no longer keeps',
    slots: [plan, backups],
    flags: [
      { flags: '--expect <digest>', text: 'refuse to start unless the plan (or plan and shelf) is the one previewed' },
      { flags: '--due', text: 'only the backups that their schedule owes; missed ones once' },
      yes,
      ...running,
    ],
    examples: [
      'runner apply plans/prod.yaml',
      'runner apply plans/prod.yaml orders --expect p1-0123456789ab',
      'runner apply plans/prod.yaml --due --quiet --log-dir /var/log/runner',
    ],
    load: () => import('./apply.ts'),
  },
  {
    name: 'list',
    summary: 'list the backups that lie at the destinations',
    slots: [plan, backup],
    flags: [{ flags: '--tier <tier>', text: 'only backups that hold this tier', choices: tiers }, from, json],
    examples: ['runner list plans/prod.yaml', 'runner list plans/prod.yaml orders --tier monthly --from nas'],
    exits: '1 when a destination could not be read, 2 when none could.',
    load: () => import('./list.ts'),
  },
  {
    name: 'show',
    summary: 'show all that is known of one backup, and how to open it by hand',
    slots: [plan, id],
    flags: [from, json],
    examples: ['runner show plans/prod.yaml orders-20261121T020000Z-k3x9qa'],
    load: () => import('./show.ts'),
  },
  {
    name: 'restore',
    summary: 'bring a backup back: checked fully first, restored beside, then swapped in',
    slots: [plan, backup],
    flags: [
      { flags: '--latest', text: 'the newest good backup' },
      { flags: '--at <time>', text: 'the newest good backup of a day (2026-01-15), or with no data later than a time' },
      { flags: '--date <time>', text: 'the same as --at', hidden: true },
      { flags: '--id <id>', text: 'this backup, good or not' },
      { flags: '--file <artifact>', text: 'an artifact that lies outside the catalogue' },
      { flags: '--from <destination>', text: 'read it from this destination (default: the best copy)' },
      { flags: '--to <target>', text: 'a directory or a file (default: where it came from)' },
      { flags: '--plan-only', text: 'show what would be done and stop' },
      { flags: '--dry-run', text: 'the same as --plan-only', hidden: true },
      { flags: '--no-safety-backup', text: 'keep no copy of the data that is replaced' },
      yes,
      ...running,
    ],
    examples: [
      'runner restore plans/prod.yaml orders --latest --to ./restored',
      'runner restore plans/prod.yaml orders --at 2026-01-15 --plan-only',
      'runner restore plans/prod.yaml uploads --file uploads.tar.zst --to /tmp/uploads',
    ],
    load: () => import('./restore.ts'),
  },
  {
    name: 'verify',
    summary: 'open backups through their destinations and check them',
    slots: [plan, backup],
    flags: [
      { flags: '--id <id>', text: 'this backup (default: the newest of each)' },
      { flags: '--level <level>', text: 'only this check (default: all that the plan asks for)', choices: levels },
      ...running,
    ],
    examples: ['runner verify plans/prod.yaml', 'runner verify plans/prod.yaml orders --level restore'],
    exits: '0 every check passed, 1 some failed, 2 all failed or there was nothing to check.',
    load: () => import('./verify.ts'),
  },
  {
    name: 'prune',
    summary: 'delete what retention no longer keeps, and say why each backup stays or goes',
    slots: [plan, backup],
    flags: [{ flags: '--dry-run', text: 'show what would be deleted and stop' }, yes, ...running],
    examples: ['runner prune plans/prod.yaml --dry-run', 'runner prune plans/prod.yaml orders --yes'],
    load: () => import('./prune.ts'),
  },
  {
    name: 'retention',
    summary: 'try the retention of a backup on paper: no destination is read',
    slots: [plan, needsBackup],
    flags: [
      { flags: '--simulate <duration>', text: 'the shelf as it would stand after this time of its schedule' },
      {
        flags: '--times <file>',
        text: 'keep or delete for each RFC 3339 time of a file, one a line (-: standard input)',
      },
      { flags: '--from <destination>', text: 'the retention at this destination, where they differ' },
      json,
    ],
    examples: [
      'runner retention plans/prod.yaml orders --simulate 400d',
      'runner retention plans/prod.yaml orders --times times.txt --json',
    ],
    load: () => import('./retention.ts'),
  },
  {
    name: 'pin',
    summary: 'keep a backup whatever retention says',
    slots: [plan, id],
    flags: [
      { flags: '--until <date>', text: 'until this day or time (default: until it is unpinned)' },
      { flags: '--reason <text>', text: 'why, for whoever reads `show` later' },
    ],
    examples: ['runner pin plans/prod.yaml orders-20261121T020000Z-k3x9qa --until 2027-06-30'],
    load: () => import('./pin.ts'),
  },
  {
    name: 'unpin',
    summary: 'give a pinned backup back to retention',
    slots: [plan, id],
    flags: [],
    examples: ['runner unpin plans/prod.yaml orders-20261121T020000Z-k3x9qa'],
    load: () => import('./unpin.ts'),
  },
  {
    name: 'accept',
    summary: 'call a backup good although it was marked anomalous or a check failed',
    slots: [plan, id],
    flags: [{ flags: '--reason <text>', text: 'why, for whoever reads `show` later' }],
    examples: ['runner accept plans/prod.yaml orders-20261121T020000Z-k3x9qa --reason "archive moved out"'],
    load: () => import('./accept.ts'),
  },
  {
    name: 'graph',
    summary: 'draw what apply would do as a Mermaid diagram',
    slots: [plan, backups],
    flags: [],
    examples: ['runner graph plans/prod.yaml > plan.mmd'],
    load: () => import('./graph.ts'),
  },
  {
    name: 'config',
    summary: 'print the effective plan: includes, defaults and variables filled in, secrets as references',
    slots: [plan],
    flags: [{ flags: '--promises', text: 'one row a backup: RPO, RTO, copies, oldest reach, proof, waivers' }, json],
    examples: ['runner config plans/prod.yaml', 'runner config plans/prod.yaml --promises'],
    load: () => import('./config.ts'),
  },
  {
    name: 'forget',
    summary: 'delete one backup at every destination',
    slots: [plan, id],
    flags: [
      { flags: '--reason <text>', text: 'why; it is kept where the backup lay (required)' },
      yes,
      {
        flags: '--lock-timeout <duration>',
        text: 'wait this long for a run that holds the lock, such as 10m (default: not at all)',
        check: 'duration',
      },
    ],
    examples: ['runner forget plans/prod.yaml orders-20261121T020000Z-k3x9qa --reason "holds data of a deleted user"'],
    load: () => import('./forget.ts'),
  },
  {
    name: 'unlock',
    summary: 'break the lock that a run left at the destinations',
    slots: [plan],
    flags: [yes],
    examples: ['runner unlock plans/prod.yaml'],
    load: () => import('./unlock.ts'),
  },
  {
    name: 'ls',
    summary: 'list what is inside a backup',
    slots: [plan, id],
    flags: [from],
    examples: ['runner ls plans/prod.yaml uploads-20261121T020000Z-k3x9qa | head'],
    load: () => import('./ls.ts'),
  },
  {
    name: 'cat',
    summary: 'print one file from inside a backup',
    slots: [plan, id, { slot: 'PATH', optional: false }],
    flags: [from],
    examples: ['runner cat plans/prod.yaml uploads-20261121T020000Z-k3x9qa invoices/2026-01.pdf > 2026-01.pdf'],
    load: () => import('./cat.ts'),
  },
  {
    name: 'doctor',
    summary: 'check programs, keys, secrets and destinations, and that the newest backups can be opened',
    slots: [plan],
    flags: [json],
    examples: ['runner doctor plans/prod.yaml'],
    exits: '0 all is well, 1 there are warnings, 2 there are problems.',
    load: () => import('./doctor.ts'),
  },
];

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
