/** What lies at the target once a restore has ended: the server itself is asked, as the application will. */
import { type RunFacts, sourceFacts } from '../compile/facts.ts';
import { placed, placeOf } from '../compile/place.ts';
import { findSource } from '../registry.ts';
import { oneLine } from '../report/human.ts';
import type { Wanted } from './restore.ts';
import { isData } from './restore-text.ts';
import type { AskServer } from './server.ts';

/** Seconds. A server that needs longer keeps nobody waiting: everything is restored by then. */
const patience = 60;

/** `users: 300`, a line for each table, collection or database; only where the plan has `contents` counted in a restore. */
export async function statistics({ backup, live, pieces }: Wanted, facts: RunFacts, ask: AskServer): Promise<string[]> {
  if (!backup.restore.assert.some((assertion) => 'contents' in assertion)) return [];
  const lines: string[] = [];
  for (const { source, target, where, ...piece } of pieces) {
    const kind = findSource(source.type);
    if (!kind.ask || !isData(piece) || (where === null && !live)) continue;
    const at = where === null || target === null ? null : { path: target };
    const command = kind.ask(source.spec, { contents: 'counts' }, at, sourceFacts(facts, backup));
    const said = await ask(placed({ ...command, timeout: patience }, placeOf(source.place))).catch(() => '');
    lines.push(...said.split('\n').flatMap((line) => (line === '' ? [] : [oneLine(line.replace('\t', ': '))])));
  }
  return lines;
}
