# Shared by the demo and the end-to-end tests: a private world of one controller, one witness and some agents, all real
# binaries on loopback, all in one temporary directory, all gone at the end.
#
#   world_start BIN_DIR SOURCE_DIR      makes $WORLD and its keys; starts witness and controller; founds the tenant
#   host_new NAME                       an agent's private root under $WORLD/hosts/NAME/root
#   host_enrol NAME, agent_start NAME
#   world_stop                          ends every process it started, by pid, and removes $WORLD

set -euo pipefail

WORLD=
CONTROLLER_HOST=127.0.0.1  # where agents find it; a story may put it into another network
declare -A PID=()   # name -> pid of everything we started
declare -a STRAY=() # pids of look-alike processes

fs() { "$BIN/fleetsweep" --yes "$@"; }

# on_exit FUNCTION: however the script ends, FUNCTION CODE is the last that runs, and its words go where the script's went.
on_exit() {
  STOPPED=
  exec {SAID}>&2
  trap "last $1 \${STOPPED:-\$?}" EXIT
  # When a child that bash has forked and that is nothing else yet dies of the same signal, bash runs no more of this trap than its
  # first command, and then the one of EXIT.
  trap 'STOPPED=130; exit 130' INT TERM
}
last() {
  trap '' INT TERM  # an impatient second Ctrl-C must not end the cleaning up
  trap - EXIT
  exec 2>&"$SAID"   # a signal also comes within a function whose output goes elsewhere
  "$@"
  exit "$2"
}

# The N-th port of a block that stories running beside this one do not look at; nobody listens there now.
free_port() {  # free_port N, 0 to 9
  local port=$((20000 + $$ % 1200 * 10 + $1))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((20000 + (port - 13990) % 12000)); done
  echo "$port"
}

# How long anything is waited for, in seconds: longer than the busiest machine takes, for it costs only who fails.
PATIENCE=180
# wait_for COMMAND...: until it succeeds; fails loudly when patience ends.
wait_for() {
  local deadline=$((SECONDS + PATIENCE))
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      echo "gave up waiting for: $*" >&2
      return 1
    fi
    sleep 0.05
  done
}

start() {  # start NAME COMMAND...: in the background, its output in $WORLD/log/NAME
  local name=$1; shift
  "$@" >>"$WORLD/log/$name" 2>&1 &
  PID[$name]=$!
}

stop() {  # stop NAME [SIGNAL]: ends it and waits
  local name=$1 pid=${PID[$1]:-}
  [ -n "$pid" ] || return 0
  kill "-${2:-TERM}" "$pid" 2>/dev/null || :
  wait "$pid" 2>/dev/null || :
  unset "PID[$name]"
}

world_start() {
  BIN=$(realpath "$1") SOURCE=$(realpath "$2")
  WORLD=$(mktemp -d "${TMPDIR:-/tmp}/fleetsweep.XXXXXX")
  mkdir -p "$WORLD"/{log,keys,hosts,tokens}
  chmod 711 "$WORLD"  # as root, the agent's core is a user of its own and passes through to its state
  AGENT_PORT=$(free_port 0) ENROL_PORT=$(free_port 1) API_PORT=$(free_port 2) METRICS_PORT=$(free_port 3) WITNESS_PORT=$(free_port 4)
  export FLEETSWEEP_URL="http://127.0.0.1:$API_PORT" FLEETSWEEP_TOKEN_FILE="$WORLD/keys/api.token"
  METRICS_URL="http://127.0.0.1:$METRICS_PORT/metrics"
}

make_key() { fs key create "$WORLD/keys/$1.key" --holder "$1" --unencrypted >/dev/null; }  # a story may make others

world_keys() {  # world_keys [JSON]: merged into the root's policy
  local person policy=${1:-}
  [ -n "$policy" ] || policy={}
  for person in alice bob carol; do
    make_key "$person"
  done
  CONTROLLER=$("$BIN/fleetsweep-controller" init --state "$WORLD/controller" --origin demo.fleetsweep.example/log)
  WITNESS=$("$BIN/fleetsweep-witness" init --state "$WORLD/witness" --name demo.fleetsweep.example/witness)
  jq -n --argjson controller "$CONTROLLER" --argjson witness "$WITNESS" --argjson policy "$policy" '{
    keys: [{holder: "alice", public: "@alice.key.pub"}, {holder: "bob", public: "@bob.key.pub"}, {holder: "carol", public: "@carol.key.pub"}],
    conductor: $controller.conductor, logs: [$controller.log_vkey], witnesses: [$witness.vkey], witness_quorum: 1,
    time_keys: [$witness.time_key],
    policy: {cool_off: {contain: "3s", clean: "3s", destroy: "24h"}, offline_grace_max: {clean: "1h"}}}
    | .policy *= $policy' >"$WORLD/keys/root.json"
  fs root init --spec "$WORLD/keys/root.json" --evidence-key "$WORLD/keys/evidence.key" --out "$WORLD/keys/root.dsse" >>"$WORLD/log/founding" 2>&1
  for person in alice bob carol; do
    fs root sign "$WORLD/keys/root.dsse" --key "$WORLD/keys/$person.key" >/dev/null 2>&1
  done
}

