#!/usr/bin/env bash
# A machine that does not play along: ports in use, read-only and closed folders, full disks, too few descriptors, a host and a
# token that come twice. Each says what, where and what to do, and nothing is lost. Usage: broken_machine.sh BIN_DIR SOURCE_DIR

if [ "$(id -u)" != 0 ]; then echo "skipped: mounting small and read-only file systems needs root"; exit 77; fi
# Mounts are seen by this story alone and end with it.
if [ -z "${FLEETSWEEP_STORY_MOUNTS:-}" ]; then
  exec env FLEETSWEEP_STORY_MOUNTS=private unshare -m --propagation private bash "$0" "$@"
fi
source "$(dirname "$0")/story.sh"
story_start "$@"

MOUNTS=()
story_clean() {
  local folder
  for folder in "${MOUNTS[@]}" "$STORY/ro"; do umount -l "$folder" 2>/dev/null || :; done
}
small() {  # small FOLDER SIZE: a file system that is soon full
  mkdir -p "$1"
  mount -t tmpfs -o "size=$2,mode=700" fleetsweep-story "$1"
  MOUNTS+=("$1")
}
fill() { dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || :; }
free() { rm "$1/filler"; }
read_only() {  # read_only FOLDER: the same folder at $STORY/ro, not to be written
  mkdir -p "$STORY/ro"
  mount --bind "$1" "$STORY/ro"
  mount -o remount,ro,bind "$STORY/ro"
}
writable() { umount "$STORY/ro"; }

# says "TEXT" COMMAND...: the command ends with 1 and says all of TEXT, whose parts are separated by " .. ".
says() {
  local text=$1 part code=0; shift
  "$@" >"$STORY/said" 2>&1 || code=$?
  cat "$STORY/said"
  [ $code = 1 ] || { echo "ended with $code"; return 1; }
  while [ -n "$text" ]; do
    part=${text%%" .. "*}
    grep -qF -- "$part" "$STORY/said" || { echo "does not say: $part"; return 1; }
    case $text in *" .. "*) text=${text#*" .. "} ;; *) text= ;; esac
  done
}
digest() { (cd "$1" && find . -type f ! -name lock ! -name '*-shm' ! -name '*-wal' -print0 | sort -z | xargs -0 sha256sum); }

world_start "$BIN" "$SOURCE"
small "$WORLD/controller" 4m
small "$WORLD/witness" 1m
world_keys
world_services
host_new web-1
host_infect web-1
manifest "$(host_root web-1)" >"$WORLD/hosts/web-1/before"
small "$WORLD/hosts/web-1/state" 4m
small "$WORLD/hosts/web-1/state/act" 2m
host_enrol web-1
agent_start web-1
wait_for agents_connected 1
STATE=$WORLD/hosts/web-1/state

# --- ports in use
"$BIN/fleetsweep-controller" init --state "$STORY/other" --origin other.example/log >/dev/null
"$BIN/fleetsweep-witness" init --state "$STORY/other-witness" --name other.example/witness >/dev/null
digest "$STORY/other" >"$STORY/other.before"
other() {  # other OPTION VALUE: a second controller, all of whose ports are free but this one
  local key value arguments=() number=5
  for key in agent_listen enrol_listen api_listen metrics_listen; do
    value=127.0.0.1:$(free_port $number) number=$((number + 1))
    case $key in agent_listen | enrol_listen) value=tcp://$value ;; esac
    if [ $key = "$1" ]; then value=$2; fi
    arguments+=("--$key" "$value")
  done
  "$BIN/fleetsweep-controller" run --state "$STORY/other" "${arguments[@]}"
}
in_use="the port is in use by another program .. name another port"
for key in agent_listen enrol_listen; do
  expect "$key in use: says which, and what to do" says "$key: .. tcp://127.0.0.1:$AGENT_PORT: .. $in_use" other $key "tcp://127.0.0.1:$AGENT_PORT"
done
for key in api_listen metrics_listen; do
  expect "$key in use: says which, and what to do" says "$key: .. 127.0.0.1:$API_PORT: .. $in_use" other $key "127.0.0.1:$API_PORT"
