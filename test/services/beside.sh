#!/bin/sh
# beside.sh SUITE PACKAGE DIRECTORY PROGRAM: a server of a newer Debian in a directory of its own, with the libraries that it
# was built with; nothing of the system is changed. PROGRAM (below DIRECTORY) tells whether it is there already.
set -u
suite=$1 package=$2 directory=$3 program=$4
[ ! -x "$directory/$program" ] || exit 0
skip() { echo "services: $package of $suite is not there, so its tests will be skipped: $1"; rm -rf "$directory"; exit 0; }
command -v mmdebstrap >/dev/null && command -v patchelf >/dev/null || skip 'mmdebstrap or patchelf is missing'
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
echo "services: unpacking $package of $suite"
mmdebstrap --quiet --variant=extract --include="$package" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  "$suite" "$directory" "${mirror:-http://deb.debian.org/debian}" >"$directory.log" 2>&1 || skip "see $directory.log"
libraries=$(dirname "$(find "$directory/usr/lib" -name 'libc.so.6' | head -n 1)")
loader=$(find "$directory/usr" -name 'ld-linux-*' | head -n 1)
find "$directory"/usr/lib/postgresql/*/bin "$directory"/usr/bin/mysql* "$directory"/usr/sbin/mysqld \
  "$directory"/usr/bin/valkey-* -type f 2>/dev/null |
  while read -r file; do
    # A program that is no ELF file has no interpreter to set.
    patchelf --print-interpreter "$file" >/dev/null 2>&1 || continue
    patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$file"
  done
"$directory/$program" --version >/dev/null 2>&1 || "$directory/$program" version >/dev/null 2>&1 || skip 'it does not start'
