#include "agent/act/vault.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "agent/act/faults.h"
#include "agent/act/pack.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/bulk_hash.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

constexpr std::string_view kMagic = "FSQ1";
constexpr std::size_t kChunkBytes = 64 * 1024;
constexpr std::size_t kWrappedBytes =
    crypto::kStreamHeaderBytes + 32 + crypto::kStreamOverheadBytes;

Bytes wrap(const crypto::MacKey& vault_key, const crypto::MacKey& file_key) {
  crypto::StreamSealer sealer(vault_key);
  Bytes wrapped = to_bytes(sealer.header());
  append(wrapped, sealer.push(file_key, true, as_bytes("k")));
  return wrapped;
}

Result<crypto::MacKey> unwrap(const crypto::MacKey& vault_key, BytesView wrapped) {
  FS_TRY(auto opener,
         crypto::StreamOpener::start(vault_key, wrapped.first(crypto::kStreamHeaderBytes)));
  FS_TRY(auto chunk, opener.pull(wrapped.subspan(crypto::kStreamHeaderBytes), as_bytes("k")));
  crypto::MacKey key{};
  if (!chunk.last || chunk.plain.size() != key.size())
    return fail(Code::kUntrusted, "vault: not a key");
  std::copy(chunk.plain.begin(), chunk.plain.end(), key.begin());
  return key;
}

Checked<void> put(int fd, BytesView bytes) {
  while (!bytes.empty()) {
    const auto done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return refuse_errno("write", "the vault", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Checked<void> put_chunk(int fd, crypto::StreamSealer& sealer, BytesView plain, bool last) {
  const Bytes sealed = sealer.push(plain, last, as_bytes(last ? "m" : "c"));
  Packer length;
  length.u32(static_cast<std::uint32_t>(sealed.size()));
  FS_CHECK(put(fd, length.take()));
  return put(fd, sealed);
}

Result<Bytes> get(int fd, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size;) {
    const auto got = ::read(fd, bytes.data() + at, size - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::kInternal, "vault: {}", std::strerror(errno));
    if (got == 0) return fail(Code::kUntrusted, "vault: a file that was cut");
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

Status sync_folder(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0)
    return fail(Code::kUnavailable, "{}: {}", path, std::strerror(errno));
  return {};
}

}  // namespace

Result<std::uint64_t> parse_quota(std::string_view text) {
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc() || end != text.data() + text.size())
    return fail(Code::kInvalid, "'{}': expected a number of bytes", escaped(text));
  return bytes;
}

namespace {

Result<std::uint64_t> remembered_quota(const std::string& path) {
  const auto text = files::read_file(path, limits::kTokenFileBytes);
  if (!text && text.error().code == Code::kNotFound) return limits::kVaultBytes;
  if (!text) return fail(text.error());
  auto quota = parse_quota(as_text(*text));
  if (!quota) return fail(quota.error().within(path));
  return quota;
}

// In `state`, so that the vault's own folder holds nothing but what was taken. Whoever has to put
// something back, on a full disk too, is not kept from it by a number.
std::uint64_t quota_of(const std::string& path, std::optional<std::uint64_t> said) {
  const auto remembered = remembered_quota(path);
  const std::uint64_t quota = said.value_or(remembered.value_or(limits::kVaultBytes));
  Status kept;
  if (!said && !remembered) kept = fail(remembered.error());
  if (said && (!remembered || *remembered != quota))
    kept = files::write_file_atomic(path, as_bytes(std::to_string(quota)));
  if (!kept)
    std::fprintf(stderr, "fleetsweep: the vault may hold %llu bytes for now: %s\n",
                 static_cast<unsigned long long>(quota), escaped(kept.error().message).c_str());
  return quota;
}

// Whatever else lies there, as lost+found, is none of ours.
Result<bool> has_transactions(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error))
    if (Nonce::parse_hex(at->path().filename().string())) return true;
  if (error) return fail(Code::kUnavailable, "vault: {}: {}", folder, error.message());
  return false;
}

}  // namespace

Result<Vault> Vault::open(const std::string& state, std::optional<std::uint64_t> said) {
  const std::string folder = state + "/vault";
  FS_CHECK(files::make_private_directory(folder));
  const std::string key_path = state + "/vault.key";
  auto bytes = files::read_file(key_path, 32);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    FS_TRY(const bool is_used, has_transactions(folder));
    if (is_used)
      return fail(Code::kNotFound,
                  "{} is gone, and without it nothing in {} can be opened: put it back, or move "
                  "that folder away",
                  key_path, folder);
    const auto made = crypto::random_key();
    FS_CHECK(files::write_new_file(key_path, made));
    bytes = files::read_file(key_path, 32);
  }
  if (!bytes) return fail(bytes.error());
  crypto::MacKey key{};
  if (bytes->size() != key.size())
    return fail(Code::kInvalid, "{}: {} bytes where {} were expected", key_path, bytes->size(),
                key.size());
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return Vault(folder, key, quota_of(state + "/vault.quota", said));
}

