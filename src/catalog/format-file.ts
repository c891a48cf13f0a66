/** `.runner/format.json`: whose shelf this is, and in which layout. */

import { type Destination, KeyExists, KeyMissing } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import { canonicalBytes, MadeByNewer, readDocument } from './document.ts';
import { Format, type ShelfFormat } from './format.ts';
import { planKeys } from './keys.ts';
import { checked, count, members, text, time } from './shape.ts';

/** Major version of all names below a plan's folder. */
export const layoutVersion = 1;

/** `readOnly` says in one sentence why nothing may be written or deleted here; reading is fine. */
export type FormatState = { created: boolean; readOnly: string | null };

/**
 * Checks the shelf's own file, and with `create` writes it where there is none. Throws RunnerError (exit 4) when the shelf
 * belongs to another plan: two plans of one name must not prune each other's backups.
 */
export async function checkFormat(
  destination: Destination,
  plan: string,
  planId: string,
  o: { create: boolean; now: Date },
): Promise<FormatState> {
  const found = await readFormat(destination, plan);
  if (found && 'newer' in found) return { created: false, readOnly: found.newer };
  if (found) return admit(destination, plan, planId, found);
  if (!o.create) return { created: false, readOnly: null };
  const file: ShelfFormat = {
    format: Format.shelf,
    layout: layoutVersion,
    'plan-id': planId,
    created: o.now.toISOString(),
  };
  try {
    await destination.write(planKeys.format(plan), canonicalBytes(file));
    return { created: true, readOnly: null };
  } catch (error) {
    // Another run was faster: whose shelf it is now stands there.
    if (!(error instanceof KeyExists)) throw error;
    return await checkFormat(destination, plan, planId, { ...o, create: false });
  }
}

/** When the shelf of a plan was begun here, or null: no run has written here yet, or a newer one has. */
export async function shelfSince(destination: Destination, plan: string): Promise<Date | null> {
  const found = await readFormat(destination, plan);
  return found && 'created' in found ? new Date(found.created) : null;
}

function admit(
  destination: Destination,
  plan: string,
  planId: string,
  { layout, 'plan-id': owner }: ShelfFormat,
): FormatState {
  if (owner !== planId) {
    throw new RunnerError(
      `The folder ${plan}/ at ${destination.name} belongs to another plan (id "${owner}", this one is "${planId}"): give this plan another name, or the destination another prefix; if it is the same plan, write "id: ${owner}" into it.`,
      { exitCode: 4 },
    );
  }
  if (layout <= layoutVersion) return { created: false, readOnly: null };
  return { created: false, readOnly: newer(destination, plan, `layout ${layout}`) };
}

async function readFormat(destination: Destination, plan: string): Promise<ShelfFormat | { newer: string } | null> {
  try {
    const { value } = await readDocument(destination, planKeys.format(plan), Format.shelf);
    return checked<ShelfFormat>(value, shape, `${planKeys.format(plan)} at ${destination.name}`);
  } catch (error) {
    if (error instanceof KeyMissing) return null;
    if (error instanceof MadeByNewer) return { newer: newer(destination, plan, 'another format') };
    throw error;
  }
}

const newer = (destination: Destination, plan: string, what: string) =>
  `${plan}/ at ${destination.name} was laid out by a newer runner (${what}): it is read, but nothing is written or deleted there.`;

const shape = members({ layout: count, 'plan-id': text, created: time });
