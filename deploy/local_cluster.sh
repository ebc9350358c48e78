#!/usr/bin/env bash
# A cluster on this machine: 2 gateways, 2 workers, 2 persisters as processes, with certificates of a
# CA of its own and a PostgreSQL that they share, from the files in configs/cluster.
# `./dev cluster up|down|status` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

state=${WEIR_CLUSTER_DIR:-build/cluster}
weir=${WEIR_BINARY:-build/release/weir}
nodes="gateway-1 gateway-2 worker-1 worker-2 persister-1 persister-2"

# Where a user that is not root can get at it, one for each checkout. WEIR_POSTGRES: another server.
database=/var/tmp/weir-postgres-$(id -u)-$(printf %s "$PWD" | cksum | cut -d' ' -f1)
export WEIR_POSTGRES=${WEIR_POSTGRES:-$(deploy/local_postgres.sh url "$database")}

die() { printf 'cluster: %s\n' "$*" >&2; exit 1; }
number() { local i=0 n; for n in $nodes; do [ "$n" = "$1" ] && break; i=$((i + 1)); done; printf '%s' "$i"; }
cluster_port() { printf '%s' $((7400 + $(number "$1"))); }
operations_port() { printf '%s' $((9100 + $(number "$1"))); }
ingest_port() { printf '%s' $((8080 + $(number "$1"))); }
alive() { [ -f "$state/$1/pid" ] && kill -0 "$(cat "$state/$1/pid")" 2>/dev/null; }

certificates() {
  [ -f "$state/certs/ca.pem" ] || "$weir" certs init "$state/certs" >/dev/null
  local node
  for node in $nodes; do
    [ -f "$state/certs/$node.pem" ] || "$weir" certs issue "$node" "$state/certs" >/dev/null
  done
}

start() {
  local node=$1 at
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
  certificates
  [ "$WEIR_POSTGRES" != "$(deploy/local_postgres.sh url "$database")" ] ||
    deploy/local_postgres.sh up "$database" >/dev/null
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
operations   http://127.0.0.1:$(operations_port gateway-1) … $(operations_port persister-2)
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

case "${1:-}" in
up | down) "$1" ;;
status) status ;;
start) start "${2:?a node}" ;;
clean) down && rm -rf "$state" "$database" ;;
*) die "usage: ./dev cluster up|down|status|start NODE|clean" ;;
esac