Checked<void> Vault::room_for(std::uint64_t bytes) const {
  std::uint64_t used = 0;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(folder_, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error))
    if (at->is_regular_file(error)) used += at->file_size(error);
  if (bytes > quota_ || used > quota_ - bytes)
    return refuse(Reason::kVaultFull, "the vault holds {} bytes, {} more are over its {}", used,
                  bytes, quota_);
  struct statvfs disk {};
  if (::statvfs(folder_.c_str(), &disk) != 0) return refuse_errno("disk of", folder_, errno);
  const std::uint64_t total = disk.f_blocks * disk.f_frsize, left = disk.f_bavail * disk.f_frsize;
  if (left < bytes || left - bytes < total / 100 * limits::kDiskFreePercentMin)
    return refuse(Reason::kDiskFull, "{} of {} bytes free where {} and {} % are needed", left,
                  total, bytes, limits::kDiskFreePercentMin);
  return {};
}

std::string Vault::path(const Nonce& transaction, const std::string& name) const {
  return folder_ + "/" + transaction.hex() + "/" + name + ".fsq";
}

Checked<void> Vault::write(const std::string& path, int fd, BytesView text, Metadata& metadata,
                           const Digest& expected, std::uint64_t bytes_max) {
  // Digests and size, which come later, take the same room.
  if (const auto bytes = encode(metadata).size(); bytes > limits::kMetadataBytes)
    return refuse(Reason::kLimit, "{}: {} bytes are known of it, beside its content",
                  escaped(metadata.path), bytes);
  UniqueFd out(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return refuse_errno("create", path, errno);
  const auto key = crypto::random_key();
  crypto::StreamSealer sealer(key);
  FS_CHECK(put(out.get(), as_bytes(kMagic)));
  FS_CHECK(put(out.get(), wrap(key_, key)));
  FS_CHECK(put(out.get(), sealer.header()));

  crypto::BulkHash sha256(crypto::HashKind::kSha256);
  crypto::BulkHash sha1(crypto::HashKind::kSha1), md5(crypto::HashKind::kMd5);
  std::uint64_t total = 0;
  const auto take = [&](BytesView piece) -> Checked<void> {
    for (auto* hash : {&sha256, &sha1, &md5}) hash->update(piece);
    total += piece.size();
    if (total > bytes_max)
      return refuse(expected.is_zero() ? Reason::kLimit : Reason::kChanged,
                    "{}: more than {} bytes", escaped(metadata.path), bytes_max);
    if (!metadata.has_content) return {};
    return put_chunk(out.get(), sealer, piece, false);
  };
  for (; !text.empty(); text = text.subspan(std::min(text.size(), kChunkBytes)))
    FS_CHECK(take(text.first(std::min(text.size(), kChunkBytes))));
  Bytes buffer(kChunkBytes);
  for (off_t at = 0; fd >= 0;) {
    const auto got = ::pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno("read", metadata.path, errno);
    if (got == 0) break;
    FS_CHECK(take(BytesView(buffer).first(static_cast<std::size_t>(got))));
    at += got;
    fault_point("vault-chunk");
  }
  metadata.sha256 = *Digest::from(sha256.finish());
  metadata.sha1 = *Sha1::from(sha1.finish());
  metadata.md5 = *Md5::from(md5.finish());
  metadata.size = total;
  if (!expected.is_zero() && metadata.sha256 != expected)
    return refuse(Reason::kChanged, "{}: its content is not what was found",
                  escaped(metadata.path));
  FS_CHECK(put_chunk(out.get(), sealer, encode(metadata), true));
  if (::fsync(out.get()) != 0) return refuse_errno("fsync", path, errno);
  return {};
}

Checked<Metadata> Vault::store(const Nonce& transaction, const std::string& name, int fd,
                               Metadata metadata, const Digest& expected, std::uint64_t bytes_max) {
  const std::string folder = folder_ + "/" + transaction.hex();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return refuse_errno("create", folder, errno);
  const auto written = write(path(transaction, name), fd, {}, metadata, expected, bytes_max);
  if (!written) {
    drop(transaction, name);
    return fail(written.error());
  }
  if (!sync_folder(folder) || !sync_folder(folder_))
    return refuse(Reason::kIo, "vault: the folder cannot be made durable");
  return metadata;
}

Checked<void> Vault::store_text(const Nonce& transaction, const std::string& name,
                                Metadata metadata, BytesView text) {
  const std::string folder = folder_ + "/" + transaction.hex();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return refuse_errno("create", folder, errno);
  const auto written = write(path(transaction, name), -1, text, metadata, {}, text.size());
  if (!written) drop(transaction, name);
  return written;
}

Result<Metadata> Vault::load(const Nonce& transaction, const std::string& name,
                             const Sink& sink) const {
  const std::string where = path(transaction, name);
  UniqueFd file(::open(where.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file)
    return fail(errno == ENOENT ? Code::kNotFound : Code::kInternal, "{}: {}", where,
                std::strerror(errno));
  FS_TRY(const Bytes magic, get(file.get(), kMagic.size()));
  if (as_text(magic) != kMagic) return fail(Code::kUntrusted, "{}: not a vault file", where);
  FS_TRY(const Bytes wrapped, get(file.get(), kWrappedBytes));
  FS_TRY(const auto key, unwrap(key_, wrapped));
  FS_TRY(const Bytes header, get(file.get(), crypto::kStreamHeaderBytes));
  FS_TRY(auto opener, crypto::StreamOpener::start(key, header));

  crypto::BulkHash hash(crypto::HashKind::kSha256);
  bool has_pieces = false;
  for (;;) {
    FS_TRY(const Bytes length_bytes, get(file.get(), 4));
    const auto length = Unpacker(length_bytes).u32();
    if (length < crypto::kStreamOverheadBytes ||
        length > limits::kMetadataBytes + crypto::kStreamOverheadBytes)
      return fail(Code::kUntrusted, "{}: a chunk of {} bytes", where, length);
    FS_TRY(const Bytes sealed, get(file.get(), length));
    // Only the order in the stream says which kind comes: a content chunk opens as "c" alone.
    const bool may_be_content = length <= kChunkBytes + crypto::kStreamOverheadBytes;
    std::uint8_t extra = 0;
    const bool at_end = ::pread(file.get(), &extra, 1, ::lseek(file.get(), 0, SEEK_CUR)) == 0;
    FS_TRY(const auto chunk, opener.pull(sealed, as_bytes(at_end ? "m" : "c")));
    if (chunk.last != at_end || (!at_end && !may_be_content))
      return fail(Code::kUntrusted, "{}: chunks out of order", where);
    if (!at_end) {
      has_pieces = true;
      hash.update(chunk.plain);
      FS_CHECK(sink(chunk.plain));
      continue;
    }
    FS_TRY(auto metadata, decode_metadata(chunk.plain));
    metadata.has_content = has_pieces || metadata.size == 0;
    if (metadata.has_content && !equal(metadata.sha256.view(), hash.finish()))
      return fail(Code::kUntrusted, "{}: another content than it was stored with", where);
    return metadata;
  }
}

std::string Vault::name_of(const Nonce& transaction) const {
  return crypto::mac(key_, {as_bytes("name"), transaction.view()}).hex().substr(0, 32);
}

void Vault::drop(const Nonce& transaction, const std::string& name) {
  (void)::unlink(path(transaction, name).c_str());
}

std::vector<Vault::Kept> Vault::kept(const Nonce& transaction) const {
  std::vector<Kept> all;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_ + "/" + transaction.hex(), error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error))
    if (at->path().extension() == ".fsq") all.push_back({at->path().stem(), at->file_size(error)});
  std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.name < b.name; });
  return all;
}

std::vector<Vault::Folder> Vault::folders() const {
  std::vector<Folder> all;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const auto transaction = Nonce::parse_hex(at->path().filename().string());
    struct stat status {};
    if (transaction && ::lstat(at->path().c_str(), &status) == 0 && S_ISDIR(status.st_mode))
      all.push_back({*transaction, timestamp(status.st_mtim.tv_sec)});
  }
  std::ranges::sort(all, {},
                    [](const Folder& folder) { return std::pair(folder.at, folder.transaction); });
  return all;
}

Status Vault::purge(const Nonce& transaction) {
  std::error_code error;
  std::filesystem::remove_all(folder_ + "/" + transaction.hex(), error);
  if (error) return fail(Code::kUnavailable, "vault: {}: {}", folder_, error.message());
  return sync_folder(folder_);
}

}  // namespace fleetsweep::act
