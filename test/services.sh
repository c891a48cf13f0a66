#!/bin/sh
# Sets up what the test suite uses beside Node: programs that sources and transforms start. Where they cannot be
# installed (no apt-get, not root) it says which tests will be skipped, and that is no failure.
set -u
missing=''
for pair in sqlite3:sqlite3 zstd:zstd pigz:pigz xz:xz-utils gpg:gnupg gpg-agent:gpg-agent age:age openssl:openssl \
  ssh-keygen:openssh-client strace:strace setfacl:acl setfattr:attr faketime:faketime; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || { echo 'services: every program that the tests use is installed'; exit 0; }
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "services: installing$missing"
  # shellcheck disable=SC2086
  if apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null; then
    exit 0
  fi
fi
echo "services: not installed, so their tests will be skipped:$missing"
