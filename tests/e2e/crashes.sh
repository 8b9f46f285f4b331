#!/usr/bin/env bash
# kill -9 at random moments of real campaigns: controller, witness, agents with all their processes, cores, scans and acts.
# Nothing is lost, nothing is done twice. Usage: crashes.sh BIN_DIR SOURCE_DIR; FLEETSWEEP_SEED=N repeats the same draws.

source "$(dirname "$0")/story.sh"
SEED=${FLEETSWEEP_SEED:-20261124}
echo "FLEETSWEEP_SEED=$SEED"
story_start "$@"
INFECTED=(web-1 web-2 web-3 web-4)
HOSTS=("${INFECTED[@]}" near-1)
PROGRAMS=(controller witness agent core scan act)
WANTED=20  # of each
declare -A KILLED=() DUE=() AIM=() SEEN=() IN_ROW=()
for program in "${PROGRAMS[@]}"; do KILLED[$program]=0; done

story_world
for host in "${INFECTED[@]}"; do story_host "$host" infected; done
host_new near-1
host_near_misses near-1
manifest "$(host_root near-1)" >"$WORLD/hosts/near-1/before"
host_enrol near-1
agent_start near-1
wait_for agents_connected ${#HOSTS[@]}

# --- the killer
exec {NEVER}<> <(:)  # nothing ever comes out of it: reading it with a timeout is a pause without a process
pause() { read -rt "$1" -u "$NEVER" _ || :; }
now() { NOW=${EPOCHREALTIME/[.,]/}; }  # microseconds
draw() { DRAWN=$((($1) + (RANDOM * 32768 + RANDOM) % (($2) - ($1)))); }  # draw FROM TO
state_of() { STATE=gone; { read -r STATE <"/proc/$1/stat"; } 2>/dev/null || return 0; STATE=${STATE##*) } STATE=${STATE%% *}; }
children_of() { CHILDREN=(); { read -ra CHILDREN <"/proc/$1/task/$1/children"; } 2>/dev/null || :; }

# Stopped first: what stands still did not end by itself, so that what is counted was killed.
hit() {  # hit PROGRAM PID
  kill -STOP "$2" 2>/dev/null || return 1
  while :; do
    state_of "$2"
    case $STATE in T) break ;; Z | X | gone) return 1 ;; esac
  done
  kill -KILL "$2"
  KILLED[$1]=$((KILLED[$1] + 1))
}

kill_service() {  # kill_service NAME COMMAND...: and start it again
  local name=$1 pid=${PID[$1]}; shift
  if hit "$name" "$pid"; then wait "$pid" 2>/dev/null || :; fi
  start "$name" "$@"
}
kill_agent() {  # all its processes at once, or the monitor alone
  local pid=${PID[agent-$1]} child
  children_of "$pid"
  draw 0 2
  hit agent "$pid"
  if [ "$DRAWN" = 0 ]; then for child in "${CHILDREN[@]}"; do kill -KILL "$child" 2>/dev/null || :; done; fi
  wait "$pid" 2>/dev/null || :
  agent_start "$1"
}
kill_core() {
  local child
  children_of "${PID[agent-$1]}"
  for child in "${CHILDREN[@]}"; do
    if grep -qa -- --core-fd "/proc/$child/cmdline" 2>/dev/null; then hit core "$child" || :; fi
  done
}

aim() {  # takes aim at the scans and acts that run now
  local host child comm
  for host in "${HOSTS[@]}"; do
    children_of "${PID[agent-$host]}"
    for child in "${CHILDREN[@]}"; do
      [ -z "${SEEN[$child]:-}" ] || continue
      comm=
      { read -r comm <"/proc/$child/comm"; } 2>/dev/null || continue
      case $comm in fleetsweep-scan) comm=scan ;; fleetsweep-act) comm=act ;; *) continue ;; esac
      SEEN[$child]=$comm
      # Three in a row is an answer: this host cannot do it. Others are spared by lot: in turn it would always be the act that
      # only undoes what the one before it left, and no campaign would end.
      draw 0 3
      if [ "$DRAWN" = 0 ] || [ "${IN_ROW[$host]:-0}" -ge 2 ]; then IN_ROW[$host]=0; continue; fi
      IN_ROW[$host]=$((${IN_ROW[$host]:-0} + 1))
      draw 0 "${REACH[$comm]}"
      AIM[$child]=$((NOW + DRAWN))
    done
  done
}
declare -A REACH=([scan]=60000 [act]=25000)  # microseconds from its start in which it is killed
declare -A EVERY=([controller]=2000000 [witness]=2000000 [agent]=2000000 [core]=2000000)

