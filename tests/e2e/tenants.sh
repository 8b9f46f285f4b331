#!/usr/bin/env bash
# An MSP with two customers: each founded with its own root and log, seen and steered by tokens of its own, held in its
# quota; one template makes an order for each, and each order counts for its tenant only. Usage: tenants.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
host_enrol_ok() { host_new "$1" && host_enrol "$1"; }
world_start "$BIN" "$SOURCE"
world_keys
# The customer: people of its own and the MSP; a clean takes both.
for person in dora emil; do make_key "$person"; done
CUSTOMER=$("$BIN/fleetsweep-controller" origin demo.fleetsweep.example/acme --state "$WORLD/controller")
expect "a bad name of a log is refused" not "$BIN/fleetsweep-controller" origin "a b" --state "$WORLD/controller"
jq -n --argjson keys "$CUSTOMER" --argjson witness "$WITNESS" '
  def clause(org; of; people): {org: org, threshold: of, keys: people};
  def customer: clause(1; 1; ["dora", "emil"]);
  def both(of): [customer, clause(2; of; ["alice", "bob"])];
  {keys: [{holder: "dora", public: "@dora.key.pub", org: 1}, {holder: "emil", public: "@emil.key.pub", org: 1},
          {holder: "alice", public: "@alice.key.pub", org: 2}, {holder: "bob", public: "@bob.key.pub", org: 2}],
   roles: ({root: both(2), observe: [customer], read: both(1), contain: both(1), clean: both(2), destroy: both(2),
            stop: [customer], resume: both(1), release: [customer], enrol: [customer], infra: [customer]}),
   conductor: $keys.conductor, logs: [$keys.log_vkey], witnesses: [$witness.vkey], witness_quorum: 1,
   policy: {cool_off: {contain: "3s", clean: "3s", destroy: "24h"}}}' >"$WORLD/keys/acme.json"
fs root init --spec "$WORLD/keys/acme.json" --evidence-key "$WORLD/keys/acme-evidence.key" --out "$WORLD/keys/acme.dsse" >>"$WORLD/log/founding" 2>&1
for person in dora emil alice bob; do
  fs root sign "$WORLD/keys/acme.dsse" --key "$WORLD/keys/$person.key" >>"$WORLD/log/founding" 2>&1
done
world_services
printf 'log = %s\n' "$(jq -r .log_vkey <<<"$CUSTOMER")" >>"$WORLD/witness.conf"
stop witness
start witness "$BIN/fleetsweep-witness" run --config "$WORLD/witness.conf"

OURS=$(fs --json tenant list | jq -r '.[0].tenant')
expect "a customer is founded" fs tenant create "$WORLD/keys/acme.dsse"
expect "once more changes nothing" fs tenant create "$WORLD/keys/acme.dsse"
ACME=$(fs --json tenant list | jq -r '.[] | select(.name == "demo.fleetsweep.example/acme") | .tenant')
expect "there are two" jq -e 'length == 2' <<<"$(fs --json tenant list)"
expect "who may do what is shown" complains 'may clean *1 of dora, emil .org 1. and 2 of alice, bob' fs tenant show demo.fleetsweep.example/acme
expect "and how much" complains 'quota agents *0 of ' fs tenant show "${ACME:0:8}"
expect "a tenant that is not there" complains 'fleetsweep tenant list' fs tenant show nobody
edge=$(jq -r .edge_curve <<<"$CONTROLLER")
fs endpoints publish --tenant "$ACME" --relay "tcp://127.0.0.1:$AGENT_PORT=$edge" --key "$WORLD/keys/dora.key" >>"$WORLD/log/founding" 2>&1
for role in operator admin; do
  "$BIN/fleetsweep-controller" token create --state "$WORLD/controller" --role $role --tenant "$ACME" --expires 30d --out "$WORLD/keys/acme-$role.token"
done
acme() { FLEETSWEEP_TENANT= FLEETSWEEP_TOKEN_FILE=$WORLD/keys/acme-operator.token fs "$@"; }
expect "the customer's token sees the customer" jq -e "length == 1 and .[0].tenant == \"$ACME\"" <<<"$(acme --json tenant list)"
expect "and nobody else" not acme tenant show "$OURS"
expect "even if it knows the id" complains 'another tenant' acme --tenant "$OURS" agent list

