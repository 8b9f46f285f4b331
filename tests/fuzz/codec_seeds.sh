#!/usr/bin/env bash
# codec_seeds.sh GOLDEN OUT: seeds for fuzz_codec, made of the goldens. The first byte is the place
# of the type in fuzz_codec.cc.
set -euo pipefail
golden=$1 out=$2
mkdir -p "$out"

seed() {  # seed NUMBER NAME
  local hex
  hex=$(tr -d '\n' <"$golden/$2.hex")
  printf "$(sed 's/../\\x&/g' <<<"$(printf %02x "$1")$hex")" >"$out/$2"
}

number=0
for name in root order release stop resume close endpoints enrolbatch agentkey time receipt policy \
            envelope finding; do
  seed $number $name
  number=$((number + 1))
done
for file in "$golden"/*.envelope.hex; do seed 12 "$(basename "$file" .hex)"; done
for file in "$golden"/wire-*.hex; do seed 14 "$(basename "$file" .hex)"; done
for file in "$golden"/local-*.hex; do seed 15 "$(basename "$file" .hex)"; done
printf '\x10{"payloadType":"t","payload":"aGk=","signatures":[{"keyid":"%064d","sig":"aGk="}]}' 0 >"$out/json"
printf "\x11FSHASHES\x10\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\x05%016d" 7 >"$out/hash_part"
