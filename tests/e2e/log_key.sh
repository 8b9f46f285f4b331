#!/usr/bin/env bash
# The log's key is stolen: the controller makes another, a root lets its log take over where witnesses last saw the old one, hosts
# follow, and whoever has the old key moves nothing any more. Usage: log_key.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
cd "$WORLD/keys"
host_runs_root() { [ "$(agent_status "$1" .root_version)" = "$2" ]; }
host_has() { [ "$(agent_status "$1" .log_size)" -ge "$2" ]; }
is_clean() { [ "$(host_state again "$1")" = clean ]; }
witnessed_since() { [ "$(date -d "$(agent_status "$1" .witness_time)" +%s)" -ge "$2" ]; }
log_size() { curl -fsS -H "Authorization: Bearer $(cat api.token)" "$FLEETSWEEP_URL/v1/tenants" | jq '.[0].log_size'; }
witness_restart() {  # witness_restart VKEY: it knows this log and no other
  stop witness
  sed -i "s|^log = .*|log = $1|" "$WORLD/witness.conf"
  start witness "$BIN/fleetsweep-witness" run --config "$WORLD/witness.conf"
  wait_for curl -fsS "http://127.0.0.1:$WITNESS_PORT/healthz"
}

story_host web-1 infected
wait_for agents_connected 1
campaign_order dry-run before --jurisdiction DE
expect "the fleet works" wait_for campaign_has before found 1
old=$(log_size)
expect "the host has the whole log" wait_for host_has web-1 "$old"

# --- the thief has a copy of everything; the controller gets another key
stop controller
cp -r "$WORLD/controller" "$STORY/thief"
expect "the same name is refused: witnesses remember its tree" complains "give another" \
  "$BIN/fleetsweep-controller" rotate-log-key --state "$WORLD/controller" --origin demo.fleetsweep.example/log
"$BIN/fleetsweep-controller" rotate-log-key --state "$WORLD/controller" --origin demo.fleetsweep.example/log-2 >new.json
vkey=$(jq -r .log_vkey new.json)
expect "conductor and edge keys stay" test "$(jq -c 'del(.log_vkey)' new.json)" = "$(jq -c 'del(.log_vkey)' <<<"$CONTROLLER")"
witness_restart "$vkey"
controller_start
wait_for agents_connected 1
fs root spec >plain.json 2>/dev/null
jq --arg vkey "$vkey" '.logs = [$vkey]' plain.json >zero.json
expect "a log that begins anew is refused by the controller" sh -c "
  '$BIN/fleetsweep' root next --spec zero.json --out zero.dsse 2>/dev/null >&2
  for who in alice bob; do '$BIN/fleetsweep' --yes root sign zero.dsse --key \$who.key >/dev/null 2>&1; done
  '$BIN/fleetsweep' --yes root submit zero.dsse 2>&1 | grep -q 'does not take over'"
expect "the start comes from what witnesses saw" fs root spec --log "$vkey" --out next.json
expect "it is the whole old log" test "$(jq '.logs[0].start_size' next.json)" = "$old"
expect "signers see the log that goes and the one that takes over" complains "log added .* takes over after $old entries" \
  fs root next --spec next.json --out next.dsse
for who in alice bob; do fs root sign next.dsse --key $who.key >/dev/null 2>&1; done
since=$(date +%s)
expect "the controller takes the root" fs root submit next.dsse
expect "the host follows the new log" wait_for host_runs_root web-1 2
expect "and hears fresh times from it" wait_for witnessed_since web-1 "$since"
campaign_order apply before --jurisdiction DE
expect "the campaign goes on: the host cleans what it had found" wait_for campaign_has before verified 1
story_host web-2 infected
wait_for agents_connected 2
expect "one that joins now has the whole log, and does what stands in it" wait_for campaign_has before verified 2
expect "the audit holds across the change" fs audit verify --root root.dsse

# --- the thief runs the old key against the same hosts, with the witness's help if it had any
stop controller
mv "$WORLD/controller" "$STORY/honest"
cp -r "$STORY/thief" "$WORLD/controller"
: >"$WORLD/log/controller"
seen=$(agent_status web-1 .log_size)
time_before=$(agent_status web-1 .witness_time)
controller_start
expect "the host is in contact with the thief" wait_for agent_status web-1 .connected
campaign_order dry-run forged --jurisdiction DE
expect "no witness vouches for what he logs" wait_for grep -q witness_quorum_missing "$WORLD/log/controller"
expect "nothing of his log is taken" test "$(agent_status web-1 .log_size)" = "$seen"
expect "no time either" test "$(agent_status web-1 .witness_time)" = "$time_before"
stop controller
rm -rf "$WORLD/controller"
mv "$STORY/honest" "$WORLD/controller"
controller_start
campaign_order dry-run again --jurisdiction DE
expect "back with the honest one everything goes on" wait_for is_clean web-1
story_end
