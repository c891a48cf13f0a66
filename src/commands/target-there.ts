/** Where a restore of files goes at the place of their source, and what lies there now. */
import { basename, dirname, join, posix } from 'node:path';
import type { Command } from '../command.ts';
import { placed, placeOf } from '../compile/place.ts';
import { refuse } from '../diagnostic.ts';
import { placeName } from '../place-name.ts';
import { isElsewhere } from '../plan/paths.ts';
import type { PlannedPlace, ResolvedBackup } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import type { AskServer } from './server.ts';
import type { RestoreTarget } from './target.ts';

/**
 * `$1` the path, `$2` directory or file, then suffixes of companions. Prints a word, the numbers of the first free names beside
 * it, and the path behind its links with `/.` at its end.
 */
const look = `path=$1 shape=$2
shift 2
say() { printf '%s %s %s %s/.' "$1" "$2" "$3" "$path"; exit; }
there() { [ -e "$1" ] || [ -h "$1" ]; }
if [ -h "$path" ]; then
  [ -e "$path" ] && real=$(readlink -f -- "$path" && echo .) || say dangling 0 0
  nl='
'
  path=\${real%"$nl".}
fi
[ "$path" != / ] || say mount 0 0
parent=\${path%/*}/ name=\${path##*/} kind=nothing
[ -d "$parent" ] || say parent 0 0
[ -w "$parent" ] && [ -x "$parent" ] || say closed 0 0
if [ -d "$path" ]; then
  [ "$shape" = directory ] || say directory 0 0
  kind=empty
  [ -r "$path" ] && [ -x "$path" ] || kind=full
  for entry in "$path"/* "$path"/.[!.]* "$path"/..?*; do ! there "$entry" || { kind=full; break; }; done
elif [ -f "$path" ]; then
  [ "$shape" = file ] || say file 0 0
  kind=full
elif there "$path"; then
  say device 0 0
fi
if [ $kind != nothing ]; then
  here=$(stat -c %d -- "$path") && above=$(stat -c %d -- "$parent") || say stat 0 0
  [ "$here" = "$above" ] || say mount 0 0
fi
taken() { for suffix in '' "$@"; do ! there "$free$suffix" || return 0; done; return 1; }
number() {
  word=$1 count=1
  shift
  free=$parent.$name.runner-$word
  while taken "$@"; do count=$((count + 1)) free=$parent.$name.runner-$word-$((count + 1)); done
}
number new "$@"
first=$count
number old "$@"
say $kind $first $count`;

const exists = `if [ -e "$1" ] || [ -h "$1" ]; then echo yes; fi`;

/** What the words mean that are no answer, for a person. */
const refusals: Readonly<Record<string, (path: string) => string>> = {
  dangling: (path) => `${path} is a link that leads nowhere; is what it leads to mounted?`,
  mount: (path) =>
    `${path} is a mount point, which cannot be replaced; restore it here with --to, or let the source be a folder or a file below it`,
  parent: (path) => `${path} cannot be restored to: ${dirname(path)} is no directory`,
  closed: (path) => `${path} cannot be replaced: the user there may not write in ${dirname(path)}`,
  directory: (path) => `${path} is a directory, and a file was there when the backup was made`,
  file: (path) => `${path} is no directory`,
  device: (path) => `${path} is no file but a device, a pipe or a socket`,
  stat: (path) => `what lies at ${path} could not be looked at: "stat -c" of GNU or busybox is needed there`,
};

/** Null where a restore goes to a path here: `--to`, or the plan's `to`, or a source of here. */
export function placeThere({ source, restore }: ResolvedBackup, to: string | undefined): PlannedPlace | null {
  const { place } = source;
  return place && isElsewhere(place) && to === undefined && restore.to === undefined ? place : null;
}

/** Throws RunnerError (exit 4), also where the place does not answer. */
export async function targetThere(
  { name, source, restore }: ResolvedBackup,
  home: string,
  only: readonly string[],
  ask: AskServer,
): Promise<RestoreTarget> {
  const kind = findSource(source.type);
  const where = placeName(source.place!);
  const shape = kind.restores(source.spec, restore.options);
  const path = posix.normalize(home).replace(/(?<=.)\/+$/, '');
  const command = { argv: ['sh', '-c', look, 'sh', path, shape, ...(kind.companions ?? [])] };
  const said = await askThere(command, source, ask).catch((error: Error) => {
    throw refuse(`${where} cannot be asked what lies at ${path}: ${error.message}`);
  });
  const [, word = '', fresh = '', old = '', target = ''] = /^(\S+) (\d+) (\d+) (.*)\/\.$/s.exec(said) ?? [];
  const refusal = refusals[word];
  if (refusal) throw refuse(`${refusal(target || '/')} (${where})`);
  if (!['nothing', 'empty', 'full'].includes(word))
    throw refuse(`${where} was asked what lies at ${path} and said "${said.slice(0, 200)}"`);
  const isFull = word === 'full';
  if (isFull && only.length > 0)
    throw refuse(
      `${target} (${where}) is not empty, and --only brings single members into a fresh directory: name one here with --to`,
    );
  if (isFull && shape === 'directory' && !restore.overwrite)
    throw refuse(
      `${target} (${where}) exists and is not empty; restore "${name}" into a fresh directory here with --to, or let the plan say restore: { overwrite: true }`,
    );
  const beside = (free: string, number: string) =>
    join(dirname(target), `.${basename(target)}.runner-${free}${number === '1' ? '' : `-${number}`}`);
  return {
    target,
    there: true,
    live: true,
    replaces: word !== 'nothing',
    empty: !isFull,
    beside: beside('new', fresh),
    stale: false,
    aside: beside('old', old),
  };
}

/** Whether anything has this name at the place of the source. */
export async function existsThere(path: string, source: ResolvedBackup['source'], ask: AskServer): Promise<boolean> {
  return (await askThere({ argv: ['sh', '-c', exists, 'sh', path] }, source, ask)) === 'yes';
}

function askThere(command: Command, { place }: ResolvedBackup['source'], ask: AskServer): Promise<string> {
  return ask(placed(command, placeOf(place)));
}
