import type { Argument, Command, ExitRule } from '../../command.ts';
import type { Requirement } from '../../graph.ts';
import type { Facts, RestoreOptions, SourceKind } from '../../kind.ts';
import type { SourceFiles as FilesSpec } from '../../plan/generated/types.ts';
import { exclusions } from './exclude.ts';
import { expandThere } from './expand-there.ts';

/** Exit 1 of tar means "some files differ"; what it says decides how bad that is. Exit 2 is always a failure. */
const exits: ExitRule[] = [
  {
    code: 1,
    lines: [
      { pattern: 'File shrank by \\d+ bytes; padding with zeros$', means: 'partial' },
      { pattern: 'file changed as we read it$', means: 'warning' },
      { pattern: '[Ff]ile removed before we read it$', means: 'warning' },
      { pattern: 'socket ignored$|door ignored$', means: 'ignore' },
      { pattern: 'file is on a different filesystem; not dumped$', means: 'ignore' },
      { pattern: 'contains a cache directory tag CACHEDIR\\.TAG', means: 'ignore' },
      { pattern: '^\\S+: Removing leading ', means: 'ignore' },
      { pattern: '^Total bytes written: ', means: 'ignore' },
    ],
  },
];

const hasGlob = (path: string) => /[*?[]/.test(path);

/** On macOS and the BSDs GNU tar is installed as `gtar`. */
function tar(facts: Facts): string {
  const found = facts.programs.tar;
  return !found?.version.includes('GNU') && facts.programs.gtar ? 'gtar' : 'tar';
}

/** How a path of the plan is called in the archive: from `base` on, else in full without its first slash. */
function inside(path: string, base: string): string {
  const folder = base.endsWith('/') ? base : `${base}/`;
  if (path === base || path === folder) return '.';
  return path.startsWith(folder) ? path.slice(folder.length) : path;
}

function baseOf(spec: FilesSpec): string {
  return spec.base ?? '/';
}

/** Globs and optional paths are looked up when the backup starts; plain names go to tar as they are. */
function names(spec: FilesSpec, facts: Facts): { prepare: Command[]; argv: Argument[] } {
  const base = baseOf(spec);
  const paths = spec.paths.map((path) => inside(path, base));
  if (!spec.optional && !paths.some(hasGlob)) return { prepare: [], argv: ['--no-unquote', '--', ...paths] };
  const list = { work: 'names' };
  const argv = ['--null', { join: ['--files-from=', list] }];
  if (facts.elsewhere) return { prepare: [expandThere(base, list, spec.optional === true, paths)], argv };
  const optional = spec.optional ? ['--optional'] : [];
  return {
    prepare: [{ argv: ['runner-builtin', 'expand', '--base', base, '--output', list, ...optional, '--', ...paths] }],
    argv,
  };
}

function produce(spec: FilesSpec, facts: Facts): { prepare: Command[]; command: Command } {
  const { prepare, argv } = names(spec, facts);
  return {
    prepare,
    command: {
      argv: [
        tar(facts),
        '--create',
        '--file=-',
        '--format=posix',
        `--directory=${baseOf(spec)}`,
        '--sparse',
        '--acls',
        '--xattrs',
        '--numeric-owner',
        ...(spec['include-caches'] ? [] : ['--exclude-caches']),
        '--totals',
        '--quoting-style=escape',
        ...(spec['one-file-system'] ? ['--one-file-system'] : []),
        ...(spec['follow-symlinks'] ? ['--dereference'] : []),
        ...exclusions(spec, baseOf(spec)),
        ...argv,
      ],
      exits,
    },
  };
}

const aloneWhy = 'it is to be backed up; where it may hold nothing, say optional: true';

function requirements(spec: FilesSpec, facts: Facts): Requirement[] {
  const gnu = facts.programs.gtar ?? facts.programs.tar;
  const why = 'files are archived with GNU tar';
  const hint = 'apt-get install tar, or: brew install gnu-tar';
  const program = gnu?.version.includes('GNU') ? tar(facts) : facts.programs.tar ? 'gtar' : 'tar';
  const literal = spec.optional ? [] : spec.paths.filter((path) => !hasGlob(path));
  // A disk that is not mounted leaves an empty folder, and an archive of nothing would come to be counted as good.
  const alone = spec.paths.length === 1 ? { why: aloneWhy, notEmpty: true as const } : { why: 'it is to be backed up' };
  return [
    { need: 'program', program, why, hint },
    ...(spec.base ? [{ need: 'path', path: spec.base, what: 'directory', why: 'paths begin there' } as const] : []),
    ...literal.map((path) => ({ need: 'path', path, what: 'any', ...alone }) as const),
  ];
}

/** Without options nothing of a hostile archive survives that would act later: owners, setuid bits, ACLs, links out. */
function extract(target: Argument, facts: Facts, options: RestoreOptions, only: readonly string[]): Command {
  return {
    argv: [
      tar(facts),
      '--extract',
      '--file=-',
      { join: ['--directory=', target] },
      '--numeric-owner',
      options.owner === true ? '--same-owner' : '--no-same-owner',
      ...(options.permissions === true
        ? ['--same-permissions', '--acls', '--xattrs', '--xattrs-include=*']
        : ['--no-same-permissions', '--xattrs']),
      '--quoting-style=escape',
      ...(only.length > 0 ? ['--', ...only] : []),
    ],
  };
}

/** Where the locale exists, names are shown in it; a line break in a name stays visible as `\n`. */
const readable = { LC_ALL: 'C.UTF-8' };

export const files: SourceKind<FilesSpec> = {
  role: 'source',
  type: 'files',
  programs: () => ['tar', 'gtar'],
  extension: () => '.tar',
  requirements,
  capture: (spec, facts) => {
    const { prepare, command } = produce(spec, facts);
    return { prepare, produce: command, cleanup: [], plain: { stderr: String.raw`^Total bytes written: (\d+) ` } };
  },
  content: (_spec, facts) => ({
    intake: { consume: { argv: [tar(facts), '--list', '--file=-', '--quoting-style=escape'] } },
    tail: { zeros: 1024 },
  }),
  restores: () => 'directory',
  // Only a folder that was taken whole can be replaced whole.
  home: (spec) => (spec.base && spec.paths.every((path) => inside(path, spec.base!) === '.') ? spec.base : null),
  // What a restore replaces is kept whole, caches too: nothing of it will be there any more.
  relocate: (spec, path) => ({ type: spec.type, base: path, paths: [path], 'include-caches': true }),
  options: { owner: 'boolean', permissions: 'boolean' },
  members: true,
  restore: (_spec, target, facts, options = {}, only = []) => ({
    prepare: [{ argv: ['mkdir', '-p', '-m', '0700', '--', target.path] }],
    intake: { consume: extract(target.path, facts, options, only) },
    tail: { zeros: 1024 },
  }),
  list: (_spec, facts) => ({ argv: [tar(facts), '--list', '--file=-', '--quoting-style=escape'], env: readable }),
  extract: (_spec, path, facts) => ({
    argv: [tar(facts), '--extract', '--to-stdout', '--file=-', '--no-recursion', '--', path],
    env: readable,
  }),
  manual: () => '(mkdir -p restored && tar -x -p --acls --xattrs --numeric-owner -f - -C restored)',
};
