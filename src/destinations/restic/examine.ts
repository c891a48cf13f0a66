/** What `doctor` finds out at a repository. */
import { randomBytes } from 'node:crypto';
import type { Demands, Destination, Found } from '../../destination.ts';

/** Tries to write, read and forget below `.runner/` in the plan's folder, and lets restic look at its structures. */
export async function examineStore(store: Destination, { folder }: Demands): Promise<Found[]> {
  const key = `${folder}.runner/probe-${randomBytes(4).toString('hex')}`;
  const bytes = Buffer.from('probe\n');
  return [
    await tried('may write', async () => {
      await store.write(key, bytes);
      return 'yes';
    }),
    await tried('may read', async () => {
      const same = bytes.equals(await store.read(key, bytes.length));
      if (!same) throw new Error('what was written does not come back');
      return 'yes';
    }),
    await tried('may forget', async () => {
      await store.remove(key);
      return 'yes';
    }),
    await tried('repository', async () => {
      await store.check!();
      return 'restic check found it whole';
    }),
  ];
}

async function tried(check: string, act: () => Promise<string>): Promise<Found> {
  try {
    return { check, health: 'ok', message: await act() };
  } catch (error) {
    return { check, health: 'problem', message: (error as Error).message };
  }
}
