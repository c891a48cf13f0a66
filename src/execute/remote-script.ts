/**
 * What runs a program elsewhere: `sh -c SCRIPT runner NONCE ...argv`. POSIX, tried with dash, busybox's ash, bash and mksh; of
 * other programs it needs `sleep`, and `mkdir`, `mkfifo`, `mv`, `rm`, `dd` where there are private files or input.
 *
 * Standard input, first a header of lines up to an empty one. Every word that starts with `=` is text for `printf %b`:
 *   e =NAME=value    w =DIRECTORY (private, made if it is not there)    t (that directory goes with the program)
 *   f =PATH =TEXT (a private file)    d FD =TEXT (fed to a descriptor)    c =DIRECTORY (to start in)
 *   i (the program's input comes in frames)    p (it may be signalled)
 * Then, until the end: `+` I am still there; `N` and N bytes of input; `0 NONCE` the input is complete; `s NAME` a signal for
 * the program; `x` end it. Without a `+` for some 8 s, or at an end of input that nobody announced, all of its process group is
 * ended (TERM, 5 s, KILL) while its own input still stands open: it never takes a cut for an end.
 *
 * Standard output: `runner-begin 1 NONCE\n`, what the program prints, and 64 bytes that nothing follows:
 * `\nrunner-end 1 NONCE STATUS...\n`. What a login shell prints before the first line is no part of it.
 */
