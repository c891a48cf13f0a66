/** A committed plan whose source is a program that prints so many bytes: what it expects is met or missed by one byte. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './page.ts';

/** Writes the plan of one backup of the committed `plan`, with what it expects and nothing to be proven; the file's path. */
export function overlay(folder: string, plan: string, backup: string, others: string[], without: string[]): string {
  const nothing = (names: string[]) => Object.fromEntries(names.map((name) => [name, null]));
  const script = 'sleep "$${SLEEP:-0}"; exec head -c "$$BYTES" /dev/zero';
  const source = { type: 'command', run: ['sh', '-c', script] };
  const whole = {
    version: 1,
    objectives: null,
    extends: join(root, plan),
    destinations: { disk: { type: 'local', path: folder } },
    backups: {
      ...nothing(others),
      [backup]: {
        source,
        transforms: [],
        destinations: ['disk'],
        retention: { last: 9 },
        verify: [],
        ...nothing(without),
      },
    },
  };
  const file = join(folder, 'overlay.yaml');
  writeFileSync(file, JSON.stringify(whole));
  return file;
}
