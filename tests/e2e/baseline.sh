#!/usr/bin/env bash
# The owner says what is meant to start by itself, reads it, does not overwrite it by accident, and hunts for the rest. Without any controller.
# Usage: baseline.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
world_start "$@"
STATE=$WORLD/state ROOT=$WORLD/root
mkdir -p -m 700 "$STATE"
mkdir -p "$ROOT"/etc/{cron.d,systemd/system} "$ROOT/usr/local/bin"
printf 'root:x:0:0:root:/root:/bin/bash\n' >"$ROOT/etc/passwd"
printf '# own\n5 5 * * * root /opt/own\n' >"$ROOT/etc/cron.d/own"
printf '[Service]\nExecStart=/opt/own\n' >"$ROOT/etc/systemd/system/own.service"
printf 'look-alike' >"$ROOT/usr/local/bin/helper" && chmod 4755 "$ROOT/usr/local/bin/helper"

baseline() { "$BIN/fleetsweep-agent" baseline "$@" --state "$STATE"; }
kinds() { baseline show --json | jq -r '.entries[].kind' | sort | tr '\n' ' '; }
kinds_are() { echo "$(kinds)"; [ "$(kinds)" = "$1" ]; }

# What the hunt of the catalogue reports, as PATH:LINE.
fs policy build "$SOURCE/policies/catalog/unknown-persistence/policy.yaml" --out "$STORY/hunt" >/dev/null
reports() {
  local found
  found=$("$BIN/fleetsweep-scan" --root "$ROOT" --policy "$STORY/hunt" --json "${@:2}" |
    jq -r '[.findings[].persistence | "\(.file.path):\(.line)"] | sort | join(" ")')
  echo "$found"
  [ "$found" = "$1" ]
}

expect "the hunt reports all, where nobody answers for anything" reports \
  "/etc/cron.d/own:2 /etc/passwd:1 /etc/systemd/system/own.service:0 /usr/local/bin/helper:0"
expect "without one, show says how to write it" complains "fleetsweep-agent baseline write" baseline show
expect "it is written" baseline write --root "$ROOT"
expect "only its owner can read or change it" test "$(stat -c %a "$STATE/baseline")" = 600
expect "each entry is there, by its kind" kinds_are "account cron setuid_program systemd_unit "
expect "an entry is the digest of its line" \
  grep -q "^cron	$(printf '5 5 * * * root /opt/own' | sha256sum | cut -d' ' -f1)	/etc/cron.d/own$" "$STATE/baseline"
expect "the hunt reports nothing of it" reports "" --baseline "$STATE/baseline"
printf '5 5 * * * root /opt/more\n' >>"$ROOT/etc/cron.d/own"
expect "it is not overwritten by accident" not baseline write --root "$ROOT"
expect "nor changed by the attempt" kinds_are "account cron setuid_program systemd_unit "
printf 'changed' >"$ROOT/usr/local/bin/helper" && chmod 4755 "$ROOT/usr/local/bin/helper"
expect "the hunt reports the new line and the changed program" reports "/etc/cron.d/own:3 /usr/local/bin/helper:0" --baseline "$STATE/baseline"
expect "with --replace it is" baseline write --replace --json --root "$ROOT"
expect "and holds what is new" kinds_are "account cron cron setuid_program systemd_unit "
expect "a root that is not there leaves it alone" not baseline write --replace --root "$WORLD/none"
expect "as it was" kinds_are "account cron cron setuid_program systemd_unit "
story_end
