#!/usr/bin/env bash
# Stopping needs no controller: a Stop that one person signed reaches hosts as a file, by the owner's hand and through a folder
# that they watch; it outlives kill -9 and the controller's return, until a quorum lifts it. Usage: stop_file.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world '{"cool_off": {"clean": "6s"}}'
mkdir "$STORY/mirror"
story_host hand-1 infected
host_new folder-1
host_infect folder-1
manifest "$(host_root folder-1)" >"$WORLD/hosts/folder-1/before"
host_enrol folder-1
start_watching() {
  start agent-folder-1 "$BIN/fleetsweep-agent" run --state "$WORLD/hosts/folder-1/state" --root "$(host_root folder-1)" \
    --reconnect_min 50ms --reconnect_max 500ms --mirror "$STORY/mirror" --mirror "$STORY/not-mounted"
}
start_watching
wait_for agents_connected 2
TENANT=$(curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants" | jq -r '.[0].tenant')
campaign_order dry-run stopped --jurisdiction DE
expect "the dry run found both" wait_for campaign_has stopped found 2
campaign_order apply stopped --jurisdiction DE; order=$ORDER
for host in hand-1 folder-1; do
  expect "$host: has the order and lets it cool off" wait_for agent_says $host "$order" "waiting for cool-off"
done
stop controller KILL

# --- a Stop, signed where no controller is
offline() { env -u FLEETSWEEP_URL -u FLEETSWEEP_TOKEN_FILE "$BIN/fleetsweep" --yes --tenant "$TENANT" "$@"; }
by_hand() { "$BIN/fleetsweep-agent" stop "$1" --state "$WORLD/hosts/hand-1/state" "${@:2}"; }
expect "one person signs a Stop offline" offline stop make --everything --reason drill --key "$WORLD/keys/carol.key" --out "$STORY/stop.dsse"
make_key dave
expect "a stranger can sign one as well" offline stop make --everything --reason mischief --key "$WORLD/keys/dave.key" --out "$STORY/stranger.dsse"
expect "a Stop that names nothing is refused" complains "names nothing" offline stop make --reason x --key "$WORLD/keys/carol.key" --out "$STORY/nothing.dsse"
expect "hand-1: a stranger's is refused" not by_hand "$STORY/stranger.dsse"
expect "hand-1: and it is said why" complains "refused: untrusted" by_hand "$STORY/stranger.dsse"
expect "hand-1: another document is refused before it is sent" complains "expected a Stop" by_hand "$WORLD/keys/root.dsse"
expect "hand-1: takes it, and says what it says" complains "halts everything: drill" by_hand "$STORY/stop.dsse"
expect "hand-1: a second time it is known" test "$(by_hand "$STORY/stop.dsse" --json | jq -r .taken)" = known
STOP=$(by_hand "$STORY/stop.dsse" --json | jq -r .stop)
ln -s "$STORY/stop.dsse" "$STORY/mirror/link.dsse"
cp "$STORY/stranger.dsse" "$WORLD/keys/root.dsse" "$STORY/mirror/"
refused_one() { grep -q "stop_refused.*mirror/stranger.dsse" "$WORLD/log/agent-folder-1"; }
expect "folder-1: refuses the stranger's" wait_for refused_one
expect "folder-1: and follows no link" agent_status folder-1 '.stops == []'
cp "$STORY/stop.dsse" "$STORY/mirror/"
expect "folder-1: takes it from the folder" wait_for agent_status folder-1 '.stops == ["halts everything: drill"]'
for host in hand-1 folder-1; do expect "$host: why says it" wait_for agent_says $host "$order" "refused: stopped"; done

# --- kill -9, and the controller that knows nothing of it is back
for host in hand-1 folder-1; do
  read -ra children <"/proc/${PID[agent-$host]}/task/${PID[agent-$host]}/children" || :
  kill -KILL "${PID[agent-$host]}" "${children[@]}"
  wait "${PID[agent-$host]}" 2>/dev/null || :
done
rm "$STORY"/mirror/*
agent_start hand-1
start_watching
controller_start
wait_for agents_connected 2
cooled=$(date -u -d "+8 seconds" +%Y-%m-%dT%H:%M:%SZ)
has_cooled() { [[ $(agent_status "$1" .witness_time) > $cooled ]]; }
for host in hand-1 folder-1; do
  expect "$host: after kill -9 the Stop still stands" wait_for agent_status $host '.stops == ["halts everything: drill"]'
  expect "$host: the order's cool-off passes" wait_for has_cooled $host
  expect "$host: not a byte was touched" unchanged $host
  expect "$host: the program still runs" kill -0 "${LOOKALIKE_PID[$host]}"
done
reason_is() { [ "$(host_reason stopped "$1")" = "$2" ]; }
for host in hand-1 folder-1; do expect "$host: the controller hears that it was stopped" wait_for reason_is $host stopped; done
told() { receipts_are "$STOP" "kind = 'stop'" 2; }
expect "both told of the Stop by a receipt of its own" wait_for told

# --- a quorum lifts it for ever
expect "one person cannot lift it" not fs stop lift "$STOP" --reason over --key "$WORLD/keys/carol.key"
expect "two can, though it never was in the log" fs stop lift "$STOP" --reason over --key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key"
expect "both are cleaned and verified" wait_for campaign_has stopped verified 2
expect "hand-1: the file stops nothing any more" test "$(by_hand "$STORY/stop.dsse" --json | jq -r .taken)" = lifted
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"

# --- what a Stop is worth is not the controller's to say
cd "$STORY"
stop_campaign() { fs --tenant "$TENANT" --json campaign stop stopped --key "$WORLD/keys/carol.key" --reason drill "$@"; }
expect "a Stop that witnesses saw is proved" test "$(stop_campaign | jq -c '[.proved, .witnesses]')" = "[true,1]"
stop witness
expect "the controller logs one, no witness vouches: it is not called logged" complains "NOT proved" stop_campaign --wait 2s
expect "and it is not lost" test -s "$(echo "$STORY"/stop-*.dsse)"
expect "hand-1: takes it without the controller" complains "halts 2 orders: drill" by_hand "$STORY"/stop-*.dsse
story_end
