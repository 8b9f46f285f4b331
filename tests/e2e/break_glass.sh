#!/usr/bin/env bash
# Break-glass: an order approved ahead that one signature fires, and keys in safes that do what the usual ones do, while everybody
# hears the alarm. Usage: break_glass.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
world_start "$BIN" "$SOURCE"
world_keys '{"standing_life_max": "60d"}'
cd "$WORLD/keys"
for person in dave erin; do make_key $person; done
jq '.keys += [{holder: "dave", public: "@dave.key.pub"}, {holder: "erin", public: "@erin.key.pub"}]
  | .sealed = {clean: [{threshold: 2, keys: ["dave", "erin"]}]}' root.json >safes.json
rm root.dsse
fs root init --spec safes.json --evidence-key evidence.key --out root.dsse >/dev/null 2>&1
for person in alice bob carol dave erin; do fs root sign root.dsse --key $person.key >/dev/null 2>&1; done
world_services
expect "the root says which keys lie in safes" complains "2 of alice, bob, carol; sealed: 2 of dave, erin" fs root show root.dsse
story_host web-1 infected
wait_for agents_connected 1

# A policy that only suspends: class contain.
mkdir "$STORY/contain"
cp -r "$SOURCE/policies/catalog/lookalike/rules" "$STORY/contain"
sed '/action: \(collect\|remove\|kill\|quarantine\)/d' \
  "$SOURCE/policies/catalog/lookalike/policy.yaml" >"$STORY/contain/policy.yaml"
POLICY=$STORY/contain/policy.yaml
suspended() { is_held "${LOOKALIKE_PID[web-1]}"; }
counted() { curl -fsS "$METRICS_URL" | grep "^fleetsweep_break_glass_total{.*kind=\"$1\".*} $2\$"; }

# --- a standing order
draft() { fs order draft --policy "$POLICY" --mode apply --campaign glass --jurisdiction DE --standing --out standing.dsse "$@"; }
campaign_order dry-run once --jurisdiction DE
expect "it rests on a dry run that is repeated, not on one of long ago" complains "runs once" \
  fs order draft --policy "$POLICY" --mode apply --campaign once --jurisdiction DE --standing --group demo --out once.dsse
campaign_order dry-run glass --jurisdiction DE --repeat 1d --life 30d
expect "the dry run found it" wait_for campaign_has glass found 1
expect "it is never for everybody" complains "it must name a group or hosts" draft
expect "it stands as long as the root says and not longer" complains "the root allows standing orders 60d" draft --group demo --life 61d
expect "within these bounds it is drafted" draft --group demo
for person in alice bob; do fs order sign standing.dsse --key $person.key >/dev/null 2>&1; done
expect "signers see what it is" complains "STANDING *approved ahead" fs order show standing.dsse
expect "with its quorum it is logged" fs order submit standing.dsse
order=$(fs --json order show standing.dsse | jq -r .id)
expect "the host has it and sleeps" wait_for agent_says web-1 "$order" "a standing order: it sleeps until its first wave is released"
expect "nothing is touched" not suspended
expect "nobody is alarmed" not counted standing 1
expect "one signature fires it" fs campaign release glass --wave 1 --key carol.key
expect "the process is suspended" wait_for suspended
expect "everybody hears of it" wait_for counted standing 1
expect "the controller's log says so" grep -q break_glass "$WORLD/log/controller"

# --- keys from safes
POLICY=$SOURCE/policies/catalog/lookalike/policy.yaml
campaign_order dry-run safe --jurisdiction DE
expect "the dry run of the cleaning found it" wait_for campaign_has safe found 1
apply() { fs --json campaign start --policy "$POLICY" --mode apply --campaign safe --jurisdiction DE --hosts 1 "$@"; }
expect "a usual key and one from a safe do not add up" complains "nor do the sealed keys do" apply --key alice.key --key dave.key
apply --key dave.key --key erin.key >"$STORY/order" 2>>"$WORLD/log/orders"
order=$(jq -r .order "$STORY/order")
expect "two from the safes are the quorum, and the host says whose they are" \
  wait_for agent_says web-1 "$order" "approved with SEALED keys"
expect "after the same cool-off the host is clean" wait_for campaign_has safe verified 1
expect "everybody hears of it, once" wait_for counted sealed 1
expect "so does whoever reads the host's log" grep -q break_glass "$WORLD/log/agent-web-1"
expect "the report says it" complains "approved by dave and erin with SEALED keys" fs campaign report safe
expect "and the audit" complains "BREAK-GLASS: .*order.* has its quorum from sealed keys" fs audit verify --root root.dsse
story_end
