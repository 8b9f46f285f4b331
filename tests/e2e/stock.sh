# Documents and signatures in the hands of tools that are not ours: jq, capnp, openssl, ssh-keygen, sha256sum.
# To be sourced; needs $SOURCE and a folder $STORY.

# pae FILE: the bytes that people sign, of a DSSE file.
pae() {
  local type; type=$(jq -r .payloadType "$1")
  jq -r .payload "$1" | base64 -d >"$STORY/payload"
  printf 'DSSEv1 %d %s %d ' ${#type} "$type" "$(stat -c %s "$STORY/payload")"
  cat "$STORY/payload"
}
# capnp_json TYPE <BYTES: decoded by the stock tool with the published schema; byte strings are lists of numbers.
capnp_json() { capnp convert --short --quiet canonical:json "$SOURCE/protocol/schema/documents.capnp" "$1"; }
# For jq: a list of bytes as hex.
HEX='def hex: map("0123456789abcdef"[. / 16 | floor:][:1] + "0123456789abcdef"[. % 16:][:1]) | add // "";'

# stock_sign FILE KEY: adds the signature of an unencrypted key file, by openssl, whatever the document says.
stock_sign() {
  pae "$1" >"$STORY/pae"
  openssl pkeyutl -sign -rawin -inkey "$2" -in "$STORY/pae" -out "$STORY/signature"
  local id; id=$(openssl pkey -in "$2" -pubout -outform DER | tail -c 32 | sha256sum | cut -d' ' -f1)
  jq --arg id "$id" --arg sig "$(base64 -w0 "$STORY/signature")" '.signatures += [{keyid: $id, sig: $sig}]' "$1" >"$STORY/signed"
  mv "$STORY/signed" "$1"
}

# ssh_public TYPE PUBLIC_HEX [APPLICATION]: a key as OpenSSH writes it. RFC 4251: each string with its length before it.
ssh_string() { printf '%08x%s' $((${#1} / 2)) "$1"; }  # HEX
ssh_public() {
  local blob; blob=$(ssh_string "$(printf %s "$1" | xxd -p -c 0)")$(ssh_string "$2")
  [ -z "${3:-}" ] || blob+=$(ssh_string "$(printf %s "$3" | xxd -p -c 0)")
  printf '%s %s' "$1" "$(xxd -r -p <<<"$blob" | base64 -w0)"
}

# stock_verify PAE SCHEME HOLDER PUBLIC_HEX SIGNATURE [APPLICATION]: by the tool that belongs to the key's scheme.
stock_verify() {
  local pae=$1 scheme=$2 holder=$3 public=$4 signature=$5 application=${6:-} type=ssh-ed25519
  case $scheme in
    ed25519)
      printf '302a300506032b6570032100%s' "$public" | xxd -r -p >"$STORY/public.der"
      openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$STORY/public.der" -in "$pae" -sigfile "$signature" ;;
    sshsig | sshsigSk)
      [ $scheme = sshsig ] || type=sk-ssh-ed25519@openssh.com
      printf '%s %s\n' "$holder" "$(ssh_public $type "$public" "$application")" >"$STORY/allowed"
      { echo '-----BEGIN SSH SIGNATURE-----'; base64 -w70 "$signature"; echo '-----END SSH SIGNATURE-----'; } >"$STORY/armored"
      ssh-keygen -Y verify -f "$STORY/allowed" -I "$holder" -n fleetsweep-v1 -s "$STORY/armored" <"$pae" ;;
    *) echo "no tool for scheme $scheme"; return 1 ;;
  esac
}