done
expect "the witness' port in use: says which, and what to do" says "127.0.0.1:$WITNESS_PORT: .. $in_use" \
  "$BIN/fleetsweep-witness" run --state "$STORY/other-witness" --listen "127.0.0.1:$WITNESS_PORT" --log "$(jq -r .log_vkey <<<"$CONTROLLER")"
expect "a second controller with the same state is told of the first" says "another fleetsweep-controller is running with this state ($WORLD/controller, pid ${PID[controller]})" \
  "$BIN/fleetsweep-controller" run --config "$WORLD/controller.conf"

# --- too few file descriptors
expect "too few descriptors: how many are needed, how many there are, what to do" \
  says "need 968 open files, this process may have 64: raise .. or serve fewer agents" prlimit --nofile=64:64 "$BIN/fleetsweep-controller" run --state "$STORY/other" --agents_max 100
few="open files, this process may have 64: raise .. ulimit -n"
expect "too few descriptors for the agent's scan" says "the agent needs 320 $few" \
  prlimit --nofile=64:64 "$BIN/fleetsweep-agent" run --state "$STATE" --root "$(host_root web-1)"
expect "too few descriptors for the witness" says "the witness needs 64 ${few/64/8}" \
  prlimit --nofile=8:8 "$BIN/fleetsweep-witness" run --state "$STORY/other-witness" --listen "127.0.0.1:$(free_port 9)" --log "$(jq -r .log_vkey <<<"$CONTROLLER")"

# --- a read-only state directory
cannot_write="the file system is read-only: mount it writable"
read_only "$STORY/other"
expect "controller on a read-only disk" says "$STORY/ro/lock .. $cannot_write" "$BIN/fleetsweep-controller" run --state "$STORY/ro"
writable
read_only "$STORY/other-witness"
expect "witness on a read-only disk" says "$STORY/ro/lock .. $cannot_write" "$BIN/fleetsweep-witness" run --state "$STORY/ro" --listen "127.0.0.1:$(free_port 9)" --log "$(jq -r .log_vkey <<<"$CONTROLLER")"
writable
stop agent-web-1
read_only "$STATE"
expect "agent on a read-only disk" says "$STORY/ro/lock .. $cannot_write" "$BIN/fleetsweep-agent" run --state "$STORY/ro" --root "$(host_root web-1)"
writable

# --- missing permissions
chmod 711 "$STORY" "$WORLD" "$WORLD/hosts" "$WORLD/hosts/web-1"
stranger() { setpriv --reuid 64123 --regid 64123 --clear-groups "$@"; }
denied="permission denied for user 64123: run this as its owner"
expect "a stranger starts the controller" says "$STORY/other/origin .. $denied" stranger "$BIN/fleetsweep-controller" run --state "$STORY/other"
expect "nobody tells him to make a new one there" not grep -q init "$STORY/said"
chmod 711 "$STORY/other-witness"
expect "a stranger starts the witness" says "$STORY/other-witness/lock .. $denied" \
  stranger "$BIN/fleetsweep-witness" run --state "$STORY/other-witness" --listen "127.0.0.1:$(free_port 9)" --log "$(jq -r .log_vkey <<<"$CONTROLLER")"
expect "nobody tells him to make a new witness there" not grep -q init "$STORY/said"
chmod 700 "$STORY/other-witness"
expect "a stranger starts the agent" says "$STATE .. $denied" stranger "$BIN/fleetsweep-agent" run --state "$STATE"
expect "nobody tells him to enrol there" not grep -q "enrol TOKEN" "$STORY/said"
expect "a stranger makes a state folder" says "$WORLD/new .. $denied" stranger "$BIN/fleetsweep-controller" init --state "$WORLD/new" --origin new.example/log
expect "none of this changed the other controller's state" diff <(digest "$STORY/other" | grep -v controller.db) <(grep -v controller.db "$STORY/other.before")
agent_start web-1
expect "the agent goes on where it was" wait_for agent_status web-1 .connected

