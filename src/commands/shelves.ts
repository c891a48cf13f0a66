/** What lies at the destinations of a plan, read by names alone. */
import { readShelf, type Shelf } from '../catalog/shelf.ts';
import { type Destination, type ReadSecret, withoutName } from '../destination.ts';
import { closeDestinations, openDestinations } from '../destinations/open.ts';
import { RunnerError } from '../diagnostic.ts';
import { secretReader } from '../execute/secrets.ts';
import { groupOf } from '../plan/groups.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Host } from './command.ts';

export type Place = { name: string; destination: Destination; shelf: Shelf };

/** A destination that could not be opened or listed to its end, and why. */
export type Failure = { destination: string; message: string; opened?: Destination };

/** `places` in the order of the plan. */
export type Shelves = { places: Place[]; failures: Failure[]; readSecret: ReadSecret };

/**
 * Opens the destinations, reads their shelves (of all, or of one backup with the others of its group), and closes them when
 * `use` is done.
 */
export async function withShelves<Result>(
  plan: ResolvedPlan,
  names: string[],
  backup: string | null,
  host: Host,
  use: (shelves: Shelves) => Promise<Result>,
): Promise<Result> {
  const { read: readSecret } = secretReader(plan.secrets, {
    directory: plan.directory,
    environment: host.environment,
    warn: (message) => host.terminal.say(`warning: ${message}\n`),
  });
  const opened = await openDestinations(plan, names, { readSecret, environment: host.environment, purpose: 'use' });
  const wanted = backup !== null && groupOf(plan, backup) ? null : backup;
  try {
    const read = await Promise.all(
      [...opened].map(async ([name, entry]): Promise<Place | Failure> => {
        if ('error' in entry) return { destination: name, message: entry.error.message };
        try {
          return { name, destination: entry.destination, shelf: await readShelf(entry.destination, plan.name, wanted) };
        } catch (error) {
          return { destination: name, message: (error as Error).message, opened: entry.destination };
        }
      }),
    );
    const places = read.filter((result): result is Place => 'shelf' in result);
    const failures = read.filter((result): result is Failure => 'message' in result);
    return await use({ places, failures, readSecret });
  } finally {
    await closeDestinations(opened);
  }
}

/** Tells the destinations that could not be read. Throws RunnerError (exit 2) when there is no other. */
export function tellFailures({ places, failures }: Shelves, host: Host): void {
  const sentences = failures.map(
    ({ destination, message }) => `destination "${destination}": ${withoutName(destination, message)}`,
  );
  if (places.length === 0 && failures.length > 0) throw new RunnerError(sentences.join('; '));
  for (const sentence of sentences) host.terminal.say(`warning: ${sentence}\n`);
}
