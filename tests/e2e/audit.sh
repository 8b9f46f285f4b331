#!/usr/bin/env bash
# A controller whose database was changed in one place: the audit, or the controller itself for its log, names that place.
# Usage: audit.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
story_host web-1 infected
wait_for agents_connected 1
campaign_order dry-run audit-1 --jurisdiction DE
wait_for campaign_has audit-1 found 1
campaign_order apply audit-1 --jurisdiction DE
wait_for campaign_has audit-1 verified 1

sql() { sqlite3 -cmd ".timeout 5000" "$WORLD/controller/controller.db" "$1"; }
hex() { printf %s "$1" | xxd -p; }
audit() {
  local code=0
  fs audit verify --root "$WORLD/keys/root.dsse" >"$STORY/said" 2>&1 || code=$?
  cat "$STORY/said"
  [ $code = "$1" ] && grep -qE -- "$2" "$STORY/said"
}
edit() {  # edit TABLE COLUMN WHERE FROM TO: the same number of bytes, in the blob of one row
  local before after
  before=$(sql "select hex($2) from $1 where $3")
  after=$(sed "s/$(hex "$4")/$(hex "$5")/I" <<<"$before")
  [ "$before" != "$after" ] || { echo "nothing to change in $1.$2" >&2; return 1; }
  sql "update $1 set $2 = x'$after' where $3"
  UNDO="update $1 set $2 = x'$before' where $3"
}
finds() {  # finds WHAT SENTENCE: and holds again once the change is taken back
  expect "$1: found and named" audit 1 "$2"
  sql "$UNDO"
  expect "$1: taken back, it holds" audit 0 'receipts are signed'
}

expect "what nobody changed holds" audit 0 'receipts are signed'
edit receipts envelope "seq = 2" 0.1.0 0.1.9
finds "a byte of a receipt" 'receipt 2 of agent [0-9a-f]{12}: its signature does not hold'
sql "create table kept as select * from receipts where seq = 2; delete from receipts where seq = 2"
UNDO="insert into receipts select * from kept"
finds "a receipt that is missing" 'receipt 2 of agent [0-9a-f]{12} is missing, and receipt 3 follows it'

# The log is served from memory: a change of it on disk is met at the next start.
stop controller
edit log_entries envelope "entry_no = 3" Lookalike Mookalike
code=0
timeout 20 "$BIN/fleetsweep-controller" run --config "$WORLD/controller.conf" >"$STORY/start" 2>&1 || code=$?
expect "a controller does not start on a changed log ($code)" test $code = 1
expect "and says what it misses" grep -q 'was edited behind this program: its first [0-9]* entries are not those that were witnessed; bring back' "$STORY/start"
sql "$UNDO"
controller_start
expect "taken back, it starts and the audit holds" wait_for audit 0 'receipts are signed'

# A cosignature is looked at by whoever trusts it; with the witness away no newer one takes its place.
stop witness
stop controller
signature=$(sql "select note from checkpoints" | grep -o '[A-Za-z0-9+/]*==$' | tail -1)
edit checkpoints note "1" "${signature:40:6}" AAAAAA
controller_start
expect "a byte of a cosignature: found and named" audit 1 'checkpoint'
story_end