export FLEETSWEEP_TENANT=$OURS
story_host web-1
printf '{"policy": "%s", "mode": "dry-run", "campaign": "msp-1", "life": "1h", "start_in": "1s"}' \
  "$SOURCE/policies/catalog/lookalike/policy.yaml" >"$STORY/template.json"
template() { fs --json campaign template apply "$STORY/template.json" "$@" --out "$STORY/orders"; }
code=0; template --all >"$STORY/half" 2>"$STORY/err" || code=$?
expect "a tenant without hosts gets no order, the others do: partly done" test $code = 3
expect "and it says why" jq -e '[.[] | .error // empty] == ["no host is enrolled"] and ([.[] | .file // empty] | length) == 1' "$STORY/half"

host_new acme-1
token=$(acme --json agent enrol-token --key "$WORLD/keys/dora.key" --jurisdiction FR --uses 2 --out "$WORLD/tokens" 2>/dev/null | jq -r '.tokens[0]')
join() { "$BIN/fleetsweep-agent" enrol --token-file "$token" --connect "tcp://127.0.0.1:$ENROL_PORT" --state "$WORLD/hosts/$1/state" --root "$(host_root "$1")" "${@:2}"; }
expect "the customer's host enrols" join acme-1
agent_start acme-1

# One at its quota does not keep the other from its own.
as_admin() { FLEETSWEEP_TOKEN_FILE=$WORLD/keys/acme-admin.token fs "$@"; }
expect "the customer's admin does not set its quota" complains 'for one tenant only' as_admin tenant quota "$ACME" agents=9
expect "a quota that is none" complains 'expected one of agents' fs tenant quota "$ACME" agent=1
expect "who runs the controller does" fs tenant quota "$ACME" agents=1
host_new acme-2
printf 'max_clas = read\n' >"$STORY/typo"
expect "an owner's limits with a mistake keep the host at home" complains 'max_clas' join acme-2 --consent "$STORY/typo"
expect "before it has keys to show anybody" not test -e "$WORLD/hosts/acme-2/state/identity.key"
printf 'max_class = read\n' >"$STORY/consent"
expect "the second host is one too many" complains 'quota agents' join acme-2 --consent "$STORY/consent"
expect "and its owner's limits stood before anybody was asked" cmp "$STORY/consent" "$WORLD/hosts/acme-2/state/consent.conf"
expect "and the other tenant has room" host_enrol_ok web-2
over() { curl -fsS "$METRICS_URL" | grep 'fleetsweep_quota_exceeded_total{quota="agents",tenant="demo.fleetsweep.example/acme"} [1-9]'; }
expect "it is counted" over
expect "and raised" fs tenant quota "$ACME" agents=2
expect "the second host enrols" join acme-2

