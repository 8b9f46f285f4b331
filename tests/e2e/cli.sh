#!/usr/bin/env bash
# The CLI's contract with people and scripts, over every verb: help, exit codes, JSON, errors with a next step, plans that ask,
# and no escape sequences off a terminal. Usage: cli.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
CLI=$BIN/fleetsweep
POLICY=$SOURCE/policies/catalog/lookalike/policy.yaml

exits() {  # exits CODE COMMAND...: its output is in $STORY/out and $STORY/err
  local wanted=$1 code=0; shift
  "$@" >"$STORY/out" 2>"$STORY/err" </dev/null || code=$?
  [ $code = "$wanted" ] || { echo "exit code $code: $*"; cat "$STORY/out" "$STORY/err"; return 1; }
}
says() { grep -qE -- "$1" "$STORY/$2" || { cat "$STORY/$2"; return 1; }; }
verbs() { "$CLI" "$@" --help | awk 'tolower($0) ~ /^subcommands:/ {on = 1; next} on && !NF {exit} on && /^  [a-z]/ {print $1}'; }
has_example() { exits 0 "$CLI" "$@" --help && says 'Example: fleetsweep '"$*" out; }
no_such_flag() { exits 2 "$CLI" "$@" --no-such-flag && says '^next:  fleetsweep' err; }

all=()
for family in $(verbs); do
  inner=$(verbs "$family")
  for verb in ${inner:-""}; do all+=("$family${verb:+ $verb}"); done
