import type { Graph, Task } from '../graph.ts';
import { withDirectories } from './directories.ts';

/** Houses the tasks, orders them so that needs stand before those that need them, checks every reference, and freezes the whole. */
export function seal(given: Graph): Graph {
  const graph = withDirectories(given);
  const known = new Set([...graph.tasks, ...graph.scopes].map(({ id }) => id));
  if (known.size !== graph.tasks.length + graph.scopes.length)
    throw new Error('two tasks or scopes of a graph share an id');
  for (const task of graph.tasks) {
    for (const reference of [...task.within, ...task.needs.map((need) => need.task)]) {
      if (!known.has(reference)) throw new Error(`task ${task.id} refers to ${reference}, which is not in the graph`);
    }
  }
  return freeze({ ...graph, tasks: ordered(graph.tasks) });
}

function ordered(tasks: Task[]): Task[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const state = new Map<string, 'open' | 'done'>();
  const result: Task[] = [];
  const visit = (task: Task): void => {
    if (state.get(task.id) === 'done') return;
    if (state.get(task.id) === 'open') throw new Error(`the graph has a cycle through ${task.id}`);
    state.set(task.id, 'open');
    for (const need of task.needs) {
      const other = byId.get(need.task);
      if (other) visit(other);
    }
    state.set(task.id, 'done');
    result.push(task);
  };
  for (const task of tasks) visit(task);
  return result;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
