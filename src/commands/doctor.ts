import { compileApply } from '../compile/index.ts';
import { ExitCode } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import { table } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { examineMachine, requirementsOf } from './doctor-machine.ts';
import { examineNewest, examinePlaces } from './doctor-places.ts';
import { examineQuotas } from './doctor-quota.ts';
import { examineRecipients } from './doctor-recipients.ts';
import { examineRoom, examineScratch, examineSources } from './doctor-sources.ts';
import { examineStores } from './doctor-stores.ts';
import type { Examined } from './examination.ts';
import { examineHistory } from './history.ts';
import { openPlan } from './plan-file.ts';
import { withShelves } from './shelves.ts';

/** `runner doctor`: exit 0 when all is well, 1 with warnings, 2 with problems. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await openPlan(invocation, host);
  const facts = await readFacts(plan, { environment: host.environment, destinations: [], survey: true });
  const graph = compileApply(plan, facts);
  const requirements = requirementsOf(graph);
  const rows = await withShelves(plan, Object.keys(plan.destinations), null, host, async (shelves) => [
    ...(await examineMachine(plan, facts, requirements, shelves.readSecret, host)),
    ...(await examineSources(plan, facts, requirements, host)),
    ...examineScratch(plan, graph),
    ...(await examineRoom(plan, shelves, host)),
    ...(await examinePlaces(plan, shelves)),
    ...(await examineQuotas(plan, shelves)),
    ...(await examineStores(plan, shelves)),
    ...(await examineNewest(plan, facts, shelves, host)),
    ...(await examineRecipients(plan, facts, shelves)),
    ...(await examineHistory(plan, shelves)),
  ]);
  const health = worst(rows);
  if (invocation.options.json) {
    host.terminal.data(`${JSON.stringify({ format: 'runner/doctor@1', health, checks: rows }, null, 2)}\n`);
  } else host.terminal.data(asText(rows));
  if (health === 'problem') return ExitCode.failure;
  return health === 'warning' ? ExitCode.partial : ExitCode.success;
}

function worst(rows: Examined[]): Examined['health'] {
  const found = new Set(rows.map(({ health }) => health));
  return (['problem', 'warning'] as const).find((health) => found.has(health)) ?? 'ok';
}

function asText(rows: Examined[]): string {
  const titles = [{ title: '' }, { title: 'CHECK' }, { title: 'SUBJECT' }, { title: 'FOUND' }];
  return table(
    titles,
    rows.map(({ health, check, subject, message }) => [health, check, subject, message]),
  );
}
