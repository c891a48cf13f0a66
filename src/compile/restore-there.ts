/** A restore of files at the place where they lie: constant shell scripts do there what is done here by system calls. */
import type { Argument, Command } from '../command.ts';
import type { Assertion } from '../recipe.ts';
import type { PieceContext } from './restore-context.ts';
import { placedLive } from './restore-context.ts';
import type { Ground } from './restore-ground.ts';

/** `$1` directory or file, `$2` the path: made if it is free, by nobody else. */
const claim = `umask 077
if [ "$1" = directory ]; then mkdir -- "$2"; else (set -C; : >"$2"); fi && exit
echo "$2 could not be made; if it exists, move it away" >&2
exit 1`;

/** What a dying program still writes there is removed as well. */
const remove = `for turn in 1 2 3 4 5; do rm -rf -- "$@" && exit; sleep 1; done
exit 1`;

/** What a claim has made and nobody filled; it may still be on its way there. `$1` directory or file, `$2` the path. */
const removeEmpty = `for turn in 1 2 3 4 5; do
  if [ "$1" = directory ]; then rmdir -- "$2" && exit; elif [ -f "$2" ] && ! [ -h "$2" ] && ! [ -s "$2" ]; then rm -f -- "$2" && exit; fi
  sleep 1
done`;

const words = `there() { [ -e "$1" ] || [ -h "$1" ]; }
stop() { printf '%s\\n' "$1" >&2; exit 1; }
move() { ! there "$1" || mv -- "$1" "$2"; }
keep() { ! command -v sync >/dev/null || sync; }
`;

/** `$1` target, `$2` aside, then suffixes of companions. The target comes back first: where it is, nothing is missing. */
const backThere = `back() {
  there "$target" || move "$aside" "$target"
  for suffix in "$@"; do there "$target$suffix" || move "$aside$suffix" "$target$suffix"; done
}
`;

/**
 * `$1` target, `$2` aside, `$3` beside, `$4` `yes` where something is to be replaced, then suffixes. A signal in the middle is
 * not heard. Exit 3: all is in place, and what it could not do stands in its words.
 */
const exchange = `${words}${backThere}target=$1 aside=$2 beside=$3 replaces=$4 strange=
shift 4
there "$beside" || stop "nothing was restored at $beside, so $target was left as it is"
! there "$aside" || stop "$aside exists already; the old data of $target cannot be moved there"
! there "$target" || [ "$replaces" = yes ] || stop "something lies at $target by now, and was left as it is"
like() {
  owner=$(stat -c %u:%g -- "$target") && mode=$(stat -c %a -- "$target") || return 1
  [ "$owner" = "$(stat -c %u:%g -- "$beside")" ] || chown -- "$owner" "$beside" || return 1
  chmod -- "$mode" "$beside"
}
if [ -f "$target" ] && ! like 2>/dev/null; then strange=1; fi
keep
trap '' TERM HUP INT QUIT PIPE
away() { move "$target" "$aside" && for suffix in "$@"; do move "$target$suffix" "$aside$suffix" || return 1; done; }
if ! { away "$@" && mv -- "$beside" "$target"; }; then
  back "$@"
  stop "$target could not be renamed; is it a mount point, or on another file system?"
fi
for suffix in "$@"; do move "$beside$suffix" "$target$suffix"; done
keep
[ -z "$strange" ] || { echo "$target has another owner or other permissions than before" >&2; exit 3; }`;

/** A swap that was cut ends by itself or is killed within some 13 s: then half of it is undone. */
const undoHalf = `${words}${backThere}target=$1 aside=$2
shift 2
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do ! there "$target" || exit 0; sleep 1; done
back "$@"
keep`;

/** `$1` target, `$2` aside, `$3` `yes` where old data was moved there, then suffixes. */
const takeBack = `${words}target=$1 aside=$2 replaces=$3
shift 3
[ "$replaces" = no ] || there "$aside" || stop "there is no old data at $aside, so $target was left as it is"
trap '' TERM HUP INT QUIT PIPE
for suffix in '' "$@"; do move "$target$suffix" "$aside.rejected$suffix" || exit 1; done
for suffix in '' "$@"; do move "$aside$suffix" "$target$suffix" || exit 1; done
keep
for suffix in '' "$@"; do rm -rf -- "$aside.rejected$suffix"; done`;

/** `$1` a path; prints `absent`, or its size, with its SHA-256 where `$2` is not empty. */
const lookAt = `[ -e "$1" ] || [ -h "$1" ] || { echo absent; exit; }
size=$(stat -c %s -- "$1") || exit 1
[ -z "$2" ] || sum=$(sha256sum <"$1") || exit 1
echo "$size $sum"`;

const namesBelow = `cd -- "$1" && exec find . ! -type d -print0`;

function script(text: string, ...values: Argument[]): Command {
  return { argv: ['sh', '-c', text, 'sh', ...values] };
}

/** How a place beside the live data there is claimed, changes places with it and is given up. */
export function groundThere(context: PieceContext, target: string): Ground {
  const { kind, piece, backup } = context;
  const { beside, aside, replaces, source } = piece;
  const suffixes = kind.companions ?? [];
  const shape = kind.restores(source.spec, backup.restore.options);
  const at = (command: Command) => placedLive(context, command);
  const removal = (path: string) => at(script(remove, ...['', ...suffixes].map((suffix) => path + suffix)));
  const old = replaces ? 'yes' : 'no';
  const swap: Command = {
    ...script(exchange, target, aside, beside, old, ...suffixes),
    exits: [{ code: 3, lines: [{ pattern: 'than before$', means: 'warning' }] }],
  };
  return {
    claim: {
      do: 'reserve',
      path: beside,
      commands: [at(script(claim, shape, beside))],
      unanswered: at(script(removeEmpty, shape, beside)),
      lost: removal(beside),
    },
    release: { do: 'discard', path: beside, commands: [removal(beside)] },
    swap: {
      do: 'swap',
      target,
      aside: replaces ? aside : null,
      commands: [at(swap)],
      ...(replaces ? { lost: at(script(undoHalf, target, aside, ...suffixes)) } : {}),
    },
    back: {
      do: 'unswap',
      target,
      aside: replaces ? aside : null,
      commands: [at(script(takeBack, target, aside, old, ...suffixes))],
    },
    discard: { do: 'discard', path: aside, commands: [removal(aside)] },
  };
}

/** Assertions look where the data lies. */
export function assertedThere(context: PieceContext, assertions: Assertion[]): Assertion[] {
  const asked = assertions.map((assertion): Assertion => {
    if (assertion.check === 'file')
      return { ...assertion, look: script(lookAt, assertion.path, assertion.sha256 === undefined ? '' : 'sha256') };
    return assertion.check === 'count' ? { ...assertion, names: script(namesBelow, assertion.directory) } : assertion;
  });
  return placedLive(context, asked);
}
