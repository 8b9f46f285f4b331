#!/usr/bin/env bash
# A host whose clock is a year back, with the real programs: it asks a witness host through the controller, is cleaned by that
# time, and says in its receipts what its own clock was worth. Usage: wrong_clock.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
[ -n "$faketime" ] || { echo "no libfaketime here (Debian package faketime)"; exit 77; }
story_start "$@"
story_world
story_host right-1 infected
host_new late-1
host_infect late-1
manifest "$(host_root late-1)" >"$WORLD/hosts/late-1/before"
host_enrol late-1
LATE=(env LD_PRELOAD="$faketime" FAKETIME=-365d FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1)
infected() { [ -e "$(host_root "$1")$LOOKALIKE_FOLDER/lookalike" ] || kill -0 "${LOOKALIKE_PID[$1]}" 2>/dev/null; }
start agent-late-1 "${LATE[@]}" "$BIN/fleetsweep-agent" run --state "$WORLD/hosts/late-1/state" --root "$(host_root late-1)" \
  --reconnect_min 50ms --reconnect_max 500ms
wait_for agents_connected 2

expect "late-1: its clock is a year back" test "$("${LATE[@]}" date +%s)" -lt $(($(date +%s) - 300 * 86400))
expect "late-1: status says so" wait_for agent_status late-1 '.clock == "behind"'
campaign_order dry-run clock --jurisdiction DE
expect "both are found: late-1 would have waited for a year" wait_for campaign_has clock found 2
campaign_order apply clock --jurisdiction DE; order=$ORDER
expect "both are cleaned and verified" wait_for campaign_has clock verified 2
expect "late-1: by the time that a witness host told" agent_status late-1 '.clock == "behind" and .time_told'
expect "right-1: asked nobody" agent_status right-1 '.clock == "ok" and (.time_told | not)'
asked() { curl -fsS "$METRICS_URL" | grep 'fleetsweep_time_questions_total{outcome="answered"} [1-9]'; }
expect "the controller counts the question" wait_for asked
for host in right-1 late-1; do expect "$host: the program and its file are gone" not infected $host; done
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"

# --- the witness hosts are silent: it changes nothing that it cannot date
stop agent-late-1
sed -i '/^witness = /d' "$WORLD/controller.conf"
stop controller
controller_start
start agent-late-1 "${LATE[@]}" "$BIN/fleetsweep-agent" run --state "$WORLD/hosts/late-1/state" --root "$(host_root late-1)" \
  --reconnect_min 50ms --reconnect_max 500ms
wait_for agent_status late-1 .connected
expect "late-1: after a restart the old answer is worth nothing" wait_for agent_status late-1 '.clock == "behind" and (.time_told | not)'
story_end
