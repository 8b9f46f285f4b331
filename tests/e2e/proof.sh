#!/usr/bin/env bash
# Proof for outsiders: a campaign is closed and reported; the report is checked without a network, by us, with stock tools, and by
# a foreign reader of transparency logs; and no path of a host stands in clear anywhere but with whoever has the evidence key.
# Usage: proof.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
SECRET=merger-with-initech  # a name that tells
ROOT_DSSE=
story_world
ROOT_DSSE=$WORLD/keys/root.dsse
alice=(--key "$WORLD/keys/alice.key")
offline() { env -u FLEETSWEEP_URL -u FLEETSWEEP_TOKEN_FILE "$BIN/fleetsweep" "$@"; }
api() { curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants/$TENANT/$1"; }
fails() { local pattern=$1 said; shift; ! said=$("$@" 2>&1) || { echo "it succeeded: $said"; return 1; }; echo "$said"; grep -qE -- "$pattern" <<<"$said"; }

host_new web-1
host_infect web-1
mkdir -p "$(host_root web-1)/srv/$SECRET"
lookalike_program "$(host_root web-1)/srv/$SECRET/payroll"
manifest "$(host_root web-1)" >"$WORLD/hosts/web-1/before"
host_enrol web-1
agent_start web-1
host_new web-2
printf '<script>document.title="owned"</script>\e[2J"><img src=//x>\n' >"$(host_root web-2)/etc/hostname"  # what a host calls itself
manifest "$(host_root web-2)" >"$WORLD/hosts/web-2/before"
host_enrol web-2
agent_start web-2
wait_for agents_connected 2
TENANT=$(curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants" | jq -r '.[0].tenant')
campaign_order dry-run proof-1 --jurisdiction DE
wait_for campaign_has proof-1 found 1
wait_for campaign_has proof-1 clean 1
expect "a campaign that is not closed has no report" fails 'not closed.*' fs campaign report proof-1 --out "$STORY/early.json" "${alice[@]}"
campaign_order apply proof-1 --jurisdiction DE
APPLY=$ORDER
wait_for campaign_has proof-1 verified 1
wait_for campaign_has proof-1 clean 1
expect "close shows its plan and asks" fails '^Close campaign proof-1: its results log ends for ever, at [0-9]+ receipts' "$BIN/fleetsweep" campaign close proof-1 "${alice[@]}"
expect "an account of it says that more may come" complains 'not closed: more may come' fs campaign report proof-1
expect "one person closes" fs campaign close proof-1 "${alice[@]}"
expect "but once" fails 'closed already, at [0-9]+ receipts' fs campaign close proof-1 "${alice[@]}"

REPORT=$STORY/report.json
report_is_there() { fs --json campaign report "$1" --out "$2" --html "${2%.json}.html" "${alice[@]}" >"$STORY/said" 2>&1; }
expect "its report, once a witness vouches for the close" wait_for report_is_there proof-1 "$REPORT"
expect "says who signed it" jq -e '.signed_by == ["alice"] and .close_out.targeted == 2' "$STORY/said"
verify() { offline audit verify "$1" --root "${2:-$ROOT_DSSE}"; }
expect "it holds offline" verify "$REPORT"
expect "also in JSON" eval "offline --json audit verify '$REPORT' --root '$ROOT_DSSE' | jq -e '.verified and .states == {clean: 1, verified: 1}'"
expect "a specification is no root" fails 'no signed root' verify "$REPORT" "$WORLD/keys/root.json"
expect "nothing is checked without a root" fails 'give it with --root' offline audit verify "$REPORT"
expect "a page goes with it" grep -q 'Everything in this report holds' "$STORY/report.html"
expect "a host's name is text on it" grep -q '&lt;script&gt;document.title=&quot;owned&quot;&lt;/script&gt;.x1b.2J&quot;&gt;&lt;img src=//x&gt;' "$STORY/report.html"
expect "and no markup, and nothing is fetched" not grep -qE '<script|<img|<link|https?://|src="' "$STORY/report.html"
escapes() { { fs agent list; fs campaign hosts proof-1; cat "$STORY/report.html" "$REPORT"; } 2>&1 | grep -c $'\e'; }
expect "nor does it move anybody's cursor" not escapes
expect "which says whose file it shows" grep -q "$(sha256sum "$REPORT" | cut -d' ' -f1)" "$STORY/report.html"

offline_page() { offline --json audit verify "$REPORT" --root "$ROOT_DSSE" --html "$1"; }
expect "it is the page of that file" offline_page "$STORY/report.html"
sed 's#<b>2</b>hosts targeted#<b>9</b>hosts targeted#' "$STORY/report.html" >"$STORY/nicer.html"
expect "an edited page is not" fails 'page, byte [0-9]+: expected .*<b>2</b>hosts targeted.*; found .*<b>9</b>hosts' offline_page "$STORY/nicer.html"

# Somebody changes the file: the first thing that does not hold is named, whatever the signature says.
body() { jq -r .payload "$REPORT" | base64 -d; }
edit() { body | jq -c "$1" | base64 -w0 >"$STORY/payload"; jq --rawfile payload "$STORY/payload" '.payload = $payload' "$REPORT" >"$STORY/bad.json"; }
names() {  # names EDIT PLACE EXPECTED FOUND
  local said
  edit "$1"
  said=$(offline --json audit verify "$STORY/bad.json" --root "$ROOT_DSSE" 2>/dev/null) && { echo "it holds"; return 1; }
  echo "$said"
  jq -e --arg place "$2" --arg expected "$3" --arg found "$4" \
    '.verified == false and .place == $place and (.expected | test($expected)) and (.found | test($found))' <<<"$said"
}
expect "a receipt is dropped" names 'del(.evidence.receipts[-1])' evidence.receipts '^[0-9]+ receipts with root [0-9a-f]{64}$' '^[0-9]+ receipts with root'
expect "a receipt is added" names '.evidence.receipts += [.evidence.receipts[0]]' "evidence.receipts[$(body | jq '.evidence.receipts | length')]" '^one receipt 1 of' '^a second one$'
expect "a count is changed" names '.close_out.states.verified = 2' close_out.states.verified '^1$' '^2$'
expect "an approver is changed" names '.close_out.orders[1].approved_by = ["bob", "carol"]' 'close_out.orders[1].approved_by[0]' '^"alice"$' '^"bob"$'
expect "a proof is cut" names '.evidence.log[1].proof |= .[1:]' 'evidence.log[1]' '^entry [0-9]+ of the log, with a proof' 'does not fit|not in the tree'
expect "an entry is another" names '.evidence.log[2].entry = .evidence.log[1].entry' 'evidence.log[2]' 'with a proof' 'not in the tree'
expect "a checkpoint is forged" names '.evidence.checkpoint |= sub("\n(?<size>[0-9]+)\n"; "\n\(.size)0\n")' evidence.checkpoint 'signed' 'no valid signature by the log'
expect "a host is invented" names '.close_out.hosts += [.close_out.hosts[0]]' close_out.hosts '^a list of 2$' '^a list of 3$'
expect "the time of signing is moved" names '.created = "2030-01-01T00:00:00Z"' signatures 'over these bytes' 'none of them'
head -c 1000 "$REPORT" >"$STORY/bad.json"
expect "a report that was cut" fails 'report: expected a DSSE envelope' verify "$STORY/bad.json"
jq '. + {expires: "30d"}' "$WORLD/keys/root.json" >"$WORLD/keys/other.json"
fs root init --spec "$WORLD/keys/other.json" --evidence-key "$WORLD/keys/evidence.key" --out "$STORY/other.dsse" >/dev/null 2>&1
expect "another tenant's root" fails 'root: expected tenant [0-9a-f]{64}; found a report of tenant' verify "$REPORT" "$STORY/other.dsse"

# With nothing of ours: the results log's root from the report alone, and one receipt's inclusion from a proof.
sha() { xxd -r -p | openssl dgst -sha256 -binary | xxd -p -c 64; }
leaf() { { printf 00; base64 -d | xxd -p | tr -d '\n'; } | sha; }
node() { printf '01%s%s' "$1" "$2" | sha; }
tree() {  # tree LEAF...: RFC 9162's root
  [ $# -gt 1 ] || { echo "$1"; return; }
  local left=1
  while [ $((left * 2)) -lt $# ]; do left=$((left * 2)); done
  node "$(tree "${@:1:left}")" "$(tree "${@:left+1}")"
}
mapfile -t RECEIPTS < <(body | jq -r '.evidence.receipts[]')
LEAVES=()
for receipt in "${RECEIPTS[@]}"; do LEAVES+=("$(leaf <<<"$receipt")"); done
RESULTS_ROOT=$(body | jq -r .close_out.results.root)
expect "sha256 and a loop make the closed root of ${#LEAVES[@]} receipts" test "$(tree "${LEAVES[@]}")" = "$RESULTS_ROOT"
included() {  # included RECEIPT_ID LEAF: RFC 9162 2.1.3.2, from the API's proof
  local answer fn sn hash proof
  answer=$(api "campaigns/proof-1/results/$1")
  fn=$(jq .index <<<"$answer") sn=$(($(jq .size <<<"$answer") - 1)) hash=$2
  for proof in $(jq -r '.proof[]' <<<"$answer"); do
    proof=$(base64 -d <<<"$proof" | xxd -p -c 64)
    if [ $((fn % 2)) = 1 ] || [ "$fn" = "$sn" ]; then
      hash=$(node "$proof" "$hash")
      while [ $((fn % 2)) = 0 ] && [ "$fn" != 0 ]; do fn=$((fn / 2)) sn=$((sn / 2)); done
    else
      hash=$(node "$hash" "$proof")
    fi
    fn=$((fn / 2)) sn=$((sn / 2))
  done
  [ "$sn" = 0 ] && [ "$hash" = "$RESULTS_ROOT" ]
}
mapfile -t -n ${#LEAVES[@]} IDS < <(api 'receipts?campaign=proof-1' | jq -r '.[].id')
for i in "${!IDS[@]}"; do expect "receipt $i is in it, says its proof" included "${IDS[i]}" "${LEAVES[i]}"; done
expect "and another receipt is not at its place" not included "${IDS[0]}" "${LEAVES[1]}"

# The last receipt of a host, which no later one names: only the Close misses it.
sql() { sqlite3 -cmd ".timeout 5000" "$WORLD/controller/controller.db" "$1"; }
audit() { fs audit verify --root "$ROOT_DSSE"; }
expect "the audit holds" complains 'campaign proof-1 has the [0-9]* receipts that it was closed with' audit
sql "create table kept as select * from receipts where campaign = 'proof-1' and host_no = 1 order by seq desc limit 1; delete from receipts where no in (select no from kept)"
expect "without it the audit does not" fails 'campaign proof-1 was closed with [0-9]+ receipts and root' audit
sql "insert into receipts select * from kept; drop table kept"
expect "taken back, it holds" audit

# One document of the control log, as a file.
expect "a tlog-proof of the clean order" fs log proof "${APPLY:0:12}" --out "$STORY/order.tlog-proof" --document "$STORY/order.dsse"
expect "holds offline" complains 'it is in the control log: entry [0-9]* of demo.fleetsweep.example/log, witnessed' offline order verify "$STORY/order.dsse" --root "$ROOT_DSSE" --proof "$STORY/order.tlog-proof"
jq '.signatures |= reverse' "$STORY/order.dsse" >"$STORY/turned.dsse"
expect "the same order with its signatures turned is not what was logged" fails 'not in the tree' offline order verify "$STORY/turned.dsse" --root "$ROOT_DSSE" --proof "$STORY/order.tlog-proof"
sed 's/^index .*/index 0/' "$STORY/order.tlog-proof" >"$STORY/moved.tlog-proof"
expect "nor at another place" fails '' offline order verify "$STORY/order.dsse" --root "$ROOT_DSSE" --proof "$STORY/moved.tlog-proof"
expect "an entry that is not there" fails 'no entry 999' fs log proof 999 --out "$STORY/none"
expect "nor an id" fails '0 documents of the log' fs log proof abcdef0123 --out "$STORY/none"
bundle() { curl -fsS "$@" -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants/$TENANT/tiles/tile/entries/000.p/2"; }
packed() { bundle --compressed -D "$STORY/headers" >"$STORY/unpacked"; bundle | cmp - "$STORY/unpacked" && grep -i '^content-encoding: gzip' "$STORY/headers"; }
expect "an entry bundle comes packed to who takes that, and is the same" packed
if "$SOURCE/tests/e2e/foreign/build.sh" "$STORY/go" >"$STORY/go.out" 2>&1; then
  INDEX=$(sed -n 's/^index //p' "$STORY/order.tlog-proof")
  foreign() { "$STORY/go/foreign" "$FLEETSWEEP_URL/v1/tenants/$TENANT/tiles" "$FLEETSWEEP_TOKEN_FILE" "$(jq -r .log_vkey <<<"$CONTROLLER")" "$@"; }
  expect "Go's sumdb proves every entry from our tiles, and the tlog-proof" foreign "$STORY/order.tlog-proof" "$INDEX"
  expect "and takes no other proof" not foreign "$STORY/moved.tlog-proof" 0
else
  echo "skipped: Go's sumdb (gccgo-12 and golang-golang-x-mod-dev)"
fi

# A host that answers after the close.
stop agent-web-2
campaign_order dry-run proof-2 --jurisdiction DE
wait_for campaign_has proof-2 found 1
expect "a campaign with hosts at work is not closed" fails '1 host of campaign proof-2 may still answer: proof-2 dry-run [12]/2' fs campaign close proof-2 "${alice[@]}"
expect "unless that is meant" fs campaign close proof-2 --with-pending "${alice[@]}"
agent_start web-2
came_late() { api campaigns/proof-2/results | jq -e '.late == 1'; }
expect "what comes later is stored" wait_for came_late
expect "and shown as late" complains '1 came later and are not in the closed log' fs campaign report proof-2
expect "also in its report" wait_for report_is_there proof-2 "$STORY/late.json"
expect "which counts one host by the controller's word" jq -e '.close_out | .results.late == 1 and ([.hosts[] | select(.said_by == "controller")] | length == 1)' "$STORY/said"
expect "and holds" verify "$STORY/late.json"

# No path in clear. Everything that the controller stores, serves, logs or counts, and the report.
stop agent-web-1
stop agent-web-2
for call in agents enrolments receipts campaigns campaigns/proof-1 campaigns/proof-1/hosts campaigns/proof-1/results 'log?from=0' checkpoint; do api "$call"; done >"$STORY/served"
{ api receipts | jq -r '.[].envelope'; api 'log?from=0' | jq -r '.entries[]'; body | jq -r '.evidence | .receipts[], .enrolments[], .log[].entry'; } |
  while read -r bytes; do base64 -d <<<"$bytes"; done >"$STORY/decoded"
curl -fsS "$METRICS_URL" >"$STORY/metrics"
stop controller TERM
nowhere() {  # nowhere WORD: counts the files that were looked at, too
  local looked=("$STORY"/{served,decoded,metrics,report.html} "$WORLD"/log/{controller,witness})
  while IFS= read -r -d '' file; do looked+=("$file"); done < <(find "$WORLD/controller" "$WORLD/witness" -type f -print0)
  body >"$STORY/body"; looked+=("$STORY/body")
  echo "${#looked[@]} files"
  [ ${#looked[@]} -ge 10 ] && ! grep -aFl -- "$1" "${looked[@]}"
}
expect "a telling name is nowhere" nowhere "$SECRET"
expect "nor its folder or file" nowhere /srv/
expect "the look is not blind: the campaign's name is there" not nowhere proof-1
SALT=$(fs --json root show "$ROOT_DSSE" 2>/dev/null | jq -r .document.path_salt)
hash_of() { { xxd -r -p <<<"$1"; printf %s "/srv/$SECRET/payroll"; } | sha256sum | cut -c1-64; }  # SALT
receipts_hold() { xxd -p -c 0 "$STORY/decoded" | grep -qF "$1"; }
expect "in its place stands its hash with the tenant's salt" receipts_hold "$(hash_of "$SALT")"
expect "and not the bare one" not receipts_hold "$(hash_of '')"
controller_start
unsealed() { fs --json campaign paths proof-1 --evidence-key "$WORLD/keys/evidence.key" | jq -e --arg path "/srv/$SECRET/payroll" 'any(.[]; .path | endswith($path))'; }
expect "the evidence key opens it" unsealed
openssl rand -hex 32 >"$STORY/other.key"
expect "and no other" fails 'receipt [0-9]+ of agent' fs campaign paths proof-1 --evidence-key "$STORY/other.key"
story_end
