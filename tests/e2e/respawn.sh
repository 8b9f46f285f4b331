#!/usr/bin/env bash
# What does not want to go, with the real programs: twins that restart each other and put their file back within a second are
# beaten; what somebody else puts back again and again is cleaned once more, as the policy says, and reported with what starts
# it. Campaigns that are due at once share one walk. Usage: respawn.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
host_new web-1
root=$(host_root web-1) kit=$(host_root web-1)/var/lib/kit program=$(host_root web-1)$LOOKALIKE_FOLDER/lookalike
mkdir -p "$kit" "$(dirname "$program")" "$root/etc/cron.d"

# A shell with the family's record behind its end, where no policy looks, and a loop for two of it.
cp /bin/dash "$kit/copy"
printf '\nFLEETSWEEP-LOOKALIKE-MARKER/1 id=0000a11c;\n' >>"$kit/copy"
chmod 755 "$kit/copy"
cat >"$kit/loop" <<LOOP
echo \$\$ >"$kit/pid.\$1"
other=\$((3 - \$1))
while :; do
  [ -e "$program" ] || { cp "$kit/copy" "$kit/new.\$1" && mv "$kit/new.\$1" "$program"; }
  { read -r pid <"$kit/pid.\$other"; } 2>/dev/null && [ -e "/proc/\$pid/exe" ] ||
    { setsid "$program" "$kit/loop" \$other </dev/null >/dev/null 2>&1 & echo \$! >"$kit/pid.\$other"; }
  sleep 0.1
done
LOOP
twins() {  # also of a file that was replaced
  local pid
  for pid in $(cat "$kit"/pid.* 2>/dev/null); do [[ "$(readlink "/proc/$pid/exe")" != "$program"* ]] || echo "$pid"; done
}
twins_are() { local count; count=$(twins | wc -l); echo "$count twins"; [ "$count" = "$1" ]; }
# However the story ends: killed together, until neither is there to start the other.
story_clean() {
  local try pids
  for ((try = 0; try < 50; try++)); do
    pids=$(twins)
    [ -n "$pids" ] || break
    kill -KILL $pids 2>/dev/null || :
  done
}
cp "$kit/copy" "$program"
setsid "$program" "$kit/loop" 1 </dev/null >/dev/null 2>&1 &
expect "two processes run" wait_for twins_are 2
kill -KILL "$(cat "$kit/pid.2")"; rm "$program"
expect "they restart each other and put their file back at once" wait_for twins_are 2
expect "their file is back" wait_for test -e "$program"

host_enrol web-1
walks() { grep -c " walk_begins orders=$1 " "$WORLD/log/agent-web-1" || :; }  # ORDERS
campaign_order dry-run twins --jurisdiction DE
campaign_order dry-run others --jurisdiction DE
witnessed() { fs log proof "${ORDER:0:12}" --out "$STORY/proof"; }
wait_for witnessed
agent_start web-1  # it hears of both at once
expect "the twins are found" wait_for campaign_has twins found 1
expect "the other campaign has its own answer" wait_for campaign_has others found 1
expect "one walk answered both" test "$(walks 2)" = 1
expect "and no other was made" test "$(walks 1)" = 0

campaign_order apply twins --jurisdiction DE
expect "the twins are beaten: rescanned, and gone" wait_for campaign_has twins verified 1
expect "neither runs" twins_are 0
expect "nobody put their file back" not test -e "$program"

# Somebody outside the reach of this host puts it back, again and again.
printf '@reboot root %s/lookalike\n' "$LOOKALIKE_FOLDER" >"$kit/cron"
(while :; do
  [ -e "$root/etc/cron.d/kit" ] || { cp "$kit/cron" "$kit/new.cron" && mv "$kit/new.cron" "$root/etc/cron.d/kit"; }
  [ -e "$program" ] || { cp "$kit/copy" "$kit/new" && mv "$kit/new" "$program"; }
  sleep 0.2
done) &
outside=$!
RUNNING+=($outside)
expect "it is back" wait_for test -e "$program" -a -e "$root/etc/cron.d/kit"
campaign_order dry-run again --jurisdiction DE
expect "it is found" wait_for campaign_has again found 1
campaign_order apply again --jurisdiction DE
expect "what comes back is respawned, and after another cleaning again" \
  wait_for receipts_are "$ORDER" "state = 'respawned' and reason = 'respawned'" 2
expect "it was cleaned" receipts_are "$ORDER" "state = 'cleaned' and reason = 'none'" 1
expect "and once more when it was back" receipts_are "$ORDER" "state = 'cleaned' and reason = 'respawned'" 1
expect "the campaign says that it is there" campaign_has again respawned 1
expect "the host's owner is told what starts it" \
  agent_says web-1 "$ORDER" "respawned: cron /etc/cron.d/kit:1 starts it: $LOOKALIKE_FOLDER/lookalike"
expect "and how often it came back" agent_says web-1 "$ORDER" "came back 1 time"
expect "the campaign's owner, too" tells "starts it: $LOOKALIKE_FOLDER/lookalike" \
  fs campaign paths again --evidence-key "$WORLD/keys/evidence.key"
expect "it asks to be isolated" agent_says web-1 "$ORDER" "asks to be isolated: it came back after the last round"
asked() { tells 'fleetsweep_actions_total{.*action="isolate".*outcome="found".*} 1$' curl -fsS "$METRICS_URL"; }
expect "once, and those who look at Grafana see it" asked
kill "$outside"; wait "$outside" || :
RUNNING=()
rm -f "$program" "$root/etc/cron.d/kit"
expect "one undo takes both cleanings back" "$BIN/fleetsweep-agent" undo "$ORDER" --state "$WORLD/hosts/web-1/state"
expect "the file is there" cmp "$program" "$kit/copy"
expect "and the line" cmp "$root/etc/cron.d/kit" "$kit/cron"
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"
story_end