wait_for agent_status acme-1 .welcomed
rm -rf "$STORY/orders"
expect "of one template each tenant gets an order" template --tenants "$OURS,demo.fleetsweep.example/acme"
template --all >"$STORY/drafts"
expect "for itself" jq -e "map({(.tenant): .}) | add | .[\"$ACME\"].jurisdictions == [\"FR\"] and .[\"$OURS\"].jurisdictions == [\"DE\"]
  and .[\"$ACME\"].id != .[\"$OURS\"].id and .[\"$ACME\"].hosts == 2 and .[\"$OURS\"].hosts == 2" "$STORY/drafts"
expect "with what its root asks for" jq -e "map(select(.tenant == \"$ACME\"))[0].quorum == \"1 of dora, emil (org 1) and 1 of alice, bob (org 2)\"" "$STORY/drafts"
order_of() { jq -r ".[] | select(.tenant == \"$1\") | .file" "$STORY/drafts"; }
expect "nothing of it is in a log" jq -e '[.[].campaigns] | add == 0' <<<"$(fs --json tenant list)"
# The inbox: one list over all tenants of the token, and each document signed by itself.
msp() { FLEETSWEEP_TENANT= fs "$@"; }
waiting() { msp --json order pending --for "$1" | jq -cS 'map(.tenant_name) | sort'; }
id_in() { jq -r ".[] | select(.tenant == \"$1\") | .id" "$STORY/drafts"; }
for tenant in "$OURS" "$ACME"; do fs --tenant "$tenant" order push "$(order_of "$tenant")" >/dev/null 2>&1; done
both='["demo.fleetsweep.example/acme","demo.fleetsweep.example/log"]'
expect "the MSP's people find what waits for them, of all tenants" test "$(waiting alice)" = "$both"
expect "people see it in words" complains 'demo.fleetsweep.example/acme *order *read .* waits for 1 of dora, emil and 1 of alice, bob' msp order pending
expect "the customer's find their own, and nobody else's" test "$(acme --json order pending | jq -c 'map(.tenant_name)')" = '["demo.fleetsweep.example/acme"]'
expect "nothing waits for one who has no say" test "$(waiting mallory)" = '[]'
signed() { msp order sign "$(id_in "$1")" --key "$WORLD/keys/$2.key"; }
expect "alice signs the customer's" signed "$ACME" alice
expect "which leaves her the other one" test "$(waiting alice)" = '["demo.fleetsweep.example/log"]'
expect "her signature counts for one tenant only" jq -e 'map({(.tenant_name): ([.approvals[].clauses[].signed_by[]] | unique)}) | add
  | .["demo.fleetsweep.example/acme"] == ["alice"] and .["demo.fleetsweep.example/log"] == []' <<<"$(msp --json order pending)"
expect "a second document takes a second signature" signed "$OURS" alice
expect "the customer's key signs nothing of the MSP's" complains 'is not one of root version 1' signed "$OURS" dora
expect "bob signs the MSP's own" signed "$OURS" bob
expect "no other tenant's token takes it away" complains 'waits for signatures' acme order withdraw "$(id_in "$OURS")"
expect "the MSP alone does not act on the customer's hosts" not msp order submit "$(id_in "$ACME")"
expect "one tenant's order is nothing to the other" not fs --tenant "$ACME" order submit "$(order_of "$OURS")"
expect "the customer signs" acme order sign "$(id_in "$ACME")" --key "$WORLD/keys/dora.key"
expect "with the customer it does" acme order submit "$(id_in "$ACME")"
expect "and the MSP's own needs the MSP" msp order submit "$(id_in "$OURS")"
expect "nothing waits any more" test "$(msp --json order pending)" = '[]'
expect "the customer's host answers" wait_for eval 'acme --json campaign status msp-1 | jq -e ".states.clean == 1"'
expect "the MSP's own too" wait_for campaign_has msp-1 clean 1

# A tenant that fills its log is told so, and stops all the same.
expect "a log has its quota of a day" fs tenant quota "$ACME" log_bytes=4096
publish() { fs endpoints publish --tenant "$ACME" --relay "tcp://127.0.0.1:$AGENT_PORT=$edge" --key "$WORLD/keys/dora.key"; }
fill() { for _ in 1 2 3; do publish || return; done; }
expect "more is refused, with who can help" complains 'fleetsweep tenant quota' fill
expect "a Stop is not" acme campaign stop msp-1 --key "$WORLD/keys/emil.key" --reason full

# A new secret, the old one for an hour beside it.
id=$("$BIN/fleetsweep-controller" token list --state "$WORLD/controller" | jq -r ".[] | select(.role == \"operator\") | .id")
expect "a token is rotated" "$BIN/fleetsweep-controller" token rotate "$id" --state "$WORLD/controller" --overlap 1h --out "$WORLD/keys/next.token"
expect "the old one still opens" acme agent list
FLEETSWEEP_TENANT= FLEETSWEEP_TOKEN_FILE=$WORLD/keys/next.token expect "and so does the new one" fs agent list
expect "and its last use is shown" jq -e '[.[] | select(.role == "operator" and .last_used != "" and .expires != "")] | length == 2' <<<"$("$BIN/fleetsweep-controller" token list --state "$WORLD/controller")"
story_end
