/**
 * The guard's program for `sh -c SCRIPT runner-guard RUN`: POSIX, tried with dash and bash, needs only coreutils, and
 * those only once we are dead. Every word behind the verb starts with `=` and is a `printf %b` text without blanks.
 */
export const guardScript = String.raw`
trap '' INT TERM HUP QUIT PIPE
set -f
run=$1 groups= doomed= armed=
nl='
'
without() { kept=; for word in $2; do [ "$word" = "$1" ] || kept="$kept $word"; done; }
# A Korn shell has no printf of its own.
case $(command -v printf) in printf) show() { printf %b "$1"; } ;; *) show() { print -n -- "$1"; } ;; esac
decode() { text=$(show "$1"_); text=${'$'}{text%_}; text=${'$'}{text#=}; }
while IFS=' ' read -r verb first rest; do
  case $verb in
    watch) groups="$groups $first" ;;
    unwatch) without "$first" "$groups"; groups=$kept ;;
    remove) doomed="$doomed $first" ;;
    keep) without "$first" "$doomed"; doomed=$kept ;;
    arm) without "$first" "$armed"; armed="$first $kept"; eval "argv_$first=\$rest" ;;
    disarm) without "$first" "$armed"; armed=$kept ;;
    end) exit 0 ;;
  esac
done

# The input ended without a word: the runner is dead.
signal() { for group in $groups; do kill -s "$1" -- "-$group" 2>/dev/null; done; }
alive() { for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && return 0; done; return 1; }
signal TERM
turn=0
while [ $turn -lt 10 ] && alive; do
  sleep 0.1 2>/dev/null || { sleep 1; turn=10; }
  turn=$((turn + 1))
done
signal KILL

# What left its group still carries the run's id. Processes are looked at in batches: one pair of programs for many.
carried() {
  files=
  for process in "$@"; do files="$files /proc/$process/environ"; done
  text=$(cat $files 2>/dev/null | tr '\0' '\n')
  case "$nl$text$nl" in *"$nl"RUNNER_RUN_ID="$run$nl"*) return 0 ;; esac
  return 1
}
sweep() {
  found=1
  while [ $# -gt 0 ]; do
    batch= size=0
    while [ $# -gt 0 ] && [ $size -lt 64 ]; do batch="$batch $1"; size=$((size + 1)); shift; done
    carried $batch || continue
    for one in $batch; do carried "$one" && kill -s KILL "$one" 2>/dev/null && found=0; done
  done
  return $found
}
pass=0
while [ $pass -lt 10 ]; do
  set +f
  set -- /proc/[1-9]*
  set -f
  processes=
  for path in "$@"; do processes="$processes ${'$'}{path#/proc/}"; done
  sweep $processes || break
  pass=$((pass + 1))
done

for slot in $armed; do
  eval "words=\$argv_$slot"
  set --
  for word in $words; do decode "$word"; set -- "$@" "$text"; done
  (
    trap - INT TERM HUP QUIT PIPE
    command -v timeout >/dev/null && exec timeout -k 5 60 "$@"
    exec "$@"
  ) </dev/null >/dev/null 2>&1
done
for word in $doomed; do decode "$word"; rm -rf -- "$text"; done
`;
