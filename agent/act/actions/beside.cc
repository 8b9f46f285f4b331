#include "agent/act/actions/beside.h"

#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "agent/act/actions/action.h"
#include "agent/act/faults.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::act {

namespace {

std::string name_for(const char* purpose, const Op& op) {
  const Digest hash = crypto::sha256(as_bytes(fmt::format("{}-{:016x}", purpose, op.token)));
  return fmt::format(".{}-{}", purpose, hash.hex().substr(0, 16));
}

}  // namespace

std::string hidden_name(const Op& op) {
  return fmt::format(".fsq-{:016x}", op.token);
}

std::string temporary_name(const Op& op) {
  return name_for("fsr", op);
}

std::string unfinished_name(const Op& op) {
  return name_for("fsw", op);
}

namespace {

UniqueFd open_under(const Parent& parent, const std::string& name) {
  return UniqueFd(
      ::openat(parent.folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

// Of what is open, if it is a file of at most so many bytes.
Checked<Digest> digest_of_file(int file, std::uint64_t most) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return refuse_errno("stat", "a file", errno);
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > most)
    return Digest{};
  return digest_of(file, most);
}

// Of a file that is not written to its end: it has no other name, and is ours, or by now of the
// owner that it is to have, or, where a volume has one for all (NTFS), of the folder's.
bool is_unfinished(const Parent& parent, const struct stat& status, std::uint32_t owner) {
  struct stat folder {};
  return S_ISREG(status.st_mode) && status.st_nlink == 1 &&
         (status.st_uid == ::geteuid() || status.st_uid == owner ||
          (::fstat(parent.folder.get(), &folder) == 0 && status.st_uid == folder.st_uid));
}

}  // namespace

Checked<bool> is_under(const Parent& parent, const std::string& name, int file) {
  struct stat ours {};
  FS_TRY(const auto there, stat_in(parent, name));
  if (::fstat(file, &ours) != 0) return refuse_errno("stat", "a file of ours", errno);
  return there && ours.st_dev == there->st_dev && ours.st_ino == there->st_ino;
}

Checked<Under> look_under(const Parent& parent, const std::string& name, std::uint64_t most) {
  Under under{open_under(parent, name), {}};
  if (!under.file && reason_of(errno) != Reason::kGone && reason_of(errno) != Reason::kChanged)
    return refuse_errno("open", name, errno);
  if (under.file) {
    FS_TRY(under.digest, digest_of_file(under.file.get(), most));
  }
  return under;
}

bool remove_under(const Parent& parent, const std::string& name, int file) {
  return is_under(parent, name, file).value_or(false) &&
         ::unlinkat(parent.folder.get(), name.c_str(), 0) == 0;
}

Checked<bool> remove_unfinished(const Op& op, const Parent& parent, std::uint32_t owner) {
  const std::string name = unfinished_name(op);
  FS_TRY(const auto there, stat_in(parent, name));
  if (!there || !is_unfinished(parent, *there, owner)) return false;
  if (::unlinkat(parent.folder.get(), name.c_str(), 0) == 0) return true;
  return refuse_errno("remove what a crash has left of", op.file.path, errno);
}

Checked<UniqueFd> write_beside(const Op& op, const Parent& parent, const std::string& name,
                               const std::function<Checked<void>(int file)>& fill) {
  const std::string unfinished = unfinished_name(op);
  UniqueFd file(::openat(parent.folder.get(), unfinished.c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file && errno == EEXIST) return refuse_raced(op, parent, unfinished);
  if (!file) return refuse_errno("create", op.file.path, errno);
  const auto finished = [&]() -> Checked<void> {
    FS_CHECK(fill(file.get()));
    if (::fsync(file.get()) != 0) return refuse_errno("fsync", op.file.path, errno);
    if (rename_in(parent.folder.get(), unfinished, name, RENAME_NOREPLACE) == 0) return {};
    if (errno == ENOENT) return refuse_raced(op, parent, unfinished);
    return refuse_errno("finish", op.file.path, errno);
  }();
  if (finished) return file;
  (void)remove_under(parent, unfinished, file.get());
  return fail(finished.error());
}

Checked<bool> exchange(const Op& op, const Parent& parent, const std::string& temporary, int file) {
  const int folder = parent.folder.get();
  const auto is_ours = is_under(parent, temporary, file);
  if (!is_ours || !*is_ours) {
    discard(parent, temporary, file);
    if (!is_ours) return is_ours;
    return refuse_raced(op, parent, temporary);
  }
  if (rename_in(folder, temporary, parent.leaf, RENAME_EXCHANGE) == 0) {
    fault_point("exchanged");
    return true;
  }
  if (errno == EINVAL && ::renameat(folder, temporary.c_str(), folder, parent.leaf.c_str()) == 0)
    return false;
  const int error = errno;
  discard(parent, temporary, file);
  return refuse_errno("replace", op.file.path, error);
}

void discard(const Parent& parent, const std::string& name, int file) {
  if (remove_under(parent, name, file)) return;
  const auto there = stat_in(parent, name);
  struct stat status {};
  if (!there || !*there || ::fstat(file, &status) != 0) return;
  const auto most = static_cast<std::uint64_t>(status.st_size);
  if (const auto ours = digest_of(file, most)) (void)give_back(parent, name, *ours, most);
}

// Whoever swapped it may go on, and can hide ours each time with as good a chance as not. While he
// does not get the processor it stays hidden, so that each try waits longer: 0.6 s in all.
bool give_back(const Parent& parent, const std::string& name, const Digest& ours,
               std::uint64_t most) {
  constexpr int kTries = 20;
  const int folder = parent.folder.get();
  for (int i = 0; i < kTries; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(250) * i * i);
    if (rename_in(folder, name, parent.leaf, RENAME_NOREPLACE) == 0) return true;
    const UniqueFd leaf = open_under(parent, parent.leaf);
    const auto holds = leaf ? digest_of_file(leaf.get(), most) : Digest{};
    if (ours.is_zero() || !holds || *holds != ours) continue;
    if (rename_in(folder, name, parent.leaf, RENAME_EXCHANGE) != 0) continue;
    if (remove_under(parent, name, leaf.get())) return true;
  }
  return false;
}

void put_back(const Op& op, const Intent& intent, const Parent& parent) {
  if (rename_in(parent.folder.get(), hidden_name(op), parent.leaf, RENAME_NOREPLACE) == 0)
    (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
}

void lock_unless_under(const Op& op, const Parent& parent, const std::string& name, int file,
                       std::uint32_t locks) {
  if (!is_under(parent, name, file).value_or(false)) (void)lock(op, file, locks);
}

tl::unexpected<trust::Refusal> refuse_raced(const Op& op, const Parent& parent,
                                            const std::string& name) {
  const auto beside = stat_in(parent, name);
  return refuse(Reason::kRaced, "{}: changed while we acted{}", escaped(op.file.path),
                beside && *beside ? ", and what stood there is beside it as " + name +
                                        ": move it to where it belongs"
                                  : std::string());
}

}  // namespace fleetsweep::act