done
expect "the help names every verb (${#all[@]})" test ${#all[@]} -ge 25
for verb in "${all[@]}"; do
  expect "$verb: --help has an example" has_example $verb
  expect "$verb: an unknown flag is a usage error" no_such_flag $verb
done
expect "no verb at all is a usage error" exits 2 "$CLI"
expect "a word that is no verb is named" exits 2 "$CLI" bogus
expect "as what it is" says "'bogus' is not a verb of fleetsweep$" err
expect "also within a family" exits 2 "$CLI" order bogus
expect "with its name" says "'bogus' is not a verb of fleetsweep order$" err
for name in 'a b' ../agents Web ''; do
  expect "'$name' is no campaign" exits 2 "$CLI" campaign status "$name"
  expect "which is said before anybody is asked" says 'expected a campaign' err
done
VERSION=$(sed -nE 's/^project\(fleetsweep VERSION ([0-9.]+).*/\1/p' "$SOURCE/CMakeLists.txt")
for program in fleetsweep{,-controller,-witness,-agent,-scan,-act}; do
  expect "$program says its name and the project's version" test "$("$BIN/$program" --version)" = "$program $VERSION"
  expect "$program --help is no mistake" exits 0 "$BIN/$program" --help
done
for child in scan act; do
  expect "fleetsweep-$child by hand is a usage error" exits 2 bash -c 'exec "$@" 3>&- 4>&-' - "$BIN/fleetsweep-$child" --root / --state "$STORY"
done
expect "fleetsweep-scan says who starts it" exits 2 "$BIN/fleetsweep-scan"
expect "and what a person may do" says 'started by fleetsweep-agent.*--policy FILE --json' err

expect "./dev takes no word that it does not know" exits 2 bash "$SOURCE/dev" frobnicate
expect "and says where they are listed" says "frobnicate.*./dev help" err
expect "./dev demo neither" exits 2 bash "$SOURCE/dev" demo --kep
expect "nor ./dev test" exits 2 bash "$SOURCE/dev" test units
expect "./dev alone is a question" exits 0 bash "$SOURCE/dev"

# Keys: no file of secrets in clear by mistake, no terminal left blind.
: >"$STORY/empty"
expect "an empty passphrase is no passphrase" exits 2 "$CLI" key create "$STORY/clear.key" --holder dora --passphrase-file "$STORY/empty"
expect "and writes no key" test ! -e "$STORY/clear.key"
echoes_after() {  # echoes_after KEYS: whether the terminal shows what is typed once the prompt was answered with KEYS
  local terminal=$STORY/terminal
  rm -f "$terminal.keys"; mkfifo "$terminal.keys"
  env --default-signal=INT script -qefc "bash -c 'trap : INT; $CLI key create $STORY/hidden.key --holder dora; stty -a'" "$terminal" <>"$terminal.keys" >/dev/null &
  local pid=$!
  RUNNING+=($pid)
  wait_for grep -q 'passphrase for the new key' "$terminal" && printf '%b' "$1" >"$terminal.keys" && wait_for grep -q 'speed' "$terminal"
  kill $pid 2>/dev/null || :
  cat "$terminal"
  grep -qE '(^| )echo ' "$terminal"
}
expect "Ctrl-C at the passphrase prompt gives the terminal back" echoes_after '\003'

# Files that are not there, or not what they should be.
has_next() { jq -e --arg next "$1" '.error | .message != "" and (.next | test($next))' "$STORY/err"; }
printf 'right\n' >"$STORY/right"; printf 'wrong\n' >"$STORY/wrong"
exits 0 "$CLI" key create "$STORY/sealed.key" --holder dora --passphrase-file "$STORY/right"
for verb in "key show FILE" "root init --spec FILE" "root show FILE" "root sign FILE --key k" "root submit FILE" "order show FILE" \
  "order sign FILE --key k" "order combine FILE FILE --out o" "order submit FILE" "order push FILE" "order verify FILE --root r" \
  "audit verify r --root FILE"; do
  expect "$verb: a missing file is input that cannot be read" exits 2 "$CLI" --json ${verb//FILE/$STORY/missing}
  expect "$verb: and the next step is not somewhere else" has_next "missing|private key"
  expect "$verb: a file of another kind likewise" exits 2 "$CLI" --json ${verb//FILE/$STORY/right}
  expect "$verb: with a next step" has_next .
done
expect "a wrong passphrase is refused" exits 1 "$CLI" --json key show "$STORY/sealed.key" --passphrase-file "$STORY/wrong"
expect "and another may be tried" has_next 'passphrase'
expect "a passphrase that nobody can be asked for is missing input" exits 2 "$CLI" --json key show "$STORY/sealed.key"
expect "and may stand in a file" has_next '--passphrase-file'

# Nobody listens on port 1.
echo token >"$STORY/token"
nobody() { exits 1 env FLEETSWEEP_URL=http://127.0.0.1:1 FLEETSWEEP_TOKEN_FILE="$STORY/token" "$CLI" "$@"; }
for verb in "agent list" "agent show x" "agent why x y" "campaign status" "campaign hosts x" "campaign watch x" "campaign report x" \
  "campaign stop x --key k --reason r" "audit verify"; do
  expect "$verb: without a controller it is refused" nobody $verb
  expect "$verb: and the next step is said" says '^next:  .+' err
  expect "$verb: in JSON too" nobody $verb --json
  expect "$verb: code, message, next" jq -e '.error | .code == "unavailable" and .message != "" and .next != ""' "$STORY/err"
done

story_world
story_host web-1 infected
wait_for agents_connected 1
keys=(--key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key")
draft=(--policy "$POLICY" --campaign cli-1 --jurisdiction DE)
is_json() { exits 0 "$CLI" --yes --json "$@" && jq -e . "$STORY/out"; }
asks() { exits 1 "$CLI" "$@" && says "$PLAN" err && says '^next: .*--yes' err; }
plain() { ! grep -q $'\e' "$STORY/out" "$STORY/err"; }

PLAN='^Order [0-9a-f]{64}$'
expect "campaign start shows its plan and does nothing without a yes" asks campaign start "${draft[@]}" --mode dry-run "${keys[@]}"
expect "nothing was started" test "$("$CLI" --json campaign status)" = '[]'
expect "every mistake of a command line at once, before anybody signs" \
  exits 2 "$CLI" order draft "${draft[@]}" --mode dry-run --life 9999d --jitter x --wave 5000 --out "$STORY/bad.dsse"
for mistake in 'root allows class read' '--jitter' '--wave 5000'; do expect "among them $mistake" says "$mistake" err; done
expect "a clean order without a dry run says what comes first" exits 1 "$CLI" order draft "${draft[@]}" --mode apply --out "$STORY/bad.dsse"
expect "namely" says 'next: .*--mode dry-run' err

expect "campaign start, JSON" is_json campaign start "${draft[@]}" --mode dry-run "${keys[@]}"
expect "watch in a pipe ends with the campaign" exits 0 "$CLI" campaign watch cli-1 --deadline ${PATIENCE}s
expect "with plain lines" plain
expect "a line a change" says '^cli-1 dry-run 1/1 1 found$' out
order=$STORY/order.dsse
expect "order draft, JSON" is_json order draft "${draft[@]}" --mode apply --out "$order"
counts() { exits 1 "$CLI" "$@" && says "$PLAN" err && says '^next: .*--hosts N' err; }
expect "order sign asks how many hosts it reaches" counts order sign "$order" --key "$WORLD/keys/alice.key"
expect "a yes is not enough" counts --yes order sign "$order" --key "$WORLD/keys/alice.key"
expect "another number neither" exits 1 "$CLI" --yes order sign "$order" --key "$WORLD/keys/alice.key" --hosts 2
expect "which is said" says '^error: --hosts 2: that is not the number of hosts in scope' err
expect "nothing was signed" test "$(jq '.signatures | length' "$order")" = 0
typed() {  # typed NUMBER FILE: on a terminal
  script -qec "$CLI order sign '$order' --key '$WORLD/keys/alice.key' --out '$2'" /dev/null <<<"$1" >"$STORY/tty"
  grep -q 'type the number of hosts in scope' "$STORY/tty"
}
expect "a person types it" typed 1 "$STORY/typed.dsse"
expect "and has signed" test "$(jq '.signatures | length' "$STORY/typed.dsse")" = 1
expect "or mistypes it" typed 7 "$STORY/mistyped.dsse"
expect "and has not" test ! -e "$STORY/mistyped.dsse"
expect "order sign, JSON" is_json order sign "$order" --key "$WORLD/keys/alice.key" --hosts 1 --out "$STORY/alice.dsse"
expect "one of two: verify refuses" exits 1 "$CLI" order verify "$STORY/alice.dsse" --root "$WORLD/keys/root.dsse"
expect "and says who is missing" says 'missing: bob, carol' err
expect "order sign by bob" is_json order sign "$order" --key "$WORLD/keys/bob.key" --hosts 1 --out "$STORY/bob.dsse"
expect "order combine, JSON" is_json order combine "$STORY/alice.dsse" "$STORY/bob.dsse" --out "$STORY/both.dsse"
expect "order verify, JSON" is_json order verify "$STORY/both.dsse" --root "$WORLD/keys/root.dsse"
expect "order show, JSON" is_json order show "$STORY/both.dsse" --root "$WORLD/keys/root.dsse"
expect "it knows class, quorum and dry run" jq -e \
  '.review | .class == {computed: "clean", matches: true} and .quorum.met and .dry_run.found == 1 and .hosts.total == 1 and .objections == [] and
   (.since.changes[] | select(.field == "mode").effect == "widens")' "$STORY/out"
# What the hosts' receipts do not bear out is not signed, whoever asks.
doubted=$STORY/doubted.dsse
jq -r .payload "$order" | base64 -d | perl -0777 -pe "my \$report = pack 'H*', '$(jq -r .document.dry_run_report "$STORY/out")'; my \$other = reverse \$report; s/\Q\$report\E/\$other/ or die" | base64 -w0 >"$STORY/payload"
jq --rawfile payload "$STORY/payload" '.payload = $payload | .signatures = []' "$order" >"$doubted"
cp "$order.policy" "$doubted.policy"
expect "an order whose dry run is not in the receipts is not signed" exits 1 "$CLI" --yes order sign "$doubted" --key "$WORLD/keys/alice.key" --hosts 1
expect "and says why" says 'its dry run: .*do not hold those that the order names' err
expect "order evidence, JSON" is_json order evidence "$order" --out "$STORY/evidence"
alone() { exits "$1" env -u FLEETSWEEP_URL -u FLEETSWEEP_TOKEN_FILE "$CLI" --yes "${@:2}" --key "$WORLD/keys/carol.key" --hosts 1 --out "$STORY/carol.dsse"; }
expect "without a network and without evidence nobody signs a clean order" alone 1 order sign "$order"
expect "because nobody knows whom it reaches" says 'how many hosts it reaches is not known here' err
expect "with a file of it one does" alone 0 order sign "$order" --evidence "$STORY/evidence"
expect "unless it is not about this order" alone 1 order sign "$doubted" --evidence "$STORY/evidence"
expect "the plan without a network has all of it" exits 0 env -u FLEETSWEEP_URL "$CLI" order show "$order" --evidence "$STORY/evidence"
for shown in '1 known host in scope' 'wave 1  [0-9a-f]{12}  web-1' "counted from the hosts' signed receipts" 'mode: apply, was dry-run .WIDENS.'; do
  expect "namely $shown" says "$shown" out
done

fs key create "$STORY/stranger.key" --holder stranger --unencrypted >/dev/null
# The inbox: pushed by one, signed there by two, submitted by a third.
inbox=$STORY/inbox.dsse
fs order draft "${draft[@]}" --mode dry-run --out "$inbox" >/dev/null 2>&1
expect "order push, JSON" is_json order push "$inbox"
pushed=$(jq -r .id "$STORY/out")
for who in "--for alice" "--for carol" "--key $WORLD/keys/bob.key" "--key $WORLD/keys/bob.key.pub" ""; do
  expect "order pending $who, JSON" is_json order pending $who
  expect "lists it" jq -e --arg id "$pushed" '.[0].id == $id' "$STORY/out"
done
expect "order pending for people" exits 0 "$CLI" order pending
expect "says who can still sign" says "^${pushed:0:12} .*waits for 2 of alice, bob, carol" out
PLAN='^Order [0-9a-f]{64}$'
expect "order sign of the inbox asks" asks order sign "${pushed:0:12}" --key "$WORLD/keys/alice.key"
expect "order sign of the inbox, JSON" is_json order sign "${pushed:0:12}" --key "$WORLD/keys/alice.key"
expect "it does not wait for alice any more" test "$("$CLI" --json order pending --for alice)" = '[]'
expect "but for bob" jq -e 'length == 1' <<<"$("$CLI" --json order pending --for bob)"
expect "a key that the root does not name adds nothing" exits 1 "$CLI" --yes order sign "$pushed" --key "$STORY/stranger.key"
expect "order sign by bob completes it" exits 0 "$CLI" --yes order sign "$pushed" --key "$WORLD/keys/bob.key"
expect "and says what comes next" says "^next:  fleetsweep order submit $pushed" err
expect "order pull, JSON" is_json order pull "${pushed:0:12}" --out "$STORY/pulled.dsse"
expect "a copy with both signatures and the policy" test "$(jq '.signatures | length' "$STORY/pulled.dsse")" = 2 -a -s "$STORY/pulled.dsse.policy"
expect "nothing has begun" exits 1 "$CLI" order submit "$pushed"
expect "because submitting asks, too" says '^next: .*--yes' err
expect "order submit of the inbox, JSON" is_json order submit "$pushed"
expect "the inbox is empty" test "$("$CLI" --json order pending)" = '[]'
fs order draft "${draft[@]}" --mode dry-run --life 1h --out "$inbox" >/dev/null 2>&1
expect "another one" is_json order push "$inbox"
pushed=$(jq -r .id "$STORY/out")
expect "order withdraw asks" exits 1 "$CLI" order withdraw "$pushed"
expect "order withdraw, JSON" is_json order withdraw "$pushed"
expect "is gone" exits 1 "$CLI" order show "$pushed"
cp "$order.policy" "$STORY/both.dsse.policy"
PLAN='^Order [0-9a-f]{64}$'; expect "order submit asks" asks order submit "$STORY/both.dsse"
expect "order submit, JSON" is_json order submit "$STORY/both.dsse"
expect "submitted again" exits 0 "$CLI" order submit "$STORY/both.dsse"
expect "it is known already" says '^in the control log already' out
expect "it is cleaned" wait_for campaign_has cli-1 verified 1
expect "an agent that nobody knows" exits 1 "$CLI" agent why nobody cli-1
expect "has one next step" diff "$STORY/err" <(printf 'error: no agent is called nobody\nnext:  fleetsweep agent list\n')

# The host's owner, with the digits that status prints.
agent() { "$BIN/fleetsweep-agent" "$@" --state "$WORLD/hosts/web-1/state"; }
apply=$(agent_status web-1 '.orders[-1].order')
expect "fleetsweep-agent why takes the beginning of an id" exits 0 agent why "${apply:0:12}"
expect "and says what was done" says '^done: verified; objects acted on: 7$' out
expect "too few digits" exits 1 agent why "${apply:0:7}"
expect "are told how many it takes" says "'${apply:0:7}': expected an order's id of 64 hex digits, or the first 8" err
expect "an order that is not there is not undone" exits 1 agent undo 0123456789ab
expect "and which there are" says 'no order that is known here begins with 0123456789ab: `fleetsweep-agent why` lists them' err

echo 198.51.100.7 >"$STORY/list.txt"
mkdir -p "$STORY/good/tmp"
echo good >"$STORY/good/tmp/software"
for verb in "campaign status" "campaign status cli-1" "campaign hosts cli-1" "campaign report cli-1" "agent list" "agent show web-1" \
  "agent why web-1 cli-1" "audit verify" "log proof 0 --out $STORY/p.tlog-proof" "campaign paths cli-1 --evidence-key $WORLD/keys/evidence.key" "doctor" "policy lint $POLICY" "policy explain $POLICY" "policy build $POLICY --out $STORY/p" \
  "policy test $POLICY $STORY" "policy test $POLICY --goodware $STORY/good" "policy import plain $STORY/list.txt --family Ours" "key create $STORY/dora.key --holder dora --unencrypted" "key show $STORY/dora.key" \
  "root show $WORLD/keys/root.dsse" "campaign watch cli-1"; do
  expect "$verb, JSON" is_json $verb
done
PLAN='^Order [0-9a-f]{64}$'; expect "campaign undo asks for the number" counts campaign undo cli-1 "${keys[@]}"
PLAN='^Root version 1,'
cp "$WORLD/keys/root.dsse" "$STORY/again.dsse"
expect "root sign asks" asks root sign "$STORY/again.dsse" --key "$WORLD/keys/alice.key"
expect "root submit asks" asks root submit "$STORY/again.dsse"
PLAN='^Enrolment of up to 6 hosts'; expect "agent enrol-token asks" asks agent enrol-token --count 3 --uses 2 --key "$WORLD/keys/alice.key" --jurisdiction DE --out "$STORY/none"
expect "and writes no token before" test ! -e "$STORY/none"
PLAN='^Endpoints version 2'; expect "endpoints publish asks" asks endpoints publish --relay "tcp://127.0.0.1:1=$(jq -r .edge_curve <<<"$CONTROLLER")" --key "$WORLD/keys/alice.key"
PLAN='^Close campaign cli-1'; expect "campaign close asks" asks campaign close cli-1 --with-pending --key "$WORLD/keys/alice.key"
PLAN='^Stop campaign cli-1'; expect "campaign stop asks" asks campaign stop cli-1 --key "$WORLD/keys/alice.key" --reason test

token=(agent enrol-token --key "$WORLD/keys/alice.key" --group web)
log_size() { curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants" | jq '.[0].log_size'; }
logged=$(log_size)
for country in germany de DEU ''; do
  expect "a batch for hosts in '$country' is a usage error" exits 2 "$CLI" --yes "${token[@]}" --jurisdiction "$country" --out "$STORY/tokens"
done
expect "a batch whose tokens cannot be written is refused" exits 2 "$CLI" --yes "${token[@]}" --jurisdiction DE --out /proc/x
expect "a batch without its quorum is refused" exits 1 "$CLI" --yes agent enrol-token --key "$STORY/dora.key" --jurisdiction DE --out "$STORY/tokens"
expect "and leaves no token" test -z "$(ls -A "$STORY/tokens")"
expect "none of them is in the log" test "$(log_size)" = "$logged"
expect "an order that every host refuses" is_json campaign start --policy "$SOURCE/policies/catalog/emotet/policy.yaml" \
  --campaign emotet-1 --jurisdiction DE --mode dry-run "${keys[@]}"
expect "is settled, but only partly done" exits 3 "$CLI" campaign watch emotet-1 --deadline ${PATIENCE}s
expect "watch ends at its deadline though nothing changes" exits 1 timeout 10 "$CLI" campaign watch cli-1 --until verified=9 --deadline 1s
expect "and says so" says 'not got there after 1s' err
for until in verfied=3 verified verified= verified=3x =3; do
  expect "--until $until is a usage error" exits 2 "$CLI" campaign watch cli-1 --until $until
done
expect "campaign status has no colours in a pipe" exits 0 "$CLI" campaign status cli-1
expect "none at all" plain
script -qec "$CLI campaign status cli-1" /dev/null >"$STORY/tty" </dev/null
expect "and has them on a terminal" grep -q $'\e\[' "$STORY/tty"

expect "a path that the API does not have says where they are listed" test "$(curl -sS "$FLEETSWEEP_URL/v2" | jq -r .error.next)" != ""
expect "campaign start: a missing policy" exits 2 "$CLI" campaign start --policy "$STORY/missing" --campaign x --jurisdiction DE "${keys[@]}"
expect "campaign stop: a missing key" exits 2 "$CLI" --yes --json campaign stop cli-1 --key "$STORY/missing" --reason x
expect "and what makes one" has_next 'key create'
expect "campaign stop: a wrong passphrase" exits 1 "$CLI" --yes --json campaign stop cli-1 --key "$STORY/sealed.key" --passphrase-file "$STORY/wrong" --reason x
expect "and another may be tried" has_next 'passphrase'
expect "root show takes no order for a root" exits 2 "$CLI" root show "$order"
expect "it says what the file is" says 'order.dsse is of type order; expected root' err
expect "root submit neither" exits 2 "$CLI" --yes root submit "$order"
expect "order verify takes no root for an order" exits 2 "$CLI" order verify "$WORLD/keys/root.dsse" --root "$WORLD/keys/root.dsse"
expect "a holder whom no root could name gets no key" exits 2 "$CLI" key create "$STORY/ab.key" --holder 'A B' --unencrypted
cp "$WORLD/keys/root.dsse" "$STORY/signed.dsse"
expect "a key that the root does not name signs no root" exits 1 "$CLI" --yes root sign "$STORY/signed.dsse" --key "$STORY/dora.key"
expect "not a byte" cmp "$WORLD/keys/root.dsse" "$STORY/signed.dsse"
jq '.keys = .keys[:1]' "$WORLD/keys/root.json" >"$WORLD/keys/alone.json"
expect "a root that no host would accept is refused" exits 2 "$CLI" root init --spec "$WORLD/keys/alone.json" --evidence-key "$STORY/alone.key" --out "$STORY/alone.dsse"
expect "and leaves neither root nor key" test ! -e "$STORY/alone.dsse" -a ! -e "$STORY/alone.key"

expect "the owner undoes with the beginning of an id" exits 0 agent undo "${apply:0:8}"
expect "and all is as before" unchanged web-1
jq -n --slurpfile spec "$WORLD/keys/root.json" '$spec[0] + {expires: "30d"}' >"$WORLD/keys/other.json"
"$CLI" root init --spec "$WORLD/keys/other.json" --evidence-key "$WORLD/keys/evidence.key" --out "$STORY/other.dsse" >"$STORY/out" 2>&1
expect "the audit holds under the root it began with" exits 0 "$CLI" audit verify --root "$WORLD/keys/root.dsse"
expect "not under one that nobody signed" exits 1 "$CLI" audit verify --root "$STORY/other.dsse"
expect "which it says" says 'role root: org 0 has 0 of 2' err
for person in alice bob carol; do fs root sign "$STORY/other.dsse" --key "$WORLD/keys/$person.key" >/dev/null 2>&1; done
expect "and not under another" exits 1 "$CLI" audit verify --root "$STORY/other.dsse"
expect "which it names" says 'tenant' err
# A wave that waits for a person, and a stop that is lifted: no dead ends.
story_host web-2 infected
wait_for agents_connected 2
# web-2 joins while cli-1 is in force, which may clean it first: then nothing is left to do for steer-1.
is_done() { case $(host_state steer-1 "$1") in clean | verified) ;; *) return 1 ;; esac; }
phase_is() { [ "$(fs --json campaign status "$1" | jq -r .phase)" = "$2" ]; }
steered=(--policy "$POLICY" --campaign steer-1 --jurisdiction DE "${keys[@]}")
fs campaign start "${steered[@]}" --mode dry-run >/dev/null 2>&1
fs campaign watch steer-1 --deadline ${PATIENCE}s >/dev/null
fs campaign start "${steered[@]}" --mode apply --hosts 2 --wave 500 --wave 1000,0s,manual --canary web-1 >/dev/null 2>&1
expect "the canary is cleaned again" wait_for is_done web-1
expect "web-2 waits for a person" wait_for campaign_has steer-1 waiting 1
fs campaign stop steer-1 --key "$WORLD/keys/alice.key" --reason "first think" >/dev/null 2>&1
expect "a stopped campaign says so" wait_for phase_is steer-1 stopped
PLAN='^Resume campaign steer-1'; expect "campaign resume asks" asks campaign resume steer-1 "${keys[@]}" --reason thought
expect "one person lifts no stop" exits 1 "$CLI" --yes campaign resume steer-1 --key "$WORLD/keys/alice.key" --reason thought
expect "two do" is_json campaign resume steer-1 "${keys[@]}" --reason thought
expect "only what is stopped is resumed" exits 1 "$CLI" --yes campaign resume steer-1 "${keys[@]}" --reason thought
PLAN='^Release wave 2 of campaign steer-1: up to 100 %'; expect "campaign release asks" asks campaign release steer-1 --wave 2 --key "$WORLD/keys/alice.key"
expect "there is no gate before the first wave" exits 1 "$CLI" --yes campaign release steer-1 --wave 1 --key "$WORLD/keys/alice.key"
expect "web-2 still waits" not is_done web-2
expect "campaign release, JSON" is_json campaign release steer-1 --wave 2 --key "$WORLD/keys/alice.key"
expect "web-2 goes on" wait_for is_done web-2
expect "the audit holds" exits 0 "$CLI" audit verify --root "$WORLD/keys/root.dsse"
story_end
