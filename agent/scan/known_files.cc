#include "agent/scan/known_files.h"

#include <sys/vfs.h>

#include <algorithm>
#include <cstring>

#include "protocol/base/limits.h"
#include "protocol/base/version.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

using model::Field;

constexpr std::uint32_t kXfs = 0x58465342, kF2fs = 0xf2f52010;

// Three fields can change while path, stat and content stay the same. The name of a user is never
// left open when an answer is remembered; a package's ownership and the folder's own time are, save
// in archives, whose members the parser leaves out by them.
bool rests_on_the_file(Field field, bool in_archives) {
  return field != Field::kFileOwner && !(in_archives && (field == Field::kFilePackageOwned ||
                                                         field == Field::kFileMtimeDeltaToParent));
}

bool rest_on_the_file(const std::vector<model::Selection>& selections, bool in_archives) {
  return std::all_of(selections.begin(), selections.end(), [&](const model::Selection& selection) {
    return std::all_of(selection.begin(), selection.end(), [&](const model::Predicate& predicate) {
      return rests_on_the_file(predicate.field, in_archives);
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
         rest_on_the_file(detection.any_of, detection.scope.archives) &&
         rest_on_the_file(detection.none_of, detection.scope.archives) &&
         (detection.rule < 0 || rests_on_the_file(policy.rules[detection.rule]));
}

// Where it looks, what it is called and what follows from it do not change its answer.
Digest question_of(const model::Detection& detection, const model::Policy& policy, Timestamp now) {
  model::Policy question;
  question.detections = as_of(now, {detection});
  model::Detection& asked = question.detections.front();
  asked.id.clear();
  asked.scope = {.archives = detection.scope.archives};
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

bool is_roots_alone(const struct stat& status) {
  return status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool is_known(const IdentityTable::Known& known, const Digest& sha256,
              const IdentityTable::Questions& no) {
  return (sha256.is_zero() || known.sha256 == sha256) && (no[0] & ~known.no[0]) == 0 &&
         (no[1] & ~known.no[1]) == 0;
}

}  // namespace

KnownFiles::KnownFiles(IdentityTable* table, Checkpoint* checkpoint, const crypto::TableKey& key,
                       const Matcher& matcher, const model::Policy& policy, Timestamp now,
                       std::int64_t now_ns)
    : table_(table),
      checkpoint_(checkpoint),
      key_(key),
      now_ns_(now_ns),
      bits_(matcher.detections()) {
  if (table_ == nullptr) return;
  for (std::uint16_t d = 0; d < matcher.detections(); ++d) {
    const model::Detection& detection = policy.detections[d];
    if (!is_question(detection, policy)) continue;
    bits_[d] = table_->question(question_of(detection, policy, now));
    if (questions_.size() < limits::kKnownQuestions) questions_.push_back(d);
  }
}

Result<std::size_t> KnownFiles::go_on(const CheckpointHead& head) {
  FS_CHECK(checkpoint_->go_on(head, [this](const Answered& file) {
    answered_.emplace_back(file.name, file.bytes);
    if (table_ == nullptr) return;
    IdentityTable::Questions no{};
    for (unsigned i = 0; i < questions_.size(); ++i)
      if (has(file.no, i) && bits_[questions_[i]]) set(no, *bits_[questions_[i]]);
    table_->learn(file.name, file.sha256, no);
  }));
  std::sort(answered_.begin(), answered_.end());
  return answered_.size();
}

std::optional<KnownFiles::FileSystemId> KnownFiles::file_system(int folder, std::uint64_t device) {
  if (device == last_device_) return last_file_system_;
  last_device_ = device;
  const auto found = file_systems_.find(device);
  if (found != file_systems_.end()) return last_file_system_ = found->second;
  struct statfs status {};
  std::optional<FileSystemId> id;
  if (::fstatfs(folder, &status) == 0) {
    static_assert(sizeof status.f_fsid == sizeof(std::uint64_t));
    std::uint64_t number = 0;
    std::memcpy(&number, &status.f_fsid, sizeof number);
    // linux/magic.h; the names are mkfs's.
    switch (static_cast<std::uint32_t>(status.f_type)) {
      case 0xef53:  // ext2, ext3, ext4
      case kXfs:
      case 0x9123683e:  // btrfs
      case kF2fs:
        if (number != 0) id = FileSystemId{number, status.f_type == kXfs || status.f_type == kF2fs};
    }
  }
  file_systems_.emplace(device, id);
  return last_file_system_ = id;
}

void KnownFiles::enter(std::string_view folder, const std::vector<std::string>& aliases) {
  folder_ = IdentityTable::name_of_folder(key_, folder, aliases);
}

KnownFiles::File KnownFiles::look_up(int folder, std::string_view name,
                                     const model::FileIdentity& identity, const struct stat& status,
                                     std::int64_t born_ns) {
  const auto where = file_system(folder, identity.device);
  if (!where || (where->swaps && !is_roots_alone(status))) return {};
  const FileNow now{where->id,         identity.inode,    identity.size, born_ns,
                    identity.mtime_ns, identity.ctime_ns, folder_,       name};
  if (is_unsettled(now, now_ns_)) return {};
  File file{true, IdentityTable::name_of(key_, now)};
  if (table_ != nullptr)
    if (const auto* known = table_->find(file.name); known != nullptr) file.known = *known;
  const auto before =
      std::lower_bound(answered_.begin(), answered_.end(), std::pair(file.name, std::uint64_t{0}));
  if (before != answered_.end() && before->first == file.name) file.answered = before->second;
  return file;
}

bool KnownFiles::says_no(const File& file, std::uint16_t detection) const {
  return file.known && bits_[detection] && has(file.known->no, *bits_[detection]);
}

void KnownFiles::learn(const File& file, const Reading& reading) {
  if (!file.can_learn) return;
  if (table_ != nullptr) {
    IdentityTable::Questions no{};
    for (const std::uint16_t detection : reading.no)
      if (bits_[detection]) set(no, *bits_[detection]);
    // What is found is read each time: a table that learns nothing new is not written again.
    if (!is_known(file.known.value_or(IdentityTable::Known{}), reading.sha256, no))
      table_->learn(file.name, reading.sha256, no);
  }
  if (checkpoint_ == nullptr || !reading.is_answered) return;
  Answered answered{file.name, reading.sha256, {}, reading.bytes};
  for (unsigned i = 0; i < questions_.size(); ++i)
    if (std::find(reading.no.begin(), reading.no.end(), questions_[i]) != reading.no.end())
      set(answered.no, i);
  unsaved_.push_back(answered);
}

Status KnownFiles::save() {
  if (checkpoint_ == nullptr) return {};
  const std::vector<Answered> files = std::move(unsaved_);
  unsaved_.clear();
  const auto saved = checkpoint_->add(files);
  if (!saved) checkpoint_ = nullptr;  // a scan that is stopped now begins anew
  return saved;
}

}  // namespace fleetsweep::scan
