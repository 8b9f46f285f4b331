#!/usr/bin/env bash
# An order acts neither before its time nor without contact, unless its signers granted a grace: then the time comes even when
# controller and witness are gone. Usage: time_gate.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world '{"checkpoint_age_max": {"clean": "4s"}}'
HOSTS=(past-1 later-1 grace-1 stale-1)
for host in "${HOSTS[@]}"; do story_host "$host" infected; done
wait_for agents_connected 4
campaign_order dry-run gate --jurisdiction DE
expect "the dry run found all four" wait_for campaign_has gate found 4

at() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
infected() { [ -e "$(host_root "$1")$LOOKALIKE_FOLDER/lookalike" ]; }
apply() {  # apply HOST UNIX_TIME [FLAG...]
  local host=$1 time=$2; shift 2
  campaign_order apply gate --jurisdiction DE --host "$host" --not-before "$(at "$time")" "$@"
}
witnessed_since() { [ "$(date -d "$(agent_status "$1" .witness_time)" +%s)" -ge "$2" ]; }
state_is() { local state; state=$(host_state gate "$1"); echo "$1 is $state"; [ "$state" = "$2" ]; }
started_by_time() {  # ORDER UNIX_TIME: no receipt of the cleaning says that it began earlier
  fs --json campaign hosts gate | jq -e --arg order "$1" --argjson time "$2" \
    '[.[] | select(.order == $order)] | length == 1 and (.[0].finished | fromdate) >= $time'
}
waits() {  # HOST ORDER
  expect "$1 has it and says when it is due" wait_for agent_says "$1" "$2" "waiting for time: due "
  expect "the controller shows $1 as waiting" state_is "$1" waiting
}
day=$(date +%s)

apply past-1 $((day - 3600)); past=$ORDER
expect "an order whose time has passed runs at once" wait_for state_is past-1 verified

soon=$(($(date +%s) + 15))
apply later-1 $soon; later=$ORDER
waits later-1 "$later"
expect "later-1: nothing is touched before its time" unchanged later-1
expect "later-1: at its time it acts" wait_for state_is later-1 verified
expect "later-1: not a second before" started_by_time "$later" $soon

# Time enough for a busy machine to hand out both orders and see them cool off.
silent=$(($(date +%s) + 40))
apply grace-1 $silent --offline-grace 30m; grace=$ORDER
apply stale-1 $silent; stale=$ORDER
for name in grace stale; do waits $name-1 "${!name}"; done
cooled=$(($(date +%s) + 4))  # of what both have by now

# Orders, policy and cool-off are behind them: now everybody they could ask goes away.
for name in grace stale; do expect "$name-1: the order has cooled off" wait_for witnessed_since $name-1 $cooled; done
stop controller
stop witness
expect "that was before their time" test "$(date +%s)" -lt $silent
for name in grace stale; do expect "$name-1: untouched while it waits alone" unchanged $name-1; done
expect "grace-1: the order's grace holds: it acts at its time, alone" wait_for not infected grace-1
expect "grace-1: not a second before" test "$(date +%s)" -ge $silent
expect "grace-1: and rescans, alone" wait_for agent_says grace-1 "$grace" "done: verified"
expect "grace-1: its receipts wait" agent_status grace-1 '.connected == false and .outbox >= 1'
expect "stale-1: without a grace it refuses, and says why" wait_for agent_says stale-1 "$stale" "refused: stale: the newest checkpoint is .* old, class clean allows 4s"
expect "stale-1: nothing was touched" unchanged stale-1

start witness "$BIN/fleetsweep-witness" run --config "$WORLD/witness.conf"
wait_for curl -fsS "http://127.0.0.1:$WITNESS_PORT/healthz"
controller_start
expect "grace-1: what it did alone is heard of" wait_for state_is grace-1 verified
expect "grace-1: the cleaning counts once" receipts_are "$grace" "kind = 'clean'" 1
expect "grace-1: so does its rescan" receipts_are "$grace" "kind = 'verify'" 1
expect "stale-1: so is the refusal" wait_for receipts_are "$stale" "kind = 'refused' and reason = 'stale'" 1
expect "stale-1: in contact again it acts" wait_for state_is stale-1 verified
expect "no host is counted twice" test "$(campaign_states gate | jq '[.[]] | add')" = 4
expect "past-1: its order ran once" receipts_are "$past" "kind = 'clean'" 1
story_end
