#!/usr/bin/env bash
# Files that do not hold still: swapped for links, changed, gone, unreadable, in the middle of a scan. Nothing is a hit that
# could not be read, nothing is touched that was not found, and what was left out is said. Usage: moving_files.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
ACTING=(file-1 folder-1) EARLIER=(changed-1 link-1 gone-1)
folder() { echo "$(host_root "$1")$LOOKALIKE_FOLDER"; }
is_running() { kill -0 "${LOOKALIKE_PID[$1]}" 2>/dev/null; }
state_is() { local state; state=$(host_state moving "$1"); echo "$1 is $state"; [ "$state" = "$2" ]; }
reason_is() { local reason; reason=$(host_reason moving "$1"); echo "$1: $reason"; [ "$reason" = "$2" ]; }

# What must never be touched: another owner's files with the same names, outside every host's tree.
mkdir "$WORLD/precious"
for name in lookalike liblookalike.so; do printf 'the only copy of a letter\n' >"$WORLD/precious/$name"; done
manifest "$WORLD/precious" >"$STORY/precious"
precious_is_safe() { diff <(manifest "$WORLD/precious") "$STORY/precious"; }

# An act that stops itself at a place where a test may interfere; else the agent is the product's.
mkdir "$STORY/libexec"
ln -s "$BIN/fleetsweep-scan" "$STORY/libexec/fleetsweep-scan"
ln -s "$BIN/fleetsweep-act-faults" "$STORY/libexec/fleetsweep-act"
declare -A PAUSE=([file-1]=before-rename:2 [folder-1]=killed:1)
paused_act() {  # paused_act HOST: its pid
  local pid
  for pid in $(pgrep -P "${PID[agent-$1]}"); do [ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -c1)" != T ] || echo "$pid"; done | grep .
}
let_go() { local host; for host in "${ACTING[@]}"; do kill -CONT "$(paused_act $host)" 2>/dev/null || :; done; }
story_clean() { let_go; }  # a stopped act would keep its agent
for host in "${ACTING[@]}" "${EARLIER[@]}"; do
  host_new $host
  host_infect $host
  host_enrol $host
  if [ -n "${PAUSE[$host]:-}" ]; then
    start agent-$host env FLEETSWEEP_PAUSE="${PAUSE[$host]}" "$BIN/fleetsweep-agent" run --state "$WORLD/hosts/$host/state" \
      --root "$(host_root $host)" --libexec "$STORY/libexec" --reconnect_min 50ms --reconnect_max 500ms
  else
    agent_start $host
  fi
done
wait_for agents_connected 5
campaign_order dry-run moving --jurisdiction DE
expect "the dry run found all five" wait_for campaign_has moving found 5

# --- between the dry run and the clean order
printf 'one more line\n' >>"$(folder changed-1)/liblookalike.so"
for host in link-1 gone-1; do rm "$(folder $host)"/*; done
for name in lookalike liblookalike.so; do ln -s "$WORLD/precious/$name" "$(folder link-1)/$name"; done
for host in "${EARLIER[@]}"; do manifest "$(host_root $host)" >"$WORLD/hosts/$host/before"; done

campaign_order apply moving --jurisdiction DE; order=$ORDER
for host in "${ACTING[@]}"; do expect "$host: act is stopped in the middle" wait_for paused_act $host; done

# --- between the last look and the act itself
# It holds open the file that it is about to take.
taken=$(find "/proc/$(paused_act file-1)/fd" -type l -printf '%l\n' | grep "^$(folder file-1)/") || :
expect "file-1: the file that is taken next can be swapped" ln -sfT "$WORLD/precious/${taken##*/}" "$taken"
mv "$(folder folder-1)" "$(folder folder-1).away"
ln -s "$WORLD/precious" "$(folder folder-1)"
let_go

expect "file-1: a file swapped for a link under our hands: failed, with the reason" wait_for agent_says file-1 "$order" "^failed: raced: $LOOKALIKE_FOLDER/${taken##*/}: changed while we acted"
expect "file-1: the link is where it was put" test "$(readlink "$taken")" = "$WORLD/precious/${taken##*/}"
expect "folder-1: a folder swapped for a link: failed, with the reason" wait_for agent_says folder-1 "$order" "^failed: changed: folder of "
expect "folder-1: the files that were found are where they went" test -f "$(folder folder-1).away/lookalike" -a -f "$(folder folder-1).away/liblookalike.so"
for host in "${ACTING[@]}"; do expect "$host: the controller knows" wait_for state_is $host failed; done

