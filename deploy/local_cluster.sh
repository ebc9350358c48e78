#!/usr/bin/env bash
# A cluster on this machine: 2 gateways, 2 workers, 2 persisters as processes, with certificates of a
# CA of its own and a PostgreSQL that they share, from the files in configs/cluster.
# `./dev cluster up|down|status` calls it.
#
# Node number i (from 0) has three ports: BASE + 10 i for records (gateways), the next one for
# operations, and the one after that for the other nodes. BASE is 8080 unless --ports or
# WEIR_CLUSTER_PORTS says otherwise; what `up` took is remembered for the other commands.
set -euo pipefail
cd "$(dirname "$0")/.."

state=${WEIR_CLUSTER_DIR:-build/cluster}
weir=${WEIR_BINARY:-build/release/weir}
nodes="gateway-1 gateway-2 worker-1 worker-2 persister-1 persister-2"
default_base=8080

# Where a user that is not root can get at it, one for each checkout. WEIR_POSTGRES: another server.
database=/var/tmp/weir-postgres-$(id -u)-$(printf %s "$PWD" | cksum | cut -d' ' -f1)
local_url=$(deploy/local_postgres.sh url "$database")
export WEIR_POSTGRES=${WEIR_POSTGRES:-$local_url}

die() { printf 'cluster: %s\n' "$*" >&2; exit 1; }
usage() {
  cat <<'TEXT'
usage: ./dev cluster [--ports BASE] COMMAND

  up          start 2 gateways, 2 workers, 2 persisters and a PostgreSQL on this machine
  status      members, links and what is in flight
  start NODE  start one node again, for example gateway-1
  down        stop all of it (data stays)
  clean       stop all of it and remove its data

  --ports BASE  the first of the ports (or WEIR_CLUSTER_PORTS; default 8080): node number i, from 0,
                has BASE + 10 i for records, BASE + 10 i + 1 for operations, BASE + 10 i + 2 for
                the other nodes
TEXT
}

number() { local i=0 n; for n in $nodes; do [ "$n" = "$1" ] && break; i=$((i + 1)); done; printf '%s' "$i"; }
ingest_port() { printf '%s' $((base + 10 * $(number "$1"))); }
operations_port() { printf '%s' $((base + 10 * $(number "$1") + 1)); }
cluster_port() { printf '%s' $((base + 10 * $(number "$1") + 2)); }
alive() { [ -f "$state/$1/pid" ] && kill -0 "$(cat "$state/$1/pid")" 2>/dev/null; }
any_alive() { local n; for n in $nodes; do ! alive "$n" || return 0; done; return 1; }

# The base that is asked for, or the one of the cluster that was last started, or the default.
choose_base() {
  local asked=$1 last=
  [ ! -f "$state/ports" ] || last=$(cat "$state/ports")
  base=${asked:-${last:-$default_base}}
  case $base in '' | *[!0-9]*) die "--ports: '$base': expected a port number" ;; esac
  if [ "${#base}" -gt 5 ] || [ "$base" -lt 1024 ] || [ "$base" -gt 65483 ]; then
    die "--ports: $base: expected 1024 … 65483, as 53 ports from it on are used"
  fi
  [ -z "$last" ] || [ "$base" = "$last" ] || ! any_alive ||
    die "the cluster runs on ports from $last on: ./dev cluster down, then up with the new ones"
}

# A port is taken when somebody listens on it.
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_ports() {
  local node port found=
  for node in $nodes; do
    ! alive "$node" || continue
    for port in "$(operations_port "$node")" "$(cluster_port "$node")" \
      $(case $node in gateway-*) ingest_port "$node" ;; esac); do
      ! taken "$port" || found+=" $port ($node)"
    done
  done
  [ -z "$found" ] ||
    die "taken by another process:$found; choose other ports, for example: ./dev cluster --ports $((base < 60000 ? base + 1000 : 20080)) up"
}

