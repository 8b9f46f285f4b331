#!/usr/bin/env bash
# The owner of a host has the last word: what he halted or did not consent to is left alone, and what was done he puts back,
# without asking anybody and without a controller. Usage: owner.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world
HOSTS=(halted-1 byhand-1 consent-1 deny-1 open-1)
for host in "${HOSTS[@]}"; do story_host "$host" infected; done
# The look-alike is a second name of an intact file of a package.
host_new twin-1
root=$(host_root twin-1)
mkdir -p "$root$LOOKALIKE_FOLDER"
lookalike_program "$root/usr/bin/demo-twin"
printf '/usr/bin/demo-twin\n' >>"$root/var/lib/dpkg/info/demo-tools.list"
(cd "$root" && md5sum usr/bin/demo-tool usr/bin/demo-twin) >"$root/var/lib/dpkg/info/demo-tools.md5sums"
ln "$root/usr/bin/demo-twin" "$root$LOOKALIKE_FOLDER/lookalike"
printf '*/5 * * * * root %s/lookalike 3600\n' "$LOOKALIKE_FOLDER" >>"$root/etc/crontab"
manifest "$root" >"$WORLD/hosts/twin-1/before"
host_enrol twin-1
agent_start twin-1
wait_for agents_connected 6
campaign_order dry-run owner --jurisdiction DE
expect "the dry run found them all" wait_for campaign_has owner found 6

state_dir() { echo "$WORLD/hosts/$1/state"; }
owner() { local verb=$1 host=$2; shift 2; "$BIN/fleetsweep-agent" "$verb" "$@" --state "$(state_dir "$host")"; }
state_is() { local state; state=$(host_state owner "$1"); echo "$1 is $state"; [ "$state" = "$2" ]; }
reason_is() { local reason; reason=$(host_reason owner "$1"); echo "$1: $reason"; [ "$reason" = "$2" ]; }
untouched_for_now() { unchanged "$1" && is_running "$1"; }
is_running() { kill -0 "${LOOKALIKE_PID[$1]}" 2>/dev/null; }

# --- before the order comes: halt by command, by a file made by hand, and a limit
expect "halted-1: the owner halts it" owner halt halted-1
expect "halted-1: status says so" agent_status halted-1 '.halted and .activity == "halted"'
touch "$(state_dir byhand-1)/halt"
expect "byhand-1: a halt file made by hand is heeded at once" wait_for agent_status byhand-1 .halted
printf 'max_class = read  # look, but do not touch\n' >"$(state_dir consent-1)/consent.conf"
printf 'deny = %s\n' "$LOOKALIKE_FOLDER" >"$(state_dir deny-1)/consent.conf"

campaign_order apply owner --jurisdiction DE; order=$ORDER
expect "open-1: cleaned and verified" wait_for state_is open-1 verified
for name in halted byhand; do
  expect "$name-1: refuses, and the controller knows why" wait_for reason_is $name-1 halted
  expect "$name-1: why says who" agent_says $name-1 "$order" "refused: halted: the host's owner halted this agent"
done
expect "consent-1: refuses, and the controller knows why" wait_for reason_is consent-1 consent
expect "consent-1: status shows it" agent_status consent-1 '.consent.max_class == "read"'
expect "consent-1: by the digest that its receipts carry" test \
  "$(agent_status consent-1 .consent.sha256)" = "$(sha256sum <"$(state_dir consent-1)/consent.conf" | cut -d' ' -f1)"
expect "consent-1: why says what is allowed" agent_says consent-1 "$order" "refused: consent: the owner allows up to class read, this is clean"
expect "deny-1: refuses what lies where the owner denies it" wait_for reason_is deny-1 consent
for name in halted byhand consent deny; do expect "$name-1: not a byte, not a process was touched" untouched_for_now $name-1; done
expect "twin-1: refuses, for its other name is a package's own" wait_for reason_is twin-1 known_good
expect "twin-1: not a byte was touched" unchanged twin-1

# --- the plan is in the log of each agent that made one
log_has() { grep -q -- "$2" "$WORLD/log/agent-$1"; }
expect "open-1: what was done to it" log_has open-1 "quarantine file $LOOKALIKE_FOLDER/lookalike"
expect "deny-1: what would have been" log_has deny-1 "nothing of this will be done"
expect "open-1: and nothing of what is inside a file" not log_has open-1 "/lookalike 3600"

# --- halted outlives the process
stop agent-halted-1
agent_start halted-1
expect "halted-1: is still halted after a restart" wait_for agent_status halted-1 '.halted and .welcomed'
expect "halted-1: still untouched" untouched_for_now halted-1

# --- the owner lets go
expect "halted-1: the owner resumes it" owner resume halted-1
rm "$(state_dir byhand-1)/halt"
rm "$(state_dir consent-1)/consent.conf" "$(state_dir deny-1)/consent.conf"
for name in halted byhand consent; do expect "$name-1: now it is cleaned" wait_for state_is $name-1 verified; done

# --- undo by hand, with nobody to ask
stop controller
expect "open-1: the controller is gone" wait_for agent_status open-1 '.connected | not'
expect "open-1: the owner undoes the order" owner undo open-1 "$order"
expect "open-1: everything is back, byte for byte" unchanged open-1
expect "open-1: why says who undid it" agent_says open-1 "$order" "undone by the owner of this host"
expect "open-1: status says what lies in the vault" agent_status open-1 '.vault.entries > 0 and .vault.bytes > 0'
expect "open-1: the owner sees what was taken by which order" eval '"$BIN/fleetsweep-agent" vault list --json --state "$(state_dir open-1)" |
  jq -e --arg order "$order" "(.entries | length) > 0 and all(.entries[]; .order == \$order and .undone)"'
expect "open-1: its receipt waits" agent_status open-1 '.outbox == 1'
expect "open-1: an order it never saw cannot be undone" not owner undo open-1 "$(printf '0%.0s' $(seq 64))"
controller_start
expect "open-1: the controller hears of it" wait_for state_is open-1 undone
expect "open-1: once" receipts_are "$order" "kind = 'undo' and state = 'undone'" 1
expect "open-1: and that it was the owner, not an order" agent_status open-1 '.outbox == 0'
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"
for name in halted byhand consent; do expect "$name-1: stays clean" state_is $name-1 verified; done
story_end
