#pragma once

// Operator keys on disk: PKCS#8 PEM, Ed25519, encrypted with scrypt (anything weaker, such as the
// PBKDF2 with 2048 rounds of `openssl genpkey`, is refused when read). The stock openssl reads and
// writes them. Files are created 0600 and never overwritten.

#include <string>

#include "protocol/crypto/sign.h"

namespace fleetsweep::crypto {

// kConflict: the file exists; kInvalid: the folder is missing or may not be written.
// An empty passphrase writes the key unencrypted: only on the caller's explicit word.
Status write_key_file(const std::string& path, const SecretKey& key, std::string_view passphrase);
// kInvalid: not such a file, or weakly encrypted; kUntrusted: the passphrase is wrong or missing;
// kNotFound.
Result<SecretKey> read_key_file(const std::string& path, std::string_view passphrase);
// The public half as PEM (SubjectPublicKeyInfo), for `openssl pkeyutl -verify -rawin -pubin`.
std::string public_key_pem(const PublicKey& key);

}  // namespace fleetsweep::crypto
