#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# goodware.sh BIN_DIR SOURCE_DIR [FOLDER...]: every shipped policy on this Debian machine, as one host sees it: /usr, /etc,
# /opt, /var, /srv, /boot and what else is named (/root, /home), bound into a root of their own. Nothing there may give a
# verdict, nor may any process or socket of the machine. A planted look-alike shows that the run can fail.
set -euo pipefail
bin=$(realpath "$1") source=$(realpath "$2")
shift 2
if [[ $EUID -ne 0 ]]; then
  echo "goodware.sh: skipped: it binds folders into a private root, which needs root"
  exit 77
fi
if [[ -z ${GOODWARE_MOUNTS:-} ]]; then
  GOODWARE_MOUNTS=private exec unshare -m --propagation private "$0" "$bin" "$source" "$@"
fi
root=$(mktemp -d)
trap 'umount -R "$root" && rmdir "$root"' EXIT
mount -t tmpfs -o size=16m goodware "$root"
# A scan rests while others wait for the machine, and beside other tests somebody always does.
if [[ -d /proc/pressure ]]; then mount -t tmpfs -o ro none /proc/pressure; fi
for folder in /usr /etc /opt /var /srv /boot "$@"; do
  [[ -d $folder ]] || continue
  mkdir -p "$root$folder"
  mount --bind -o ro "$folder" "$root$folder"
done
for link in bin sbin lib lib64; do
  [[ -L /$link ]] && ln -s "$(readlink "/$link")" "$root/$link"
done
mkdir -p "$root/tmp" "$root/dev/shm" "$root/run"
# Our own programs know much of what the policies look for. They lie where every policy looks.
for program in "$bin"/fleetsweep "$bin"/fleetsweep-{act,agent,controller,scan,vault,witness}; do
  touch "$root/tmp/${program##*/}"
  mount --bind -o ro "$program" "$root/tmp/${program##*/}"
done

policies=() elsewhere=()
for policy in "$source"/policies/catalog/*/policy.yaml; do
  # A Linux host refuses it before it reads anything.
  if grep -q '^target: {platform: windows' "$policy"; then
    folder=${policy%/policy.yaml}
    elsewhere+=("${folder##*/}")
  else
    policies+=("/policies/${policy#"$source/policies/catalog/"}")
  fi
done
[[ ${elsewhere[*]} == "emotet exchange-web-shells" ]] || { echo "goodware.sh: not tried: ${elsewhere[*]}"; exit 1; }
SECONDS=0
# With / as its root every process and socket of the machine counts, kernel threads among them, whatever it runs from.
mkdir -p "$root/proc" "$root/sys" "$root/policies"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --bind -o ro "$source/policies/catalog" "$root/policies"
goodware() { chroot "$root" /tmp/fleetsweep policy test "$@" --goodware /; }
goodware "${policies[@]}"
echo "goodware: ${#policies[@]} policies, no false alarm, $SECONDS s"

planted=$root/tmp/lookalike
cp /bin/sleep "$planted"
echo 'FLEETSWEEP-LOOKALIKE-MARKER/1 id=0000a11c;' >> "$planted"
"$planted" 600 & running=$!
trap 'kill $running; wait $running || true; umount -R "$root" && rmdir "$root"' EXIT
if goodware /policies/lookalike/policy.yaml > "$root/run/alarm" 2>&1; then
  echo "goodware.sh: a planted look-alike is no alarm: the run tests nothing"
  exit 1
fi
for found in content link_process; do grep -q "$found.*/tmp/lookalike" "$root/run/alarm" || { cat "$root/run/alarm"; exit 1; }; done
