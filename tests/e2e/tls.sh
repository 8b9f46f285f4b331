#!/usr/bin/env bash
# The API over TLS with certificates on both sides, as an operator on another machine meets it. Usage: tls.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"

certify() {  # certify NAME AUTHORITY ALTERNATIVE_NAME
  openssl req -newkey ed25519 -nodes -subj "/CN=$1" -keyout "$STORY/$1.key" -out "$STORY/$1.csr"
  openssl x509 -req -in "$STORY/$1.csr" -CA "$STORY/$2.pem" -CAkey "$STORY/$2.key" -CAcreateserial -days 2 \
    -extfile <(echo "subjectAltName=$3") -out "$STORY/$1.pem"
}
{
  for authority in ca other; do
    openssl req -x509 -newkey ed25519 -nodes -days 2 -subj "/CN=$authority" -keyout "$STORY/$authority.key" -out "$STORY/$authority.pem"
  done
  certify controller ca IP:127.0.0.1
  certify alice ca email:alice@soc.example
  certify mallory other email:mallory@elsewhere.example
} 2>"$STORY/openssl"

story_world
story_host web-1 infected
wait_for agents_connected 1
stop controller
cat >>"$WORLD/controller.conf" <<TEXT
api_certificate = $STORY/controller.pem
api_certificate_key = $STORY/controller.key
api_client_authorities = $STORY/ca.pem
TEXT
start controller "$BIN/fleetsweep-controller" run --config "$WORLD/controller.conf"
as() {  # as NAME: whose certificate the CLI shows
  export FLEETSWEEP_AUTHORITIES=$STORY/ca.pem FLEETSWEEP_CERTIFICATE=$STORY/$1.pem FLEETSWEEP_CERTIFICATE_KEY=$STORY/$1.key
}

expect "plain HTTP is not spoken there" not fs agent list
FLEETSWEEP_URL=https://127.0.0.1:$API_PORT
as alice
expect "with a certificate of the right authority it answers" wait_for fs agent list
expect "curl agrees" curl -fsS --tlsv1.3 --cacert "$STORY/ca.pem" --cert "$STORY/alice.pem" --key "$STORY/alice.key" "$FLEETSWEEP_URL/healthz"
wait_for agents_connected 1
campaign_order dry-run tls-1 --jurisdiction DE
expect "events are followed" fs campaign watch tls-1 --until found=1 --deadline ${PATIENCE}s

# --- more hashes than a message holds
sets=$STORY/sets
mkdir -p "$sets" "$(host_root web-1)/srv"
head -c 5000 /dev/urandom >"$(host_root web-1)/srv/planted"
{
  head -c 6400000 /dev/urandom | od -An -v -tx1 -w32 | tr -d ' ' | awk '{ print $0 ":" 4000 + NR % 3000 ":made" }'
  echo "$(sha256sum <"$(host_root web-1)/srv/planted" | cut -d' ' -f1):5000:planted"
} >"$sets/list.hsb"
cat >"$sets/policy.yaml" <<TEXT
apiVersion: fleetsweep/v1
kind: Policy
metadata:
  id: policy--6a3b1c52-8f0e-4d7a-9b21-5d8e0f7c4a19
  title: A list of hashes
  version: 1
  author: The story
  malware: {family: Listed}
  authority: {legal_basis: owner-consent, issuer: The story, reference: SETS}
target: {platform: linux}
lists:
  known: {type: sha-256, file: list.hsb, sha256: $(sha256sum <"$sets/list.hsb" | cut -d' ' -f1)}
detections:
  listed: {object: file, where: {file.hashes.SHA-256: '@lists/known'}}
verdicts: {present: {condition: listed, confidence: 90, level: high}}
responses: [{on: [present], actions: [{action: report}]}]
TEXT
hosts_say() { tells "^$2 $3 $4\$" eval "fs --json campaign hosts $1 | jq -r '.[] | \"\(.state) \(.matched) \(.reason)\"'"; }
POLICY=$sets/policy.yaml
campaign_order dry-run sets-1 --jurisdiction DE
expect "of 200,001 hashes the one that is there is found" fs campaign watch sets-1 --until found=1 --deadline ${PATIENCE}s
expect "and nothing else" hosts_say sets-1 found 1 none
parts() { sqlite3 "$WORLD/hosts/web-1/state/core/core.db" "$1"; }
expect "the host keeps them in parts" test "$(parts 'select count(*) from hash_parts')" = 31
stop agent-web-1
parts "update hash_parts set bytes = zeroblob(length(bytes)) where digest = (select min(digest) from hash_parts)"
agent_start web-1
wait_for agents_connected 1
campaign_order dry-run sets-2 --jurisdiction DE
expect "a damaged part is fetched again, and nothing is clean without it" wait_for hosts_say sets-2 found 1 none
expect "the host said so" grep -q hash_set_damaged "$WORLD/log/agent-web-1"
POLICY=

as mallory
expect "a certificate of another authority is refused" not fs agent list
FLEETSWEEP_CERTIFICATE= FLEETSWEEP_CERTIFICATE_KEY=
expect "so is none" not fs agent list
as alice
FLEETSWEEP_AUTHORITIES=$STORY/other.pem
expect "a controller of an unknown authority is not believed" complains 'no authority that is trusted here' fs agent list

stop controller
sed -i "s#^api_certificate_key = .*#api_certificate_key = $STORY/alice.key#" "$WORLD/controller.conf"
expect "a key of another certificate is named at the start" complains "$STORY/alice.key" timeout 20 "$BIN/fleetsweep-controller" run --config "$WORLD/controller.conf"
story_end
