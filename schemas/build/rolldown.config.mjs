/** Bundles the program: dist/cli.js, dist/builtin.js and the chunks that they load when a command needs them. */
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'rolldown';

const root = join(import.meta.dirname, '..', '..');

// Bundled: what every start needs. External: what is loaded only when it is used, or holds a native part.
const external = ['execa', 'openpgp', 'listr2', 'libsql', 'mongodb', 'pino'];

/** The programs are started by their path, so they are executable files. */
const executable = {
  name: 'executable',
  writeBundle(options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === 'chunk' && chunk.isEntry) chmodSync(join(options.dir, chunk.fileName), 0o755);
    }
  },
};

export default defineConfig({
  cwd: root,
  input: Object.fromEntries(
    Object.entries({
      cli: 'src/cli.ts',
      builtin: 'src/builtin/main.ts',
      'local-store': 'src/destinations/local/worker.ts',
    }).filter(([, path]) => existsSync(join(root, path))),
  ),
  platform: 'node',
  // Its ES modules: what is not used of it is left out, and calls between its modules cost less.
  resolve: { alias: { yaml: join(root, 'node_modules/yaml/browser/dist/index.js') } },
  external: (id) => external.some((name) => id === name || id.startsWith(`${name}/`)),
  plugins: [executable],
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    // Parsing is a good part of the start: names and spaces are not needed to run.
    minify: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    // Without the dashes Node 20 takes our --env-file for its own option.
    banner: (chunk) => (chunk.isEntry ? '#!/usr/bin/env -S node --' : ''),
  },
});
