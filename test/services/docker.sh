#!/bin/sh
# docker.sh DIRECTORY: a container engine of the tests' own, at DIRECTORY/docker.sock, without bridges or rules in the
# machine's network; it stays until `docker.sh DIRECTORY stop`. Compose comes as a plug-in in DIRECTORY/config.
set -u
directory=$1
socket=$directory/docker.sock
if [ "${2:-start}" = stop ]; then
  [ ! -f "$directory/pid" ] || kill "$(cat "$directory/pid")"
  exit 0
fi
answers() { docker --host "unix://$socket" version >/dev/null 2>&1; }
mkdir -p "$directory/config/cli-plugins"
if ! answers; then
  command -v dockerd >/dev/null || { echo 'services: dockerd is missing, so tests with containers will be skipped'; exit 0; }
  rm -f "$directory/pid"
  setsid dockerd --bridge=none --iptables=false --ip6tables=false --ip-forward=false --exec-opt native.cgroupdriver=cgroupfs \
    --data-root "$directory/data" --exec-root "$directory/exec" --pidfile "$directory/pid" --host "unix://$socket" \
    >"$directory/log" 2>&1 </dev/null &
  tries=0
  until answers; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { echo "services: dockerd did not start (see $directory/log), so tests with containers will be skipped"; exit 0; }
    sleep 0.2
  done
fi
[ ! -x "$directory/config/cli-plugins/docker-compose" ] || exit 0
# Debian 12 has no Compose 2; the plug-in is one static program of a newer package.
echo 'services: fetching the Compose plug-in'
work=$(mktemp -d) && chmod 755 "$work" && mkdir -p "$work/lists/partial"
trap 'rm -rf "$work"' EXIT
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" >"$work/sources.list"
apt() { apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists" "$@"; }
if apt update && (cd "$work" && apt download docker-compose) && dpkg-deb -x "$work"/docker-compose_*.deb "$work/compose"; then
  cp "$(find "$work/compose" -path '*cli-plugins/docker-compose' | head -n 1)" "$directory/config/cli-plugins/docker-compose"
else
  echo 'services: no Compose plug-in, so its tests will be skipped'
fi