# --- twice
new_token() { cat "$(fs --json agent enrol-token --key "$WORLD/keys/alice.key" --group demo --jurisdiction DE --out "$WORLD/tokens" 2>/dev/null | jq -r '.tokens[0]')"; }
enrol() { "$BIN/fleetsweep-agent" enrol "$1" --connect "tcp://127.0.0.1:$ENROL_PORT" --state "$WORLD/hosts/$2/state" --root "$(host_root "${3:-$2}")"; }
token=$(new_token)
stop agent-web-1
cp "$STATE/enrolment" "$STORY/enrolment"
expect "an agent is enrolled twice" says "this host is enrolled already, as .. move $STATE away" enrol "$token" web-1
expect "its enrolment is untouched" cmp "$STATE/enrolment" "$STORY/enrolment"
agent_start web-1
mkdir -p "$WORLD/hosts/clone"
expect "the same host with another state is told which agent it is" says "refused: .. this host is enrolled already as agent .. a cloned image needs a machine id of its own" enrol "$token" clone web-1
host_new web-2
host_new web-3
expect "the token that nobody used yet still serves" enrol "$token" web-2
expect "a token is used twice" says "refused: .. the token was used 1 time(s), which is all: ask for a new one" enrol "$token" web-3
expect "the refused host has no enrolment" test ! -e "$WORLD/hosts/web-3/state/enrolment"
expect "with a new token it is enrolled" enrol "$(new_token)" web-3

# --- the controller's disk is full
order() { campaign_order "$1" full --jurisdiction DE --host web-1; }
is_ready() { curl -fsS "http://127.0.0.1:$API_PORT/readyz"; }
full="controller.db .. disk is full; free space on its file system, nothing was lost"
wait_for agents_connected 1
agents=$(fs --json agent list | jq -c 'map(.agent) | sort')
fill "$WORLD/controller"
expect "controller, disk full: the operator is told which disk" says "$full" fs agent enrol-token --key "$WORLD/keys/alice.key" --group demo --jurisdiction DE --out "$STORY"
expect "controller, disk full: /readyz says so" wait_for not is_ready
expect "controller, disk full: the log says so" grep -q 'commit_failed.*disk is full' "$WORLD/log/controller"
free "$WORLD/controller"
expect "controller with space again goes on by itself" wait_for order dry-run
expect "the dry run has found" wait_for campaign_has full found 1
order apply
fill "$WORLD/controller"  # what is said of it finds no room
stop controller KILL
free "$WORLD/controller"
controller_start
expect "killed on a full disk and started again: what was logged is carried out" wait_for campaign_has full verified 1
expect "no enrolled agent is lost" test "$(fs --json agent list | jq -c 'map(.agent) | sort')" = "$agents"

# --- the witness' disk is full
fill "$WORLD/witness"
order dry-run
expect "witness, disk full: its log says which file" wait_for grep -q 'refused.*status=503.*/witness/logs/.*disk is full' "$WORLD/log/witness"
expect "what no witness has seen is not carried out" agent_says web-1 "$ORDER" "unknown: no order with this id"
free "$WORLD/witness"
expect "witness with space again goes on by itself, and the order is carried out" wait_for agent_says web-1 "$ORDER" done

# --- the agent's disk is full
fill "$STATE"
fs campaign undo full --host web-1 --hosts 1 --key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key" >>"$WORLD/log/orders" 2>&1
agent_says_full() { grep -q 'core_ends.*core.db.*disk is full; free space' "$WORLD/log/agent-web-1"; }
expect "agent, disk full: its log says which disk" wait_for agent_says_full
expect "agent, disk full: it does nothing that it cannot remember" not unchanged web-1
free "$STATE"
expect "agent with space again goes on by itself" wait_for campaign_has full undone 1
expect "web-1: as before, byte for byte" unchanged web-1

# --- act's disk is full
lookalike_start web-1
order dry-run
expect "a new dry run has found" wait_for campaign_has full found 1
fill "$STATE/act"
order apply
has_reason() { [ "$(host_reason full web-1)" = "$1" ]; }
expect "vault and journal full: the host says disk_full" wait_for has_reason disk_full
expect "nothing was touched" unchanged web-1
expect "no process was left standing" not is_held "${LOOKALIKE_PID[web-1]}"
free "$STATE/act"
order dry-run
expect "found again" wait_for campaign_has full found 1
order apply
expect "with room and a new order it is cleaned and verified" wait_for campaign_has full verified 1
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"
story_end