fire_once() {
  local program pid
  now
  aim
  for pid in "${!AIM[@]}"; do
    now
    if [ "${AIM[$pid]}" -le "$NOW" ]; then hit "${SEEN[$pid]}" "$pid" || :; unset "AIM[$pid]"; fi
  done
  for program in "${!EVERY[@]}"; do
    [ "${DUE[$program]:-0}" -le "$NOW" ] || continue
    if [ -n "${DUE[$program]:-}" ]; then
      draw 0 ${#HOSTS[@]}
      case $program in
        controller) kill_service controller "$BIN/fleetsweep-controller" run --config "$WORLD/controller.conf" ;;
        witness) kill_service witness "$BIN/fleetsweep-witness" run --config "$WORLD/witness.conf" ;;
        *) "kill_$program" "${HOSTS[DRAWN]}" ;;
      esac
    fi
    draw $((200000 * PACE)) $((EVERY[$program] * PACE))
    DUE[$program]=$((NOW + DRAWN))
  done
}

# under_fire COMMAND...: kills until the command succeeds, which is asked again and again meanwhile. The longer it lasts,
# the longer each may live: a machine so slow that no scan ends within the life of an agent would prove nothing.
under_fire() {
  local began=$SECONDS deadline=$((SECONDS + PATIENCE)) watcher
  (until "$@" >/dev/null 2>&1; do sleep 0.1; done) &
  watcher=$!
  RUNNING+=($watcher)
  while kill -0 $watcher 2>/dev/null; do
    if [ $SECONDS -ge $deadline ]; then
      kill $watcher
      echo "gave up waiting under fire for: $*" >&2
      return 1
    fi
    PACE=$((1 + (SECONDS - began) / 20))
    fire_once
    pause 0.002
  done
  wait $watcher
}

