import type { Graph } from '../graph.ts';

/** The graph as a Mermaid flowchart: scopes are subgraphs where they hold an application still, dotted edges are failures. */
export function renderMermaid(graph: Graph): string {
  const names = new Map([...graph.tasks, ...graph.scopes].map(({ id }, index) => [id, `n${index}`]));
  const nodes = graph.tasks.map(({ id, title }) => `  ${names.get(id)}["${label(title)}"]`);
  const scopes = graph.scopes
    .filter((scope) => graph.tasks.some((task) => task.needs.some((need) => need.task === scope.id)))
    .map(({ id }) => `  ${names.get(id)}(["${label(id)} ends"])`);
  const edges = graph.tasks.flatMap(({ id, needs }) =>
    needs.map((need) => `  ${names.get(need.task)} ${arrow(need.on)} ${names.get(id)}`),
  );
  return `${['flowchart TD', ...nodes, ...scopes, ...edges].join('\n')}\n`;
}

function arrow(on: 'ok' | 'fail' | 'done'): string {
  return on === 'ok' ? '-->' : on === 'fail' ? '-. failed .->' : '-- ended -->';
}

function label(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/\s+/g, ' ');
}
