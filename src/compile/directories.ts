import type { Action, Graph, Scope, ScopeId, Task } from '../graph.ts';
import { directoryScope } from './common.ts';
import { usesWork } from './rewrite.ts';

/** Actions whose commands a driver wrote: they may need private files, wherever the task stands. */
const verbs: readonly Action['do'][] = ['step', 'run', 'learn', 'assert', 'swap', 'unswap'];

/** Gives a private directory to each task and to each scope that needs one and stands in none. */
export function withDirectories(graph: Graph): Graph {
  const added = new Map<ScopeId, Scope>();
  const isDirectory = (id: ScopeId) =>
    added.has(id) || graph.scopes.some((scope) => scope.id === id && scope.acquire.do === 'directory');
  const houseFor = (id: string): ScopeId => {
    const scope = directoryScope(`work:${id}`);
    added.set(scope.id, scope);
    return scope.id;
  };
  const needy = graph.scopes.filter(({ acquire, release }) => usesWork(acquire) || usesWork(release));
  const tasks = graph.tasks.map((task): Task => {
    const within = task.within.flatMap((id, index) => {
      const isHoused = task.within.slice(0, index).some(isDirectory);
      return !isHoused && needy.some((scope) => scope.id === id) ? [houseFor(id), id] : [id];
    });
    const isHoused = within.some(isDirectory);
    if (!isHoused && verbs.includes(task.action.do) && usesWork(task.action)) within.push(houseFor(task.id));
    return within.length === task.within.length ? task : { ...task, within };
  });
  return { ...graph, tasks, scopes: [...graph.scopes, ...added.values()] };
}
