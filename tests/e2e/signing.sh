#!/usr/bin/env bash
# Every way to sign, as docs/operators/signing.md has it: a key file of ours, ssh-agent, a machine with nothing but ssh-keygen, one
# without a network, the inbox; a real host obeys what was signed so. Usage: signing.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
PATH=$BIN:$PATH

make_key() {
  case $1 in
    alice) fs key create "$WORLD/keys/alice.key" --holder alice --unencrypted >/dev/null ;;
    *) ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$WORLD/keys/$1.key" ;;
  esac
}
story_world
cd "$WORLD/keys"
expect "the root says how each key signs" sh -c 'test "$(fleetsweep root show root.dsse | grep -c sshsig)" = 2'
story_host web-1 infected
wait_for agents_connected 1

# Bob's key is in ssh-agent from here on, and nowhere else.
eval "$(ssh-agent -s -a "$STORY/agent")" >/dev/null
RUNNING+=("$SSH_AGENT_PID")
ssh-add -q bob.key
rm bob.key
mv bob.key.pub bob.pub
mv carol.key carol
mv carol.key.pub carol.pub
for person in bob carol; do echo "$person $(cat $person.pub)"; done >allowed

# --- the page, command by command: a clean order for one host
draft() { fs order draft --policy "$SOURCE/policies/catalog/lookalike/policy.yaml" --mode "$1" --campaign ssh-1 --jurisdiction DE --out "$2" >/dev/null 2>&1; }
draft dry-run dry.dsse
fs order sign dry.dsse --key alice.key --key bob.pub >/dev/null 2>&1
fs order submit dry.dsse >/dev/null 2>&1
wait_for campaign_has ssh-1 found 1
draft apply clean.dsse
id=$(fs --json order show clean.dsse | jq -r .id)
expect "nobody has signed: that is not enough" not fs order verify clean.dsse --root root.dsse
cp clean.dsse fresh.dsse
commands=0
while IFS= read -r command; do
  filled=${command/ ID/ ${id:0:12}}
  filled=${filled/#fleetsweep order sign/fleetsweep order sign --hosts 1}
  expect "$command" sh -c "${filled/#fleetsweep/fleetsweep --yes}"
  commands=$((commands + 1))
done < <(awk '/^```/ {inside = !inside; next} inside' "$SOURCE/docs/operators/signing.md")
words=$(fs --json order show clean.dsse | jq -r .words)
expect "eight words to compare: $words" test "$(tr - ' ' <<<"$words" | wc -w)" = 8
expect "the page has twelve commands" test $commands = 12

# --- what must not count
expect "the same key twice" complains 'has signed this document already' fs order sign clean.dsse --hosts 1 --key bob.pub
rm clean.message.sig
ssh-keygen -q -Y sign -n file -f carol clean.message 2>/dev/null
expect "a signature for another purpose" complains 'its namespace is file' fs order import fresh.dsse --signature clean.message.sig
ssh-keygen -q -Y sign -n fleetsweep-v1 -f carol - <clean.dsse >other.sig 2>/dev/null
expect "a signature of other bytes" complains 'does not hold' fs order import fresh.dsse --signature other.sig
ssh-add -q -D
expect "a key that ssh-agent does not hold" complains 'did not sign' fs order sign fresh.dsse --hosts 1 --key bob.pub

# --- and the host obeys
expect "the host carries out what was signed so" wait_for campaign_has ssh-1 verified 1
expect "it began with the inbox's copy" test "$(fs --json order pending)" = '[]'
expect "the audit holds" fs audit verify --root root.dsse
story_end
