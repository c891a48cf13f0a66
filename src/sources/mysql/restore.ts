import type { Recipe } from '../../graph.ts';
import type { Facts, Target } from '../../kind.ts';
import { place } from './ask.ts';
import { client } from './connection.ts';
import { tailOf } from './dump.ts';
import type { MysqlSpec } from './spec.ts';

/**
 * The client loads as it reads and stops at the first error. A dump that was cut between two tables would leave none: so it is
 * killed before the end of its input unless the last line is the one of a whole dump.
 */
export function restore(spec: MysqlSpec, target: Target, facts: Facts): Recipe {
  const tail = tailOf(spec);
  if (spec.part && 'users' in spec.part) {
    const { server } = target;
    // Grants on tables that are not there yet are refused; the rest must come all the same.
    return { intake: { consume: client(spec, facts, { ...(server ? { server } : {}), more: ['--force'] }) }, tail };
  }
  return { intake: { consume: client(spec, facts, place(spec, target, facts)) }, tail };
}
