import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LanguageServer } from './language-server.ts';

const server = new LanguageServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

const head = '# yaml-language-server: $schema=../schemas/plan.schema.json\nversion: 1\nname: shop\n';
let opened = 0;

/** Opens a plan in which `|` is where the cursor stands. */
async function openAt(text: string) {
  const whole = head + text;
  const before = whole.slice(0, whole.indexOf('|')).split('\n');
  const { uri, marks } = await server.open(`editor-${++opened}.yaml`, whole.replace('|', ''));
  const position = { line: before.length - 1, character: before.at(-1)!.length };
  return { marks, position: { textDocument: { uri }, position } };
}

async function offered(text: string): Promise<string[]> {
  const { position } = await openAt(text);
  const result = (await server.request('textDocument/completion', position)) as { items: { label: string }[] };
  return result.items.map(({ label }) => label);
}

describe('an editor with schemas/plan.schema.json', () => {
  it('offers the keys of the kind inside a source', async () => {
    const labels = await offered('sources:\n  orders:\n    type: sqlite\n    |\nbackups: {}\n');
    expect(labels).toContain('path');
    expect(
      labels.filter((label) => ['paths', 'base', 'exclude', 'run', 'restore', 'extension'].includes(label)),
    ).toEqual([]);
  });

  it('offers the keys of another kind for another type', async () => {
    const labels = await offered('sources:\n  uploads:\n    type: files\n    |\nbackups: {}\n');
    expect(labels).toEqual(
      expect.arrayContaining(['paths', 'base', 'exclude', 'one-file-system', 'follow-symlinks', 'optional']),
    );
    expect(labels).not.toContain('run');
  });

  it('offers the kinds themselves', async () => {
    const labels = await offered('sources:\n  orders:\n    type: |\nbackups: {}\n');
    expect(labels).toEqual(expect.arrayContaining(['sqlite', 'files', 'command']));
  });

  it('offers the keys of a backup', async () => {
    const labels = await offered('backups:\n  orders:\n    source: orders\n    |\n');
    expect(labels).toEqual(expect.arrayContaining(['destinations', 'transforms', 'retention', 'verify', 'schedule']));
  });

  it('marks a key that the kind does not know, and nothing else', async () => {
    const { marks } = await openAt(
      'sources:\n  orders:\n    type: sqlite\n    path: shop.db\n    pth: x\nbackups:\n  orders: { source: orders, destinations: [main] }\n|',
    );
    expect(marks.map(({ message, range }) => [message, range.start.line])).toEqual([
      ['Property pth is not allowed.', 7],
    ]);
  });

  it('marks a duration that is none, and says what it wants', async () => {
    const { marks } = await openAt(
      'retention:\n  standard: { within: 7 days }\nbackups:\n  orders: { source: orders, destinations: [main] }\n|',
    );
    expect(marks.map(({ message }) => message)).toEqual(['expected a duration such as 30s, 5m, 6h, 7d, 4w or 1y']);
  });

  it('has nothing to say of a good plan', async () => {
    const { marks } = await openAt(
      `secrets:
  key: { env: KEY }
sources:
  orders: { type: sqlite, path: shop.db }
destinations:
  main: { type: local, path: /srv/backups }
retention:
  standard: { within: 7d, daily: 30d, weekly: 4 }
backups:
  orders:
    source: orders
    transforms: [zstd, { aes: { key: { secret: key } } }]
    destinations: [main, { main: { tiers: [monthly] } }, { type: local, path: other }]
    retention: { main: standard, local: { last: 3 } }
    schedule: "0 2 * * *"
    verify: [content, { restore: { every: 7d, assert: [{ sql: "select 1", equals: 1 }] } }]
    hooks: { before: [{ run: [echo, hello] }, { http: "http://localhost/" }] }
|`,
    );
    expect(marks).toEqual([]);
  });

  it('shows what a key means', async () => {
    const { position } = await openAt(
      'destinations:\n  main:\n    type: local\n    path: /srv\n    mo|unt: required\nbackups: {}\n',
    );
    const hover = (await server.request('textDocument/hover', position)) as { contents: { value: string } };
    expect(hover.contents.value).toContain('the path must be on a file system of its own');
  });
});
