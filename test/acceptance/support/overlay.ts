/** A committed plan whose source is a program that prints so many bytes: what it expects is met or missed by one byte. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { clockOf } from '../../helpers/clock.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';
import { root } from './page.ts';
import { expectExit } from './recovery.ts';
import { line } from './shell.ts';

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

/**
 * Two of such plans, for what comes to be smaller and larger than usual: a million bytes, backed up once by each. `environment` is what
 * every backup has.
 */
export function lowAndHigh(plan: string, backup: string, others: string[], environment: Record<string, string> = {}) {
  const places = [temporaryDirectory('low-'), temporaryDirectory('high-')];
  const [low, high] = places.map(({ path }) => overlay(path, plan, backup, others, ['restore'])) as [string, string];
  const apply = async (file: string, bytes: number, more: Record<string, string> = {}) =>
    await line(`runner apply ${file} -q`, { BYTES: String(bytes), ...environment, ...more });
  beforeAll(async () => {
    for (const file of [low, high]) expectExit(await apply(file, 1_000_000), 0);
  });
  afterAll(() => {
    for (const place of places) place.remove();
  });
  return { low, high, apply };
}

/** What `doctor` says of it when the clock is so much later, such as `+90001s`. */
export async function doctorLater(file: string, later: string): Promise<string> {
  return (await line(`runner doctor ${file}`, { BYTES: '1', ...clockOf(later) })).stdout;
}

/** What `doctor` says of a backup that is older than `max-age`. */
export const tooOld = 'the newest good one is older than the plan allows';
