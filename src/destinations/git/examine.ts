/** What `doctor` is told of a repository. */
import type { Demands, Found } from '../../destination.ts';
import type { Remote } from './remote.ts';
import { branchRef, type GitSpec, stateRef } from './spec.ts';

export async function examine(spec: GitSpec, remote: Remote, demands: Demands): Promise<Found[]> {
  const found: Found[] = [];
  const tried = await remote.tryPush();
  found.push(
    tried === null
      ? {
          check: 'may push',
          health: 'ok',
          message: `commits can be pushed to ${branchRef(spec)} and ${stateRef(spec)}`,
        }
      : { check: 'may push', health: 'problem', message: tried },
  );
  if (demands.keeps !== null)
    found.push({
      check: 'history',
      health: 'warning',
      message:
        'retention takes backups out of the listing, but what was ever committed stays in the history of the repository',
    });
  const isPlain =
    /^(?:http|git):\/\//.test(spec.repository) && !/^http:\/\/(?:localhost|127\.|\[::1\])/.test(spec.repository);
  if (isPlain)
    found.push({
      check: 'encryption',
      health: 'problem',
      message: 'the connection is not encrypted: use https or ssh',
    });
  return found;
}
