/** Scripts around the server's own saving. Each is constant; `$cli` and `"$@"` lead to the server, the rest are parameters. */

/**
 * redis-cli is a replica for the time of one dump. It ends with 0 after some failures, so its words and the file are looked at:
 * the size that was announced, and the mark (0xFF) in front of the eight bytes of the checksum.
 */
export const dumpScript = `
said=$("$cli" "$@" --rdb "$file" 2>&1) || { printf '%s\\n' "$said" >&2; exit 1; }
case $said in
  *'AUTH failed: WRONGPASS'*) printf 'the server refuses the user or the password\\n' >&2; exit 1 ;;
  *'Transfer finished with success'*) ;;
  *) printf 'no dump came: %s\\n' "$said" >&2; exit 1 ;;
esac
size=$(($(wc -c <"$file")))
announced=$(printf '%s\\n' "$said" | sed -n -e 's/.*writing \\([0-9][0-9]*\\) bytes.*/\\1/p' -e 's/.*success after \\([0-9][0-9]*\\) bytes.*/\\1/p')
[ "\${announced:-$size}" -eq "$size" ] || { printf 'the server sent %s bytes and %s arrived\\n' "$announced" "$size" >&2; exit 1; }
mark=$(tail -c 9 "$file" | head -c 1 | od -An -tx1 | tr -d ' ')
[ "$mark" = ff ] || { printf 'the dump of %s bytes has no end\\n' "$size" >&2; exit 1; }`;

/**
 * Functions for a save. `save SECONDS EACH` returns when a snapshot that was begun after the call lies on the server's disk; EACH is
 * run at every look. LASTSAVE counts seconds, so a save in the second of the one before could not be told from it.
 */
export const saveFunctions = `
now() { date +%s; }
give_up() { printf '%s\\n' "$1" >&2; exit 1; }
reply() { "$cli" "$@" 2>&1 | tr -d '\\r'; }
look() {
  info=$(reply "$@" INFO persistence)
  case $info in *rdb_bgsave_in_progress:*) ;; *) give_up "the server does not say how its save goes: $info" ;; esac
}
number() { case $1 in ''|*[!0-9]*) give_up "$2: $1" ;; esac; }
save() {
  limit=$1 end=$(($(now) + $1)) each=$2
  shift 2
  before=$(reply "$@" LASTSAVE)
  number "$before" 'the server does not tell its last save'
  while [ "$(reply "$@" TIME | head -n 1)" = "$before" ]; do sleep 0.2; done
  while :; do
    said=$(reply "$@" BGSAVE)
    case $said in
      'Background saving started') break ;;
      *'in progress'*|*'child process is active'*) ;;
      *) give_up "the server does not save: $said" ;;
    esac
    [ "$(now)" -lt "$end" ] || give_up 'another save or rewrite of the server has not ended in time'
    $each "$@"
    sleep 0.5
  done
  while :; do
    look "$@"
    case $info in *rdb_bgsave_in_progress:0*) break ;; esac
    [ "$(now)" -lt "$end" ] || give_up "the save of the server (BGSAVE) has not ended after $limit s: look at its disk, its load and redis-cli INFO persistence, or raise 'timeout'"
    $each "$@"
    sleep 0.2
  done
  case $info in *rdb_last_bgsave_status:ok*) ;; *) give_up 'the save of the server failed (is its directory full or not writable?); its log says why' ;; esac
  after=$(reply "$@" LASTSAVE)
  number "$after" 'the server does not tell its last save'
  [ "$after" -gt "$before" ] || give_up 'the server says that it saved, and its last save is as old as before'
}`;

export const bgsaveScript = `${saveFunctions}
save "$seconds" : "$@"`;

/**
 * Nothing is written any more, then everything is saved: what is moved aside after the stop is the data of that moment. The pause
 * ends a minute after the last look, should the server never be stopped; before 6.2 there is no pause of writers alone.
 */
export const quietScript = `${saveFunctions}
hold() { "$cli" "$@" CLIENT PAUSE 60000 WRITE >/dev/null 2>&1; }
hold "$@"
( save "$seconds" hold "$@" ) || { "$cli" "$@" CLIENT UNPAUSE >/dev/null 2>&1; exit 1; }
hold "$@"`;

/** A file that the server replaces by renaming stays what it was while it is open. Its size is said for the counters. */
export const streamScript = `# the dump, its size beside it
exec 3<"$1" || exit 1
size=$(wc -c </dev/fd/3) || size=$(wc -c <"$1") || exit 1
printf 'plain %s bytes\\n' "$((size))" >&2
exec cat <&3`;
