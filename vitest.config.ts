import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests start real programs; two cores share them, so a slow machine must not turn a right answer into a failure.
    testTimeout: 300_000,
    hookTimeout: 600_000,
    // Most of them wait for servers and for time to pass.
    maxWorkers: 3,
    // Of a file's tests that wait side by side.
    maxConcurrency: 3,
  },
});
