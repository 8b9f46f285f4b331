#!/usr/bin/env bash
# What an idle agent holds and uses: monitor and core of the real program, enrolled and connected, heartbeat and checkpoint
# interval as installed (60 s). First one alone, then the mean over many, who share the pages of the program.
# Usage: agent_bench BIN_DIR SOURCE_DIR [AGENTS] [SECONDS]
#
# The budgets are the design's; the floor beside them is a process that does nothing but hold one CURVE connection.

source "$(dirname "$0")/lib.sh"
trap cleanup EXIT
trap 'exit 130' INT TERM
AGENTS=${3:-50} WINDOW=${4:-61}
PSS_KIB_MAX=6144
CPU_PERCENT_MAX=0.05

idle_agent() {  # idle_agent NAME: enrolled and connected
  mkdir -p "$WORLD/hosts/$1/root/etc"
  echo "idle-$1" >"$WORLD/hosts/$1/root/etc/hostname"
  printf "%032x\n" "$1" >"$WORLD/hosts/$1/root/etc/machine-id"  # a host of its own
  host_enrol "$1"
  agent_start "$1"
}

pids() { family "${PID[agent-$1]}"; }

bench_world "$1" "$2"
idle_agent 1
wait_for agents_connected 1
# Settled: agent N has given the code that started it back, which it does once it has been there for 5 s, and the first uses nothing
# any more between two looks.
settled() {  # settled N
  local before
  [ "$(ps -o etimes= -p "${PID[agent-$1]}")" -ge 8 ] || return 1
  before=$(cpu_ns $(pids 1)); sleep 1; [ $(($(cpu_ns $(pids 1)) - before)) -lt 2000000 ]
}
wait_for settled 1
floor_pss=$("$BIN/fleet_floor" dealer | jq .pss_kib)
alone_pss=$(memory_kib Pss $(pids 1)) alone_rss=$(memory_kib Rss $(pids 1))
processes=$(pids 1 | wc -l)
for ((i = 2; i <= AGENTS; i++)); do idle_agent "$i"; done
wait_for agents_connected "$AGENTS"
wait_for settled "$AGENTS"

all=()
for ((i = 1; i <= AGENTS; i++)); do all+=($(pids "$i")); done
before=$(cpu_ns "${all[@]}")
started=$(date +%s%N)
sleep "$WINDOW"
used=$(($(cpu_ns "${all[@]}") - before))
passed=$(($(date +%s%N) - started))
mean_pss=$(($(memory_kib Pss "${all[@]}") / AGENTS)) mean_rss=$(($(memory_kib Rss "${all[@]}") / AGENTS))

printf 'an idle agent: %d processes; one alone: RSS %d KiB, PSS %d KiB; mean of %d: RSS %d KiB, PSS %d KiB\n' \
  "$processes" "$alone_rss" "$alone_pss" "$AGENTS" "$mean_rss" "$mean_pss"
head_line
compare "PSS of an agent, one alone" KiB "$floor_pss" "$alone_pss" 4
printf '%-44s %12s %12s %8s\n' "" budget ours ratio
compare "PSS of an agent, one alone" KiB $PSS_KIB_MAX "$alone_pss" 1
compare "PSS of an agent, mean of $AGENTS" KiB $PSS_KIB_MAX "$mean_pss" 1
compare "processor of an agent, $WINDOW s" % $CPU_PERCENT_MAX "$(jq -n "$used / $passed * 100 / $AGENTS")" 1
exit $MISSED
