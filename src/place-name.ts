import { type Lookup, placeholders, render } from './bind.ts';
import type { Place } from './command.ts';

/** A place for a person: `docker shop-postgres`, `ssh backup@db.internal`. */
export function placeName(place: Place, lookup: Lookup = placeholders): string {
  const as = 'user' in place && place.user !== undefined && !isUser(place) ? ` as ${place.user}` : '';
  if ('docker' in place) return `docker ${render(place.docker, lookup)}${as}`;
  if ('compose' in place) return `compose ${place.compose.service}${as}`;
  if ('ssh' in place) return `ssh ${place.ssh.user === undefined ? '' : `${place.ssh.user}@`}${place.ssh.host}`;
  if ('kubernetes' in place) {
    const { pod, selector, namespace } = place.kubernetes;
    const name = pod === undefined ? (selector ?? '') : render(pod, lookup);
    return `kubernetes ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  }
  return `user ${place.user}`;
}

function isUser(place: Place): boolean {
  return Object.keys(place).length === 1;
}
