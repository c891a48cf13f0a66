import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Graph, RestoreOrigin, Scope, Step, Task } from '../../src/graph.ts';
import type { Recipe } from '../../src/recipe.ts';
import {
  applyGraph,
  captureAction,
  graphOf,
  leases,
  makeWorld,
  ok,
  shell,
  task,
  through,
  type World,
  workScope,
} from './world.ts';

let world: World;
let id: string;
let target: string;
let beside: string;
let aside: string;

beforeEach(async () => {
  world = await makeWorld(['main']);
  const outcome = await world.run(applyGraph(world, through(captureAction(world, 'echo restored'), [gzip])));
  id = outcome.bindings['capture.id']!;
  await mkdir(join(world.root, 'live'));
  target = join(world.root, 'live', 'data');
  beside = join(world.root, 'live', 'data.restoring');
  aside = join(world.root, 'live', 'data.old');
});
afterEach(() => world.remove());

const gzip = { command: { argv: ['gzip', '-c'] } };
const gunzip = { command: { argv: ['gzip', '-dc'] } };
const live = () => readdir(join(world.root, 'live'));

type Shape = {
  from?: RestoreOrigin;
  recipe?: Recipe;
  swap?: boolean;
  stop?: boolean;
  after?: Step;
  more?: Task[];
  scopes?: Scope[];
};

/** admit, unpack beside, then swap and `after` with roll-back, as a restore over live data does. */
function restoreGraph(shape: Shape = {}): Graph {
  const from = shape.from ?? { destination: 'main' };
  const recipe = shape.recipe ?? { intake: { file: beside } };
  const common = { backup: 'orders', id, from };
  const tasks = [
    task('admit', { do: 'admit', ...common }),
    task('unpack', { do: 'unpack', ...common, decode: [gunzip], recipe }, ok('admit'), { within: ['beside'] }),
  ];
  const discardBeside = { do: 'discard' as const, path: beside, companions: ['-wal'] };
  const scopes: Scope[] = [
    { id: 'beside', host: 'local', acquire: { do: 'reserve', path: beside }, release: discardBeside, outputs: [] },
  ];
  if (shape.stop) {
    const step = (word: string) => ({
      do: 'step' as const,
      step: { step: 'run' as const, command: shell(`echo ${word} >> ${world.root}/service`) },
    });
    scopes.push({ id: 'stopped', host: 'local', acquire: step('stop'), release: step('start'), outputs: [] });
  }
  if (shape.swap !== false) {
    const place = { target, aside, companions: ['-wal'] };
    const within = ['beside', ...(shape.stop ? ['stopped'] : [])];
    tasks.push(task('swap', { do: 'swap', beside, ...place }, ok('unpack'), { within }));
    if (shape.after) {
      tasks.push(task('after', { do: 'step', step: shape.after }, ok('swap')));
      const needs: Task['needs'] = [...ok('swap'), { task: 'after', on: 'fail' }];
      tasks.push(task('roll-back', { do: 'unswap', ...place }, needs));
    }
  }
  return graphOf('restore', [...tasks, ...(shape.more ?? [])], [...scopes, ...(shape.scopes ?? [])]);
}

