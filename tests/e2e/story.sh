# What every end-to-end story shares: expectations that are counted, a folder of its own, and an end that leaves nothing.
#
#   story_start BIN_DIR SOURCE_DIR     makes $STORY; at the exit the world and the folder go, however the story ends
#   expect "WHAT" COMMAND...           counts; shows the command's output when it fails
#   story_end                          ends with 0 only if all held

# A scan rests while others wait for the machine, and runs in the idle class, which gets next to nothing beside busy neighbours;
# beside other stories there always are some. A story of root's runs as on a kernel without /proc/pressure, and as a session of its
# own, which shares the processors with the others as a whole (sched(7), autogroup), as hosts of one machine do; but for who sits
# at a terminal, whose keys reach his own session alone.
if [ $EUID = 0 ] && [ -z "${FLEETSWEEP_STORY:-}" ] && unshare --mount true 2>/dev/null; then
  session=(setsid --wait)
  [ ! -t 0 ] || session=()
  FLEETSWEEP_STORY=alone exec "${session[@]}" unshare --mount bash -c \
    '[ ! -e /proc/pressure/cpu ] || mount -t tmpfs -o ro none /proc/pressure && exec bash "$@"' - "$0" "$@"
fi

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lookalike.sh"

HELD=0 FAILED=0 STORY=
RUNNING=()  # further pids that a story started and that must go with it

expect() {
  local what=$1; shift
  if "$@" >"$STORY/expect" 2>&1; then
    HELD=$((HELD + 1)); printf 'ok  %s\n' "$what"
  else
    FAILED=$((FAILED + 1)); printf 'NO  %s\n' "$what"; sed 's/^/    /' "$STORY/expect"
  fi
}
not() { ! "$@"; }
# In the cgroup of a transaction, or stopped where there is none.
is_held() { grep -q /fleetsweep-hold- "/proc/$1/cgroup" || [[ "$(ps -o stat= -p "$1")" == T* ]]; } 2>/dev/null
complains() {  # complains PATTERN COMMAND...: whether it succeeds or not
  local pattern=$1 said; shift
  said=$("$@" 2>&1) || :
  echo "$said"
  grep -q -- "$pattern" <<<"$said"
}

story_clean() { :; }  # what else a story has to let go or to end first
story_finish() {
  local code=$1 pid
  story_clean
  if { [ $code != 0 ] || [ $FAILED != 0 ]; } && [ -n "$WORLD" ] && [ -d "$WORLD/log" ]; then
    echo "the last lines of each log:" >&2
    tail -n 8 "$WORLD"/log/* >&2 || :
  fi
  for pid in "${RUNNING[@]}"; do kill -TERM "$pid" 2>/dev/null || :; done
  for pid in "${RUNNING[@]}"; do wait "$pid" 2>/dev/null || :; done
  world_stop
  rm -rf "$STORY"
}

story_start() {
  BIN=$(realpath "$1") SOURCE=$(realpath "$2")
  STORY=$(mktemp -d "${TMPDIR:-/tmp}/fleetsweep-story.XXXXXX")
  chmod 711 "$STORY"  # a world may lie in it, and core, which is nobody, passes through
  on_exit story_finish
}

story_end() {
  printf '\n%d expectations held, %d did not; %d s\n' $HELD $FAILED $SECONDS
  [ $FAILED = 0 ]
}

# The demo's world without the demo: keys, witness, controller, and the named hosts, infected ones first enrolled and running.
story_world() {  # story_world [JSON]: as world_keys
  world_start "$BIN" "$SOURCE"
  world_keys "$@"
  world_services
}

story_host() {  # story_host NAME [infected]
  host_new "$1"
  [ "${2:-}" != infected ] || host_infect "$1"
  manifest "$(host_root "$1")" >"$WORLD/hosts/$1/before"
  host_enrol "$1"
  agent_start "$1"
}

# campaign_order MODE CAMPAIGN [FLAG...]: drafted, signed by APPROVERS, submitted; its id is then in $ORDER.
POLICY=
APPROVERS=(alice bob)
campaign_order() {
  local mode=$1 campaign=$2 person; shift 2
  fs order draft --policy "${POLICY:-$SOURCE/policies/catalog/lookalike/policy.yaml}" --mode "$mode" --campaign "$campaign" \
    --out "$STORY/order" "$@" >>"$WORLD/log/orders" 2>&1 || return 1
  for person in "${APPROVERS[@]}"; do sign_order "$STORY/order" "$person" >>"$WORLD/log/orders" 2>&1 || return 1; done
  ORDER=$(fs --json order submit "$STORY/order" 2>>"$WORLD/log/orders" | jq -er .id)
}
# What the host itself says: of one order, of everything.
agent_why() { "$BIN/fleetsweep-agent" why "$2" --state "$WORLD/hosts/$1/state"; }  # HOST ORDER
# tells PATTERN COMMAND...: shows what the command says. Never "command | grep -q": grep ends at its first match, and
# a command that then still writes dies of the closed pipe and fails the line.
tells() { local said; said=$("${@:2}") || return 1; echo "$said"; grep -q -- "$1" <<<"$said"; }
agent_says() { tells "$3" agent_why "$1" "$2"; }  # HOST ORDER PATTERN
agent_status() { "$BIN/fleetsweep-agent" status --json --state "$WORLD/hosts/$1/state" | jq -er "$2"; }  # HOST FILTER
alive() { kill -0 "${PID[$1]}"; }  # NAME, as given to start
receipts_are() {  # ORDER CONDITION COUNT: as the controller stored them
  local count; count=$(sqlite3 "file:$WORLD/controller/controller.db?mode=ro" "select count(*) from receipts where order_id = x'$1' and $2")
  echo "$count receipts where $2"; [ "$count" = "$3" ]
}
unchanged() { diff <(manifest "$(host_root "$1")") "$WORLD/hosts/$1/before"; }
