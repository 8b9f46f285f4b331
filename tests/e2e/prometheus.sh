#!/usr/bin/env bash
# The demo campaign under a real Prometheus: every panel of the dashboard has data, and its totals, the API's and a recount
# of the receipts by SQL are the same numbers. Usage: prometheus.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
DASHBOARD=$SOURCE/dashboards/grafana/campaign.json

# --- the demo, which stays, and a Prometheus that watches it from its first minute
mkdir "$STORY/tmp"
TMPDIR=$STORY/tmp bash "$SOURCE/tests/e2e/demo.sh" "$BIN" "$SOURCE" --keep >"$STORY/demo" 2>&1 &
demo=$!
RUNNING+=($demo)
setting() { sed -n "s/^$1 = //p" "$STORY"/tmp/fleetsweep.*/controller.conf; }
has_metrics() { curl -fsS "http://$(setting metrics_listen)/metrics"; }  # the demo may be writing its settings just now
wait_for has_metrics
DEMO=$(echo "$STORY/tmp"/fleetsweep.*)

mkdir "$STORY/data"
cat >"$STORY/prometheus.yml" <<TEXT
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$SOURCE/dashboards/rules/fleetsweep.yml]
scrape_configs:
  - job_name: fleetsweep
    static_configs: [{targets: ["$(setting metrics_listen)"]}]
TEXT
PROMETHEUS=127.0.0.1:$(free_port 5)
prometheus --config.file="$STORY/prometheus.yml" --storage.tsdb.path="$STORY/data" --web.listen-address="$PROMETHEUS" \
  --log.level=warn >"$STORY/prometheus" 2>&1 &
RUNNING+=($!)
wait_for curl -fsS "http://$PROMETHEUS/-/ready"

demo_is_over() { grep -q '^[0-9]* expectations held' "$STORY/demo" || ! kill -0 $demo; }
PATIENCE=500 expect "the demo comes to its end" wait_for demo_is_over
expect "the demo holds: $(grep -a 'expectations held' "$STORY/demo")" grep -q 'held, 0 did not' "$STORY/demo"
export FLEETSWEEP_URL=http://$(setting api_listen) FLEETSWEEP_TOKEN_FILE=$DEMO/keys/api.token
METRICS_URL=http://$(setting metrics_listen)/metrics

# --- asking it
ask() { curl -fsS "http://$PROMETHEUS/api/v1/query" --data-urlencode "query=$1"; }
number() { ask "$1" | jq -r '.data.result[0].value[1] // "none"'; }
has_data() {  # a number in at least one series; NaN is what a panel shows as nothing
  ask "$1" | jq -e '[.data.result[].value[1] | select(. != "NaN")] | length > 0'
}
scraped_the_end() { [ "$(number 'sum(fleetsweep_refusals_total{campaign="emotet-1"})')" = 5 ]; }
expect "Prometheus has seen the last refusal" wait_for scraped_the_end
expect "the rules load and none of them fails" jq -e '[.data.groups[].rules[] | select(.health == "err")] == []' \
  <(curl -fsS "http://$PROMETHEUS/api/v1/rules")