export const remoteScript = String.raw`
set -f
nonce=$1 vars= feeds= files= work= brief= folder= input= signals= told= ready= mask=$(umask)
shift
case $(command -v printf) in
  printf)
    show() { printf '%b' "$1"; }
    say() { printf '%s' "$1"; } ;;
  *)
    show() { print -n -- "$1"; }
    say() { print -n -r -- "$1"; } ;;
esac
nl='
'
decode() { text=$(show "$1."); text=${'$'}{text%.}; text=${'$'}{text#=}; }
tidy() {
  [ -z "$brief" ] || rm -rf -- "$work"
  [ -n "$brief" ] || [ -z "$input$signals$feeds" ] || rm -f -- "$work/.$$-in" "$work/.$$-busy" "$work/.$$-id"
}
finish() {
  tidy
  field="$1................"
  field=${'$'}{field%"${'$'}{field#????????????????}"}
  say "${'$'}{nl}runner-end 1 $nonce $field$nl"
  exit 0
}
refuse() { echo "$2" >&2; finish "$1"; }
prepare() {
  umask 077
  if [ -n "$work" ]; then
    mkdir -- "$work" 2>/dev/null || { [ -d "$work" ] && [ ! -h "$work" ] && [ -O "$work" ]; } || return 1
  fi
  for pair in $files; do
    decode "${'$'}{pair%%,*}"
    show "${'$'}{pair#*,=}" >"$text.$$" && mv -f -- "$text.$$" "$text" || return 1
  done
  for pair in $feeds; do show "${'$'}{pair#*,=}" >"$work/.$$-fd${'$'}{pair%%,*}" || return 1; done
  [ -z "$input" ] || mkfifo -- "$work/.$$-in" || return 1
  umask "$mask"
}

while IFS= read -r line; do
  rest=${'$'}{line#??}
  case $line in
    '') ready=1; break ;;
    'e =PATH\0075'*) decode "$rest"; PATH=${'$'}{text#PATH=}; export PATH ;;
    e*) vars="$vars $rest" ;;
    f*) files="$files ${'$'}{rest%% *},${'$'}{rest#* }" ;;
    d*) feeds="$feeds ${'$'}{rest%% *},${'$'}{rest#* }" ;;
    w*) decode "$rest"; work=$text ;;
    c*) decode "$rest"; folder=$text ;;
    t) brief=1 ;;
    i) input=1 ;;
    p) signals=1 ;;
  esac
done
[ -n "$ready" ] || exit 1
say "runner-begin 1 $nonce$nl"
prepare || { umask "$mask"; refuse '126 private' "no private files could be written to $work"; }
[ -z "$folder" ] || [ -d "$folder" ] || refuse '126 folder' "the folder $folder does not exist"
command -v -- "$1" >/dev/null 2>&1 || refuse '127 missing' "$1 was not found"

# Of our process group. Whoever watches has descriptor 8 open, and so has what it starts: the rest is the program's.
others() {
  ids=
  read -r line </proc/$$/stat
  set -- ${'$'}{line##*) }
  group=$3 above=$2
  set +f
  for stat in /proc/[1-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    id=${'$'}{line%% *}
    set -f
    set -- ${'$'}{line##*) }
    [ "$3" = "$group" ] && [ "$1" != Z ] && [ "$id" != $$ ] && [ "$id" != "$above" ] || continue
    [ /proc/$id/fd/8 -ef /dev/null ] || ids="$ids $id"
  done
  set -f
}
# This shell stays to the last: a killed program without its parent would be reaped by the first process of a container,
# and a PostgreSQL that is this process takes it for a crash of its own.
end_all() {
  trap '' TERM
  kill -s USR2 $$
  kill -s TERM 0
  first=
  # Looking at all processes takes its time where there are many.
  for pause in 0.1 0.2 0.3 0.4 0.5 0.5 1 1 1 KILL 0.1 0.2 0.7 1; do
    # However long this takes: the alarm does not overtake who was told.
    [ "$1" != told ] || kill -s USR1 $alarm
    if [ -r /proc/$$/stat ]; then others; else ids=; kill -s 0 $$ && ids=$$; fi
    # What was just being started then has not heard the TERM, and may not be seen at first.
    if [ -n "$ids" ]; then [ "$first" != none ] || kill -s TERM $ids; first=some
    elif [ -n "$first" ]; then break
    else first=none; fi
    if [ $pause = KILL ]; then kill -s KILL $ids; else sleep $pause || sleep 1; fi
  done
  [ -z "$work" ] || [ "$1" = told ] || rm -rf -- "$work"
}
alarm() {
  late=0
  trap 'late=0' USR1
  trap '' TERM
  while [ $late -lt 8 ]; do
    sleep 1
    late=$((late + 1))
    [ ! -s "$work/.$$-busy" ] || late=0
  done
  kill -s USR1 $$
  end_all lost
}
watch() {
  trap '' TERM HUP INT QUIT PIPE
  [ -z "$input" ] || exec 4>"$work/.$$-in"
  how=lost
  while IFS= read -r line; do
    case $line in
      +) kill -s USR1 $alarm ;;
      x) how=told; break ;;
      's '*) read -r id <"$work/.$$-id" && kill -s "${'$'}{line#??}" "$id" ;;
      "0 $nonce") exec 4>&- ;;
      [1-9]*)
        echo busy >"$work/.$$-busy"
        dd bs="$line" count=1 iflag=fullblock >&4 || exec 4>/dev/null
        : >"$work/.$$-busy" ;;
    esac
  done
  end_all $how
}
exec 3<&0 </dev/null
# What is behind the header may be there already: who watches begins when the alarm and this shell can take its signals.
trap '' TERM USR1
alarm >/dev/null 2>&1 3<&- 8</dev/null & alarm=$!
trap : TERM HUP INT QUIT PIPE
trap 'told=1' USR2
trap 'alarmed=1' USR1
watch <&3 >/dev/null 2>&1 3<&- 8</dev/null & watch=$!
exec 3<&-
go() {
  for pair in $feeds; do rm -f -- "$work/.$$-fd${'$'}{pair%%,*}"; done
  [ -z "$told" ] || exit 143
  [ -z "$folder" ] || cd -- "$folder" || exit 126
  [ -z "$signals" ] || say "$(exec sh -c 'echo "$PPID"')$nl" >"$work/.$$-id"
  for word in $vars; do decode "$word"; export "$text"; done
  exec "$@"
}
from=
[ -z "$input" ] || from="<\"\$work/.$$-in\""
# Not by exec: a Korn shell would close them again.
for pair in $feeds; do from="$from ${'$'}{pair%%,*}<\"\$work/.$$-fd${'$'}{pair%%,*}\""; done
(eval "go \"\$@\" $from")
status=$?
exec 2>/dev/null
[ -z "$told" ] || status="$status ended"
# Who ends the group does so to its end, whatever signal interrupts a wait; the other one would wait for a line that may stay open.
finished() { while kill -s 0 $1; do wait $1; done; }
# Asked in one step: the alarm may set both meanwhile.
case $alarmed,$told in
  1,*) finished $alarm; kill -s KILL $watch ;;
  ,1) kill -s KILL $alarm; finished $watch ;;
  *) kill -s KILL $watch $alarm ;;
esac
wait
wait
finish "$status"
`;
