import { describe, expect, it } from 'vitest';
import { effectivePlan } from '../../../src/plan/config.ts';
import { unitsOf, withMembers } from '../../../src/plan/groups.ts';
import { lines, read } from './plans.ts';

const plan = (groups: string, more = '') => `version: 1
name: shop
defaults: { destinations: [{ type: local, path: /a }], retention: { daily: 7 }, schedule: "0 2 * * *" }
backups:
  orders: { source: { type: sqlite, path: 1.db } }
  uploads: { source: { type: sqlite, path: 2.db }${more} }
  cache: { source: { type: sqlite, path: 3.db } }
groups:
${groups}
`;
const pair = '  shop: { together: [uploads, orders] }';

/** Without what rules say of every small plan. */
async function said(text: string): Promise<string[]> {
  const { diagnostics } = await read(text);
  return lines(diagnostics.filter(({ rule }) => ['group-members', 'unknown-name', 'schema'].includes(rule)));
}

describe('groups', () => {
  it('are settled: members in the order of the plan, five minutes of stillness', async () => {
    const quiesce = '{ before: [{ run: [freeze] }], after: [{ run: [thaw], timeout: 1m }] }';
    const { resolved } = await read(plan(`  shop: { together: [uploads, orders], quiesce: ${quiesce} }`));
    expect(resolved?.groups).toEqual([
      {
        name: 'shop',
        members: ['orders', 'uploads'],
        quiesce: { before: [{ run: ['freeze'] }], after: [{ run: ['thaw'], timeout: 60 }], maxHold: 300 },
      },
    ]);
    expect(effectivePlan(resolved!).groups?.shop?.together).toEqual(['uploads', 'orders']);
    expect(withMembers(resolved!, ['uploads'])).toEqual(['orders', 'uploads']);
    expect(withMembers(resolved!, ['cache'])).toEqual(['cache']);
    expect(unitsOf(resolved!).map((unit) => unit.map(({ name }) => name))).toEqual([['orders', 'uploads'], ['cache']]);
  });

  it('have members that exist, each in one group, two at least, under a name of their own', async () => {
    expect(await said(plan(pair))).toEqual([]);
    expect(await said(plan('  shop: { together: [orders, upload] }'))).toEqual([
      '9:30 unknown-name there is no backup "upload" [orders, uploads or cache] (uploads)',
    ]);
    expect(await said(plan('  cache: { together: [orders, uploads] }'))).toEqual([
      '9:3 unknown-name "cache" is the name of a backup [another name]',
    ]);
    expect(await said(plan(`${pair}\n  more: { together: [cache, orders] }`))).toEqual([
      '10:29 group-members backup "orders" is in group "shop" already [one group for each backup]',
    ]);
    expect(await said(plan('  shop: { together: [orders] }'))).toHaveLength(1);
  });

  it('that hold an application still say how it goes on', async () => {
    const quiesce = (text: string) => said(plan(`  shop: { together: [orders, uploads], quiesce: ${text} }`));
    expect(await quiesce('{ before: [{ run: [a] }] }')).toEqual(['9:40 schema groups.shop.quiesce needs "after"']);
    expect((await quiesce('{ before: [{ sql: a }], after: [{ run: [b] }] }')).length).toBeGreaterThan(0);
    expect(await quiesce('{ before: [{ run: [a] }], after: [] }')).toHaveLength(1);
  });

  it('have one retention and the same destinations; another schedule is a warning', async () => {
    const other = (more: string) => said(plan(pair, `, ${more}`));
    expect(await other('retention: { daily: 8 }')).toEqual([
      '9:22 group-members backup "uploads" has another retention than "orders", with which it is in group "shop" [the same retention for all of a group]',
    ]);
    expect((await other('destinations: [{ type: local, path: /b }]')).length).toBeGreaterThan(0);
    expect((await other('destinations: [{ type: local, path: /a }]')).length).toBe(0);
    const { diagnostics, resolved } = await read(plan(pair, ', schedule: "0 3 * * *"'));
    expect(resolved).not.toBeNull();
    expect(diagnostics.filter(({ rule }) => rule === 'group-members').map(({ severity }) => severity)).toEqual([
      'warning',
    ]);
  });

  it('of a base are replaced whole, and removed by null', async () => {
    const base = plan(`${pair}\n  rest: { together: [cache, orders] }`).replace('version: 1\nname: shop\n', '');
    const { resolved } = await read({
      'plan.yaml':
        'version: 1\nname: shop\nextends: base.yaml\ngroups: { rest: null, shop: { together: [cache, orders] } }\n',
      'base.yaml': `version: 1\nname: base\n${base}`,
    });
    expect(resolved?.groups.map(({ name, members }) => [name, members])).toEqual([['shop', ['orders', 'cache']]]);
  });
});