world_services() {
  cat >"$WORLD/witness.conf" <<TEXT
state = $WORLD/witness
listen = 127.0.0.1:$WITNESS_PORT
log = $(jq -r .log_vkey <<<"$CONTROLLER")
TEXT
  cat >"$WORLD/controller.conf" <<TEXT
state = $WORLD/controller
agent_listen = tcp://$CONTROLLER_HOST:$AGENT_PORT
enrol_listen = tcp://$CONTROLLER_HOST:$ENROL_PORT
api_listen = 127.0.0.1:$API_PORT
metrics_listen = 127.0.0.1:$METRICS_PORT
witness = http://127.0.0.1:$WITNESS_PORT
checkpoint_interval = 1s
heartbeat = 5s
agents_max = 100
TEXT
  start witness "$BIN/fleetsweep-witness" run --config "$WORLD/witness.conf"
  wait_for curl -fsS "http://127.0.0.1:$WITNESS_PORT/healthz"
  "$BIN/fleetsweep-controller" token create --state "$WORLD/controller" --role admin --out "$WORLD/keys/api.token" >/dev/null
  controller_start
  fs root submit "$WORLD/keys/root.dsse" >>"$WORLD/log/founding" 2>&1
  fs endpoints publish --relay "tcp://$CONTROLLER_HOST:$AGENT_PORT=$(jq -r .edge_curve <<<"$CONTROLLER")" --key "$WORLD/keys/alice.key" >>"$WORLD/log/founding" 2>&1
}

controller_start() {
  start controller "$BIN/fleetsweep-controller" run --config "$WORLD/controller.conf"
  wait_for curl -fsS "http://127.0.0.1:$API_PORT/healthz"
}

host_enrol() {
  local name=$1 root=$WORLD/hosts/$1/root state=$WORLD/hosts/$1/state token
  token=$(fs --json agent enrol-token --key "$WORLD/keys/alice.key" --group demo --jurisdiction DE --out "$WORLD/tokens" 2>/dev/null | jq -r '.tokens[0]')
  "$BIN/fleetsweep-agent" enrol "$(cat "$token")" --connect "tcp://$CONTROLLER_HOST:$ENROL_PORT" --state "$state" --root "$root" >>"$WORLD/log/enrol" 2>&1
}

agent_start() {
  local name=$1
  start "agent-$name" "$BIN/fleetsweep-agent" run --state "$WORLD/hosts/$name/state" --root "$WORLD/hosts/$name/root" \
    --reconnect_min 50ms --reconnect_max 500ms
}

# sign_order FILE PERSON [FLAG...]: as somebody does who has read the plan, the number of hosts in it too.
hosts_in() { fs --json order show "$1" 2>/dev/null | jq -e .review.hosts.total; }
sign_order() {
  local file=$1 person=$2 hosts; shift 2
  hosts=$(hosts_in "$file") || return 1
  fs order sign "$file" --key "$WORLD/keys/$person.key" --hosts "$hosts" "$@"
}

agents_connected() { [ "$(fs --json agent list | jq '[.[] | select(.state == "online")] | length')" = "$1" ]; }
campaign_states() { fs --json campaign status "$1" | jq -c .states; }
campaign_has() { [ "$(fs --json campaign status "$1" | jq ".states.$2 // 0")" = "$3" ]; }  # CAMPAIGN STATE COUNT
host_state() { fs --json campaign hosts "$1" | jq -r --arg host "$2" '.[] | select(.hostname == $host) | .state'; }
host_reason() { fs --json campaign hosts "$1" | jq -r --arg host "$2" '.[] | select(.hostname == $host) | .reason'; }

# What is in a tree, made by tools that are not ours: names, types, modes, owners, times, links, content, attributes.
manifest() {
  (cd "$1" && find . -printf '%p %y %m %U:%G %T@ %s %l\n' | sort
   find . -type f -print0 | sort -z | xargs -0r sha256sum
   find . -print0 | sort -z | xargs -0r getfattr -hd -m - --absolute-names 2>/dev/null)
}

world_is_empty() { ! pgrep -f -- "$WORLD" >/dev/null; }

world_stop() {
  local name pid
  for name in "${!PID[@]}"; do kill -TERM "${PID[$name]}" 2>/dev/null || :; done
  for pid in "${STRAY[@]}"; do kill -KILL "$pid" 2>/dev/null || :; done
  for name in "${!PID[@]}"; do wait "${PID[$name]}" 2>/dev/null || :; done
  PID=() STRAY=()
  # What an agent started ends a moment after it, and until then may still make files: everything of this world names its
  # folder on its command line.
  if [ -n "$WORLD" ]; then
    wait_for world_is_empty || pgrep -af -- "$WORLD" >&2 || :
    wait_for rm -rf "$WORLD"
  fi
  WORLD=
}
