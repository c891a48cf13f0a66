/** Where our own `runner-builtin expand` is not, a shell does the same: it looks up paths and writes their names for tar. */
import type { Argument, Command } from '../../command.ts';

/**
 * `$1` base, `$2` the list, `$3` `optional` or empty, then the paths. Goes through them twice: what lies in a folder that is
 * listed too is left out, since it would be archived twice. Folders in `$1` of `look` end with a slash.
 */
const script = String.raw`
base=$1 list=$2 optional=$3 all= nl='
'
shift 3
cd -- "$base" && : >"$list" || exit 1
IFS=
there() { [ -e "$1" ] || [ -h "$1" ]; }
covered() {
  folder=$1
  while :; do
    case $folder in
      */*) folder=${'$'}{folder%/*} ;;
      .) return 1 ;;
      *) folder=. ;;
    esac
    [ -n "$folder" ] || return 1
    case $all in *"$nl$folder$nl"*) [ -d "$folder" ] && [ ! -h "$folder" ] && return 0 ;; esac
  done
}
take() {
  if [ $pass = 1 ]; then all="$all$nl$1$nl"; return; fi
  case $1 in *"$nl"*) ;; *) if covered "$1"; then return; fi ;; esac
  printf '%s\0' "$1" >>"$list"
}
look() {
  if [ -z "$2" ]; then
    set -- "${'$'}{1%/}"
    take "${'$'}{1:-.}"
    return
  fi
  case $2 in */*) set -- "$1" "${'$'}{2%%/*}" "${'$'}{2#*/}" ;; *) set -- "$1" "$2" '' ;; esac
  case $2 in
    '' | .) look "$1" "$3" ;;
    '**')
      look "$1" "$3"
      for entry in "$1"* "$1".[!.]* "$1"..?*; do
        if [ -d "$entry" ] && [ ! -h "$entry" ]; then look "$entry/" "**/$3"; fi
      done ;;
    *[*?[]*)
      for entry in "$1"* "$1".[!.]* "$1"..?*; do
        case ${'$'}{entry##*/} in $2) if there "$entry"; then look "$entry/" "$3"; fi ;; esac
      done ;;
    *) if there "$1$2"; then look "$1$2/" "$3"; fi ;;
  esac
}
for pass in 1 2; do
  for path in "$@"; do
    if there "$path"; then take "$path"; continue; fi
    before=$all
    case $path in
      /*) look / "${'$'}{path#/}" ;;
      *[*?[]*) look '' "$path" ;;
    esac
    [ $pass = 2 ] || [ "$all" != "$before" ] || [ -n "$optional" ] || { echo "nothing matches $path in $base" >&2; exit 1; }
  done
  [ -n "$all" ] || { echo 'none of the paths exists: there is nothing to back up' >&2; exit 1; }
done
`;

export function expandThere(base: string, list: Argument, optional: boolean, paths: readonly string[]): Command {
  return { argv: ['sh', '-c', script, 'sh', base, list, optional ? 'optional' : '', ...paths] };
}
