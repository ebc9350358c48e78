#!/usr/bin/env bash
# A PostgreSQL server of one's own for trying things out: in a directory, on a Unix socket, by a user
# that is not root, without touching whatever else runs on the machine.
#   deploy/local_postgres.sh up|down|url|psql [DIR]
set -eEuo pipefail
trap 'printf "postgres: failed in line %s: %s\n" "$LINENO" "$BASH_COMMAND" >&2' ERR

command=${1:-}
directory=$(realpath -m "${2:-${WEIR_POSTGRES_DIR:-/var/tmp/weir-postgres-$(id -u)}}")
versions=${WEIR_POSTGRES_VERSIONS:-/usr/lib/postgresql}
binaries=$( (find "$versions" -mindepth 1 -maxdepth 1 2>/dev/null || true) | sort -V | tail -n 1)/bin

die() { trap - ERR; printf 'postgres: %s\n' "$*" >&2; exit 1; }
as_owner() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}
url() { printf 'host=%s user=weir dbname=weir\n' "$directory"; }
running() { "$binaries/pg_isready" -q -h "$directory"; }

present() { [ -x "$binaries/postgres" ] || die "PostgreSQL is missing: apt-get install postgresql"; }

up() {
  present
  running && return
  if [ ! -d "$directory/data" ]; then
    mkdir -p "$directory"
    [ "$(id -u)" != 0 ] || chown postgres: "$directory"
    (cd / && as_owner "$binaries/initdb" -D "$directory/data" -U weir -A trust --locale=C -E UTF8 >/dev/null)
  fi
  # Nobody but this user, and weir as root, gets at the socket's directory.
  chmod 700 "$directory"
  (cd / && as_owner "$binaries/pg_ctl" -D "$directory/data" -l "$directory/log" -w start \
    -o "-k '$directory' -c listen_addresses= -c unix_socket_permissions=0700" >/dev/null) ||
    die "does not start; see $directory/log"
  "$binaries/psql" -Xqtc "SELECT 1 FROM pg_database WHERE datname = 'weir'" -h "$directory" -U weir postgres | grep -q 1 ||
    "$binaries/createdb" -h "$directory" -U weir weir
}

down() {
  [ -x "$binaries/postgres" ] && running || return 0
  (cd / && as_owner "$binaries/pg_ctl" -D "$directory/data" -m fast -w stop >/dev/null)
}

case $command in
up) up && url ;;
down | url) "$command" ;;
psql) present && exec "$binaries/psql" -d "$(url)" ;;
*) die "usage: deploy/local_postgres.sh up|down|url|psql [DIR]" ;;
esac