describe('a restore', () => {
  it('to a place where nothing lies', async () => {
    const outcome = await world.run(restoreGraph());
    expect(outcome.exitCode).toBe(0);
    expect(await readFile(target, 'utf8')).toBe('restored\n');
    expect(await live()).toEqual(['data']);
    expect(world.events).toContainEqual(expect.objectContaining({ event: 'restored', id, target }));
  });

  it('over live data: stopped for the swap only, the old data and its companions aside', async () => {
    await writeFile(target, 'old');
    await writeFile(`${target}-wal`, 'old log');
    const outcome = await world.run(restoreGraph({ stop: true }));
    expect(outcome.exitCode).toBe(0);
    expect(await live()).toEqual(['data', 'data.old', 'data.old-wal']);
    expect(await readFile(target, 'utf8')).toBe('restored\n');
    expect(await readFile(`${aside}-wal`, 'utf8')).toBe('old log');
    expect(await readFile(join(world.root, 'service'), 'utf8')).toBe('stop\nstart\n');
  });

  it('of a directory', async () => {
    await mkdir(target);
    await writeFile(join(target, 'old'), '');
    const script = `mkdir '${beside}' && cat > '${beside}/new'`;
    const outcome = await world.run(restoreGraph({ recipe: { intake: { consume: shell(script) } } }));
    expect(outcome.exitCode).toBe(0);
    expect([await readdir(target), await readdir(aside)]).toEqual([['new'], ['old']]);
  });

  it('rolls back when what follows fails, and exits 1', async () => {
    await writeFile(target, 'old');
    await writeFile(`${target}-wal`, 'old log');
    const outcome = await world.run(restoreGraph({ after: { step: 'run', command: shell('exit 1') } }));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(await live()).toEqual(['data', 'data-wal']);
    expect(await readFile(target, 'utf8')).toBe('old');
  });

  it('keeps the old data only until a safety copy of it is committed', async () => {
    await writeFile(target, 'precious');
    const safety = captureAction(world, `cat '${aside}'`, { pinFor: 604_800 });
    safety.manifest = { ...safety.manifest, purpose: 'safety', required: [] };
    const more = [
      task('safety', safety, ok('swap'), { within: ['lease:main', 'work'] }),
      task('discard', { do: 'discard', path: aside, companions: ['-wal'] }, ok('safety')),
    ];
    const outcome = await world.run(restoreGraph({ more, scopes: [...leases(world), workScope()] }));
    expect(outcome.exitCode).toBe(0);
    expect(await live()).toEqual(['data']);
    const own = (await world.files('main')).filter((file) => !file.includes(id));
    expect(own.map((file) => /\.([a-z]+)/.exec(file.split('/').at(-1)!)?.[1])).toEqual(['bin', 'manifest', 'pin']);
    expect(await readFile(world.at('main', own[0]!), 'utf8')).toBe('precious');
  });

  it('keeps the old data when the safety copy fails', async () => {
    await writeFile(target, 'precious');
    const safety = captureAction(world, 'exit 3');
    const more = [
      task('safety', safety, ok('swap'), { within: ['lease:main', 'work'] }),
      task('discard', { do: 'discard', path: aside, companions: [] }, ok('safety')),
    ];
    const outcome = await world.run(restoreGraph({ more, scopes: [...leases(world), workScope()] }));
    expect(outcome.exitCode).toBe(1);
    expect(await readFile(aside, 'utf8')).toBe('precious');
  });

  it('from a file outside the catalogue, by the manifest beside it or with a warning', async () => {
    const file = (await world.files('main')).find((path) => path.endsWith('.gz'))!;
    const first = await world.run(restoreGraph({ from: { file: world.at('main', file) } }));
    expect(first.results.get('admit')?.outcome).toBe('ok');
    await rm(target);
    const lone = join(world.root, 'lone.bin.gz');
    await writeFile(lone, await readFile(world.at('main', file)));
    const second = await world.run(restoreGraph({ from: { file: lone } }));
    expect([second.exitCode, second.results.get('admit')?.outcome]).toEqual([0, 'warned']);
    expect(await readFile(target, 'utf8')).toBe('restored\n');
  });
});

