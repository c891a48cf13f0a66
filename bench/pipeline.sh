#!/usr/bin/env bash
# What a careful person would type instead of `runner apply`: the same tar, zstd and openssl, one read of the data into
# every copy, the SHA-256 of the artifact taken on the way, and every copy synced to disk.
# usage: pipeline.sh DATA KEY SUM COPY...
set -euo pipefail
data=$1 key=$2 sum=$3
shift 3
umask 077
mkfifo "$sum.fifo"
openssl dgst -sha256 <"$sum.fifo" >"$sum" &
tar --create --file=- --format=posix --directory="$data" --sparse --acls --xattrs --numeric-owner --exclude-caches \
  --totals --quoting-style=escape --no-unquote -- . |
  zstd -3 -T0 --check -q -c |
  openssl enc -salt -aes-256-cbc -pbkdf2 -iter 600000 -pass fd:3 3<"$key" |
  tee "$@" >"$sum.fifo"
wait
rm "$sum.fifo"
sync "$sum" "$@"
for copy in "$sum" "$@"; do sync "$(dirname "$copy")"; done
