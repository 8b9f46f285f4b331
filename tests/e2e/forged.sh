#!/usr/bin/env bash
# A stolen controller: it has the log key and the database, writes into its log what it likes and serves it, witnessed. Hosts
# fetch it, refuse it with the reason, and touch nothing. Usage: forged.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
source "$(dirname "$0")/stock.sh"
story_start "$@"
story_world
for host in web-1 web-2; do story_host $host infected; done
wait_for agents_connected 2
campaign_order dry-run forged --jurisdiction DE
expect "the dry run found both" wait_for campaign_has forged found 2

POLICY_FILE=$SOURCE/policies/catalog/lookalike/policy.yaml
DATABASE=$WORLD/controller/controller.db
sql() { sqlite3 "$DATABASE" "$1"; }
log_size() { sql "select count(*) from log_entries where tenant_no = 1"; }
state_dir() { echo "$WORLD/hosts/$1/state"; }
is_running() { kill -0 "${LOOKALIKE_PID[$1]}" 2>/dev/null; }
untouched() { unchanged "$1" && is_running "$1" && alive "agent-$1"; }
has_folded() { local size; size=$(agent_status "$1" .log_size); echo "$1 has folded $size of $2"; [ "$size" = "$2" ]; }
reason_counted() { fs --json campaign hosts "$1" | jq -e --arg reason "$2" '[.[] | select(.reason == $reason)] | length == 2'; }
id_of() { fs --json order show "$1" | jq -r .id; }
draft() { fs order draft --policy "$POLICY_FILE" "$@" >>"$WORLD/log/orders" 2>&1; }
# Our own program does not sign what these people sign here.
sign() { local file=$1 person; shift; for person in "$@"; do stock_sign "$file" "$WORLD/keys/$person.key"; done; }
edit_payload() {  # edit_payload FILE PERL: rewrites the signed bytes and leaves the signatures
  jq -r .payload "$1" | base64 -d | perl -0777 -pe "$2" | base64 -w0 >"$STORY/payload"
  jq --rawfile payload "$STORY/payload" '.payload = $payload' "$1" >"$STORY/edited"
  mv "$STORY/edited" "$1"
}

# --- the forgeries, each of them a clean order
cd "$STORY"
draft --mode apply --campaign forged --jurisdiction DE --out good.dsse
for name in bit few; do cp good.dsse $name.dsse; done
draft --mode apply --campaign forged --jurisdiction DE --out strangers.dsse
sign bit.dsse alice bob
edit_payload bit.dsse 's/Lookalike/Mookalike/ or die'  # one bit of the title
for person in mallory trudy; do fs key create "$WORLD/keys/$person.key" --holder $person --unencrypted >/dev/null; done
sign strangers.dsse mallory trudy
sign few.dsse alice
# Another tenant of the same people: an order with a full quorum, for somebody else.
cp good.dsse tenant.dsse
TENANT=$(fs --json order show good.dsse | jq -r .document.tenant)
edit_payload tenant.dsse "my \$id = pack 'H*', '$TENANT'; my \$other = reverse \$id; s/\\Q\$id\\E/\$other/ or die"
jq '.signatures = []' tenant.dsse >edited && mv edited tenant.dsse
sign tenant.dsse alice bob
draft --mode apply --campaign forged --jurisdiction DE --life 1s --out expired.dsse
sign expired.dsse alice bob
end=$(($(date +%s) + 1))
is_over() { [ "$(date +%s)" -gt $end ]; }
draft --mode dry-run --campaign elsewhere --jurisdiction FR --out elsewhere.dsse
sign elsewhere.dsse alice bob

# --- the honest controller takes none of them
refuses() {  # refuses FILE TEXT: at its door, and says so
  ! fs --tenant "$TENANT" order submit "$1" >"$STORY/said" 2>&1 || return 1
  cat "$STORY/said"; grep -q -- "$2" "$STORY/said"
}
size=$(log_size)
expect "the door refuses one changed bit" refuses bit.dsse "no key of root version 1 signed it"
expect "the door refuses strangers' signatures" refuses strangers.dsse "no key of root version 1 signed it"
expect "the door refuses one signature of two" refuses few.dsse "role clean"
expect "the door refuses another tenant's order" refuses tenant.dsse "for tenant "
wait_for is_over
expect "the door refuses what is over" refuses expired.dsse "the order ended"
expect "nothing of it came into the log" test "$(log_size)" = "$size"

# --- the stolen one serves them all
FORGED=(bit strangers few tenant expired)
stop controller
for name in "${FORGED[@]}"; do
  sql "insert into log_entries select 1, max(entry_no) + 1, x'$("$BIN/fleetsweep-forge" $name.dsse)', max(admitted) from log_entries where tenant_no = 1"