describe('the target stays untouched', () => {
  beforeEach(() => writeFile(target, 'old'));
  const untouched = async (graph: Graph, reason: RegExp) => {
    const outcome = await world.run(graph);
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([2, 'failed']);
    expect(outcome.backups[0]?.message).toMatch(reason);
    expect(await readFile(target, 'utf8')).toBe('old');
    expect(await live()).toEqual(['data']);
  };
  const fileOf = async (suffix: string) =>
    world.at(
      'main',
      (await world.files('main')).find((path) => path.endsWith(suffix)),
    );

  it('when a bit of the artifact flipped: nothing is fed to any program', async () => {
    const path = await fileOf('.gz');
    const bytes = await readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
    const marker = join(world.root, 'fed');
    await untouched(
      restoreGraph({ recipe: { intake: { consume: shell(`touch '${marker}'; cat >/dev/null`) } } }),
      /bytes differ/,
    );
    expect(await readdir(world.root)).not.toContain('fed');
  });

  it('when the artifact was cut', async () => {
    const path = await fileOf('.gz');
    await writeFile(path, (await readFile(path)).subarray(0, 5));
    await untouched(restoreGraph(), /5 bytes of/);
  });

  it('when the artifact is gone', async () => {
    await rm(await fileOf('.gz'));
    await untouched(restoreGraph(), /\.bin\.gz/);
  });

  it.each([
    ['climbs', '../../../etc/passwd'],
    ['is absolute', '/etc/passwd'],
    ['belongs to another backup', 'shop/other/2026/11/other-20261121T020000Z-abcdef.bin'],
  ])('when the manifest names a key that %s', async (_name, key) => {
    const path = await fileOf('.manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    manifest.artifacts[0].key = key;
    await writeFile(path, JSON.stringify(manifest));
    await untouched(restoreGraph(), /refused/);
  });

  it('when the artifact became a link out of the destination', async () => {
    const path = await fileOf('.gz');
    await rm(path);
    await symlink('/etc/passwd', path);
    await untouched(restoreGraph(), /./);
  });

  it('when the program that takes the data fails', async () => {
    const intake = { consume: shell(`echo half > '${beside}'; cat > /dev/null; exit 1`) };
    await untouched(restoreGraph({ recipe: { intake } }), /exit code 1/);
  });

  it('when an assertion on the restored copy fails', async () => {
    const graph = restoreGraph();
    const assert = {
      do: 'assert' as const,
      assert: [{ title: 'rows', check: 'output' as const, command: shell('echo 0'), expect: { atLeast: 1 } }],
    };
    graph.tasks.splice(2, 0, task('assert', assert, ok('unpack'), { within: ['beside'] }));
    graph.tasks.find(({ id: name }) => name === 'swap')!.needs = ok('assert');
    await untouched(graph, /rows: it is 0, expected at least 1/);
  });

  it('when what must stop does not stop: what it may have stopped is started again', async () => {
    const graph = restoreGraph({ stop: true });
    const stopped = graph.scopes.find(({ id: name }) => name === 'stopped')!;
    const step = { step: 'run' as const, command: shell(`echo stop >> ${world.root}/service; exit 1`) };
    stopped.acquire = { do: 'step', step };
    await untouched(graph, /exit code 1/);
    expect(await readFile(join(world.root, 'service'), 'utf8')).toBe('stop\nstart\n');
  });

  it('when something lies where the old data would go', async () => {
    await writeFile(aside, 'in the way');
    const outcome = await world.run(restoreGraph());
    expect(outcome.exitCode).toBe(2);
    expect(await readFile(target, 'utf8')).toBe('old');
    expect(await live()).toEqual(['data', 'data.old']);
  });
});

describe('steps', () => {
  it('wait for a URL until it answers with success', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.statusCode = asked < 3 ? 503 : 204;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
      expect((await world.run(restoreGraph({ after: { step: 'http', url, within: 20 } }))).exitCode).toBe(0);
      expect(asked).toBe(3);
    } finally {
      server.close();
    }
  });

  it('tell why a URL did not answer', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const step: Step = { step: 'http', url: `http://127.0.0.1:${port}/health`, within: 1 };
    const outcome = await world.run(graphOf('apply', [task('hook', { do: 'step', step })]));
    expect(outcome.results.get('hook')?.message).toMatch(/did not answer with success within 1 s: .*ECONNREFUSED/);
  });

  it('tell the last answer of a URL, not the try that the limit cut short', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(503).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const step: Step = { step: 'http', url: `http://127.0.0.1:${port}/health`, within: 3 };
      const outcome = await world.run(graphOf('apply', [task('hook', { do: 'step', step })]));
      expect(outcome.results.get('hook')?.message).toMatch(/did not answer with success within 3 s: it answered 503$/);
      expect(asked).toBe(2);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('ask a person, and fail where there is none', async () => {
    const graph = graphOf('apply', [task('hook', { do: 'step', step: { step: 'manual', text: 'is the lid shut?' } })]);
    expect((await world.run(graph)).results.get('hook')?.message).toMatch(/no terminal to ask/);
    expect((await world.run(graph, { confirm: async () => false })).results.get('hook')?.message).toMatch(
      /not confirmed/,
    );
    const asked: string[] = [];
    const confirm = async (text: string) => asked.push(text) > 0;
    expect((await world.run(graph, { confirm })).results.get('hook')?.outcome).toBe('ok');
    expect(asked).toEqual(['is the lid shut?']);
  });
});
