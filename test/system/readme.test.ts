import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { runner } from '../helpers/runner.ts';

const root = resolve(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const block = (opening: string) => readme.split(`\`\`\`${opening}\n`)[1]?.split('\n```')[0];

/** What differs from day to day and from folder to folder. */
function steady(text: string | undefined, folder = '/srv/runner'): string | undefined {
  return text
    ?.replaceAll(folder, '/srv/runner')
    .replaceAll(/\b\d{4}-(W?\d\d)(-\d\d)?\b/g, 'DATE')
    .replaceAll(/p1-[0-9a-f]{12}-/g, 'p1-GRAPH-')
    .replace(/yearly DATE; |quarterly DATE; /g, '')
    .trimEnd();
}

describe('the README', () => {
  it('opens with the plan of the quickstart, word for word', () => {
    expect(block('yaml')).toBe(readFileSync(join(root, 'plans', 'quickstart.yaml'), 'utf8').trimEnd());
  });

  it.skipIf(!has('sqlite3', 'pigz', 'openssl'))('shows the preview that the program gives of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'runner-readme-'));
    try {
      mkdirSync(join(folder, 'plans'));
      cpSync(join(root, 'plans', 'quickstart.yaml'), join(folder, 'plans', 'quickstart.yaml'));
      const { stdout, exitCode } = await runner(['plan', 'plans/quickstart.yaml', 'shop'], { cwd: folder });
      expect(exitCode).toBe(0);
      const [typed, ...shown] = block('console')?.split('\n') ?? [];
      expect(typed).toBe('$ npx runner plan plans/quickstart.yaml shop');
      expect(steady(shown.join('\n'))).toBe(steady(stdout, folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('names every command, and no other', async () => {
    const { stdout } = await runner(['--help']);
    const commands = [...stdout.split('Commands:\n')[1]!.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!);
    const table = readme.split('| command | what it does |')[1]!.split('\n\n')[0]!;
    const cells = table.split('\n').map((row) => row.split('|')[1] ?? '');
    const named = new Set(
      cells.flatMap((cell) => [...cell.matchAll(/`([a-z]+)(?: PLAN[^`]*)?`/g)].map(([, name]) => name!)),
    );
    expect([...named].sort()).toEqual(commands.filter((name) => name !== 'help').sort());
  });
});
