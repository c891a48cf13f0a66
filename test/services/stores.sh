#!/bin/sh
# stores.sh DIRECTORY: servers of object stores that no package has: MinIO, versitygw and a GCS emulator built into
# DIRECTORY/bin, azurite into DIRECTORY/azurite, moto into DIRECTORY/moto. Only what is missing is made, of pinned versions.
set -u
directory=$1
mkdir -p "$directory/bin"
here=$(cd "$(dirname "$0")" && pwd)
say() { echo "services: $*"; }

build() { # PROGRAM PACKAGE@VERSION
  [ -x "$directory/bin/$1" ] || command -v "$1" >/dev/null && return
  go=$(PATH="$PATH:/usr/local/go/bin:$directory/golang/usr/lib/go/bin" command -v go) || {
    # Debian 12's own Go is too old; a newer one fetches what it lacks.
    sh "$here/beside.sh" trixie golang-go "$directory/golang" usr/lib/go/bin/go
    go=$directory/golang/usr/lib/go/bin/go
    [ -x "$go" ] || return
  }
  say "building $1 (minutes)"
  GOBIN="$directory/bin" GOFLAGS=-trimpath "$go" install "$2" >"$directory/$1.log" 2>&1 ||
    say "$1 could not be built (see $directory/$1.log), so its tests will be skipped"
}

build minio github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
build versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
build fake-gcs-server github.com/fsouza/fake-gcs-server@v1.56.1

# A restic of today beside the system's: its words and exit codes differ.
[ -x "$directory/restic/usr/bin/restic" ] || sh "$here/beside.sh" sid restic "$directory/restic" usr/bin/restic

if ! command -v azurite-blob >/dev/null && [ ! -x "$directory/azurite/node_modules/.bin/azurite-blob" ]; then
  say 'fetching azurite'
  mkdir -p "$directory/azurite"
  (cd "$directory/azurite" && npm install --ignore-scripts --no-fund --no-audit azurite@3.35.0) >"$directory/azurite.log" 2>&1 ||
    { say "no azurite (see $directory/azurite.log), so its tests will be skipped"; rm -rf "$directory/azurite"; }
fi

if ! command -v moto_server >/dev/null && [ ! -x "$directory/moto/bin/moto_server" ]; then
  say 'fetching moto'
  { python3 -m venv "$directory/moto" && "$directory/moto/bin/pip" install --quiet 'moto[server]==5.2.1'; } >"$directory/moto.log" 2>&1 ||
    { say "no moto (see $directory/moto.log), so tests of archived classes will be skipped"; rm -rf "$directory/moto"; }
fi
exit 0
