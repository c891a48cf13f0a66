/** Restores of the fake server's databases, from the choice of a backup to the end of the run. */

import { choose } from '../../src/commands/choose.ts';
import type { Host } from '../../src/commands/command.ts';
import { type Placed, placedPieces, type Wish } from '../../src/commands/pieces.ts';
import { question } from '../../src/commands/restore-text.ts';
import { withServer } from '../../src/commands/server.ts';
import { withShelves } from '../../src/commands/shelves.ts';
import { compileApply } from '../../src/compile/apply.ts';
import type { RunFacts } from '../../src/compile/facts.ts';
import { compileRestore } from '../../src/compile/index.ts';
import type { RunOptions, RunOutcome } from '../../src/execute/run.ts';
import type { Graph } from '../../src/graph.ts';
import type { PlannedRestore } from '../../src/plan/resolved.ts';
import { type FakeServer, startFakeServer } from './fake-databases.ts';
import { makeWorld, type World } from './world.ts';

export type RestoreWorld = World & {
  server: FakeServer;
  facts: RunFacts;
  /** Backs it up; its id. */
  apply(): Promise<string>;
  /** What would be done. */
  prepare(wish?: Partial<Wish>, id?: string): Promise<{ graph: Graph; placed: Placed; question: string | null }>;
  restore(wish?: Partial<Wish>, options?: Partial<RunOptions> & { id?: string }): Promise<RunOutcome>;
};

export async function makeRestoreWorld(
  type: string,
  restore: Partial<PlannedRestore> = {},
  spec: object = {},
): Promise<RestoreWorld> {
  const world = await makeWorld(['main']);
  const server = startFakeServer(`${world.root}/server`);
  const [backup] = world.plan.backups;
  backup!.source = { name: 'orders', type, spec: { type, root: server.root, database: 'orders', ...spec } };
  backup!.verify = [];
  Object.assign(backup!.restore, restore);
  const facts: RunFacts = { programs: {}, inspections: {}, shelves: {}, now: new Date() };
  const environment = { PATH: process.env.PATH, HOME: world.root, TMPDIR: `${world.root}/tmp` };
  const terminal = { say: () => {}, data: () => {} } as unknown as Host['terminal'];
  const host: Host = { terminal, environment, signal: new AbortController().signal };

  const prepare: RestoreWorld['prepare'] = async (wish = {}, id) => {
    const asked = id === undefined ? { latest: true } : { id };
    const chosen = await withShelves(world.plan, ['main'], backup!.name, host, (shelves) =>
      choose(world.plan, backup!, asked, shelves),
    );
    const origin = { id: chosen.row.id, manifest: chosen.copies[0]!.manifest, from: { destination: 'main' } };
    const whole: Wish = { to: undefined, only: [], safety: true, ...wish };
    const placed = await withServer(world.plan, host, (ask) =>
      placedPieces(world.plan, backup!, origin, whole, facts, ask),
    );
    const wanted = { backup: backup!, origin, ...placed };
    const graph = compileRestore(world.plan, facts, [{ ...origin, backup: backup!.name, ...placed }]);
    return { graph, placed, question: question([wanted]) };
  };
  return Object.assign(world, {
    server,
    facts,
    apply: async () => {
      const outcome = await world.run(compileApply(world.plan, facts));
      return outcome.bindings['capture:orders.id']!;
    },
    prepare,
    restore: async (wish: Partial<Wish> = {}, { id, ...options }: Partial<RunOptions> & { id?: string } = {}) =>
      await world.run((await prepare(wish, id)).graph, options),
  });
}
