#!/usr/bin/env bash
# Pushes orders to pretended hosts that do everything a host does but scan, through a real controller with CURVE, a durable
# store and a witness, and compares with the sum of the parts measured in the same run.
# Usage: fleet_bench BIN_DIR SOURCE_DIR [AGENTS...]
#
# Time runs from just before the order is posted until the last host heard that its receipt is verified and durable. The floor
# is the processor time of the parts for all hosts, divided by the cores that controller and hosts share here: one CURVE
# message to each and one back, every signature that a host checks of this order (log, witness, approvals), the signature it
# makes, the controller's check of it, one durable row.

source "$(dirname "$0")/lib.sh"
ROUNDS=5

post_order() {  # post_order FILE: as fast as curl can
  curl -fsS -o /dev/null -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" -H 'Content-Type: application/json' \
    --data-binary @"$1" "$FLEETSWEEP_URL/v1/tenants/$TENANT/documents"
}

round_done() { [ "$(grep -c answered "$WORLD/log/sim-$1")" -ge "$2" ]; }

run_fleet() {
  local agents=$1 round order signatures bytes receipt_bytes
  local rss_before rss token posted cpu_before hosts_before result floor
  trap cleanup EXIT
  trap 'exit 130' INT TERM
  bench_world "$BIN" "$SOURCE"
  TENANT=$(curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants" | jq -r '.[0].tenant')
  token=$(fs --json agent enrol-token --uses "$agents" --key "$WORLD/keys/alice.key" --group bench --jurisdiction DE --out "$WORLD/tokens" 2>/dev/null | jq -r '.tokens[0]')
  rss_before=$(memory_kib Rss "${PID[controller]}")
  start "sim-$agents" "$BIN/fleetsweep-sim" --agents "$agents" --connect "tcp://127.0.0.1:$AGENT_PORT" \
    --enrol "tcp://127.0.0.1:$ENROL_PORT" --token "$(cat "$token")" --source-addresses 50 --json
  wait_for grep -q ready "$WORLD/log/sim-$agents"
  rss=$(($(memory_kib Rss "${PID[controller]}") - rss_before))

  for ((round = 1; round <= ROUNDS; round++)); do
    order=$WORLD/order-$round.dsse
    fs order draft --policy "$SOURCE/tests/bench/fleet/policy.yaml" --mode dry-run --campaign "bench-$round" --jurisdiction DE --out "$order" >/dev/null 2>&1
    fs order sign "$order" --key "$WORLD/keys/alice.key" >/dev/null 2>&1
    [ $round -gt 1 ] || curl -fsS -o /dev/null -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" \
      --data-binary @"$order.policy" "$FLEETSWEEP_URL/v1/tenants/$TENANT/policies"
    cpu_before=$(cpu_ns "${PID[controller]}")
    hosts_before=$(cpu_ns $(family "${PID[sim-$agents]}"))
    posted=$(date +%s%N)
    post_order "$order"
    wait_for round_done "$agents" "$round"
    result=$(grep answered "$WORLD/log/sim-$agents" | sed -n "${round}p")
    awk -v posted="$posted" -v begun="$(jq .first_begun_ns <<<"$result")" -v acked="$(jq .last_acked_ns <<<"$result")" \
      -v edge="$(($(cpu_ns "${PID[controller]}") - cpu_before))" -v hosts="$(($(cpu_ns $(family "${PID[sim-$agents]}")) - hosts_before))" -v n="$agents" \
      'BEGIN {print (acked - posted) / 1e6, (begun - posted) / 1e6, edge / n / 1e3, hosts / n / 1e3}' >>"$WORLD/rounds"
    [ "$(fs --json campaign status "bench-$round" | jq .states.clean)" = "$agents" ] || { echo "not all of $agents hosts are clean in round $round" >&2; exit 1; }
  done
  signatures=$(jq '.signatures | length' "$WORLD/order-1.dsse")
  bytes=$(wc -c <"$WORLD/order-1.dsse")
  receipt_bytes=$(curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants/$TENANT/receipts?campaign=bench-1" | jq -r '.[0].envelope' | base64 -d | wc -c)
  stop "sim-$agents"
  floor=$("$BIN/fleet_floor" "$agents" "$((bytes * 3 / 4))" "$receipt_bytes")

  local cores total wait edge hosts checks ratio_max=3
  cores=$(nproc)
  # The target is for 5,000 hosts. The fixed part of an order (post, commit, witness, policy) weighs more in a smaller fleet.
  [ "$agents" -lt 5000 ] || ratio_max=2
  checks=$((signatures + 2))
  read -r total wait edge hosts < <(for column in 1 2 3 4; do cut -d' ' -f$column "$WORLD/rounds" | median; done | paste -sd' ')
  part() { jq ".$1" <<<"$floor"; }
  local floor_edge floor_hosts floor_ms
  floor_edge=$(jq '.push_edge_us + .verify_us + .store_us' <<<"$floor")
  floor_hosts=$(jq --argjson checks $checks '.push_host_us + $checks * .verify_us + .sign_us' <<<"$floor")
  floor_ms=$(jq -n "($floor_edge + $floor_hosts) * $agents / $cores / 1000")

  printf '\nload average %s; ' "$(cut -d' ' -f1 /proc/loadavg)"
  printf '%d hosts, median of %d orders; order %d bytes, receipt %d bytes, %d signatures checked by each host\n' "$agents" $ROUNDS "$((bytes * 3 / 4))" "$receipt_bytes" $checks
  printf 'parts: push and collect %s + %s us, check %s us, sign %s us, store %s us; %d cores\n' "$(part push_edge_us)" "$(part push_host_us)" "$(part verify_us)" "$(part sign_us)" "$(part store_us)" "$cores"
  head_line
  compare "order posted to last receipt durable" ms "$floor_ms" "$total" $ratio_max
  # Says the same where others use the processors too.
  compare "processor time per host, both ends" us "$(jq -n "$floor_edge + $floor_hosts")" "$(jq -n "$edge + $hosts")" $ratio_max
  printf '  until the first host begins %.0f ms (post, commit, witness, policy); all rounds:%s ms\n' "$wait" "$(cut -d' ' -f1 "$WORLD/rounds" | xargs printf ' %.0f')"
  printf '  processor time per host: controller %.0f us (parts %.0f), host %.0f us (parts %.0f)\n' "$edge" "$floor_edge" "$hosts" "$floor_hosts"
  # The library's for an authenticated CURVE connection, bare.
  compare "controller memory per host" KiB "$(part connection_kib)" "$(jq -n "$rss / $agents")" 2
}

BIN=$1 SOURCE=$2
shift 2
[ $# -gt 0 ] || set -- 1000 5000
code=0
for agents in "$@"; do
  # In a world of its own: what one fleet left must not slow the next.
  (run_fleet "$agents"; exit $MISSED) || code=1
done
exit $code
