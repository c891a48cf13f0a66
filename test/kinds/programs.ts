import { findProgram } from '../../src/programs.ts';

/** Whether all of them are installed; says which are not, since tests are skipped for it. */
export function has(...programs: string[]): boolean {
  const missing = programs.filter((name) => findProgram(name, process.env) === null);
  if (missing.length > 0) process.stderr.write(`skipped, since it is not installed: ${missing.join(', ')}\n`);
  return missing.length === 0;
}
