/** Destinations that do something at a chosen moment: real local ones, with a hook before or after each operation. */

import type { Destination, Sink } from '../../src/destination.ts';
import { local } from '../../src/destinations/local/index.ts';
import { opening } from '../helpers/opening.ts';
import type { World } from './world.ts';

export type Moment =
  | 'put'
  | 'sink.write'
  | 'sink.prepare'
  | 'sink.publish'
  | 'write'
  | 'read'
  | 'list'
  | 'get'
  | 'remove'
  | 'clock';

/** Called before each operation, and after it with `done`. What it throws the operation throws. */
export type Hook = (moment: Moment, key: string, done: boolean) => void | Promise<void>;

export async function hooked(world: World, name: string, hook: Hook): Promise<Destination> {
  const real = await local.open(name, { path: world.at(name) }, opening());
  const around = async <T>(moment: Moment, key: string, act: () => Promise<T>): Promise<T> => {
    await hook(moment, key, false);
    const result = await act();
    await hook(moment, key, true);
    return result;
  };
  return {
    name,
    put: (key, attempt) =>
      around('put', key, async () => {
        const sink = await real.put(key, attempt);
        const wrapped: Sink = {
          write: (batch) => around('sink.write', key, () => sink.write(batch)),
          prepare: () => around('sink.prepare', key, () => sink.prepare()),
          publish: () => around('sink.publish', key, () => sink.publish()),
          abort: () => sink.abort(),
        };
        return wrapped;
      }),
    write: (key, bytes) => around('write', key, () => real.write(key, bytes)),
    replace: (key, bytes) => real.replace(key, bytes),
    read: (key, limit) => around('read', key, () => real.read(key, limit)),
    get: (key, range) => around('get', key, () => real.get(key, range)),
    stat: (key) => real.stat(key),
    async *list(prefix) {
      await hook('list', prefix, false);
      yield* real.list(prefix);
      await hook('list', prefix, true);
    },
    remove: (key) => around('remove', key, () => real.remove(key)),
    removeAttempt: (key, attempt) => real.removeAttempt(key, attempt),
    free: () => real.free(),
    clock: async () => {
      await hook('clock', '', false);
      return await real.clock();
    },
    close: () => real.close(),
  };
}

export async function hookedAll(world: World, hook: Hook): Promise<Record<string, Destination>> {
  const all = await Promise.all(world.names.map(async (name) => [name, await hooked(world, name, hook)] as const));
  return Object.fromEntries(all);
}
