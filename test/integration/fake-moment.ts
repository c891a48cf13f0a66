/** A database of one file that can hold a moment: a session copies it and gives the copy's name. It tells what it does. */
import type { Command } from '../../src/command.ts';
import type { SourceKind } from '../../src/kind.ts';

export type MomentSpec = { type: 'moment'; path: string; log: string };

const sh = (script: string, ...words: Command['argv']): Command => ({ argv: ['sh', '-ec', script, 'sh', ...words] });

export const momentKind: SourceKind<MomentSpec> = {
  role: 'source',
  type: 'moment',
  programs: () => [],
  extension: () => '.txt',
  requirements: () => [],
  snapshot: ({ path, log }) => ({
    command: sh(
      'test ! -e "$1.broken"; cp "$1" "$3"; echo "snapshot $1" >> "$2"; echo "ready $3"; trap "exit 0" TERM; while :; do sleep 0.02; done',
      path,
      log,
      { work: 'snapshot' },
    ),
    ready: { line: '^ready (.*)$' },
    within: 10,
    stop: 'TERM',
  }),
  capture: ({ path, log }, _facts, moment) => ({
    prepare: [],
    produce: sh('echo "read $1" >> "$2"; cat "$3"', path, log, moment ?? path),
    cleanup: [],
    plain: { unknown: true },
  }),
  content: () => ({ intake: { discard: true } }),
  restores: () => 'file',
  home: ({ path }) => path,
  restore: (_spec, { path }) => ({ intake: { file: path } }),
  manual: () => 'cat',
};
