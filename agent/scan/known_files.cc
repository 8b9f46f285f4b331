#include "agent/scan/known_files.h"

#include <sys/vfs.h>

#include <algorithm>
#include <cstring>

#include "protocol/base/version.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

using model::Field;

// Fields that cannot change while path, stat and content stay the same. A package's ownership, a
// user's name or the folder's own time can.
bool rests_on_the_file(Field field) {
  switch (field) {
    case Field::kFilePath:
    case Field::kFileName:
    case Field::kFileExtension:
    case Field::kFileParentName:
    case Field::kFileType:
    case Field::kFileSize:
    case Field::kFileMagic:
    case Field::kFileBytesAt0:
    case Field::kFileSha256:
    case Field::kFileSha1:
    case Field::kFileMd5:
      return true;
    default:
      return false;
  }
}

bool rest_on_the_file(const std::vector<model::Selection>& selections) {
  return std::all_of(selections.begin(), selections.end(), [](const model::Selection& selection) {
    return std::all_of(selection.begin(), selection.end(), [](const model::Predicate& predicate) {
      return rests_on_the_file(predicate.field);
    });
  });
}

// The clock, and the name that a number of a user has today.
bool rests_on_the_file(const model::Rule& rule) {
  return rule.source.find("\"time\"") == std::string::npos &&
         rule.source.find("owner") == std::string::npos;
}

bool is_question(const model::Detection& detection, const model::Policy& policy) {
  return detection.object == model::ObjectKind::kFile && detection.for_each < 0 &&
         !detection.scope.archives && rest_on_the_file(detection.any_of) &&
         rest_on_the_file(detection.none_of) &&
         (detection.rule < 0 || rests_on_the_file(policy.rules[detection.rule]));
}

// Where it looks, what it is called and what follows from it do not change its answer.
Digest question_of(const model::Detection& detection, const model::Policy& policy) {
  model::Policy question;
  question.detections.push_back(detection);
  model::Detection& asked = question.detections.front();
  asked.id.clear();
  asked.scope = {};
  asked.score = 0;
  if (asked.rule >= 0) {
    question.rules.push_back(policy.rules[detection.rule]);
    asked.rule = 0;
  }
  // Another version may read files otherwise.
  Bytes bytes = to_bytes(as_bytes(kVersion));
  const Bytes encoded = codec::encode(question);
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  return crypto::sha256(bytes);
}

}  // namespace

KnownFiles::KnownFiles(IdentityTable& table, const Matcher& matcher, const model::Policy& policy,
                       std::int64_t now_ns)
    : table_(table), now_ns_(now_ns), bits_(matcher.detections()) {
  for (std::uint16_t d = 0; d < matcher.detections(); ++d) {
    const model::Detection& detection = policy.detections[d];
    if (is_question(detection, policy)) bits_[d] = table_.question(question_of(detection, policy));
  }
}

std::optional<std::uint64_t> KnownFiles::file_system(int folder, std::uint64_t device) {
  const auto found = file_systems_.find(device);
  if (found != file_systems_.end()) return found->second;
  struct statfs status {};
  std::optional<std::uint64_t> id;
  if (::fstatfs(folder, &status) == 0) {
    static_assert(sizeof status.f_fsid == sizeof(std::uint64_t));
    std::uint64_t number = 0;
    std::memcpy(&number, &status.f_fsid, sizeof number);
    // linux/magic.h; the names are mkfs's.
    switch (static_cast<std::uint32_t>(status.f_type)) {
      case 0xef53:      // ext2, ext3, ext4
      case 0x58465342:  // xfs
      case 0x9123683e:  // btrfs
      case 0xf2f52010:  // f2fs
        if (number != 0) id = number;
    }
  }
  file_systems_.emplace(device, id);
  return id;
}

KnownFiles::File KnownFiles::look_up(int folder, const FileFacts& facts, std::int64_t born_ns) {
  const model::FileIdentity& identity = facts.identity;
  const auto file_system_id = file_system(folder, identity.device);
  if (!file_system_id) return {};
  const FileNow now{*file_system_id,   identity.inode,    identity.size, born_ns,
                    identity.mtime_ns, identity.ctime_ns, identity.path, facts.alias};
  if (is_unsettled(now, now_ns_)) return {};
  File file{true, table_.name_of(now), nullptr};
  file.known = table_.find(file.name);
  return file;
}

bool KnownFiles::says_no(const File& file, std::uint16_t detection) const {
  return file.known != nullptr && bits_[detection] && has(file.known->no, *bits_[detection]);
}

void KnownFiles::learn(const File& file, const Digest& sha256, std::span<const std::uint16_t> no) {
  if (!file.can_learn) return;
  IdentityTable::Questions questions{};
  for (const std::uint16_t detection : no)
    if (bits_[detection]) set(questions, *bits_[detection]);
  if (!sha256.is_zero() || questions != IdentityTable::Questions{})
    table_.learn(file.name, sha256, questions);
}

}  // namespace fleetsweep::scan
