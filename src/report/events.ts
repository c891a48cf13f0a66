/** Everything that a run tells. Reporters subscribe; nothing else prints. Every event carries `time` (RFC 3339, UTC). */
export type Event = { time: string } & (
  | { event: 'run-started'; run: string; plan: string; command: string; tasks: { id: string; title: string }[] }
  | { event: 'task-started'; task: string }
  | { event: 'task-progress'; task: string; bytes: number; total?: number }
  | {
      event: 'command';
      task: string;
      argv: string[];
      exitCode: number | null;
      signal: string | null;
      seconds: number;
      stderr: string;
    }
  | { event: 'notice'; level: 'info' | 'warning' | 'error'; task?: string; backup?: string; message: string }
  | {
      event: 'committed';
      task: string;
      backup: string;
      id: string;
      destination: string;
      key: string;
      size: number;
      sha256: string;
    }
  | {
      event: 'verified';
      task: string;
      backup: string;
      id: string;
      level: string;
      /** Where a check looks at each copy by itself. */
      destination?: string;
      result: 'pass' | 'fail';
      message?: string;
    }
  | { event: 'deleted'; task: string; backup: string; id: string; destination: string; reasons: string[] }
  | { event: 'restored'; task: string; backup: string; id: string; target: string }
  | { event: 'task-finished'; task: string; outcome: TaskOutcome; seconds: number; message?: string }
  | { event: 'run-finished'; run: string; exitCode: number; outcome: string; seconds: number }
);

/** `warned`: done, with a warning. `partial`: done for some destinations or with an anomaly. `skipped`: not started. */
export type TaskOutcome = 'ok' | 'warned' | 'partial' | 'failed' | 'skipped' | 'interrupted';

export type Emit = (event: DistributiveOmit<Event, 'time'>) => void;

/** One who listens. `close` is called once, when nothing more will come. */
export type Subscriber = { on(event: Event): void; close?(): Promise<void> };

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
