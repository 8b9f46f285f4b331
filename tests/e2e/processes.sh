#!/usr/bin/env bash
# What each process of a running agent may do, read from /proc: only core has the network, and it
# has nothing else. Usage: processes.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
host_new web-1
host_enrol web-1
chmod 711 "$WORLD" "$WORLD/hosts" "$WORLD/hosts/web-1"  # core is to reach its state
CORE_USER=64123
start agent-web-1 "$BIN/fleetsweep-agent" run --state "$WORLD/hosts/web-1/state" --root "$(host_root web-1)" --core_user $CORE_USER \
  --reconnect_min 50ms --reconnect_max 500ms
wait_for 20 agents_connected 1

monitor=${PID[agent-web-1]}
core=$(pgrep -P "$monitor" | head -1)
field() { awk -v name="$2:" '$1 == name {print $2}' "/proc/$1/status"; }
inet_sockets() {  # how many of its descriptors are sockets of the internet families
  local link
  for link in /proc/"$1"/fd/*; do readlink "$link" || :; done 2>/dev/null | sed -n 's/^socket:\[\(.*\)\]$/\1/p' |
    { grep -xFf - <(awk 'FNR > 1 {print $10}' "/proc/$1"/net/{tcp,tcp6,udp,udp6}) || :; } | wc -l
}
expect "core is a child of the monitor" grep -qa -- --core-fd "/proc/$core/cmdline"
expect "core speaks to the controller" test "$(inet_sockets "$core")" -ge 1
expect "the monitor has no internet socket" test "$(inet_sockets "$monitor")" = 0
expect "core is not root" test "$(field "$core" Uid)" = $CORE_USER
expect "core has no capability" test "$(field "$core" CapEff)" = 0000000000000000
expect "core may gain no privilege" test "$(field "$core" NoNewPrivs)" = 1
for program in scan act; do
  expect "fleetsweep-$program does not link ZeroMQ" not grep -q libzmq <(ldd "$BIN/fleetsweep-$program")
done
story_end
