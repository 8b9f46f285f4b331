#!/usr/bin/env bash
# A key is stolen, and the root goes on without it: the stop names the key at once, the next version takes it out, what rested on
# it dies on the host, and a newcomer counts. Usage: rotation.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
cd "$WORLD/keys"
POLICY=$SOURCE/policies/catalog/lookalike/policy.yaml
host_runs_root() { [ "$(agent_status web-1 .root_version)" = "$1" ]; }
lists() { jq -e "$@"; }

# --- a specification is a root, and a root is its specification
fs root spec --from root.dsse >same.json
fs --json root next --from root.dsse --spec same.json --out same.dsse >"$STORY/same" 2>/dev/null
expect "what spec wrote, next reads back: nothing changes" lists '.version == 2 and .changes == [] and .delays == []' "$STORY/same"
expect "evidence key and salt stay" sh -c 'test "$(jq -c "[.evidence_key, .path_salt]" same.json)" = "$('"$BIN"'/fleetsweep --json root show same.dsse --from root.dsse | jq -c "[.document.evidence_key, .document.path_salt]")"'
expect "a first version has no predecessor to ask for" fs root show root.dsse

story_host web-1 infected
wait_for agents_connected 1
campaign_order dry-run rot --jurisdiction DE
expect "the dry run found it" wait_for campaign_has rot found 1
at() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
fs --json campaign start --policy "$POLICY" --mode apply --campaign rot --jurisdiction DE --not-before "$(at $(($(date +%s) + 3600)))" \
  --hosts 1 --key alice.key --key carol.key >"$STORY/order" 2>>"$WORLD/log/orders"
pending=$(jq -r .order "$STORY/order")
expect "an order of alice and carol waits for its time" wait_for agent_says web-1 "$pending" "waiting for time"

# --- carol's laptop is stolen
make_key dave
jq '.keys |= map(if .holder == "carol" then {holder: "dave", public: "@dave.key.pub"} else . end)
  | .roles |= map_values(map(.keys |= map(if . == "carol" then "dave" else . end)))' same.json >next.json
fs --json root next --spec next.json --out next.dsse >"$STORY/next" 2>/dev/null
expect "the next version says who goes and who comes" lists '[.changes[] | select(test("key removed.*carol") or test("key added.*dave"))] | length == 2' "$STORY/next"
expect "and which order loses its approval" lists --arg id "${pending:0:12}" '.ends | length == 1 and (.[0] | startswith($id))' "$STORY/next"
expect "and that nothing becomes weaker" lists '.delays == []' "$STORY/next"

expect "one signature stops the key" fs key revoke carol --key bob.key --reason "laptop stolen"
expect "at once, on the host: what carol approved is short of a quorum" wait_for agent_says web-1 "$pending" "refused: quorum"
expect "the key orders nothing" complains quorum fs campaign start --policy "$POLICY" --mode dry-run --campaign thief \
  --jurisdiction DE --key alice.key --key carol.key
expect "nor enrols" complains quorum fs agent enrol-token --key carol.key --group demo --jurisdiction DE --out "$STORY/stolen"
campaign_order dry-run gated --jurisdiction DE --wave 500 --wave 1000,0s,manual
expect "nor releases" complains quorum fs campaign release gated --wave 2 --key carol.key
expect "others do" fs campaign release gated --wave 2 --key alice.key
expect "it may still stop" fs campaign stop gated --key carol.key --reason "a thief's nuisance"
expect "and is counted for a resume: else one thief could lock out everybody" \
  fs campaign resume gated --key alice.key --key carol.key --reason "lifted"
expect "the stop is not lifted by one" complains quorum fs key reinstate carol --key alice.key --reason "alone"

# --- the next version
sign() { fs --json root sign next.dsse --key "$1.key" 2>/dev/null; }
expect "nobody has signed: three things are missing" sh -c "test \$('$BIN/fleetsweep' --json root show next.dsse | jq '.missing | length') = 3"
expect "alice signs, and hears what is still missing" sh -c "'$BIN/fleetsweep' --yes root sign next.dsse --key alice.key | grep -q 'missing: new key .* of dave'"
expect "one is not enough" complains 'quorum' fs root submit next.dsse
sign bob >"$STORY/bob"
expect "the threshold of both is met, and dave has not shown his key" lists '.missing | length == 1' "$STORY/bob"
expect "without that it is refused" complains "new key .* of dave did not sign" fs root submit next.dsse
sign dave >"$STORY/dave"
expect "now it is complete" lists '.missing == []' "$STORY/dave"
cp next.dsse kept.dsse
expect "the controller takes it" fs root submit next.dsse
expect "the host follows" wait_for host_runs_root 2
expect "a second time changes nothing" fs root submit kept.dsse
expect "the order of alice and carol stays dead" agent_says web-1 "$pending" "refused: quorum"
expect "the thief's key is nobody's" complains "no key of root" fs campaign stop gated --key carol.key --reason "again"
expect "dave counts" fs --json campaign start --policy "$POLICY" --mode dry-run --campaign after --jurisdiction DE --key alice.key --key dave.key
expect "and the host obeys" wait_for campaign_has after found 1

# --- a later joiner, a restart, an auditor
stop agent-web-1
agent_start web-1
expect "a host that starts again is at the newest root" wait_for host_runs_root 2
story_host web-2
expect "one that joins now starts from both versions" wait_for agents_connected 2
expect "the audit holds over both" fs audit verify --root root.dsse
expect "with the later one, too" complains 'is version 2 of 2 in the log' fs audit verify --root kept.dsse
fs order draft --policy "$POLICY" --mode dry-run --campaign later --jurisdiction DE --out later.dsse >/dev/null 2>&1
for person in alice dave; do fs order sign later.dsse --key $person.key >/dev/null 2>&1; done
expect "whom only the second root knows is counted under it, offline" fs order verify later.dsse --root kept.dsse
expect "and not under the first" complains 'quorum' fs order verify later.dsse --root root.dsse
fs order submit later.dsse >/dev/null 2>&1
logged() { fs log proof "$(fs --json order show later.dsse | jq -r '.id[:12]')" --out later.tlog-proof; }
expect "its proof is there" wait_for logged
expect "and holds under the second" complains 'it is in the control log' fs order verify later.dsse --root kept.dsse --proof later.tlog-proof
expect "doctor is content with a root that lasts" sh -c "'$BIN/fleetsweep' doctor | grep -q 'root: version 2, until'"

# --- and one that ends soon
fs root spec 2>/dev/null | jq '.expires = "59d"' >soon.json
expect "sixty days before its end everybody is told" complains "ENDS IN 5[89]d" fs root next --spec soon.json --out soon.dsse
for person in alice dave; do fs root sign soon.dsse --key $person.key >/dev/null 2>&1; done
expect "it is a root like another" fs root submit soon.dsse
expect "doctor says so too" complains "FAIL root: ENDS IN" fs doctor
story_end
