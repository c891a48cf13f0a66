import { join } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Bundles a TypeScript file of the tests into one that plain Node runs: for parents that must really die. Packages in `external`
 * are left out; they are found where `directory` lies below a `node_modules`.
 */
export async function bundle(
  entry: string,
  directory: string,
  external: string[] | RegExp = ['execa'],
): Promise<string> {
  const built = await rolldown({ input: entry, platform: 'node', external, logLevel: 'silent' });
  const file = join(directory, 'bundle.mjs');
  await built.write({ file, format: 'esm', codeSplitting: false });
  await built.close();
  return file;
}
