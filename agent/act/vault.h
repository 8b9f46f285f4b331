#pragma once

// Where taken and edited files wait, sealed, so that nothing on the host runs or matches them and
// undo can bring them back exactly.
//
// vault/<transaction>/<name>.fsq: "FSQ1", the file's key sealed with the host's vault key, a
// libsodium secretstream header, then sealed chunks, each after its u32 length: content in 64 KiB
// pieces (associated data "c"), the metadata as the final one ("m"). A cut file has no final chunk;
// one of a file with bytes that has no other chunk never had the content.

#include <functional>
#include <optional>

#include "agent/act/metadata.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::act {

// A number of bytes, and nothing else.
Result<std::uint64_t> parse_quota(std::string_view text);

class Vault {
 public:
  // Makes the folder and `key` (0600) once; kNotFound: the key is gone, and something is sealed
  // with it. Borrows nothing. `quota` is what the vault may hold, remembered for who opens it
  // without: limits::kVaultBytes until somebody says otherwise. One that cannot be remembered or
  // read is complained of, and counts as said, or as nobody had.
  static Result<Vault> open(const std::string& state, std::optional<std::uint64_t> quota = {});
  std::uint64_t quota() const { return quota_; }

  // Whether `bytes` more fit: kVaultFull over the quota, kDiskFull when the disk would
  // have less than limits::kDiskFreePercentMin left.
  Checked<void> room_for(std::uint64_t bytes) const;

  // Copies from the descriptor, unless `metadata` says that it has no content, and makes it
  // durable; the digests become the content's, and with `expected` not zero another content, or a
  // longer one, is kChanged and leaves nothing. What load() would not read back, more metadata than
  // limits::kMetadataBytes, is kLimit. Replaces what a crash left under the name.
  Checked<Metadata> store(const Nonce& transaction, const std::string& name, int fd,
                          Metadata metadata, const Digest& expected, std::uint64_t bytes_max);
  Checked<void> store_text(const Nonce& transaction, const std::string& name, Metadata metadata,
                           BytesView text);
  // Reads it all and verifies it; content, if it has any, goes to `sink` in order. kUntrusted:
  // changed or cut.
  using Sink = std::function<Status(BytesView)>;
  Result<Metadata> load(const Nonce& transaction, const std::string& name, const Sink& sink) const;
  void drop(const Nonce& transaction, const std::string& name);
  // Names of what is kept of a transaction, sorted, with the bytes it takes in the vault.
  struct Kept {
    std::string name;
    std::uint64_t bytes = 0;
  };
  std::vector<Kept> kept(const Nonce& transaction) const;
  // Of whom anything may be kept, the journal's or not, and when its folder last changed; the
  // oldest first.
  struct Folder {
    Nonce transaction;
    Timestamp at;
  };
  std::vector<Folder> folders() const;
  // All of it, for good.
  Status purge(const Nonce& transaction);
  // A name for something of this transaction outside of the vault: two agents on one kernel carry
  // out the same order under the same transaction id.
  std::string name_of(const Nonce& transaction) const;

 private:
  Vault(std::string folder, crypto::MacKey key, std::uint64_t quota)
      : folder_(std::move(folder)), key_(key), quota_(quota) {}
  std::string path(const Nonce& transaction, const std::string& name) const;
  Checked<void> write(const std::string& path, int fd, BytesView text, Metadata& metadata,
                      const Digest& expected, std::uint64_t bytes_max);

  std::string folder_;
  crypto::MacKey key_;
  std::uint64_t quota_;
};

}  // namespace fleetsweep::act
