#include "cli/signer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/child.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/sshsig.h"

namespace fleetsweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOpenSshPrivate = "-----BEGIN OPENSSH PRIVATE KEY-----";

// A folder of our own, gone with its content.
class PrivateFolder {
 public:
  static Result<PrivateFolder> make() {
    std::string name = (fs::temp_directory_path() / "fleetsweep-sign-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      return fail(Code::kUnavailable, "no folder in {}: {}", fs::temp_directory_path().string(),
                  std::strerror(errno));
    return PrivateFolder(std::move(name));
  }
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  std::string at(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<Bytes> ssh_sign(const std::string& file, const crypto::SshPublicKey& key,
                       BytesView message) {
  FS_TRY(const PrivateFolder folder, PrivateFolder::make());
  FS_CHECK(write_text_file(folder.at("message"), as_text(message), true));
  FS_TRY(const Output output,
         run({"ssh-keygen", "-q", "-Y", "sign", "-n", std::string(crypto::kSshNamespace), "-f",
              file, folder.at("message")}));
  if (output.exit_code != 0)
    return fail(Code::kInvalid,
                "ssh-keygen did not sign with {} (its own words stand above)\nnext:  see that "
                "ssh-agent holds the key (ssh-add -l), or name the private key's file",
                file);
  FS_TRY(const std::string armored, read_text_file(folder.at("message.sig")));
  FS_TRY(Bytes blob, crypto::unarmor_ssh_signature(armored));
  FS_CHECK(crypto::check_ssh_signature(key, message, blob));
  return blob;
}

}  // namespace

Result<Signer> open_signer(Session& session, const std::string& file) {
  const Result<std::string> text = read_text_file(file);
  const auto begins = [&](std::string_view with) { return text && text->starts_with(with); };
  const bool is_private = begins(kOpenSshPrivate);
  if (!is_private && !begins("ssh-") && !begins("sk-ssh-")) {  // ours, or read_key says what it is
    FS_TRY(crypto::SecretKey secret, read_key(session, file));
    const auto key = std::make_shared<crypto::SecretKey>(std::move(secret));  // copied with Signer
    return Signer{key->public_key(), model::Scheme::kEd25519,
                  [key](BytesView message) { return to_bytes(key->sign(message).view()); }};
  }
  FS_TRY(const std::string line, read_text_file(is_private ? file + ".pub" : file));
  FS_TRY(const crypto::SshPublicKey key, crypto::parse_ssh_public_key(line));
  return Signer{key.key,
                key.application.empty() ? model::Scheme::kSshsig : model::Scheme::kSshsigSk,
                [file, key](BytesView message) { return ssh_sign(file, key, message); }};
}

Result<PublicKey> read_public_key(const std::string& file) {
  FS_TRY(std::string text, read_text_file(file));
  if (text.starts_with("-----BEGIN")) {
    FS_TRY(text, read_text_file(file + ".pub"));
  }
  if (text.starts_with("ssh-") || text.starts_with("sk-ssh-")) {
    FS_TRY(const crypto::SshPublicKey key, crypto::parse_ssh_public_key(text));
    return key.key;
  }
  constexpr std::string_view kOurs = "ed25519 ";  // of `key create`
  if (!text.starts_with(kOurs))
    return fail(Code::kInvalid, "{} is no key: a file of `key create` or of OpenSSH was expected",
                file);
  const std::string hex = text.substr(kOurs.size(), text.find(' ', kOurs.size()) - kOurs.size());
  return PublicKey::parse_hex(hex);
}

Status add_signature(const Signer& signer, model::Envelope& envelope) {
  const KeyId id = crypto::key_id(signer.key);
  if (std::ranges::find(envelope.signatures, id, &model::EnvelopeSignature::key) !=
      envelope.signatures.end())
    return fail(Code::kConflict, "key {} has signed this document already", id.hex());
  if (envelope.signatures.size() >= limits::kSignatures)
    return fail(Code::kOverloaded, "this document has {} signatures, as many as there may be",
                envelope.signatures.size());
  FS_TRY(Bytes signature, signer.sign(crypto::pae(envelope.payload_type, envelope.payload)));
  envelope.signatures.push_back({id, std::move(signature)});
  return {};
}

}  // namespace fleetsweep::cli
