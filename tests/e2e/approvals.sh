#!/usr/bin/env bash
# Every document of a tenant's log in the hands of stock tools: capnp decodes it, sha256sum finds its id, openssl or ssh-keygen
# verifies every signature on it, whichever scheme its key has. Usage: approvals.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
source "$(dirname "$0")/stock.sh"
story_start "$@"
export SSH_SK_PROVIDER=$BIN/fleetsweep-token.so
make_key() {  # alice has a key file of ours, bob one of OpenSSH, carol a FIDO token
  case $1 in
    alice) fs key create "$WORLD/keys/alice.key" --holder alice --unencrypted >/dev/null ;;
    carol) ssh-keygen -q -t ed25519-sk -N '' -C carol -f "$WORLD/keys/carol.key" ;;
    *) ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$WORLD/keys/$1.key" ;;
  esac
}
story_world
for host in web-1 web-2; do story_host $host infected; done
wait_for agents_connected 2

# A log with everything in it that the programs write: Root, Endpoints, EnrolBatch, Order (dry run, apply, undo), Release of a
# person and of the conductor, Stop, Resume, Close. The hosts act on what a token signed.
keys=(--key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key")
conductor_released() { [ "$(fs --json campaign status all-1 | jq '.orders[-1].waves[1].released')" = true ]; }
campaign_order dry-run all-1 --jurisdiction DE
wait_for campaign_has all-1 found 2
APPROVERS=(bob carol)
campaign_order apply all-1 --jurisdiction DE --wave 500 --wave 900,0s,auto --wave 1000,0s,manual --canary web-1
wait_for campaign_has all-1 verified 1
wait_for conductor_released
fs campaign stop all-1 --key "$WORLD/keys/bob.key" --reason "think" >/dev/null 2>&1
fs campaign resume all-1 --key "$WORLD/keys/bob.key" --key "$WORLD/keys/carol.key" --reason "thought" >/dev/null 2>&1
fs order draft --policy "$SOURCE/policies/catalog/lookalike/policy.yaml" --mode dry-run --campaign all-2 --jurisdiction DE --out "$STORY/untouched" >/dev/null 2>&1
FLEETSWEEP_TOKEN=untouched expect "a token that nobody touched does not approve" complains 'nobody touched the token' \
  fs order sign "$STORY/untouched" --key "$WORLD/keys/carol.key"
fs order export "$STORY/untouched" --out "$STORY/message" >/dev/null 2>&1
FLEETSWEEP_TOKEN=untouched ssh-keygen -q -Y sign -n fleetsweep-v1 -f "$WORLD/keys/carol.key" "$STORY/message" 2>/dev/null
expect "nor by way of stock tools" complains 'nobody touched the token' fs order import "$STORY/untouched" --signature "$STORY/message.sig"
fs campaign release all-1 --wave 3 --key "$WORLD/keys/carol.key" >/dev/null 2>&1
fs campaign undo all-1 --host web-1 --hosts 1 "${keys[@]}" >/dev/null 2>&1
fs campaign close all-1 --with-pending --key "$WORLD/keys/carol.key" >/dev/null 2>&1

api() { curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/$1"; }
TENANT=$(api tenants | jq -r '.[0].tenant')
api "tenants/$TENANT/log" >"$STORY/log.json"
size=$(jq '.entries | length' "$STORY/log.json")
expect "the whole log is on one page" test "$(jq .size "$STORY/log.json")" = "$size"

jq -r '.entries[0]' "$STORY/log.json" | base64 -d | capnp_json Envelope | jq -r "$HEX .payload | hex" | xxd -r -p | capnp_json Root >"$STORY/root.json"
jq -r "$HEX .keys[] | [(.pub | hex), .scheme, .holder, .skApplication] | @tsv" "$STORY/root.json" >"$STORY/keys.tsv"
expect "four keys stand in the root" test "$(wc -l <"$STORY/keys.tsv")" = 4

declare -A SEEN=() BY=()
signatures=0
check_entry() {  # check_entry NUMBER
  local type kind id payload number key scheme holder public application
  jq -r ".entries[$1]" "$STORY/log.json" | base64 -d | capnp_json Envelope >"$STORY/envelope.json" || return 1
  type=$(jq -r .payloadType "$STORY/envelope.json")
  kind=${type#application/vnd.fleetsweep.} kind=${kind%%.*}
  jq -r "$HEX .payload | hex" "$STORY/envelope.json" | xxd -r -p >"$STORY/document"
  printf 'DSSEv1 %d %s %d ' ${#type} "$type" "$(stat -c %s "$STORY/document")" | cat - "$STORY/document" >"$STORY/pae"
  id=$(sha256sum <"$STORY/pae" | cut -d' ' -f1)
  api "tenants/$TENANT/documents/$id" >"$STORY/document.dsse" || return 1
  pae "$STORY/document.dsse" | cmp - "$STORY/pae" || return 1
  case $kind in
    root) capnp_json Root ;; order) capnp_json Order ;; release) capnp_json Release ;; stop) capnp_json Stop ;;
    resume) capnp_json Resume ;; endpoints) capnp_json Endpoints ;; enrolbatch) capnp_json EnrolBatch ;; close) capnp_json Close ;;
    *) echo "a document of type $type"; return 1 ;;
  esac <"$STORY/document" >"$STORY/document.json" || return 1
  [ "$kind" = root ] || [ "$(jq -r "$HEX .tenant | hex" "$STORY/document.json")" = "$TENANT" ] || return 1
  # What the stock tool reads is all there is: written again, it is the same bytes.
  capnp convert --quiet json:canonical "$SOURCE/protocol/schema/documents.capnp" "$(case $kind in enrolbatch) echo EnrolBatch ;; *) echo "${kind^}" ;; esac)" \
    <"$STORY/document.json" | cmp - "$STORY/document" || return 1
  number=$(jq '.signatures | length' "$STORY/envelope.json")
  [ "$number" -gt 0 ] || { echo "nobody signed it"; return 1; }
  for ((i = 0; i < number; i++)); do
    key=$(jq -r "$HEX .signatures[$i].keyId | hex" "$STORY/envelope.json")
    jq -r "$HEX .signatures[$i].signature | hex" "$STORY/envelope.json" | xxd -r -p >"$STORY/signature"
    while IFS=$'\t' read -r public scheme holder application; do
      [ "$(xxd -r -p <<<"$public" | sha256sum | cut -d' ' -f1)" = "$key" ] && break
      scheme=none
    done <"$STORY/keys.tsv"
    stock_verify "$STORY/pae" "$scheme" "$holder" "$public" "$STORY/signature" "$application" || return 1
    # The same tool refuses it over one byte more: it did look.
    (cat "$STORY/pae"; printf x) >"$STORY/longer"
    ! stock_verify "$STORY/longer" "$scheme" "$holder" "$public" "$STORY/signature" "$application" || return 1
    signatures=$((signatures + 1))
    BY[$scheme]=1 BY[$holder]=1
  done
  SEEN[$kind]=1
}
for ((entry = 0; entry < size; entry++)); do
  expect "entry $entry decodes, has its id, and every signature on it holds" check_entry $entry
done
for kind in root endpoints enrolbatch order release stop resume close; do expect "there was a document of type $kind" test "${SEEN[$kind]:-0}" = 1; done
for who in ed25519 sshsig sshsigSk alice bob carol conductor; do expect "and a signature of $who" test "${BY[$who]:-0}" = 1; done
expect "signatures were verified ($signatures)" test $signatures -ge 15
story_end
