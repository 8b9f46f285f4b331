#include "protocol/crypto/sshsig.h"

#include <algorithm>

#include "protocol/base/bytes.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::crypto {
namespace {

constexpr std::string_view kMagic = "SSHSIG";
constexpr std::uint32_t kVersion = 1;
constexpr std::string_view kPlainKey = "ssh-ed25519";
constexpr std::string_view kFidoKey = "sk-ssh-ed25519@openssh.com";
constexpr std::string_view kHash = "sha512";
constexpr std::uint8_t kUserPresent = 0x01;
constexpr std::string_view kBegin = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view kEnd = "-----END SSH SIGNATURE-----";

// RFC 4251 section 5. After the first field that does not fit, all is empty and ok() is false.
class Reader {
 public:
  explicit Reader(BytesView bytes) : rest_(bytes) {}

  BytesView take(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const BytesView part = rest_.first(size);
    rest_ = rest_.subspan(size);
    return part;
  }
  std::uint8_t byte() {
    const BytesView part = take(1);
    return part.empty() ? 0 : part[0];
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : take(4)) value = value << 8 | byte;
    return value;
  }
  BytesView string() { return take(number()); }
  std::string text() { return std::string(as_text(string())); }
  template <class F>
  F fixed() {
    const auto value = F::from(string());
    ok_ &= value.has_value();
    return value.value_or(F{});
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  BytesView rest_;
  bool ok_ = true;
};

void put_number(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_string(Bytes& out, BytesView bytes) {
  put_number(out, static_cast<std::uint32_t>(bytes.size()));
  append(out, bytes);
}

Result<SshPublicKey> read_key(BytesView blob) {
  Reader in(blob);
  SshPublicKey key;
  const std::string type = in.text();
  if (!in.ok()) return fail(Code::kInvalid, "ssh key: it is cut short");
  if (type != kPlainKey && type != kFidoKey)
    return fail(Code::kInvalid, "ssh key: its type is {}, {} or {} was expected", escaped(type),
                kPlainKey, kFidoKey);
  key.key = in.fixed<PublicKey>();
  if (type == kFidoKey) {
    key.application = in.text();
    if (key.application.empty()) return fail(Code::kInvalid, "ssh key: its application is empty");
  }
  if (!in.done()) return fail(Code::kInvalid, "ssh key: it is not whole");
  return key;
}

// What the signature is over: never the message itself, so that no other use of the key fits.
Bytes signed_data(BytesView message) {
  Bytes data;
  append(data, kMagic);
  put_string(data, as_bytes(kSshNamespace));
  put_string(data, {});  // reserved
  put_string(data, as_bytes(kHash));
  put_string(data, sha512(message));
  return data;
}

// PROTOCOL.u2f: what the token adds stands around the hash.
Bytes fido_data(const SshSignature& signature, BytesView data) {
  Bytes result = to_bytes(sha256(as_bytes(signature.signer.application)).view());
  result.push_back(signature.flags);
  put_number(result, signature.counter);
  append(result, sha256(data).view());
  return result;
}

}  // namespace

std::string ssh_public_key_text(const SshPublicKey& key) {
  const std::string_view type = key.application.empty() ? kPlainKey : kFidoKey;
  Bytes blob;
  put_string(blob, as_bytes(type));
  put_string(blob, key.key.view());
  if (!key.application.empty()) put_string(blob, as_bytes(key.application));
  return fmt::format("{} {}", type, to_base64(blob));
}

Result<SshPublicKey> parse_ssh_public_key(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find('\n') != std::string_view::npos)
    return fail(Code::kInvalid, "ssh key: one line \"TYPE BASE64 COMMENT\" was expected");
  const std::string_view type = line.substr(0, space);
  std::string_view base64 = line.substr(space + 1);
  base64 = base64.substr(0, base64.find(' '));
  FS_TRY(const Bytes blob, from_base64(base64));
  FS_TRY(SshPublicKey key, read_key(blob));
  if (type != (key.application.empty() ? kPlainKey : kFidoKey))
    return fail(Code::kInvalid, "ssh key: it says {} and holds another type", escaped(type));
  return key;
}

Result<SshSignature> parse_ssh_signature(BytesView blob) {
  Reader in(blob);
  SshSignature result;
  if (as_text(in.take(kMagic.size())) != kMagic)
    return fail(Code::kInvalid, "ssh signature: it does not begin with {}", kMagic);
  if (const std::uint32_t version = in.number(); in.ok() && version != kVersion)
    return fail(Code::kInvalid, "ssh signature: version {}, {} was expected", version, kVersion);
  const BytesView key = in.string();
  result.name_space = in.text();
  const bool has_reserved = !in.string().empty();
  result.hash = in.text();
  Reader inner(in.string());
  if (!in.done() || has_reserved) return fail(Code::kInvalid, "ssh signature: it is not whole");
  FS_TRY(result.signer, read_key(key));
  const std::string type = inner.text();
  result.signature = inner.fixed<Signature>();
  if (!result.signer.application.empty()) {
    result.flags = inner.byte();
    result.counter = inner.number();
  }
  if (!inner.done() || type != (result.signer.application.empty() ? kPlainKey : kFidoKey))
    return fail(Code::kInvalid, "ssh signature: its inner part is not of the key's type");
  return result;
}

Result<Bytes> unarmor_ssh_signature(std::string_view text) {
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
    return fail(Code::kInvalid, "not a file of `ssh-keygen -Y sign`: no line {} and {}", kBegin,
                kEnd);
  std::string base64(text.substr(begin + kBegin.size(), end - begin - kBegin.size()));
  std::erase_if(base64, [](char c) { return c == '\n' || c == '\r'; });
  return from_base64(base64);
}

Status check_ssh_signature(const SshPublicKey& key, BytesView message, BytesView blob) {
  FS_TRY(const SshSignature signature, parse_ssh_signature(blob));
  if (signature.signer != key) return fail(Code::kUntrusted, "ssh signature: it is of another key");
  if (signature.name_space != kSshNamespace)
    return fail(Code::kUntrusted, "ssh signature: its namespace is {}, {} was expected",
                escaped(signature.name_space), kSshNamespace);
  if (signature.hash != kHash)
    return fail(Code::kUntrusted, "ssh signature: it is over {}, {} was expected",
                escaped(signature.hash), kHash);
  const bool is_fido = !key.application.empty();
  if (is_fido && (signature.flags & kUserPresent) == 0)
    return fail(Code::kUntrusted, "ssh signature: nobody touched the token");
  const Bytes data = signed_data(message);
  if (!verify(key.key, is_fido ? fido_data(signature, data) : data, signature.signature.view()))
    return fail(Code::kUntrusted, "ssh signature: it does not hold");
  return {};
}

}  // namespace fleetsweep::crypto
