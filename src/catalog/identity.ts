/**
 * Identities of backups: `<backup>-<YYYYMMDDTHHMMSSZ>-<nonce>`, in UTC. They sort by time, and their order is the order
 * of backups everywhere: a store's modification time is never asked.
 */
import { randomInt } from 'node:crypto';

export type Identity = {
  backup: string;
  /** Begin of the capture, to the second. */
  time: Date;
  /** `YYYYMMDDTHHMMSSZ`. */
  stamp: string;
  nonce: string;
  /** Nonce of the backup that an increment builds on. */
  base?: string;
};

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const shape = /^([a-z0-9][a-z0-9-]*)-(\d{8}T\d{6}Z)-([a-z0-9]{6})(?:_([a-z0-9]{6}))?$/;

/** `20261121T020000Z` of a time, cut to the second. */
export function stampOf(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** The time of a stamp, or null when it names none (month 13, 31 February). Called for every name of a listing. */
export function timeOfStamp(stamp: string): Date | null {
  if (stamp.length !== 16 || stamp[8] !== 'T' || stamp[15] !== 'Z') return null;
  const year = digits(stamp, 0, 4);
  const month = digits(stamp, 4, 6);
  const day = digits(stamp, 6, 8);
  const hour = digits(stamp, 9, 11);
  const minute = digits(stamp, 11, 13);
  const second = digits(stamp, 13, 15);
  // A digit that is none gives NaN, and no comparison with it holds.
  if (!(year >= 1000 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return null;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return null;
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  return time.getUTCDate() === day ? time : null;
}

function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Six characters that make two attempts of the same second different. */
export function newNonce(): string {
  return Array.from({ length: 6 }, () => letters[randomInt(letters.length)]).join('');
}

/**
 * A new identity. Its stamp is later than that of `newest` (the newest known id of this backup) by a second at least, also
 * when the clock went back, of which `clockIsBehind` tells.
 */
export function newId(backup: string, time: Date, newest: string | null): string {
  const after = newest === null ? null : (parseId(newest)?.time ?? null);
  const wanted = Math.floor(time.getTime() / 1000) * 1000;
  const begin = after === null ? wanted : Math.max(wanted, after.getTime() + 1000);
  return `${backup}-${stampOf(new Date(begin))}-${newNonce()}`;
}

/** Whether a clock that says `now` went back since `newest`. Captures within one second are given stamps that run ahead a little. */
export function clockIsBehind(newest: string, now: Date): boolean {
  const time = parseId(newest)?.time;
  return time !== undefined && time.getTime() > now.getTime() + 2000;
}

/** The parts of an identity, or null when the text is none. */
export function parseId(id: string): Identity | null {
  const match = shape.exec(id);
  if (!match) return null;
  const [, backup, stamp, nonce, base] = match as unknown as [string, string, string, string, string | undefined];
  const time = timeOfStamp(stamp);
  return time && { backup, time, stamp, nonce, ...(base === undefined ? {} : { base }) };
}

/** The stamp and nonce of an id: equal for the backups that were made as one set of a consistency group, and for no others. */
export function setOf(id: string): string {
  const nonce = id.lastIndexOf('-');
  return id.slice(id.lastIndexOf('-', nonce - 1) + 1);
}

/** Orders identities by time, then by text, whatever backups they belong to. */
export function compareIds(left: string, right: string): number {
  const earlier = stampIn(left);
  const later = stampIn(right);
  if (earlier !== later) return earlier < later ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The stamp is the part before the last dash: base nonces follow an underscore. */
function stampIn(id: string): string {
  const end = id.lastIndexOf('-');
  return id.slice(end - 16, end);
}
