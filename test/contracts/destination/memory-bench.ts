/** A bench in memory that can arrange everything the suite asks for. */
import type { Bench, BenchFactory, Right } from '../destination.ts';
import { emptyStore, type MemoryDestination, type MemoryStore, type Way } from '../destination-memory.ts';
import { MemoryLine } from './memory-line.ts';

export type Driver = new (name: string, store: MemoryStore, way?: Way) => MemoryDestination;

const rights: Right[] = ['write', 'read', 'list', 'remove'];

export function memoryBench(driver: Driver, lineKind: typeof MemoryLine = MemoryLine): BenchFactory {
  return async (): Promise<Bench> => {
    const store = emptyStore();
    const line = new lineKind();
    const open = async (way?: Way) => new driver('memory', store, way);
    return {
      open: () => open(),
      many: 25_000,
      fill: async (keys) => {
        for (const key of keys) store.objects.set(key, { bytes: Buffer.from('four'), modified: new Date() });
      },
      openPaged: (page) => open({ page }),
      refuses: (key) => key.includes('refuse'),
      denied: Object.fromEntries(rights.map((denied) => [denied, () => open({ denied })])),
      network: {
        open: () => open({ line }),
        set: (fault) => line.set(fault),
        storm: (answers) => {
          line.storm = answers;
        },
        patience: 5000,
      },
      skewed: async (seconds) => {
        store.ahead = seconds;
        return await open();
      },
      breakListing: async (folder) => {
        store.broken = folder;
        return async () => {
          store.broken = null;
        };
      },
      end: async () => {},
    };
  };
}
