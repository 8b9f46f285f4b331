#!/usr/bin/env bash
# The demo: one whole campaign before your eyes, with the real programs. It is also the first end-to-end test: it ends with 0
# only if every expectation held. Usage: demo.sh BIN_DIR SOURCE_DIR [--keep]

source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/hosts.sh"
source "$(dirname "$0")/lookalike.sh"

KEEP=false
case ${3:-} in
  '') ;;
  --keep) KEEP=true ;;
  *) echo "demo.sh: '$3' is unknown; the only flag is --keep" >&2; exit 2 ;;
esac
HOSTS=(web-1 web-2 db-1 near-1 clean-1)
INFECTED=(web-1 web-2 db-1)
POLICY=$2/policies/catalog/lookalike/policy.yaml
STEP=0 FAILED=0 HELD=0 ENDED=false
bold='' green='' red='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; fi

step() { STEP=$((STEP + 1)); printf '\n%s[%d/13] %s%s\n' "$bold" $STEP "$1" "$plain"; }
show() { sed 's/^/    /'; }
expect() {  # expect "WHAT" COMMAND...
  local what=$1; shift
  if "$@" >"$WORLD/log/expect" 2>&1; then
    HELD=$((HELD + 1)); printf '    %sok%s  %s\n' "$green" "$plain" "$what"
  else
    FAILED=$((FAILED + 1)); printf '    %sNO%s  %s\n' "$red" "$plain" "$what"; show <"$WORLD/log/expect"
  fi
}
# A terminal shows the live view as it is; a pipe gets a line a change.
watch() { if [ -t 1 ]; then fs campaign watch "$@" || :; else fs campaign watch "$@" | show || :; fi; }
states_are() { [ "$(campaign_states "$1" | jq -cS 'with_entries(select(.value > 0))')" = "$(jq -cS . <<<"$2")" ]; }
is_running() { kill -0 "${LOOKALIKE_PID[$1]}" 2>/dev/null && [ "$(ps -o stat= -p "${LOOKALIKE_PID[$1]}" | cut -c1)" != Z ]; }
not() { ! "$@"; }
same_tree() { diff <(manifest "$(host_root "$1")") "$WORLD/hosts/$1/$2"; }
metric() { curl -fsS "$METRICS_URL" | awk -v name="$1" '$1 ~ "^" name "[{ ]" {sum += $NF} END {print sum + 0}'; }

