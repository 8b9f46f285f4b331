#!/usr/bin/env bash
# A state folder is copied to a second machine. The copy refuses to run there; with the machine id forged, too, the two
# contradict each other: both kinds of receipts are kept, one of them counts, and everybody sees it, also after a restart.
# Then the host takes a new key for its line, by a verb. Usage: clone.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
story_host twin-1
story_host other-1
wait_for agents_connected 2
state() { echo "$WORLD/hosts/$1/state"; }

# The image: what the host is, copied while nothing runs.
stop agent-twin-1
host_new twin-2
host_infect twin-2  # so that what the two say differs
cp -a "$(state twin-1)" "$(state twin-2)"
clone() { "$BIN/fleetsweep-agent" run --state "$(state twin-2)" --root "$(host_root twin-2)"; }
expect "the clone says that it is another machine" complains 'was enrolled on another machine' clone
expect "and what to do" complains 'fleetsweep-agent enrol --token-file FILE' clone
expect "it does not run" not clone
again() {
  local token
  token=$(fs --json agent enrol-token --key "$WORLD/keys/alice.key" --jurisdiction DE --out "$WORLD/tokens" 2>/dev/null | jq -r '.tokens[0]')
  "$BIN/fleetsweep-agent" enrol --token-file "$token" --connect "tcp://127.0.0.1:$ENROL_PORT" --state "$(state twin-2)" --root "$1"
}
expect "nor does it enrol with what it has" complains 'was enrolled on another machine' again "$(host_root twin-2)"
# Without its enrolment the copied keys are offered from another machine: the controller knows whose they are.
chmod 700 "$(state twin-2)"  # as enrol wants it
mv "$(state twin-2)/enrolment" "$STORY/enrolment"
expect "the controller refuses the identity of another machine" complains 'makes keys of its own' again "$(host_root twin-2)"
mv "$STORY/enrolment" "$(state twin-2)/enrolment"
agent_start twin-1
wait_for agents_connected 2
expect "and shows that somebody tried" complains 'CLONES *1 enrolment refused' fs agent show twin-1

# The machine id forged: now there are two.
cp "$(host_root twin-1)/etc/machine-id" "$(host_root twin-2)/etc/machine-id"
agent_start twin-2
expect "the twin runs" wait_for agent_status twin-2 '.welcomed'
campaign_order dry-run forked --jurisdiction DE
is_forked() { fs --json agent list | jq -e '[.[] | select(.forked)] | length == 1 and .[0].hostname != "other-1"'; }
expect "the fork is seen" wait_for is_forked
expect "agent list shows it" complains 'FORKED' fs agent list
expect "agent show says what it means" complains 'two receipts with one number' fs agent show "$(fs --json agent list | jq -r '.[] | select(.forked) | .agent')"
totals() { fs --json campaign status forked | tee /dev/stderr | jq -e '.targeted == 2 and ([.states[]] | add) == 2 and .forked == 1'; }
expect "the campaign counts each host once" totals
expect "and says that one is forked" complains '1 host FORKED' fs campaign status forked
counted() { curl -fsS "$METRICS_URL" >"$STORY/metrics" && grep '^fleetsweep_receipt_forks_total{tenant="demo.fleetsweep.example/log"} [1-9]' "$STORY/metrics"; }
expect "it is in the metrics" counted
expect "the tenant's line has it" complains 'forked' fs tenant show
stop controller
controller_start
expect "a restart forgets nothing" is_forked
expect "nor who tried to enrol" complains 'CLONES *1 enrolment refused, last 20' fs agent show "$(fs --json agent list | jq -r '.[] | select(.forked) | .agent')"
expect "nor the counter" counted
expect "nor counts it twice" totals
stop agent-twin-2

# A new key for the line, by the owner's hand.
key() { agent_status other-1 .transport_key; }
old=$(key)
cp -a "$(state other-1)" "$STORY/stolen"  # the thief has the old key, and all else
expect "the owner asks for a new key" "$BIN/fleetsweep-agent" rekey --state "$(state other-1)"
is_new() { [ "$(key)" != "$old" ] && agent_status other-1 '.welcomed and (.rekey_pending | not)'; }
expect "it is in use" wait_for is_new
chain() { curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants/$(fs --json tenant list | jq -r '.[0].tenant')/enrolments"; }
expect "auditors see the chain" jq -e '[.[].rekeys | length] | add == 1' <<<"$(chain)"
kept=$(key)
stop agent-other-1
stop controller
controller_start
agent_start other-1
expect "both remember it after a restart" wait_for agent_status other-1 ".welcomed and .transport_key == \"$kept\""
start thief "$BIN/fleetsweep-agent" run --state "$STORY/stolen" --root "$(host_root other-1)" --reconnect_min 50ms --reconnect_max 500ms
expect "the stolen old key opens nothing" wait_for grep -q refused_by_edge "$WORLD/log/thief"
expect "never" not grep -q welcomed "$WORLD/log/thief"
stop thief
story_end
