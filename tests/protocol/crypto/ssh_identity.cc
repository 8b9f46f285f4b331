#include "tests/protocol/crypto/ssh_identity.h"

#include "protocol/base/bytes.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::test {
namespace {

void put_number(Bytes& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put(Bytes& out, BytesView bytes) {
  put_number(out, bytes.size());
  append(out, bytes);
}

// PROTOCOL.sshsig: what is signed in the place of the message.
Bytes signed_data(BytesView message) {
  Bytes data = to_bytes(as_bytes("SSHSIG"));
  put(data, as_bytes("fleetsweep-v1"));
  put(data, {});
  put(data, as_bytes("sha512"));
  put(data, crypto::sha512(message));
  return data;
}

constexpr std::size_t kCounter = 7;

}  // namespace

std::string_view SshIdentity::type() const {
  return application_.empty() ? "ssh-ed25519" : "sk-ssh-ed25519@openssh.com";
}

Bytes SshIdentity::public_blob() const {
  Bytes blob;
  put(blob, as_bytes(type()));
  put(blob, key_.public_key().view());
  if (!application_.empty()) put(blob, as_bytes(application_));
  return blob;
}

std::string SshIdentity::public_line() const {
  return std::string(type()) + " " + to_base64(public_blob()) + " someone";
}

Bytes SshIdentity::sign(BytesView message, std::uint8_t flags) const {
  Bytes data = signed_data(message);
  Bytes suffix;
  if (!application_.empty()) {
    suffix.push_back(flags);
    put_number(suffix, kCounter);
    Bytes touched = to_bytes(crypto::sha256(as_bytes(application_)).view());
    append(touched, suffix);
    append(touched, crypto::sha256(data).view());
    data = std::move(touched);
  }
  Bytes inner;
  put(inner, as_bytes(type()));
  put(inner, key_.sign(data).view());
  append(inner, suffix);

  Bytes blob = to_bytes(as_bytes("SSHSIG"));
  put_number(blob, 1);
  put(blob, public_blob());
  put(blob, as_bytes("fleetsweep-v1"));
  put(blob, {});
  put(blob, as_bytes("sha512"));
  put(blob, inner);
  return blob;
}

}  // namespace fleetsweep::test
