#!/usr/bin/env bash
# Every way to sign, as docs/signing.md has it: a key file of ours, ssh-agent, and a machine with nothing but ssh-keygen; a real
# host obeys what was signed so. Usage: signing.sh BIN_DIR SOURCE_DIR

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
wait_for 20 agents_connected 1

# Bob's key is in ssh-agent from here on, and nowhere else.
eval "$(ssh-agent -s -a "$STORY/agent")" >/dev/null
RUNNING+=("$SSH_AGENT_PID")
ssh-add -q bob.key
rm bob.key
mv bob.key.pub bob.pub
mv carol.key carol
mv carol.key.pub carol.pub
for person in bob carol; do echo "$person $(cat $person.pub)"; done >allowed

# --- the page, command by command
fs order draft --policy "$SOURCE/policies/catalog/lookalike/policy.yaml" --mode dry-run --campaign ssh-1 --jurisdiction DE \
  --out clean.dsse >/dev/null 2>&1
expect "nobody has signed: that is not enough" not fs order verify clean.dsse --root root.dsse
cp clean.dsse fresh.dsse
commands=0
while IFS= read -r command; do
  expect "$command" sh -c "${command/#fleetsweep/fleetsweep --yes}"
  commands=$((commands + 1))
done < <(awk '/^```/ {inside = !inside; next} inside' "$SOURCE/docs/signing.md")
words=$(fs --json order show clean.dsse | jq -r .words)
expect "eight words to compare: $words" test "$(tr - ' ' <<<"$words" | wc -w)" = 8
expect "the page has six commands" test $commands = 6

# --- what must not count
expect "the same key twice" not fs order sign clean.dsse --key bob.pub
rm clean.message.sig
ssh-keygen -q -Y sign -n file -f carol clean.message 2>/dev/null
expect "a signature for another purpose" complains 'its namespace is file' fs order import fresh.dsse --signature clean.message.sig
ssh-keygen -q -Y sign -n fleetsweep-v1 -f carol - <clean.dsse >other.sig 2>/dev/null
expect "a signature of other bytes" complains 'does not hold' fs order import fresh.dsse --signature other.sig
expect "a key that ssh-agent does not hold" sh -c 'ssh-add -q -D && ! fleetsweep --yes order sign fresh.dsse --key bob.pub'

# --- and the host obeys
fs order submit clean.dsse >/dev/null
expect "the host carries out what was signed so" wait_for 30 campaign_has ssh-1 found 1
expect "the audit holds" fs audit verify --root root.dsse
story_end
