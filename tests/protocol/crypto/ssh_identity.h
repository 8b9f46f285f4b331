#pragma once

// What ssh-keygen and a FIDO token would make, in software; and what a forger would make instead.

#include <string>

#include "protocol/crypto/sign.h"

namespace fleetsweep::test {

// Where a signature departs from what it should be. The rest of it is whole and holds.
struct SshShape {
  std::uint32_t version = 1;
  std::string name_space = "fleetsweep-v1";
  std::string reserved;
  std::string hash = "sha512";
  std::string key_type;  // empty: of the identity
  std::uint8_t flags = 1;
  Bytes after_key, after_inner, after_all;
};

class SshIdentity {
 public:
  // With an application ("ssh:...") it is a token.
  explicit SshIdentity(crypto::SecretKey key, std::string application = "")
      : key_(std::move(key)), application_(std::move(application)) {}

  std::string public_line() const;
  // An SSHSIG blob in our namespace; `flags` are the token's: 1 says that it was touched.
  Bytes sign(BytesView message, std::uint8_t flags = 1) const;
  Bytes sign(BytesView message, const SshShape& shape) const;

 private:
  std::string_view type() const;
  Bytes public_blob(std::string_view type) const;

  crypto::SecretKey key_;
  std::string application_;
};

}  // namespace fleetsweep::test
