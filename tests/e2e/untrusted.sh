#!/usr/bin/env bash
# A host whose loader was told to preload something unseen, with the real programs: it is `untrusted` whatever is found there, its
# owner is told why, and nothing on it is touched. Usage: untrusted.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
loader=/lib64/ld-linux-x86-64.so.2
[ -e $loader ] || { echo "no $loader here"; exit 77; }
story_start "$@"
story_world
story_host honest-1 infected
host_new hiding-1
host_infect hiding-1
# As HiddenWasp leaves it (Intezer 2019): the list that everybody looks at is read no more.
mkdir "$(host_root hiding-1)/lib64"
LC_ALL=C sed 's#/etc/ld\.so\.preload#/sbin/.ifup-local\x00#g' $loader >"$(host_root hiding-1)$loader"
manifest "$(host_root hiding-1)" >"$WORLD/hosts/hiding-1/before"
host_enrol hiding-1
agent_start hiding-1
wait_for agents_connected 2

state_is() { tells "^$3\$" host_state "$1" "$2"; }  # CAMPAIGN HOST STATE
campaign_order dry-run hide --jurisdiction DE
expect "honest-1: found" wait_for state_is hide honest-1 found
expect "hiding-1: untrusted, and not only found" wait_for state_is hide hiding-1 untrusted
expect "hiding-1: its owner is told what contradicts what" agent_says hiding-1 "$ORDER" "untrusted: .*ld-linux-x86-64.so.2: does not read /etc/ld.so.preload"
expect "the campaign shows it" complains "untrusted" fs campaign hosts hide
campaign_order apply hide --jurisdiction DE
expect "hiding-1: not cleaned either" wait_for agent_says hiding-1 "$ORDER" "^done: untrusted"
expect "hiding-1: nothing was touched" unchanged hiding-1
expect "hiding-1: its process lives" kill -0 "${LOOKALIKE_PID[hiding-1]}"
expect "the audit holds" fs audit verify --root "$WORLD/keys/root.dsse"
story_end