finish() {
  local code=$1
  if [ $code = 130 ]; then
    echo "interrupted in step $STEP; ending what the demo started" >&2
  elif [ $code != 0 ] && ! $ENDED && [ -n "$WORLD" ] && [ -d "$WORLD/log" ]; then
    echo "the demo broke off in step $STEP; the last lines of each log:" >&2
    tail -n 5 "$WORLD"/log/* >&2 || :
  fi
  world_stop
}
on_exit finish

started=$SECONDS
step "Keys of three people, a log, a witness; a root that says: cleaning takes two of three"
world_start "$1" "$2"
world_keys
fs root show "$WORLD/keys/root.dsse" | grep -E '^  (role +(read|clean|destroy|stop)|witness q)' | show

step "A controller that cannot write an order, and a witness that watches its log"
world_services
fs doctor 2>/dev/null | sed -n 1,4p | show || :

step "Five hosts: three carry a harmless look-alike, one only near-misses, one is clean"
for host in "${HOSTS[@]}"; do host_new "$host"; done
for host in "${INFECTED[@]}"; do host_infect "$host"; done
host_near_misses near-1
for host in "${HOSTS[@]}"; do
  manifest "$(host_root "$host")" >"$WORLD/hosts/$host/before"
  host_enrol "$host"
  agent_start "$host"
done
wait_for agents_connected 5
fs agent list | show
expect "five agents enrolled with one-time tokens and connected" agents_connected 5

step "The policy in plain words"
fs policy explain "$POLICY" | sed -n 1,28p | show  # head would end before its writer does

step "A dry run: one order, two signatures, nothing is changed"
fs order draft --policy "$POLICY" --mode dry-run --campaign lookalike-1 --jurisdiction DE --out "$WORLD/dry.dsse" >/dev/null 2>&1
fs order sign "$WORLD/dry.dsse" --key "$WORLD/keys/alice.key" >/dev/null 2>&1
expect "one signature is not enough to read content" not fs order submit "$WORLD/dry.dsse"
fs order sign "$WORLD/dry.dsse" --key "$WORLD/keys/bob.key" >/dev/null 2>&1
fs order submit "$WORLD/dry.dsse" 2>/dev/null | show
wait_for states_are lookalike-1 '{"found": 4, "clean": 1}' || :
fs campaign hosts lookalike-1 | show
expect "found on the three infected hosts; near-1 has traces, which are reported only" states_are lookalike-1 '{"found": 4, "clean": 1}'
for host in "${HOSTS[@]}"; do expect "$host: the dry run changed nothing" same_tree "$host" before; done

step "Clean: alice and carol approve and type how many hosts it reaches, web-1 is the canary, wave 2 opens by itself when it is well"
fs order draft --policy "$POLICY" --mode apply --campaign lookalike-1 --jurisdiction DE \
  --wave 200 --wave 1000,2s,auto --canary web-1 --out "$WORLD/clean.dsse" 2>/dev/null | show
expect "a yes alone signs nothing that cleans" not fs order sign "$WORLD/clean.dsse" --key "$WORLD/keys/alice.key" --out "$WORLD/clean.alice.dsse"
fs order sign "$WORLD/clean.dsse" --key "$WORLD/keys/alice.key" --hosts 5 --out "$WORLD/clean.alice.dsse" >/dev/null 2>&1
fs order sign "$WORLD/clean.dsse" --key "$WORLD/keys/carol.key" --hosts 5 --out "$WORLD/clean.carol.dsse" >/dev/null 2>&1
expect "one of three may not clean" not fs order submit "$WORLD/clean.alice.dsse"
fs order combine "$WORLD/clean.alice.dsse" "$WORLD/clean.carol.dsse" --out "$WORLD/clean.signed.dsse" | sed "s#$WORLD/##" | show
cp "$WORLD/clean.dsse.policy" "$WORLD/clean.signed.dsse.policy"
fs order verify "$WORLD/clean.signed.dsse" --root "$WORLD/keys/root.dsse" | show
fs order submit "$WORLD/clean.signed.dsse" 2>/dev/null | show
watch lookalike-1 --until verified=3 --deadline ${PATIENCE}s
expect "verified by rescans on all three" campaign_has lookalike-1 verified 3
for host in "${INFECTED[@]}"; do
  expect "$host: the process is gone" not is_running "$host"
  expect "$host: the file is in the vault" not test -e "$(host_root "$host")$LOOKALIKE_FOLDER/lookalike"
  expect "$host: its lines are gone, its neighbours are not" sh -c '! grep -q lookalike "$1/etc/crontab" && grep -q run-parts "$1/etc/crontab" && ! grep -q lookalike "$1/etc/ld.so.preload" && grep -q libdemo "$1/etc/ld.so.preload"' sh "$(host_root "$host")"
done
expect "near-1: not a byte was touched" same_tree near-1 before
expect "near-1: the process with the name lives" is_running near-1
expect "clean-1: not a byte was touched" same_tree clean-1 before

step "Undo on web-2: everything comes back, byte for byte"
fs campaign undo lookalike-1 --host web-2 --hosts 1 --key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key" 2>/dev/null | show
watch lookalike-1 --until undone=1 --deadline ${PATIENCE}s
expect "web-2: undone" campaign_has lookalike-1 undone 1
expect "web-2: names, bytes, owners, modes, times, attributes are as before" same_tree web-2 before

step "Clean web-2 again: a new dry run and a new order, for that host alone"
lookalike_start web-2
for mode in dry-run apply; do
  fs campaign start --policy "$POLICY" --mode $mode --campaign lookalike-1 --jurisdiction DE --host web-2 --hosts 1 \
    --key "$WORLD/keys/bob.key" --key "$WORLD/keys/carol.key" 2>/dev/null | show
  [ $mode = dry-run ] && until=found=1 || until=verified=3
  watch lookalike-1 --until "$until" --deadline ${PATIENCE}s
done
expect "web-2: verified again" campaign_has lookalike-1 verified 3

step "An order that hosts must refuse: Emotet is a Windows family"
fs campaign start --policy "$2/policies/catalog/emotet/policy.yaml" --mode dry-run --campaign emotet-1 --jurisdiction DE \
  --key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key" 2>/dev/null | show
watch emotet-1 --until refused=5 --deadline ${PATIENCE}s
fs agent why clean-1 emotet-1 2>/dev/null | show || :
expect "all five refuse it" campaign_has emotet-1 refused 5
expect "the reason is the platform" test "$(host_reason emotet-1 clean-1)" = platform

step "What Prometheus sees"
curl -fsS "$METRICS_URL" | grep -E '^fleetsweep_(campaign_hosts|findings_total|actions_total|refusals_total|undo_total|results_total)' | grep -v ' 0$' | show
expect "metrics count the same verified hosts" test "$(curl -fsS "$METRICS_URL" | grep '^fleetsweep_campaign_hosts' | grep 'campaign="lookalike-1"' | grep 'state="verified"' | awk '{s += $NF} END {print s}')" = 3

step "The audit: everything again, from bytes"
fs audit verify --root "$WORLD/keys/root.dsse" | tee "$WORLD/log/audit" | show
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"

step "What is left"
{
  printf 'HOST\tBEFORE\tAFTER\tEVIDENCE\n'
  for host in "${HOSTS[@]}"; do
    case $host in near-1) before="near-misses" ;; clean-1) before="clean" ;; *) before="infected" ;; esac
    printf '%s\t%s\t%s\t%s\n' "$host" "$before" "$(host_state lookalike-1 "$host")" \
      "$(find "$WORLD/hosts/$host/state/act/vault" -name '*.fsq' 2>/dev/null | wc -l) sealed files in the vault"
  done
} | column -t -s $'\t' | show

step "The close-out: the results are final, and a signed report proves them to whoever was not there"
fs campaign close lookalike-1 --key "$WORLD/keys/bob.key" 2>/dev/null | show
report() { fs campaign report lookalike-1 --out "$WORLD/report.json" --html "$WORLD/report.html" --key "$WORLD/keys/alice.key" 2>/dev/null; }
offline() { env -u FLEETSWEEP_URL -u FLEETSWEEP_TOKEN_FILE "$BIN/fleetsweep" "$@"; }
verify() { offline audit verify "$WORLD/$1" --root "$WORLD/keys/root.dsse"; }
wait_for report || :  # until the witness vouches for the close
verify report.json | show || :
expect "the report holds, with nothing but the file and the root" verify report.json
jq '.payload |= (@base64d | fromjson | .close_out.states.verified = 5 | tojson | @base64)' "$WORLD/report.json" >"$WORLD/nicer.json"
verify nicer.json 2>&1 | sed "s#$WORLD/##g" | show || :
expect "one that says five instead of three does not" not verify nicer.json
ENDED=true
printf '\n%s%d expectations held, %d did not; %d s%s\n' "$bold" $HELD $FAILED $((SECONDS - started)) "$plain"

if $KEEP; then
  cat <<TEXT

Everything goes on running. To explore, in another terminal:
  export FLEETSWEEP_URL=$FLEETSWEEP_URL FLEETSWEEP_TOKEN_FILE=$FLEETSWEEP_TOKEN_FILE
  $BIN/fleetsweep campaign hosts lookalike-1
  $BIN/fleetsweep audit verify $WORLD/report.json --root $WORLD/keys/root.dsse
  the report as a page: $WORLD/report.html
  $BIN/fleetsweep-agent status --state $WORLD/hosts/web-1/state
  curl $METRICS_URL
Ctrl-C ends it and removes $WORLD.
TEXT
  start rest sleep infinity
  wait "${PID[rest]}"
fi
[ $FAILED = 0 ]