variable() {  # variable QUERY TENANT: the values Grafana would offer for label_values(SERIES, LABEL)
  local series label
  [[ ${1//\$tenant/$2} =~ ^label_values\((.*),\ *([a-z]+)\)$ ]] || { echo "not understood: $1" >&2; return 1; }
  series=${BASH_REMATCH[1]} label=${BASH_REMATCH[2]}
  curl -fsSG "http://$PROMETHEUS/api/v1/label/$label/values" --data-urlencode "match[]=$series" | jq -r '.data[]'
}
variable_query() { jq -r --arg name "$1" '.templating.list[] | select(.name == $name) | .query.query' "$DASHBOARD"; }
tenant=$(variable "$(variable_query tenant)" "")
expect "the variable tenant offers the one tenant: $tenant" test "$tenant" = demo.fleetsweep.example/log
campaigns=$(variable "$(variable_query campaign)" "$tenant" | sort | xargs)
expect "the variable campaign offers both campaigns: $campaigns" test "$campaigns" = "emotet-1 lookalike-1"

as_grafana_asks() {  # over the dashboard's half hour, with at least four scrapes in a rate
  local query=${1//\$tenant/$tenant}
  query=${query//\$__rate_interval/1m}
  echo "${query//\$__range/30m}"
}

# --- every panel
panels=0
while IFS=$'\t' read -r title query; do
  query=$(as_grafana_asks "$query")
  case $query in *refusals*) campaign=emotet-1 ;; *) campaign=lookalike-1 ;; esac
  expect "panel \"$title\" has data" has_data "${query//\$campaign/$campaign}"
  panels=$((panels + 1))
done < <(jq -r '.panels[] | .title as $title | (.targets // [])[] | [$title, .expr] | @tsv' "$DASHBOARD" | sed 's/\\\\/\\/g')
expect "every query of the dashboard was asked ($panels)" test $panels = "$(jq '[.. | objects | select(has("expr"))] | length' "$DASHBOARD")"

panel_says() {  # panel_says TITLE NUMBER: for those whose query has an answer even where no metric is
  local query; query=$(jq -r --arg title "$1" '.panels[] | select(.title == $title) | .targets[0].expr' "$DASHBOARD")
  query=$(as_grafana_asks "$query")
  [ "$(number "${query//\$campaign/lookalike-1}")" = "$2" ]
}
# The recording rules run up to a second behind the scrapes.
expect "panel \"Verified\" says 3" wait_for panel_says Verified 3
expect "panel \"Targeted hosts\" says 5" wait_for panel_says "Targeted hosts" 5
expect "panel \"Settled\" says all" wait_for panel_says Settled 1

alerts() { ask 'count(ALERTS{alertstate="firing"}) or vector(0)' | jq -r '.data.result[0].value[1]'; }
expect "no alert fires" test "$(alerts)" = 0

# --- three ways to count the same receipts
sql() { sqlite3 "$STORY/copy.db" "$1"; }
# The last release may still be on its way into the log when the demo ends, and a scrape lies up to a second behind the store.
copy_as_scraped() {
  sqlite3 "file:$DEMO/controller/controller.db?mode=ro" ".backup $STORY/copy.db" &&
    [ "$(sql "select count(*) from log_entries") $(sql "select count(*) from receipts")" = \
      "$(number 'max(fleetsweep_log_size)') $(number 'sum(fleetsweep_results_total)')" ]
}
expect "Prometheus catches up with the store" wait_for copy_as_scraped
same() { printf '%s: %s\n' "$2" "$1" "$4" "$3"; [ "$1" = "$3" ]; }  # same A NAME_A B NAME_B

for campaign in lookalike-1 emotet-1; do
  recount=$(sql "select state, count(*) from receipts r where campaign = '$campaign' and seq =
    (select max(seq) from receipts where campaign = r.campaign and host_no = r.host_no) group by state order by state" | xargs)
  api=$(campaign_states $campaign | jq -r 'to_entries[] | select(.value > 0) | "\(.key)|\(.value)"' | sort | xargs)
  prometheus=$(ask "sum by (state) (fleetsweep_campaign_hosts{campaign=\"$campaign\"}) > 0" |
    jq -r '.data.result[] | "\(.metric.state)|\(.value[1])"' | sort | xargs)
  expect "$campaign: states in API and recount are the same: $recount" same "$api" API "$recount" SQL
  expect "$campaign: states in Prometheus and recount are the same" same "$prometheus" Prometheus "$recount" SQL
  hosts=$(sql "select count(distinct host_no) from receipts where campaign = '$campaign'")
  expect "$campaign: no host is lost or counted twice" test \
    "$hosts $(number "fleetsweep_campaign_targeted_hosts{campaign=\"$campaign\"}") $(number "sum(fleetsweep_campaign_hosts{campaign=\"$campaign\"})")" = "5 5 5"
  # What the newest order did on each host: its rescans find nothing and do nothing.
  matched=$(sql "select sum(matched) || ' ' || sum(acted) from (select max(matched) matched, max(acted) acted from receipts r
    where campaign = '$campaign' and order_id = (select order_id from receipts where campaign = r.campaign and host_no = r.host_no
    order by seq desc limit 1) group by host_no)")
  api=$(fs --json campaign hosts $campaign | jq -r '"\([.[].matched] | add) \([.[].acted] | add)"')
  expect "$campaign: matched and acted in the API and recount: $matched" same "$api" API "$matched" SQL
done

recount=$(sql "select count(*) from receipts")
expect "Prometheus counts the $recount receipts of the store" same "$(number 'sum(fleetsweep_results_total)')" Prometheus "$recount" SQL
recount=$(sql "select kind, count(*) from receipts group by kind order by kind" | xargs)
prometheus=$(ask 'sum by (phase) (fleetsweep_results_total)' | jq -r '.data.result[] | "\(.metric.phase)|\(.value[1])"' | sort | xargs)
expect "receipts by kind are the same: $recount" same "$prometheus" Prometheus "$recount" SQL
recount=$(sql "select count(*) from receipts where campaign = 'emotet-1' and state = 'refused'")
expect "refusals are the same: $recount" same "$(number 'sum(fleetsweep_refusals_total{campaign="emotet-1"})')" Prometheus "$recount" SQL
recount=$(sql "select sum(matched) from receipts where kind = 'scan'")
expect "findings are the same: $recount" same "$(number 'sum(fleetsweep_findings_total)')" Prometheus "$recount" SQL
recount=$(sql "select count(*) from receipts where kind = 'undo'")
expect "undos are the same: $recount" same "$(number 'sum(fleetsweep_undo_total)')" Prometheus "$recount" SQL
recount=$(sql "select count(*) from agents")
expect "agents are the same: $recount" same "$(number 'sum(fleetsweep_agents)')" Prometheus "$recount" SQL
recount=$(sql "select count(*) from log_entries")
expect "log entries are the same: $recount" same "$(number 'max(fleetsweep_log_size)')" Prometheus "$recount" SQL
expect "every receipt is one of a host's unbroken row" test "$(sql "select count(*) from (select host_no, count(*) n, max(seq) m from receipts group by host_no) where n != m")" = 0
story_end
