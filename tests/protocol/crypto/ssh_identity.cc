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
Bytes signed_data(BytesView message, const SshShape& shape) {
  Bytes data = to_bytes(as_bytes("SSHSIG"));
  put(data, as_bytes(shape.name_space));
  put(data, as_bytes(shape.reserved));
  put(data, as_bytes(shape.hash));
  if (shape.hash == "sha256")
    put(data, crypto::sha256(message).view());
  else
    put(data, crypto::sha512(message));
  return data;
}

constexpr std::size_t kCounter = 7;

}  // namespace

std::string_view SshIdentity::type() const {
  return application_.empty() ? "ssh-ed25519" : "sk-ssh-ed25519@openssh.com";
}

Bytes SshIdentity::public_blob(std::string_view type) const {
  Bytes blob;
  put(blob, as_bytes(type));
  put(blob, key_.public_key().view());
  if (!application_.empty()) put(blob, as_bytes(application_));
  return blob;
}

std::string SshIdentity::public_line() const {
  return std::string(type()) + " " + to_base64(public_blob(type())) + " someone";
}

Bytes SshIdentity::sign(BytesView message, std::uint8_t flags) const {
  return sign(message, SshShape{.flags = flags});
}

Bytes SshIdentity::sign(BytesView message, const SshShape& shape) const {
  const std::string_view type = shape.key_type.empty() ? this->type() : shape.key_type;
  Bytes data = signed_data(message, shape);
  Bytes suffix;
  if (!application_.empty()) {
    suffix.push_back(shape.flags);
    put_number(suffix, kCounter);
    Bytes touched = to_bytes(crypto::sha256(as_bytes(application_)).view());
    append(touched, suffix);
    append(touched, crypto::sha256(data).view());
    data = std::move(touched);
  }
  Bytes inner;
  put(inner, as_bytes(type));
  put(inner, key_.sign(data).view());
  append(inner, suffix);
  append(inner, shape.after_inner);

  Bytes key = public_blob(type);
  append(key, shape.after_key);
  Bytes blob = to_bytes(as_bytes("SSHSIG"));
  put_number(blob, shape.version);
  put(blob, key);
  put(blob, as_bytes(shape.name_space));
  put(blob, as_bytes(shape.reserved));
  put(blob, as_bytes(shape.hash));
  put(blob, inner);
  append(blob, shape.after_all);
  return blob;
}

}  // namespace fleetsweep::test
