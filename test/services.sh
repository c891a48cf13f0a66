#!/bin/sh
# Sets up what the test suite uses beside Node: programs that sources and transforms start, the servers of the kinds, a
# container engine. Tests start the servers themselves, each its own. Where something cannot be installed (no apt-get, not
# root, no network) this says which tests will be skipped, and that is no failure.
#
# Newer servers are unpacked beside the system's into $RUNNER_TEST_SERVERS (default /opt/runner-test): postgresql-17, mysql, valkey.
# What no package has (MinIO, versitygw, emulators of GCS and Azure, moto) is built or fetched into its bin, azurite and moto.
set -u
here=$(cd "$(dirname "$0")" && pwd)
servers=${RUNNER_TEST_SERVERS:-/opt/runner-test}

missing=''
for pair in sqlite3:sqlite3 zstd:zstd pigz:pigz xz:xz-utils gpg:gnupg gpg-agent:gpg-agent age:age openssl:openssl \
  ssh-keygen:openssh-client strace:strace setfacl:acl setfattr:attr faketime:faketime \
  /usr/lib/postgresql/*/bin/initdb:postgresql redis-server:redis-server redis-cli:redis-tools mariadbd:mariadb-server \
  mariadb-dump:mariadb-client /usr/sbin/sshd:openssh-server dockerd:docker.io setpriv:util-linux busybox:busybox mksh:mksh \
  mmdebstrap:mmdebstrap patchelf:patchelf rclone:rclone fusermount3:fuse3 restic:restic git:git python3:python3-venv; do
  program=${pair%:*}
  case $program in
    *'*'*) found=''; for path in $program; do [ -x "$path" ] && found=$path; done ;;
    *) found=$(command -v "$program" || true) ;;
  esac
  [ -n "$found" ] || missing="$missing ${pair##*:}"
done

can_install() { command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; }

if [ -n "$missing" ]; then
  if can_install; then
    echo "services: installing$missing"
    # Nothing may be started by being installed: the tests start their own servers.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    # shellcheck disable=SC2086
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null ||
      echo "services: not all could be installed, so some tests will be skipped:$missing"
  else
    echo "services: not installed, so their tests will be skipped:$missing"
  fi
fi

if can_install; then
  mkdir -p "$servers"
  sh "$here/services/beside.sh" trixie postgresql-17 "$servers/postgresql-17" usr/lib/postgresql/17/bin/postgres
  sh "$here/services/beside.sh" sid mysql-server "$servers/mysql" usr/sbin/mysqld
  sh "$here/services/beside.sh" trixie valkey-server "$servers/valkey" usr/bin/valkey-server
  sh "$here/services/docker.sh" "$servers/docker"
  sh "$here/services/stores.sh" "$servers"
fi
exit 0
