const pause = new Int32Array(new SharedArrayBuffer(4));
const pauseMilliseconds = 1;

/** Reads or writes by `attempt`; a descriptor that somebody made non-blocking says that it is not ready instead of waiting. */
export function patiently(attempt: () => number): number {
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Windows' and some kernels' way to tell the end of a pipe.
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, pauseMilliseconds);
    }
  }
}