expect "changed-1: not all is gone, and it says so" wait_for state_is changed-1 residual
expect "changed-1: the changed file was left alone, and is named" grep -q "one more line" "$(folder changed-1)/liblookalike.so"
expect "changed-1: so was what refers to it" grep -q liblookalike.so "$(host_root changed-1)/etc/ld.so.preload"
expect "changed-1: what was as it was found is gone" not test -e "$(folder changed-1)/lookalike"
for host in link-1 gone-1; do
  expect "$host: what is not there any more is not hunted" wait_for agent_says $host "$order" "^done: clean"
  expect "$host: untouched" unchanged $host
done
expect "nothing beyond the hosts' trees was touched" precious_is_safe

# --- what cannot be read, what moves while it is read
host_new partial-1
mkdir "$(host_root partial-1)/srv/private"
lookalike_program "$(host_root partial-1)/srv/private/tool"
manifest "$(host_root partial-1)" >"$WORLD/hosts/partial-1/before"
host_enrol partial-1
chmod 000 "$(host_root partial-1)/srv/private"
manifest "$(host_root partial-1)" >"$WORLD/hosts/partial-1/before"
if [ $EUID = 0 ]; then  # root reads everything: this agent is not root
  mkdir "$WORLD/bin"
  cp "$BIN"/fleetsweep-{agent,scan,act} "$WORLD/bin"
  chmod 711 "$WORLD" "$WORLD/hosts" "$WORLD/hosts/partial-1"
  chown -R 64125:64125 "$WORLD/hosts/partial-1/state"
  start agent-partial-1 setpriv --reuid 64125 --regid 64125 --clear-groups "$WORLD/bin/fleetsweep-agent" run \
    --state "$WORLD/hosts/partial-1/state" --root "$(host_root partial-1)" --reconnect_min 50ms --reconnect_max 500ms
else
  agent_start partial-1
fi
story_host churn-1
churning=$(host_root churn-1)/srv/www
for i in {1..20}; do { printf '#!/bin/sh\n'; head -c 500000 /dev/zero; } >"$churning/growing-$i"; done
churn() {
  local i
  while :; do
    for i in 1 2 3 4 5 6 7 8; do
      printf '#!/bin/sh\n' >"$churning/script-$i"
      mv -f "$churning/script-$i" "$churning/moved-$i"
      ln -sf "$WORLD/precious/lookalike" "$churning/moved-$i"
      rm -f "$churning/moved-$i"
    done
  done
}
wait_for agents_connected 7
grow() {
  local i
  while :; do for i in {1..20}; do printf x >>"$churning/growing-$i"; done; done
}
churn 2>/dev/null & RUNNING+=($!)
grow & RUNNING+=($!)
for busy in "${RUNNING[@]}"; do chrt --idle --pid 0 "$busy"; done  # as the scan is, which else would hardly run
for round in 1 2 3; do
  campaign_order dry-run reading --jurisdiction DE --host partial-1 --host churn-1
  expect "partial-1, round $round: nothing found, and not everything read" wait_for agent_says partial-1 "$ORDER" "^done: clean, but [0-9]* objects could not be read"
  expect "partial-1, round $round: its receipt says so" wait_for receipts_are "$ORDER" "state = 'clean' and reason = 'unscannable' and host_no = 6" 1
  expect "churn-1, round $round: nothing found" wait_for agent_says churn-1 "$ORDER" "^done: clean"
  expect "round $round: nothing matched" wait_for receipts_are "$ORDER" "state = 'clean' and matched = 0" 2
done
kill "${RUNNING[@]}"
expect "the campaign says that clean is not all there" complains 'not read in full' fs campaign status reading
expect "partial-1: its log names what and why" grep -q 'unscannable .*srv/private: Permission denied' "$WORLD/log/agent-partial-1"
expect "churn-1: its log names what and why" grep -q 'unscannable .*srv/www/growing' "$WORLD/log/agent-churn-1"
expect "churn-1: what only vanished is no trouble" not grep -q 'unscannable .*No such file' "$WORLD/log/agent-churn-1"
expect "partial-1: untouched" unchanged partial-1
for host in partial-1 churn-1; do expect "$host: the agent lives" alive agent-$host; done
expect "nothing beyond the hosts' trees was touched" precious_is_safe
story_end
