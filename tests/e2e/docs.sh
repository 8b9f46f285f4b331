#!/usr/bin/env bash
# Every command of README.md and docs/operating.md, in their order, as a newcomer would type them. What a page leaves to its
# reader (paths, ports, a second person) is filled in here; a command that fails or is unknown fails the story.
# Usage: docs.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
world_start "$BIN" "$SOURCE"
VAR=$WORLD/hosts
RAN=0
cd "$STORY"

# "LINE:TEXT" of what stands in fences, continued lines joined, remarks cut off.
fenced() {
  awk '/^```/ {inside = !inside; print FNR ":"; next}
       inside {if (sub(/\\$/, "")) {held = held $0; next} print FNR ":" held $0; held = ""}' "$1" |
    sed -E 's/ {2,}# .*$//'
}
filled_in() {
  sed -e "s#/var/lib/fleetsweep/agent#$VAR/web-01/state#g" -e "s#/var/lib/fleetsweep#$VAR#g" \
    -e "s#sweep.example.org:7600#127.0.0.1:$AGENT_PORT#; s#sweep.example.org:7601#127.0.0.1:$ENROL_PORT#" \
    -e "s#127.0.0.1:7680#127.0.0.1:$API_PORT#; s#127.0.0.1:7670#127.0.0.1:$WITNESS_PORT#" \
    -e "s#EDGE_CURVE#${EDGE_CURVE:-}#; s#LOG_VKEY#${LOG_VKEY:-}#" -e "s#TENANT#${TENANT:-}#; s#STOP_ID#${STOP_ID:-}#" -e "s#tokens/token-\.\.\.#${TOKEN:-}#" \
    -e "s# policy\.yaml# $SOURCE/policies/catalog/lookalike/policy.yaml#g" -e 's#1000,10m,auto#1000,1s,auto#' \
    -e "s#\$PWD/build/bin#$BIN#; s#build/bin/#$BIN/#g; s# policies/# $SOURCE/policies/#g; s#/tmp/sample#$STORY/sample#g" \
    -e 's#^fleetsweep key create .*#& --unencrypted#' \
    -e 's#^fleetsweep order sign clean.dsse .*#& --hosts 2#; s#^fleetsweep campaign undo .*#& --hosts 1#' -e "s#^fleetsweep-agent \(enrol\|run\) .*#& --root $VAR/web-01/root#" <<<"$1"
}

others_sign() {  # others_sign COMMAND: what it signed
  case $1 in
    "fleetsweep order sign"*) fs order sign "$(cut -d' ' -f4 <<<"$1")" --key bob.key --hosts 2 >/dev/null 2>&1 ;;
    "fleetsweep root sign"*) for person in bob carol; do fs root sign root.dsse --key $person.key >/dev/null 2>&1; done ;;
  esac
}

before() {  # what the reader does before this command
  case $1 in
    "fleetsweep root init --spec"*)
      for person in bob carol; do fs key create $person.key --holder $person --unencrypted >/dev/null; done
      LOG_VKEY=$(jq -r .log_vkey controller.json) EDGE_CURVE=$(jq -r .edge_curve controller.json)
      jq --slurpfile controller controller.json --slurpfile witness witness.json \
        '.conductor = $controller[0].conductor | .logs = [$controller[0].log_vkey] | .witnesses = [$witness[0].vkey] |
         .time_keys = [$witness[0].time_key] | .policy.cool_off.clean = "1s"' root.json >filled.json
      mv filled.json root.json ;;
    "fleetsweep-agent enrol"*)
      host_new web-01
      host_infect web-01
      local tokens=(tokens/token-*)
      TOKEN=${tokens[0]} ;;
    "fleetsweep agent list"*)
      host_new web-02
      host_infect web-02
      local tokens=(tokens/token-*)
      fleetsweep-agent enrol "$(cat "${tokens[1]}")" --connect "tcp://127.0.0.1:$ENROL_PORT" --state "$VAR/web-02/state" --root "$VAR/web-02/root" >/dev/null
      agent_start web-02
      wait_for agents_connected 2 ;;
    "fleetsweep campaign report web-1 --out"*)  # and a witness vouches for the close
      wait_for fleetsweep campaign report web-1 --out "$STORY/soon.json" --key alice.key ;;
    "fleetsweep stop make"*)
      TENANT=$(curl -fsS -H "Authorization: Bearer $(cat "$FLEETSWEEP_TOKEN_FILE")" "$FLEETSWEEP_URL/v1/tenants" | jq -r '.[0].tenant') ;;
    "fleetsweep stop lift"*) STOP_ID=$(fleetsweep-agent stop stop.dsse --state "$VAR/web-01/state" --json | jq -r .stop) ;;
    "fleetsweep root submit"*) wait_for curl -fsS "http://127.0.0.1:$API_PORT/healthz" ;;
  esac
}

run_command() {  # run_command PAGE:LINE COMMAND
  local at=$1 command=$2 output=/dev/stdout
  before "$command"
  RAN=$((RAN + 1))
  local filled; filled=$(filled_in "$command")
  case $command in
    export\ *) eval "$filled"; return ;;
    fleetsweep-witness\ run*) start witness $filled; wait_for curl -fsS "http://127.0.0.1:$WITNESS_PORT/healthz"; return ;;
    fleetsweep-controller\ run*) start controller $filled; return ;;
    fleetsweep-agent\ run*) start agent-web-01 $filled; return ;;
    fleetsweep-controller\ init*) output=controller.json ;;
    fleetsweep-witness\ init*) output=witness.json ;;
    "fleetsweep "*" --key "* | "fleetsweep root submit"* | "fleetsweep order submit"* | "fleetsweep stop submit"*) filled=${filled/fleetsweep/fleetsweep --yes} ;;  # asks, and nobody is there to answer
  esac
  expect "$at: $command" bash -c "set -e; timeout $PATIENCE bash -c $(printf %q "$filled") </dev/null >$output"
  others_sign "$command"
}

run_page() {
  local page=$1 line text file=
  while IFS=: read -r line text; do
    case $text in
      '') file= ;;
      '# '*.conf) file=${text#\# }; : >"$file" ;;
      fleetsweep* | build/bin/* | export\ * | mkdir\ *) run_command "$(basename "$page"):$line" "$text" ;;
      *) [ -z "$file" ] || filled_in "$text" >>"$file" ;;
    esac
    # This machine's ports are taken, perhaps, and nobody waits a minute for a checkpoint here.
    [ "$file" != witness.conf ] || grep -q listen "$file" || echo "listen = 127.0.0.1:$WITNESS_PORT" >>"$file"
    [ "$file" != controller.conf ] || grep -q listen "$file" || printf '%s\n' "agent_listen = tcp://127.0.0.1:$AGENT_PORT" \
      "enrol_listen = tcp://127.0.0.1:$ENROL_PORT" "api_listen = 127.0.0.1:$API_PORT" \
      "metrics_listen = 127.0.0.1:$METRICS_PORT" "checkpoint_interval = 1s" "heartbeat = 5s" >>"$file"
  done < <(fenced "$page")
}

run_page "$SOURCE/README.md"
run_page "$SOURCE/docs/operating.md"
expect "the pages have commands ($RAN)" test $RAN -ge 35
expect "every state folder of the pages is here" test -d "$VAR/controller" -a -d "$VAR/witness" -a -d "$VAR/web-01/state"
story_end
