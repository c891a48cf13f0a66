/** Throw-away servers: where a restore is tried, shut in, without a way to the source. */
import type { Argument, Command, Place } from '../command.ts';
import type { Scope, ScopeId } from '../graph.ts';
import type { Facts, Made, Question, Target } from '../kind.ts';
import type { Configured, Into } from '../plan/resolved.ts';
import type { Intake, Recipe } from '../recipe.ts';
import { findSource } from '../registry.ts';
import { askKind } from './ask.ts';
import type { RunFacts } from './facts.ts';
import { inFolder, secretsIn, withCommands } from './rewrite.ts';

/** The user of scratch servers and of their clients: `nobody`, which owns nothing. */
export const scratchUser = 65_534;

/** Seconds in which a container must be up; its image may have to be fetched first. */
const containerWithin = 900;

/** A throw-away restore of one part, and how the restored data is asked. */
export type Throwaway = { recipe: Recipe; target: Target; ask(question: Question): Command };

export type ScratchWanted = {
  /** Its spec is the part's. */
  source: Configured;
  into: Into;
  made: Made;
  /** A folder below the work directory, where several parts share one. */
  folder: string | null;
  /** The scope that holds the container, for `{ docker }`. */
  container: ScopeId;
};

/** The kind's own scratch restore, shut in; or one sentence that says what is missing for it. */
export function throwaway(wanted: ScratchWanted, facts: RunFacts): Throwaway | { missing: string } {
  const { source, into, made } = wanted;
  const kind = findSource(source.type);
  if (!kind.scratch)
    throw new Error(`a ${source.type} source has no throw-away server although the plan was validated`);
  const site = siteFor(into, facts);
  if ('problem' in site) return { missing: site.problem };
  const known: Facts = { ...site, made };
  const where = into === 'scratch' ? 'here' : 'docker' in into ? 'container' : into;
  const scratch = kind.scratch(source.spec, where, known);
  if ('missing' in scratch) return scratch;
  if (typeof where === 'string') refuseWayBack(source, scratch.recipe);
  const moved = <T>(value: T): T => (wanted.folder === null ? value : inFolder(value, wanted.folder));
  const shutIn = confinement(wanted, facts);
  return {
    recipe: shutInRecipe(moved(scratch.recipe), wanted, shutIn, isConfined(into, facts)),
    target: moved(scratch.target),
    ask: (question) => shutIn(moved(askKind(source, question, scratch.target, known))),
  };
}

/** What is found there; or why nothing can be done there. */
function siteFor(into: Into, facts: RunFacts): Pick<Facts, 'programs' | 'installed'> | { problem: string } {
  if (isContainer(into))
    return facts.images?.[into.docker] ?? { problem: `nobody has looked into the image ${into.docker}` };
  if (facts.sandbox && 'problem' in facts.sandbox) return facts.sandbox;
  return { programs: facts.programs, ...(facts.installed ? { installed: facts.installed } : {}) };
}

export function isContainer(into: Into): into is { docker: string } {
  return typeof into === 'object' && 'docker' in into;
}

/** A throw-away server must have no way to the data that it is compared with. It would be a mistake of the kind. */
function refuseWayBack({ type, spec }: Configured, recipe: Recipe): void {
  const [secret] = secretsIn(recipe);
  if (secret !== undefined) throw new Error(`the scratch restore of ${type} uses the secret "${secret}" of its source`);
  const text = JSON.stringify(recipe);
  for (const name of ['host', 'hosts', 'socket']) {
    const values = [spec[name]].flat().filter((value): value is string => typeof value === 'string');
    // A plain word may be anything: the name of a folder, too.
    if (values.some((value) => /[/.:]./.test(value) && text.includes(value)))
      throw new Error(`the scratch restore of ${type} names the ${name} of its source`);
  }
}

