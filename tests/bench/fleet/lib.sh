# Shared by the benchmarks with whole programs: a world of tests/e2e/lib.sh, sized for them, and ways to look at processes.

source "$2/tests/e2e/lib.sh"
MISSED=0

bench_world() {  # bench_world BIN_DIR SOURCE_DIR: the defaults of a real installation, on loopback
  world_start "$1" "$2"
  world_keys
  world_services
  sed -i -e '/^agents_max/d' -e '/^checkpoint_interval/d' -e '/^heartbeat/d' "$WORLD/controller.conf"
  stop controller
  controller_start
}

cleanup() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  [ $code = 0 ] || [ $MISSED = 1 ] || [ ! -d "$WORLD/log" ] || tail -n 3 "$WORLD"/log/* >&2 || :
  world_stop
  exit $code
}

family() {  # family PID: it and all its descendants
  local child
  echo "$1"
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do family "$child"; done
}

cpu_ns() {  # cpu_ns PID...: of all threads alive, nanoseconds
  local pid
  for pid in "$@"; do cat /proc/"$pid"/task/*/schedstat; done 2>/dev/null | awk '{sum += $1} END {printf "%.0f\n", sum}'
}

memory_kib() {  # memory_kib Rss|Pss PID...
  local field=$1 pid
  shift
  for pid in "$@"; do cat /proc/"$pid"/smaps_rollup; done 2>/dev/null | awk -v field="$field:" '$1 == field {sum += $2} END {print sum + 0}'
}

median() { sort -g | awk '{value[NR] = $1} END {print value[int((NR + 1) / 2)]}'; }

head_line() { printf '%-44s %12s %12s %8s\n' "" floor ours ratio; }
compare() {  # compare NAME UNIT FLOOR OURS RATIO_MAX: fails the run when ours is more than that many floors
  local verdict=""
  awk -v floor="$3" -v ours="$4" -v max="$5" 'BEGIN {exit !(ours <= floor * max)}' || { verdict="  MISSED"; MISSED=1; }
  awk -v name="$1" -v unit="$2" -v floor="$3" -v ours="$4" -v max="$5" -v verdict="$verdict" \
    'BEGIN {printf "%-44s %9.3g %-2s %9.3g %-2s %7.2fx  (at most %gx)%s\n", name, floor, unit, ours, unit, ours / floor, max, verdict}'
}
