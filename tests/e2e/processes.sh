#!/usr/bin/env bash
# What each process of a running agent may do, read from /proc while it runs: only core has the network, and it has nothing
# else. Scan and act are caught at work and stopped to be looked at. Usage: processes.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
core='' CAUGHT=''
story_clean() { kill -CONT $core $CAUGHT 2>/dev/null || :; }  # what is stopped could not end
story_world
story_host web-1 infected
wait_for agents_connected 1
monitor=${PID[agent-web-1]}

field() {  # PID FIELD: of its status
  local name value
  while read -r name value _; do [ "$name" != "$2:" ] || { echo "$value"; return; }; done 2>/dev/null <"/proc/$1/status" || :
}
children_of() { cat "/proc/$1/task/$1/children" 2>/dev/null || :; }
inet_sockets() {  # how many of its descriptors are sockets of the internet families, in its own network namespace
  local link
  for link in /proc/"$1"/fd/*; do readlink "$link" || :; done 2>/dev/null | sed -n 's/^socket:\[\(.*\)\]$/\1/p' |
    { grep -xFf - <(awk 'FNR > 1 {print $10}' "/proc/$1"/net/{tcp,tcp6,udp,udp6}) || :; } | wc -l
}
lacks_library() { local code=0; grep -q "$2" "/proc/$1/maps" || code=$?; [ $code = 1 ]; }
has_program() { [ "$(readlink "/proc/$1/exe")" = "$BIN/fleetsweep-$2" ]; }
# catch PROGRAM READY: the next child of the monitor that runs it, stopped while READY PID holds; then in $CAUGHT.
catch() {
  local pid comm pids=() deadline=$((SECONDS + PATIENCE))
  while [ $SECONDS -lt $deadline ]; do
    read -r -a pids <"/proc/$monitor/task/$monitor/children" || :
    for pid in "${pids[@]}"; do
      { read -r comm <"/proc/$pid/comm" && [ "$comm" = "fleetsweep-$1" ] && "$2" "$pid" && kill -STOP "$pid"; } 2>/dev/null || continue
      "$2" "$pid" && CAUGHT=$pid && return
      kill -CONT "$pid"  # too late: it had come to its end in between
    done
  done
  echo "no fleetsweep-$1 was seen at work"; return 1
}
order_and_catch() {  # PROGRAM READY and what campaign_order takes; core waits until we look
  local program=$1 ready=$2; shift 2
  CAUGHT=
  kill -STOP "$core"; campaign_order "$@"; kill -CONT "$core"
  expect "fleetsweep-$program is caught at work" catch "$program" "$ready"
  [ -n "$CAUGHT" ] || { story_end; exit 1; }
}
is_filtered() {  # without a process of its own, which would take longer than what is waited for
  local name value
  while read -r name value; do [ "$name" != Seccomp: ] || { [ "$value" = 2 ]; return; }; done 2>/dev/null <"/proc/$1/status"
  return 1
}
is_scan() { is_filtered "$1" && has_program "$1" scan; }
walks() { parser=$(children_of "$1") parser=${parser% }; is_scan "$1" && is_scan "$parser"; }
acts() { is_filtered "$1" && has_program "$1" act; }
nobody_else_has_the_network() {  # every process of the agent but core
  local pid
  for pid in "$monitor" "$@"; do
    [ -d "/proc/$pid/fd" ] || { echo "process $pid is gone"; return 1; }
    [ "$(inet_sockets "$pid")" = 0 ] || { echo "$pid has an internet socket: $(readlink "/proc/$pid/exe")"; return 1; }
  done
}

core=$(children_of "$monitor"); core=${core% }
expect "the monitor may gain no privilege" test "$(field "$monitor" NoNewPrivs)" = 1
expect "core is a child of the monitor" grep -qa -- --core-fd "/proc/$core/cmdline"
[ $EUID != 0 ] || expect "core is a user of its own" test "$(field "$core" Uid)" = 65521
for set in CapPrm CapEff CapAmb; do expect "core has nothing in $set" test "$(field "$core" $set)" = 0000000000000000; done
expect "core may gain no privilege" test "$(field "$core" NoNewPrivs)" = 1
expect "core is filtered" test "$(field "$core" Seccomp)" = 2

# Half a second's work for the rule, which nearly matches, with a tenth of a core: a scan is caught at it.
data=$(host_root web-1)/var/tmp/data
mkdir -p "$data"
{ printf '\x7fELF'; head -c 3M < <(yes 'FLEETSWEEP-LOOKALIKE-MARKER/1 id=;'); } >"$STORY/nearly"
for i in $(seq 60); do cp "$STORY/nearly" "$data/$i"; done
cp -r "$SOURCE/policies/catalog/lookalike/." "$STORY/policy"
sed -i 's/cpu_limit: 50/cpu_limit: 10/' "$STORY/policy/policy.yaml"
POLICY=$STORY/policy/policy.yaml
expect "the policy allows a tenth of a core" grep -q 'cpu_limit: 10,' "$POLICY"

if [ $EUID = 0 ]; then  # who may look into a process that keeps itself from being looked at
  expect "core speaks to the controller" test "$(inet_sockets "$core")" -ge 1
  order_and_catch scan walks dry-run look --jurisdiction DE
  scan=$CAUGHT
  for pid in "$scan" "$parser"; do
    what=$([ "$pid" = "$scan" ] && echo "the walker" || echo "the parser")
    expect "$what is fleetsweep-scan" has_program "$pid" scan
    expect "$what may gain no privilege" test "$(field "$pid" NoNewPrivs)" = 1
    expect "$what is filtered" test "$(field "$pid" Seccomp)" = 2
    expect "$what has no ZeroMQ in its memory" lacks_library "$pid" libzmq
  done
  expect "the parser is nobody" test "$(field "$parser" Uid)" = 65534
  expect "the parser has no capability" test "$(field "$parser" CapPrm)" = 0000000000000000
  # DAC_READ_SEARCH, KILL, SETGID, SETUID, SYS_PTRACE: it reads what is not its own and ends its parser.
  expect "the walker has five capabilities" test "$(field "$scan" CapEff)" = 00000000000800e4
  expect "nobody but core has the network while scan runs" nobody_else_has_the_network "$scan" "$parser"
  kill -CONT "$scan"
  wait_for campaign_has look found 1

  order_and_catch act acts apply look --jurisdiction DE
  act=$CAUGHT
  expect "act is fleetsweep-act" has_program "$act" act
  expect "act may gain no privilege" test "$(field "$act" NoNewPrivs)" = 1
  expect "act is filtered" test "$(field "$act" Seccomp)" = 2
  # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, KILL, LINUX_IMMUTABLE, NET_ADMIN, SYS_PTRACE, SYS_ADMIN, SETFCAP
  expect "act has eleven capabilities" test "$(field "$act" CapEff)" = 000000008028123f
  expect "act has no ZeroMQ in its memory" lacks_library "$act" libzmq
  expect "act has a network of its own, without a way out" test "$(awk 'NR > 2 && $1 != "lo:"' "/proc/$act/net/dev" | wc -l)" = 0
  expect "nobody but core has the network while act runs" nobody_else_has_the_network "$act"
  expect "core still has it" test "$(inet_sockets "$core")" -ge 1
  kill -CONT "$act"
  expect "what was looked at goes on to its end" wait_for campaign_has look verified 1
fi
for program in scan act; do
  expect "fleetsweep-$program does not link ZeroMQ" not grep -q libzmq <(ldd "$BIN/fleetsweep-$program")
done
story_end
