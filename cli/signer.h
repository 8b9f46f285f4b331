#pragma once

// Whoever signs with --key FILE: a key file of `fleetsweep key create`, an OpenSSH key, or the
// public half (.pub) of one that is in ssh-agent or in a FIDO token. OpenSSH's own ssh-keygen makes
// those signatures and asks for the passphrase or the touch.

#include <functional>
#include <string>

#include "cli/session.h"
#include "protocol/model/root.h"

namespace fleetsweep::cli {

struct Signer {
  PublicKey key;
  model::Scheme scheme = model::Scheme::kEd25519;
  std::function<Result<Bytes>(BytesView message)> sign;
};

Result<Signer> open_signer(Session&, const std::string& file);
// The public half in FILE, or in FILE.pub where FILE is private: without a passphrase.
Result<PublicKey> read_public_key(const std::string& file);
// kConflict: this key signed already. The signature is checked before it is added.
Status add_signature(const Signer& signer, model::Envelope& envelope);

}  // namespace fleetsweep::cli