certificates() {
  [ -f "$state/certs/ca.pem" ] || "$weir" certs init "$state/certs" >/dev/null
  local node
  for node in $nodes; do
    [ -f "$state/certs/$node.pem" ] || "$weir" certs issue "$node" "$state/certs" >/dev/null
  done
}

start() {
  local node=$1 at
  case " $nodes " in *" $node "*) ;; *) die "$node: expected one of $nodes" ;; esac
  alive "$node" && return
  mkdir -p "$state/$node"
  at="127.0.0.1:$(cluster_port "$node")"
  WEIR_NODE=$node WEIR_DATA="$state/$node/data" WEIR_CERTS="$(realpath "$state/certs")" \
    WEIR_CLUSTER_LISTEN=$at WEIR_CLUSTER_ADVERTISE=$at \
    WEIR_CLUSTER_SEEDS="127.0.0.1:$(cluster_port gateway-1),127.0.0.1:$(cluster_port gateway-2)" \
    WEIR_INGEST_LISTEN="127.0.0.1:$(ingest_port "$node")" \
    WEIR_OPERATIONS_LISTEN="127.0.0.1:$(operations_port "$node")" \
    setsid "$weir" run --config "configs/cluster/${node%-*}.yaml" >>"$state/$node/log" 2>&1 </dev/null &
  echo $! >"$state/$node/pid"
}

ready() { curl -fsS -o /dev/null "http://127.0.0.1:$(operations_port "$1")/readyz" 2>/dev/null; }

up() {
  [ -x "$weir" ] || die "$weir is missing: ./dev build"
  free_ports
  mkdir -p "$state"
  certificates
  [ "$WEIR_POSTGRES" != "$local_url" ] || deploy/local_postgres.sh up "$database" >/dev/null
  echo "$base" >"$state/ports"
  local node i
  for node in $nodes; do start "$node"; done
  for node in $nodes; do
    for ((i = 0; ; i++)); do
      ready "$node" && break
      alive "$node" || die "$node ended: $(tail -n 3 "$state/$node/log")"
      [ "$i" -lt 200 ] || die "$node is not ready; see $state/$node/log"
      sleep 0.1
    done
  done
  (status)
  cat <<TEXT

send to      http://127.0.0.1:$(ingest_port gateway-1) or http://127.0.0.1:$(ingest_port gateway-2)
operations   http://127.0.0.1:$(operations_port gateway-1), then every tenth port to $(operations_port persister-2)
logs, data   $state/NODE/
records      psql -d '$WEIR_POSTGRES' -c 'select * from records limit 5'
TEXT
}

down() {
  local node i
  for node in $nodes; do
    alive "$node" && kill "$(cat "$state/$node/pid")"
  done
  for node in $nodes; do
    for ((i = 0; i < 150; i++)); do alive "$node" || break; sleep 0.1; done
    alive "$node" && kill -KILL "$(cat "$state/$node/pid")"
    rm -f "$state/$node/pid"
  done
  rm -f "$state/ports"
  deploy/local_postgres.sh down "$database"
}

status() {
  local node
  for node in $nodes; do
    alive "$node" || continue
    "$weir" cluster status --url "http://127.0.0.1:$(operations_port "$node")"
    return
  done
  die "no node runs: ./dev cluster up"
}

asked=${WEIR_CLUSTER_PORTS:-}
case ${1:-} in
--ports) asked=${2:?--ports needs the first port}; shift 2 ;;
--ports=*) asked=${1#--ports=}; shift ;;
esac
case ${1:-} in
up | down | status | clean) [ $# = 1 ] || die "$1 takes nothing more; --ports comes before it" ;;
esac
case ${1:-} in
up | down | status) choose_base "$asked"; "$1" ;;
start) choose_base "$asked"; start "${2:?a node}" ;;
clean) choose_base "$asked"; down; rm -rf "$state" "$database" ;;
-h | --help | help) usage ;;
*) usage >&2; exit 2 ;;
esac
