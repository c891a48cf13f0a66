import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Bundles a TypeScript file of the tests into one that plain Node runs: for parents that must really die. */
export async function bundle(entry: string, directory: string): Promise<string> {
  const built = await rolldown({ input: entry, platform: 'node', external: ['execa'], logLevel: 'silent' });
  const file = join(directory, 'bundle.mjs');
  await built.write({ file, format: 'esm' });
  await built.close();
  return file;
}
