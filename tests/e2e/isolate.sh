#!/usr/bin/env bash
# A host is cut off by a signed order and goes on talking to its controller: block and isolate, shown by the host itself, with
# real packets between two networks, and lifted by one verb. Usage: isolate.sh BIN_DIR SOURCE_DIR

[ $EUID = 0 ] || { echo "needs root for networks of its own"; exit 77; }
# Among processes and in a network of its own, so that this network is the one of the first process, as on a host.
[ -n "${STORY_APART:-}" ] || STORY_APART=1 exec unshare --net --pid --mount --fork --mount-proc bash "$0" "$@"

source "$(dirname "$0")/story.sh"
story_start "$@"

# The other end of the wire: the controller, and two addresses that are not.
unshare --net sleep infinity &
peer=$!; RUNNING+=("$peer")
there() { nsenter --net --target "$peer" "$@"; }
separate() { [ "$(readlink "/proc/$peer/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
wait_for separate
CONTROLLER_HOST=192.0.2.1 BAD=192.0.2.66 OTHER=192.0.2.99
ip link set lo up
there ip link set lo up
ip link add here type veth peer name there netns "$peer"
ip address add 192.0.2.2/24 dev here
ip link set here up
for address in $CONTROLLER_HOST $BAD $OTHER; do there ip address add $address/24 dev there; done
there ip link set there up

# All but the agent lives there.
fs() { there "$BIN/fleetsweep" --yes "$@"; }
curl() { there curl "$@"; }
here=$(declare -f start); eval "${here/start/start_here}"
start() {
  case $1 in
    agent-*) start_here "$@" ;;
    *) start_here "$1" nsenter --net --target "$peer" "${@:2}" ;;
  esac
}
# What the packet filter drops on its way out is refused at once.
may_send() { (echo hello >"/dev/udp/$1/53") 2>/dev/null; }
filter_says() { tells "$1" nft list ruleset; }
filter_is_empty() { [ -z "$(nft list ruleset)" ]; }
online() { fs --json agent list | jq -e '.[0].state == "online"'; }
agent_log_says() { tells "$1" cat "$WORLD/log/agent-web-1"; }

mkdir "$STORY/policy"
cp -r "$SOURCE/policies/catalog/lookalike/rules" "$STORY/policy/"
sed -e "s/^detections:/lists:\n  c2: {type: ipv4-addr, values: [$BAD, $CONTROLLER_HOST], expires: 2099-01-01}\n\n&/" \
  -e 's/^\( *\)- {action: remove, select: link_preload.*/\1- {action: block, select: "@lists\/c2", ttl: 2h}\n\1- {action: isolate, select: content, ttl: 1h}\n&/' \
  "$SOURCE/policies/catalog/lookalike/policy.yaml" >"$STORY/policy/policy.yaml"
POLICY=$STORY/policy/policy.yaml
expect "the policy is one that agents carry out" not complains "agents of this version" fs policy lint "$POLICY"

story_world
story_host web-1 infected
wait_for agents_connected 1
campaign_order dry-run cut --jurisdiction DE
expect "the infection is found" wait_for campaign_has cut found 1
expect "before, the bad address is reached" may_send $BAD
expect "and any other" may_send $OTHER

campaign_order apply cut --jurisdiction DE
applied=$ORDER
expect "the host is cleaned, cut off, and says so" wait_for campaign_has cut verified 1
expect "the bad address is not reached" not may_send $BAD
expect "nor any other" not may_send $OTHER
expect "the plan said what would be blocked" agent_log_says "block  *out $BAD, $CONTROLLER_HOST, for 2h"
expect "and that the host would be isolated" agent_log_says "isolate  *the host from everything but its controller, for 1h"
expect "the host tells its owner for how long" agent_says web-1 "$applied" "cut off: out $BAD, $CONTROLLER_HOST, for 2h; the host from everything but its controller, for 1h"
expect "the packet filter knows the address" filter_says "elements = { $CONTROLLER_HOST timeout 2h.*$BAD timeout 2h"
expect "and that it ends by itself" filter_says "set isolated"
expect "the host is still online" online

# A controller that starts again is found again: not only the connection from before goes through.
stop controller
controller_start
expect "the host comes back to its controller" wait_for online
campaign_order dry-run still --jurisdiction DE
expect "a new order reaches it" wait_for campaign_has still clean 1

expect "one verb lifts it" "$BIN/fleetsweep-agent" undo "$applied" --state "$WORLD/hosts/web-1/state"
expect "the packet filter is as it was" filter_is_empty
expect "the bad address is reached" may_send $BAD
expect "and any other again" may_send $OTHER
expect "the files are as they were" unchanged web-1
story_end