/** What each command becomes: inside the container, or here as a user of its own without network. */
function confinement({ into, folder, container }: ScratchWanted, facts: RunFacts): (command: Command) => Command {
  const here = { work: folder ?? '.' };
  const prefix = isConfined(into, facts) ? sandboxPrefix(into, facts) : [];
  const place: Place | null = isContainer(into)
    ? { docker: containerName(container), user: `${scratchUser}:${scratchUser}` }
    : null;
  return (command) => {
    const files = prefix.length === 0 ? command.files : command.files?.map((one) => ({ ...one, owner: scratchUser }));
    return {
      ...command,
      argv: [...prefix, ...command.argv],
      env: { HOME: here, TMPDIR: here, ...command.env },
      cwd: command.cwd ?? here,
      ...(files ? { files } : {}),
      ...(place ? { place } : {}),
    };
  };
}

/** Whether programs of this check run here as the scratch user: only root can see to that. */
export function isConfined(into: Into, { sandbox }: RunFacts): boolean {
  return !isContainer(into) && sandbox !== undefined && !('problem' in sandbox);
}

function sandboxPrefix(into: Into, { sandbox }: RunFacts): string[] {
  const isAlone = into === 'scratch' && sandbox && 'network' in sandbox && sandbox.network === 'none';
  const user = [
    'setpriv',
    `--reuid=${scratchUser}`,
    `--regid=${scratchUser}`,
    '--clear-groups',
    '--no-new-privs',
    '--',
  ];
  return [...(isAlone ? ['unshare', '--net', '--'] : []), ...user];
}

/** Where several parts share a directory, each has a folder that leaves with it. */
function shutInRecipe(
  recipe: Recipe,
  { into, folder }: ScratchWanted,
  shutIn: (command: Command) => Command,
  confined: boolean,
): Recipe {
  const whole = withCommands(recipe, shutIn);
  const intake = intakeThere(whole.intake, shutIn, isContainer(into) ? 'container' : confined ? 'confined' : 'here');
  if (folder === null) return { ...whole, intake };
  const around = (...argv: string[]) => shutIn({ argv: [...argv, '--', { work: folder }], cwd: { work: '.' } });
  return {
    ...whole,
    intake,
    prepare: [around('mkdir'), ...(whole.prepare ?? [])],
    sweep: [...(whole.sweep ?? []), around('rm', '-rf')],
  };
}

/** A file is written there, and belongs to those who read it. */
function intakeThere(
  intake: Intake,
  shutIn: (command: Command) => Command,
  where: 'container' | 'confined' | 'here',
): Intake {
  if (!('file' in intake) || where === 'here') return intake;
  if (where === 'confined') return { ...intake, owner: scratchUser };
  return { consume: shutIn({ argv: ['sh', '-c', 'exec cat >"$1"', 'sh', intake.file] }) };
}

/** A container that does nothing but be there. It ends, and is removed, with the end of its input: also when we are killed. */
export function containerScope(id: ScopeId, image: string): Scope {
  const run = ['docker', 'run', '--rm', '--interactive', '--init', '--pull=missing', '--network=none'];
  const user = [`--user=${scratchUser}:${scratchUser}`, '--cap-drop=ALL', '--security-opt=no-new-privileges'];
  return {
    id,
    host: 'local',
    acquire: {
      do: 'hold',
      held: {
        command: {
          argv: [
            ...run,
            ...user,
            '--name',
            containerName(id),
            '--entrypoint=sh',
            '--',
            image,
            '-c',
            'echo ready; exec cat',
          ],
          inheritEnvironment: true,
        },
        ready: { line: '^ready$' },
        within: containerWithin,
        stop: 'end-of-input',
      },
    },
    release: { do: 'let-go' },
    outputs: ['line', 'from', 'to'],
  };
}

/** Of the run and of the check: names of containers are the machine's. */
function containerName(id: ScopeId): Argument {
  return { join: ['runner-', { out: 'run.id' }, `-${id.replaceAll(/[^A-Za-z0-9_.-]/g, '-')}`] };
}
