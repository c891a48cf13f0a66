/**
 * A server whose databases are folders: small enough that every fault can be made on purpose. `renaming` can rename them,
 * `fixed` cannot. Files below `faults` make commands fail.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Argument, Command } from '../../src/command.ts';
import type { Databases, SourceKind } from '../../src/kind.ts';

/** `database` is null for what belongs to the whole server. */
export type FakeSpec = { type: string; root: string; database: string | string[] | null };

const sh = (script: string, ...words: Argument[]): Command => ({ argv: ['sh', '-ec', script, 'sh', ...words] });
const at = (spec: FakeSpec, name: Argument): Argument => ({ join: [`${spec.root}/data/`, name] });

/** Fails where the file of this name lies among the faults; what it holds is how often. */
const fault = (name: string) => `if [ -e "$1/faults/${name}" ]; then echo "${name} fails" >&2; exit 3; fi;`;

function databases(renames: boolean): Databases<FakeSpec> {
  return {
    where: ({ root }) => root,
    at: (spec, url) => {
      if (url.protocol !== 'fake:') throw new Error('a fake:// URL was expected');
      return { ...spec, root: `/${url.host}` };
    },
    look: ({ root }, name) =>
      sh(
        `${fault('server')} if [ ! -d "$1/data/$2" ]; then echo nothing; elif [ -z "$(ls "$1/data/$2")" ]; then echo empty; else echo full; fi`,
        root,
        name,
      ),
    create: ({ root }, name, like) => [
      sh(`${fault('create')} mkdir "$1/data/$2"; echo "$2 like $3" >> "$1/log"`, root, name, like ?? 'none'),
    ],
    drop: ({ root }, name) => [sh(`rm -rf "$1/data/$2" "$1/marks/$2"; echo "drop $2" >> "$1/log"`, root, name)],
    mark: {
      write: ({ root }, name, text) => [sh('printf %s "$3" > "$1/marks/$2"', root, name, text)],
      read: ({ root }, name) => sh('cat "$1/marks/$2" 2>/dev/null || true', root, name),
    },
    ...(renames
      ? {
          swap: ({ root }: FakeSpec, { beside, target, aside }) => [
            sh(
              `${fault('swap')} if [ -n "$4" ]; then mv "$1/data/$3" "$1/data/$4"; fi; mv "$1/data/$2" "$1/data/$3"; rm -f "$1/marks/$2"; echo "swap $2 $3 $4" >> "$1/log"`,
              root,
              beside,
              target,
              aside ?? '',
            ),
          ],
          move: ({ root }: FakeSpec, parts, { beside, target }) => [
            sh(
              `${fault('move')} from=$1/data/$2 to=$1/data/$3; shift 3; for part; do test -e "$from/$part"; done; for part; do cp "$from/$part" "$to/$part"; done`,
              root,
              beside,
              target,
              ...parts,
            ),
          ],
        }
      : {}),
  };
}

function fake(type: string, renames: boolean): SourceKind<FakeSpec> {
  return {
    role: 'source',
    type,
    programs: () => ['tar'],
    extension: () => '.tar',
    requirements: () => [],
    capture: (spec) => ({
      prepare: [],
      produce: {
        argv: [
          ...['tar', '--create', '--file=-', '--sort=name', '--directory'],
          ...[spec.database === null ? spec.root : at(spec, nameOf(spec)), spec.database === null ? 'roles' : '.'],
        ],
      },
      cleanup: [],
      plain: { unknown: true },
    }),
    content: () => ({ intake: { consume: { argv: ['tar', '--list', '--file=-'] } }, tail: { zeros: 1024 } }),
    parts: (spec) =>
      Array.isArray(spec.database)
        ? [
            { name: 'globals', purpose: 'globals', spec: { ...spec, database: null } },
            ...spec.database.map((name) => ({ name, purpose: 'data' as const, spec: { ...spec, database: name } })),
          ]
        : null,
    part: (spec, { name, purpose }) => ({ ...spec, database: purpose === 'globals' ? null : name }),
    restores: () => 'database',
    databases: databases(renames),
    home: (spec) => (typeof spec.database === 'string' ? spec.database : null),
    relocate: (spec, name) => ({ ...spec, database: name }),
    restore: (spec, { path }) => {
      if (spec.database === null)
        return { intake: { consume: sh('echo globals >> "$1/log"; cat > "$1/restored-roles"', spec.root) } };
      return {
        intake: {
          // What is half loaded when it fails lies in the database already.
          consume: sh(
            `tar --extract --file=- --directory "$2"; ${fault(`load-${String(path)}`)} if [ -e "$1/faults/slow-${String(path)}" ]; then touch "$1/loading"; sleep 60; fi`,
            spec.root,
            at(spec, path),
          ),
        },
        tail: { zeros: 1024 },
      };
    },
    questions: ['sql'],
    ask: (spec, question, target) =>
      sh('cd "$1"; eval "$2"', at(spec, target?.path ?? nameOf(spec)), 'sql' in question ? question.sql : 'false'),
    manual: () => 'tar -x -f -',
  };
}

function nameOf({ database }: FakeSpec): string {
  if (typeof database === 'string') return database;
  throw new Error('several databases have no one name');
}

export const fakes: Record<string, SourceKind<FakeSpec>> = {
  renaming: fake('renaming', true),
  fixed: fake('fixed', false),
};

/** The server's own disk. */
export type FakeServer = {
  root: string;
  /** Replaces what a database holds; null drops it. */
  set(name: string, files: Record<string, string> | null): void;
  /** Files of a database with what they hold; null where there is none. */
  get(name: string): Record<string, string> | null;
  names(): string[];
  /** What the server was told to do since `forget`. */
  log(): string[];
  mark(name: string, text: string): void;
  fail(what: string): void;
  heal(what: string): void;
};

export function startFakeServer(root: string): FakeServer {
  for (const name of ['data', 'marks', 'faults']) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'log'), '');
  writeFileSync(join(root, 'roles'), 'roles');
  const folder = (name: string) => join(root, 'data', name);
  return {
    root,
    set: (name, files) => {
      rmSync(folder(name), { recursive: true, force: true });
      if (!files) return;
      mkdirSync(folder(name));
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder(name), file), text);
    },
    get: (name) => {
      if (!existsSync(folder(name))) return null;
      return Object.fromEntries(
        readdirSync(folder(name))
          .sort()
          .map((file) => [file, readFileSync(join(folder(name), file), 'utf8')]),
      );
    },
    names: () => readdirSync(join(root, 'data')).sort(),
    log: () => readFileSync(join(root, 'log'), 'utf8').split('\n').filter(Boolean),
    mark: (name, text) => writeFileSync(join(root, 'marks', name), text),
    fail: (what) => writeFileSync(join(root, 'faults', what), ''),
    heal: (what) => rmSync(join(root, 'faults', what), { force: true }),
  };
}
