#pragma once

// Signatures that OpenSSH makes (`ssh-keygen -Y sign`), with a key in a file, in ssh-agent or in a
// FIDO token. Formats: OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f, RFC 4253 section 6.6, RFC 8709.

#include <string>

#include "protocol/base/ids.h"

namespace fleetsweep::crypto {

// What the signature is for; another namespace is never ours.
inline constexpr std::string_view kSshNamespace = "fleetsweep-v1";

// An Ed25519 key as `ssh-keygen` writes it: "ssh-ed25519 AAAA... comment".
struct SshPublicKey {
  PublicKey key;
  std::string application;  // of a FIDO key ("ssh:..."); empty: a plain key
  bool operator==(const SshPublicKey&) const = default;
};
// The line without its comment.
std::string ssh_public_key_text(const SshPublicKey& key);
// One line of an .pub file. kInvalid: another type of key (it says which), or damage.
Result<SshPublicKey> parse_ssh_public_key(std::string_view line);

struct SshSignature {
  SshPublicKey signer;
  std::string name_space;
  std::string hash;
  Signature signature;
  std::uint8_t flags = 0;     // FIDO: bit 0 says that a person touched it
  std::uint32_t counter = 0;  // FIDO: recorded, never trusted
};
// The blob inside the armor; every byte of it is accounted for.
Result<SshSignature> parse_ssh_signature(BytesView blob);
// Between "-----BEGIN SSH SIGNATURE-----" and its end.
Result<Bytes> unarmor_ssh_signature(std::string_view text);

// Of this key, over this message, in our namespace, over SHA-512; of a FIDO key with a person's
// touch. kUntrusted says what does not hold. The blob's own key only has to be the same.
Status check_ssh_signature(const SshPublicKey& key, BytesView message, BytesView blob);

}  // namespace fleetsweep::crypto
