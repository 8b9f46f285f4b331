#include "agent/scan/checkpoint.h"

#include <sys/vfs.h>

#include <cstring>

#include "agent/scan/evaluate/predicate.h"
#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/base/version.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

constexpr char kMagic[8] = {'F', 'S', 'C', 'H', 'E', 'C', 'K', '1'};
using Check = crypto::TableHash;  // against what a crash cut, not against an attacker

struct RawHead {
  char magic[8];
  std::int64_t started;
  Digest scan;
  crypto::TableKey key;
  Check check;  // of everything before it
};
static_assert(sizeof(RawHead) == 80);
static_assert(sizeof(Answered) == 72);

constexpr std::size_t kHeadBytes = sizeof(RawHead);
constexpr std::size_t kCountBytes = sizeof(std::uint64_t);
constexpr std::size_t kBlockBytesMax =
    kCountBytes + limits::kCheckpointBlockFiles * sizeof(Answered) + sizeof(Check);

template <class T>
BytesView bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

void append(Bytes& bytes, BytesView more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

// Where it stands and whose it is are part of it: what an older scan left behind is none of ours.
Check check_of(const CheckpointHead& head, std::uint64_t offset, BytesView block) {
  Bytes all;
  append(all, head.scan.view());
  append(all, bytes_of(head.started));
  append(all, bytes_of(offset));
  append(all, block);
  return crypto::table_hash(head.key, all);
}

}  // namespace

std::vector<model::Detection> as_of(Timestamp now, std::vector<model::Detection> detections) {
  const auto settle = [now](std::vector<model::Selection>& selections) {
    for (model::Selection& selection : selections)
      for (model::Predicate& predicate : selection)
        predicate.expires = is_over(predicate, now) ? Timestamp(Seconds(1)) : Timestamp{};
  };
  for (model::Detection& detection : detections) {
    settle(detection.any_of);
    settle(detection.none_of);
  }
  return detections;
}

Digest scan_identity(const model::Policy& policy, const Root& root, bool believes_table,
                     Timestamp now) {
  Bytes all = to_bytes(as_bytes(kVersion));
  all.push_back(believes_table ? 1 : 0);
  append(all, as_bytes(root.path()));
  all.push_back(0);
  const UniqueFd top = root.open_folder("/");
  struct stat status {};
  struct statfs system {};
  if (top && ::fstat(top.get(), &status) == 0 && ::fstatfs(top.get(), &system) == 0) {
    append(all, bytes_of(status.st_ino));
    append(all, bytes_of(system.f_fsid));
  }
  model::Policy asked;  // how fast it is answered changes no answer
  asked.detections = as_of(now, policy.detections);
  asked.rules = policy.rules;
  append(all, codec::encode(asked));
  return crypto::sha256(all);
}

Bytes encode_head(const CheckpointHead& head) {
  RawHead raw{};
  std::memcpy(raw.magic, kMagic, sizeof kMagic);
  raw.started = head.started;
  raw.scan = head.scan;
  raw.key = head.key;
  raw.check = check_of(head, 0, {});
  return to_bytes(bytes_of(raw));
}

Result<CheckpointHead> decode_head(BytesView bytes) {
  RawHead raw{};
  if (bytes.size() < kHeadBytes)
    return fail(Code::kInvalid, "{} bytes, a checkpoint has at least {}", bytes.size(), kHeadBytes);
  std::memcpy(&raw, bytes.data(), kHeadBytes);
  const CheckpointHead head{raw.scan, raw.started, raw.key};
  if (std::memcmp(raw.magic, kMagic, sizeof kMagic) != 0 || raw.check != check_of(head, 0, {}))
    return fail(Code::kInvalid, "not a checkpoint");
  return head;
}

Bytes encode_block(const CheckpointHead& head, std::uint64_t offset,
                   std::span<const Answered> files) {
  FS_ASSERT(!files.empty() && files.size() <= limits::kCheckpointBlockFiles);
  const std::uint64_t count = files.size();
  Bytes block = to_bytes(bytes_of(count));
  append(block, {reinterpret_cast<const std::uint8_t*>(files.data()), files.size_bytes()});
  append(block, bytes_of(check_of(head, offset, block)));
  return block;
}

Result<std::vector<Answered>> decode_block(const CheckpointHead& head, std::uint64_t offset,
                                           BytesView bytes) {
  std::uint64_t count = 0;
  if (bytes.size() >= kCountBytes) std::memcpy(&count, bytes.data(), kCountBytes);
  if (count == 0 || count > limits::kCheckpointBlockFiles)
    return fail(Code::kInvalid, "no block of 1 to {} files", limits::kCheckpointBlockFiles);
  const std::size_t checked = kCountBytes + count * sizeof(Answered);
  if (bytes.size() < checked + sizeof(Check))
    return fail(Code::kInvalid, "cut: {} bytes of {}", bytes.size(), checked + sizeof(Check));
  Check check{};
  std::memcpy(check.data(), bytes.data() + checked, sizeof check);
  if (check != check_of(head, offset, bytes.first(checked)))
    return fail(Code::kInvalid, "its check is wrong");
  std::vector<Answered> files(count);
  std::memcpy(files.data(), bytes.data() + kCountBytes, count * sizeof(Answered));
  return files;
}

Result<Checkpoint> Checkpoint::open(const std::string& path) {
  FS_TRY(OwnFile file, OwnFile::open(path));
  FS_TRY(const Bytes head, file.read(0, kHeadBytes));
  if (!head.empty() && !decode_head(head)) FS_CHECK(file.clear());  // of one that ended
  return Checkpoint(std::move(file));
}

std::optional<CheckpointHead> Checkpoint::find(const Digest& scan, std::int64_t now) const {
  const auto bytes = file_.read(0, kHeadBytes);
  const auto head = bytes ? decode_head(*bytes) : Result<CheckpointHead>(fail(bytes.error()));
  // Begun in the future: the clock was moved, and how old it is nobody knows.
  if (!head || head->scan != scan || head->started > now ||
      now - head->started > limits::kCheckpointAgeSeconds)
    return std::nullopt;
  return *head;
}

Status Checkpoint::go_on(const CheckpointHead& head,
                         const std::function<void(const Answered&)>& each) {
  head_ = head;
  offset_ = kHeadBytes;
  files_ = 0;
  while (files_ < limits::kCheckpointFiles) {
    FS_TRY(const Bytes bytes, file_.read(offset_, kBlockBytesMax));
    const auto files = decode_block(head_, offset_, bytes);
    if (!files) break;  // the end, or what a crash left
    for (const Answered& file : *files) each(file);
    files_ += files->size();
    offset_ += kCountBytes + files->size() * sizeof(Answered) + sizeof(Check);
  }
  return {};
}

Status Checkpoint::begin(const CheckpointHead& head) {
  head_ = head;
  offset_ = kHeadBytes;
  files_ = 0;
  return file_.write(0, encode_head(head));
}

Status Checkpoint::add(std::span<const Answered> files) {
  files = files.first(std::min(files.size(), limits::kCheckpointFiles - files_));
  while (!files.empty()) {
    const auto part = files.first(std::min(files.size(), limits::kCheckpointBlockFiles));
    const Bytes block = encode_block(head_, offset_, part);
    FS_CHECK(file_.write(offset_, block));
    offset_ += block.size();
    files_ += part.size();
    files = files.subspan(part.size());
  }
  return {};
}

Status Checkpoint::end() {
  return file_.write(0, Bytes(kHeadBytes, 0));
}

}  // namespace fleetsweep::scan
