#!/usr/bin/env bash
# A volume of Windows that is switched off is a host like the others: its agent, on the machine that has it mounted, finds, cleans,
# verifies and undoes a harmless look-alike of Emotet for a campaign. A host of Linux has no part in it.
# Usage: windows.sh BIN_DIR SOURCE_DIR

source "$(dirname "$0")/story.sh"
story_start "$@"
story_world

# The policy of the catalogue; only the rescan after ten minutes is one after two seconds.
cp -r "$SOURCE/policies/catalog/emotet" "$STORY/policy"
sed -i 's/rescan: .*/rescan: [0s, 2s]/; s/jitter: 4h, //' "$STORY/policy/policy.yaml"
POLICY=$STORY/policy/policy.yaml

volume=$(host_root volume) loader=Users/Ann/AppData/Local/Qwertz/mfpmp.ocx
mkdir -p "$volume"
"$BIN/fleetsweep-windows-root" "$volume"
manifest "$volume" >"$WORLD/hosts/volume/before"
judged() { fs --json policy test "$POLICY" "$volume" | jq -e --arg verdict "$1" 'any(.. | objects | .verdicts? // [] | .[]; .id == $verdict)'; }
expect "rule, times and hive make it confirmed" judged emotet_confirmed
expect "what the module of 2021 took away is known" judged cleaned_by_bka
host_enrol volume
agent_start volume
story_host linux
expect "a volume of Windows is a host, and so is one of Linux" wait_for agents_connected 2

campaign_order dry-run emotet --jurisdiction DE
expect "the volume has it" wait_for campaign_has emotet found 1
expect "the host of Linux has no part in it" wait_for campaign_has emotet refused 1
expect "nothing was changed by looking" unchanged volume
finds() { fs --json campaign paths emotet --evidence-key "$WORLD/keys/evidence.key" | jq -e --arg path "/$1" 'any(.[]; .path | endswith($path))'; }
expect "the loader is named to who has the evidence key" finds "$loader"
expect "Ben's file is not" not finds Users/Ben/AppData/Local/Notes/notes.ocx

campaign_order apply emotet --jurisdiction DE
expect "cleaned, and verified by two rescans" wait_for campaign_has emotet verified 1
expect "the loader is gone" not test -e "$volume/$loader"
in_terms() { fs --json campaign paths emotet --evidence-key "$WORLD/keys/evidence.key" | jq -e --arg react "$1" 'any(.[]; .terms.react == $react and .terms.ocsf.status_id == 1)'; }
for term in RA_3303_quarantine_file_by_path RA_4501_remove_registry_key; do expect "other tools read that it was done: $term" in_terms $term; done
has_code() { fs --json campaign hosts emotet | jq -e --arg state "$1" --argjson code "$2" 'any(.[]; .state == $state and .openc2_status == $code)'; }
expect "a verified host has the code 200 of OpenC2" has_code verified 200
expect "one of another platform 501: not implemented" has_code refused 501
said() { "$BIN/fleetsweep-windows-root" --says "$volume" "$1" "$2" "$3"; }
expect "what the module of 2021 took away stays" test -e "$volume/Users/Ann/AppData/Local/Temp/UDP41AF.tmp"
is_gone() { local code=0; said "$@" || code=$?; [ $code = 1 ]; }
run='Software\Microsoft\Windows\CurrentVersion\Run'
for set in ControlSet001 ControlSet002; do
  expect "$set: its service is gone" is_gone Windows/System32/config/SYSTEM "$set\Services\mfpmp.ocx" ImagePath
  expect "$set: the service of Windows stays" said Windows/System32/config/SYSTEM "$set\Services\EventLog" ImagePath
done
expect "its Run value is gone" is_gone Users/Ann/NTUSER.DAT "$run" mfpmp.ocx
expect "the value beside it stays" said Users/Ann/NTUSER.DAT "$run" OneDrive
others() { manifest "$volume" | grep -E '(^| )\./(Users/Ben/|Windows/System32/rundll32)' ; }
expect "Ben's files and hive, and what Windows needs, are as before" diff <(others) <(grep -E '(^| )\./(Users/Ben/|Windows/System32/rundll32)' "$WORLD/hosts/volume/before")

fs campaign undo emotet --host "$(hostname)" --hosts 1 --key "$WORLD/keys/alice.key" --key "$WORLD/keys/bob.key" >>"$WORLD/log/orders" 2>&1
expect "undone" wait_for campaign_has emotet undone 1
expect "the volume is as before, byte for byte" unchanged volume
expect "the host of Linux was never touched" unchanged linux
story_end
