#pragma once

// What ssh-keygen and a FIDO token would make, in software.

#include <string>

#include "protocol/crypto/sign.h"

namespace fleetsweep::test {

class SshIdentity {
 public:
  // With an application ("ssh:...") it is a token.
  explicit SshIdentity(crypto::SecretKey key, std::string application = "")
      : key_(std::move(key)), application_(std::move(application)) {}

  std::string public_line() const;
  // An SSHSIG blob in our namespace; `flags` are the token's: 1 says that it was touched.
  Bytes sign(BytesView message, std::uint8_t flags = 1) const;

 private:
  std::string_view type() const;
  Bytes public_blob() const;

  crypto::SecretKey key_;
  std::string application_;
};

}  // namespace fleetsweep::test
