import { type Destination, type Opening, withoutName } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { ResolvedPlan } from '../../plan/resolved.ts';
import { findDestination } from '../../registry.ts';
import { textOf } from './errors.ts';

/** The destinations of a plan, each opened once when it is first used; one that failed stays out for the whole run. */
export type Places = {
  /** Rejects with one sentence when the destination cannot be used in this run. */
  open(name: string): Promise<Destination>;
  /** Takes a destination out of this run. */
  giveUp(name: string, error: unknown): void;
  /** Why a destination is out of this run, or null. */
  lost(name: string): string | null;
  /** Those that were opened and not given up. */
  reachable(): Promise<Destination[]>;
  close(): Promise<void>;
};

/** `opened` are used as they are and not closed here. */
export function openPlaces(
  plan: ResolvedPlan,
  opening: Opening,
  opened: Readonly<Record<string, Destination>>,
): Places {
  const open = new Map<string, Promise<Destination>>();
  const out = new Map<string, string>();
  for (const [name, destination] of Object.entries(opened)) open.set(name, Promise.resolve(destination));

  const start = async (name: string): Promise<Destination> => {
    const configured = plan.destinations[name];
    if (!configured) throw new Error(`no destination "${name}" in the plan although the graph names it`);
    try {
      return await findDestination(configured.type).open(name, configured.spec, opening);
    } catch (error) {
      out.set(name, withoutName(name, textOf(error)));
      throw error;
    }
  };
  const get = async (name: string): Promise<Destination> => {
    const reason = out.get(name);
    if (reason !== undefined) throw new RunnerError(`destination "${name}" cannot be used: ${reason}`);
    const known = open.get(name) ?? start(name);
    open.set(name, known);
    return await known;
  };
  const reachable = async (): Promise<Destination[]> => {
    const all = await Promise.allSettled([...open].filter(([name]) => !out.has(name)).map(([, one]) => one));
    return all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  };
  const close = async (): Promise<void> => {
    const own = [...open].filter(([name]) => !opened[name]).map(([, one]) => one);
    await Promise.allSettled(own.map(async (one) => (await one).close()));
  };
  return {
    open: get,
    giveUp: (name, error) => void (out.has(name) || out.set(name, withoutName(name, textOf(error)))),
    lost: (name) => out.get(name) ?? null,
    reachable,
    close,
  };
}
