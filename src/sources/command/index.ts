import type { Command } from '../../command.ts';
import type { SourceKind } from '../../kind.ts';
import type { SourceCommand as CommandSpec } from '../../plan/generated/types.ts';
import { shellWord } from '../../shell.ts';

/** A program of the plan's own, in the runner's environment: it may need whatever the caller has set. */
function external(spec: CommandSpec, argv: readonly string[]): Command {
  return {
    argv: [...argv],
    inheritEnvironment: true,
    ...(spec.environment ? { env: spec.environment } : {}),
  };
}

export const command: SourceKind<CommandSpec> = {
  role: 'source',
  type: 'command',
  // None: a program of the plan's own may not be started only to learn its version.
  programs: () => [],
  extension: (spec) => spec.extension ?? '.bin',
  requirements: (spec) => [
    {
      need: 'program',
      program: spec.run[0],
      why: 'its output is the backup',
      hint: 'install it, or write its full path',
    },
    ...Object.values(spec.environment ?? {}).flatMap((value) =>
      typeof value === 'string' ? [] : [{ need: 'secret', secret: value.secret, why: 'the command uses it' } as const],
    ),
  ],
  capture: (spec) => ({
    prepare: [],
    produce: external(spec, spec.run),
    // A program that prints nothing and exits 0 would end as a valid archive of nothing; only a hop can see that.
    counter: { argv: ['runner-builtin', 'count'] },
    cleanup: [],
    plain: { stderr: String.raw`^runner-builtin count: (\d+) bytes$` },
  }),
  content: () => ({ intake: { consume: { argv: ['runner-builtin', 'count', '--discard'] } } }),
  restores: (spec) => (spec.restore ? 'none' : 'file'),
  home: () => null,
  restore: (spec, target) => ({
    intake: spec.restore ? { consume: external(spec, spec.restore) } : { file: target.path },
  }),
  manual: (spec) =>
    spec.restore ? spec.restore.map(shellWord).join(' ') : `cat > restored${spec.extension ?? '.bin'}`,
};
