/** A small process that outlives a killed runner and cleans up after it. */
export type Guard = {
  /** A process group that is ended at our death. */
  watch(processGroup: number): void;
  unwatch(processGroup: number): void;
  /** A directory or file (absolute path) that is removed at our death. */
  removeLater(path: string): void;
  keep(path: string): void;
  /** A program that is run at our death. `id` is any text; arming it again replaces it. */
  arm(id: string, argv: readonly string[]): void;
  disarm(id: string): void;
  /** The run ends in good order: the guard leaves at once and does nothing. */
  end(): Promise<void>;
};

/** Starts it. Throws a RunnerError where no `sh` can be started. */
export function startGuard(_runId: string): Guard {
  throw new Error('not built yet');
}