done
controller_start
size=$((size + ${#FORGED[@]}))
for host in web-1 web-2; do
  expect "$host: the forged log is served, witnessed and folded" wait_for has_folded $host $size
  expect "$host: one bit: why says that nobody signed it" agent_says $host "$(id_of bit.dsse)" "^refused: untrusted: no key of root version 1 signed it"
  expect "$host: strangers: why says that nobody we know signed it" agent_says $host "$(id_of strangers.dsse)" "^refused: untrusted: no key of root version 1 signed it"
  expect "$host: too few: why says what is missing" agent_says $host "$(id_of few.dsse)" "^refused: quorum: role clean"
  expect "$host: another tenant: why says whose it is" agent_says $host "$(id_of tenant.dsse)" "^refused: tenant: for tenant "
  expect "$host: over: why says since when" agent_says $host "$(id_of expired.dsse)" "^refused: expired: the order ended"
  expect "$host: status lists what has no authority" agent_status $host '[.refused_entries[].reason] == ["untrusted", "untrusted", "quorum", "tenant"]'
  expect "$host: not a byte, not a process was touched" untouched $host
done
expect "the controller itself says that its log holds what nobody ordered" test "$(grep -c 'entry_refused' "$WORLD/log/controller")" = 4
audit_fails() { ! fs audit verify --root "$WORLD/keys/root.dsse" >"$STORY/said" 2>&1 && cat "$STORY/said" && grep -q "4 log entries are not authorised" "$STORY/said"; }
expect "and the audit finds it" audit_fails
expect "the receipts of the expired one came back signed" wait_for receipts_are "$(id_of expired.dsse)" "reason = 'expired' and state = 'expired'" 2

# --- signed by enough people, but not for hosts in Germany
fs order submit elsewhere.dsse >/dev/null 2>&1
size=$((size + 1))
for host in web-1 web-2; do
  expect "$host: another country: why says which" wait_for agent_says $host "$(id_of elsewhere.dsse)" "^refused: jurisdiction: the order holds in FR, this host is in 'DE'"
done
expect "those receipts came back, too" wait_for receipts_are "$(id_of elsewhere.dsse)" "reason = 'jurisdiction'" 2

# --- other bytes under the name of a signed policy
mkdir policy
cp -r "$SOURCE/policies/catalog/lookalike/." policy
sed -i 's/title: Lookalike, a harmless family/title: Lookalike, another edition/' policy/policy.yaml
stop agent-web-1
POLICY=$STORY/policy/policy.yaml
campaign_order dry-run swapped --jurisdiction DE --host web-1; swapped=$ORDER
size=$((size + 1))
stop controller
digest=$(sql "select hex(digest) from blobs order by no desc limit 1")
signed=$(sql "select hex(bytes) from blobs where digest = x'$digest'")
hex() { printf %s "$1" | od -An -tx1 | tr -d ' \n' | tr a-f A-F; }
edited=${signed/$(hex 'another edition')/$(hex 'another editiom')}
expect "one letter of the stored policy can be changed" not test "$edited" = "$signed"
sql "update blobs set bytes = x'$edited' where digest = x'$digest'"
controller_start
agent_start web-1
expect "web-1: swapped policy: why says that it is not the signed one" wait_for agent_says web-1 "$swapped" "^refused: policy_mismatch"
expect "web-1: it was served, and thrown away" grep -q "policy_not_taken .*its digest is another" "$WORLD/log/agent-web-1"
expect "web-1: the receipt came back" wait_for receipts_are "$swapped" "reason = 'policy_mismatch'" 1
expect "web-1: untouched" untouched web-1
stop controller
sql "update blobs set bytes = x'$signed' where digest = x'$digest'"
controller_start
stop agent-web-1
agent_start web-1
campaign_order dry-run swapped --jurisdiction DE --host web-1
size=$((size + 1))
expect "web-1: with the signed bytes it does what is ordered" wait_for campaign_has swapped found 1

expect "so far the witness has seen one history" not grep -q 'error fork' "$WORLD/log/witness"

# --- history rewritten: a clean order with a full quorum where another entry was
POLICY=
campaign_order dry-run pending --jurisdiction DE --not-before "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)"; pending=$ORDER
size=$((size + 1))
for host in web-1 web-2; do expect "$host: an honest order waits for its time" wait_for agent_says $host "$pending" "waiting for time"; done
for host in web-1 web-2; do wait_for has_folded $host $size; done
draft --mode apply --campaign forged --jurisdiction DE --out history.dsse
sign history.dsse alice bob
stop controller
sql "update log_entries set envelope = x'$("$BIN/fleetsweep-forge" history.dsse)' where tenant_no = 1 and entry_no = $((size - 2))"
will_not_start() { ! timeout 10 "$BIN/fleetsweep-controller" run --config "$WORLD/controller.conf" >"$STORY/said" 2>&1 && cat "$STORY/said" && grep -q "its first $size entries are not those that were witnessed" "$STORY/said"; }
expect "the controller does not start on an edited log, and says so" will_not_start
sql "delete from checkpoints where tenant_no = 1"
controller_start
expect "made to start, it gets no cosignature for it" wait_for grep -q 'witness_quorum_missing' "$WORLD/log/controller"
expect "the witness says that this is another history" wait_for grep -q 'error fork origin=demo.fleetsweep.example/log' "$WORLD/log/witness"
for host in web-1 web-2; do
  expect "$host: untouched" untouched $host
  expect "$host: still waits for the honest order" agent_says $host "$pending" "waiting for time"
done

# --- and with the witness stolen as well: it forgets what it has seen
stop witness
rm "$WORLD"/witness/logs/*
start witness "$BIN/fleetsweep-witness" run --config "$WORLD/witness.conf"
for host in web-1 web-2; do
  expect "$host: sees that two witnessed histories contradict each other" wait_for agent_status $host .forked
  expect "$host: from now on refuses everything" agent_says $host "$pending" "^refused: log_fork"
  expect "$host: never heard of the order in the other history" agent_says $host "$(id_of history.dsse)" "^unknown"
  expect "$host: not a byte, not a process was touched" untouched $host
done
expect "and says so in signed receipts" wait_for receipts_are "$pending" "reason = 'log_fork'" 2
expect "web-2: its core never died of it" not grep core_ended "$WORLD/log/agent-web-2"
story_end