# --- real campaigns
count_kills() { local program; for program in "${PROGRAMS[@]}"; do printf '%s %s  ' "$program" "${KILLED[$program]}"; done; }
# Each is asked again until somebody answers. An order that is in the log already is answered the same way; of an undo there may
# be two, when the answer to the first was lost.
submitted() { fs order submit "$1" >>"$WORLD/log/orders" 2>&1; }
drafted() {  # drafted FILE CAMPAIGN MODE
  fs order draft --policy "$SOURCE/policies/catalog/lookalike/policy.yaml" --campaign "$2" --mode "$3" --jurisdiction DE --out "$1"
}
signed() { sign_order "$1" "$2" >>"$WORLD/log/orders" 2>&1; }
order() {  # order CAMPAIGN MODE: drafted, signed and submitted under fire
  local file=$WORLD/$1.$2.dsse person
  under_fire drafted "$file" "$1" "$2"
  for person in alice bob; do wait_for signed "$file" "$person"; done
  under_fire submitted "$file"
}
host_is() { [ "$(host_state "$1" "$2")" = "$3" ]; }  # CAMPAIGN HOST STATE
undo_is_ordered() { fs campaign undo "$1" --hosts "$(fs --json agent list | jq length)" --key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key"; }

run_campaign() {  # run_campaign NAME
  local host
  order "$1" dry-run
  expect "$1: found under fire on the infected hosts, and the traces on near-1" under_fire campaign_has "$1" found 5
  order "$1" apply
  expect "$1: verified under fire on the infected hosts" under_fire campaign_has "$1" verified 4
  expect "$1: near-1 has nothing to clean" under_fire host_is "$1" near-1 clean
  for host in "${INFECTED[@]}"; do
    expect "$1: $host: process, file and lines are gone" not infected "$host"
  done
  expect "$1: near-1: not a byte was touched" unchanged near-1
  under_fire undo_is_ordered "$1"
  expect "$1: undone under fire" under_fire campaign_has "$1" undone 4
  for host in "${INFECTED[@]}"; do
    expect "$1: $host: names, bytes, owners, modes, times, attributes are as before" unchanged "$host"
  done
  echo "    killed so far: $(count_kills)"
}
infected() {
  kill -0 "${LOOKALIKE_PID[$1]}" 2>/dev/null || [ -e "$(host_root "$1")$LOOKALIKE_FOLDER/lookalike" ] ||
    grep -qr lookalike "$(host_root "$1")/etc"
}

enough() {
  local program
  for program in "${PROGRAMS[@]}"; do [ "${KILLED[$program]}" -ge $WANTED ] || return 1; done
}

RANDOM=$SEED
CAMPAIGNS=()
for name in first second third fourth; do
  if [ ${#CAMPAIGNS[@]} -ge 2 ] && enough; then break; fi
  if [ ${#CAMPAIGNS[@]} -gt 0 ]; then for host in "${INFECTED[@]}"; do lookalike_start "$host"; done; fi
  CAMPAIGNS+=("$name")
  run_campaign "$name"
done
for program in "${PROGRAMS[@]}"; do
  expect "$program was killed ${KILLED[$program]} times, at least $WANTED" test "${KILLED[$program]}" -ge $WANTED
done

# --- the killing is over: what is left
expect "the last controller comes up" wait_for curl -fsS "http://127.0.0.1:$API_PORT/healthz"
expect "all agents are back without a hand" wait_for agents_connected ${#HOSTS[@]}
nothing_to_tell() { [ "$("$BIN/fleetsweep-agent" status --state "$WORLD/hosts/$1/state" --json | jq .outbox)" = 0 ]; }
for host in "${HOSTS[@]}"; do expect "$host: the controller has taken every receipt" wait_for nothing_to_tell "$host"; done
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"

# What act wrote down, read from its bytes: "TRANSACTION KIND OPERATION" a line. A record is u32 length, u32 sum, 32 bytes chain
# and its body: u8 format, 16 bytes transaction, u8 kind, and for the kinds of one operation its number as u32.
journal() {
  od -An -v -tu1 -w1 "$WORLD/hosts/$1/state/act/journal" | awk '
    {byte[NR - 1] = $1}
    function u32(at) {return byte[at] + 256 * (byte[at + 1] + 256 * (byte[at + 2] + 256 * byte[at + 3]))}
    END {
      for (at = 0; at < NR; at += 40 + u32(at)) {
        id = ""
        for (i = 41; i < 57; i++) id = id sprintf("%02x", byte[at + i])
        print id, byte[at + 57], u32(at + 58)
      }
    }'
}
kinds() { journal "$1" | awk -v kind="$2" '$2 == kind' | wc -l; }  # 0 begin, 1 intended, 3 done, 5 end, 8 undone, 9 undo ended
twice() { journal "$1" | awk '($2 == 3 || $2 == 8) && seen[$0]++ {print "twice:", $0; twice = 1} END {exit !twice}'; }
for host in "${INFECTED[@]}"; do
  expect "$host: act began and ended each campaign once" test "$(kinds "$host" 0) $(kinds "$host" 5)" = "${#CAMPAIGNS[@]} ${#CAMPAIGNS[@]}"
  done=$(kinds "$host" 3) undone=$(kinds "$host" 8)
  expect "$host: no step of act was done or undone twice ($(kinds "$host" 1) intents, $done done, $undone undone)" not twice "$host"
  expect "$host: what was done was undone" test "$done" -gt 0 -a "$done" = "$undone"
done
expect "near-1: act wrote nothing" test ! -s "$WORLD/hosts/near-1/state/act/journal"

# --- receipts: in the store, in the API and in the metrics each counts once
stop controller
sqlite3 "file:$WORLD/controller/controller.db?mode=ro" ".backup $STORY/copy.db"
sql() { sqlite3 "$STORY/copy.db" "$1"; }
controller_start
metric() { curl -fsS "$METRICS_URL" | awk -v name="$1" -v label="${2:-}" 'index($1, name "{") == 1 && index($1, label) {sum += $NF} END {print sum + 0}'; }
same() { printf '%s: %s\n' "$2" "$1" "$4" "$3"; [ "$1" = "$3" ]; }  # same A NAME_A B NAME_B
for campaign in "${CAMPAIGNS[@]}"; do
  recount=$(sql "select state, count(*) from receipts r where campaign = '$campaign' and seq =
    (select max(seq) from receipts where campaign = r.campaign and host_no = r.host_no) group by state order by state" | xargs)
  api=$(campaign_states "$campaign" | jq -r 'to_entries[] | select(.value > 0) | "\(.key)|\(.value)"' | sort | xargs)
  expect "$campaign: states in API and recount are the same: $recount" same "$api" API "$recount" SQL
  expect "$campaign: no host is lost or counted twice" test \
    "$(metric fleetsweep_campaign_targeted_hosts "campaign=\"$campaign\"") $(metric fleetsweep_campaign_hosts "campaign=\"$campaign\"")" = "5 5"
  expect "$campaign: no host told anything twice: $(sql "select kind, count(*) from receipts
    where campaign = '$campaign' group by kind order by kind" | xargs)" test "$(sql "select count(*) from (select 1 from receipts
    where campaign = '$campaign' group by order_id, host_no, kind having count(*) > 1)")" = 0
done
recount=$(sql "select count(*) from receipts")
expect "metrics count the $recount receipts of the store" same "$(metric fleetsweep_results_total)" metrics "$recount" SQL
told=$(for host in "${HOSTS[@]}"; do sqlite3 "file:$WORLD/hosts/$host/state/core/core.db?mode=ro" "select seq from chain"; done |
  awk "{sum += \$1} END {print sum}")
expect "the agents made $told receipts, and the store has them all" test "$told" = "$recount"
expect "every receipt is one of a host's unbroken row" test "$(sql "select count(*) from (select host_no, count(*) n, max(seq) m from receipts group by host_no) where n != m")" = 0
expect "no receipt has a second version" test "$(sql "select count(*) from forks")" = 0
expect "the audit holds after the last start" fs audit verify --root "$WORLD/keys/root.dsse"
story_end
