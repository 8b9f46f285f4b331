#include "agent/act/actions/beside.h"

#include <sys/stat.h>

#include <chrono>
#include <thread>

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

Digest digest_under(const Parent& parent, const std::string& name, std::uint64_t most) {
  const UniqueFd file(
      ::openat(parent.folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return digest_of(file.get(), most).value_or(Digest{});
}

Checked<bool> remove_unfinished(const Op& op, const Parent& parent) {
  if (::unlinkat(parent.folder.get(), unfinished_name(op).c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  return refuse_errno("remove what a crash has left of", op.file.path, errno);
}

Checked<UniqueFd> write_beside(const Op& op, const Parent& parent, const std::string& name,
                               const std::function<Checked<void>(int file)>& fill) {
  FS_CHECK(remove_unfinished(op, parent));
  const std::string unfinished = unfinished_name(op);
  UniqueFd file(::openat(parent.folder.get(), unfinished.c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return refuse_errno("create", op.file.path, errno);
  const auto written = [&]() -> Checked<void> {
    FS_CHECK(fill(file.get()));
    if (::fsync(file.get()) != 0) return refuse_errno("fsync", op.file.path, errno);
    if (rename_in(parent.folder.get(), unfinished, name, RENAME_NOREPLACE) != 0)
      return refuse_errno("finish", op.file.path, errno);
    return {};
  }();
  if (written) return file;
  (void)::unlinkat(parent.folder.get(), unfinished.c_str(), 0);
  return fail(written.error());
}

Checked<bool> exchange(const Parent& parent, const std::string& temporary, std::string_view path) {
  const int folder = parent.folder.get();
  if (rename_in(folder, temporary, parent.leaf, RENAME_EXCHANGE) == 0) {
    fault_point("exchanged");
    return true;
  }
  if (errno == EINVAL && ::renameat(folder, temporary.c_str(), folder, parent.leaf.c_str()) == 0)
    return false;
  const int error = errno;
  (void)::unlinkat(folder, temporary.c_str(), 0);
  return refuse_errno("replace", path, error);
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
    if (ours.is_zero() || digest_under(parent, parent.leaf, most) != ours) continue;
    if (rename_in(folder, name, parent.leaf, RENAME_EXCHANGE) != 0) continue;
    if (digest_under(parent, name, most) != ours) continue;
    (void)::unlinkat(folder, name.c_str(), 0);
    return true;
  }
  return false;
}

void put_back(const Op& op, const Intent& intent, const Parent& parent) {
  if (rename_in(parent.folder.get(), hidden_name(op), parent.leaf, RENAME_NOREPLACE) == 0)
    (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
}

tl::unexpected<trust::Refusal> refuse_raced(const Op& op, const Parent& parent,
                                            const std::string& name) {
  const auto beside = stat_in(parent, name);
  return refuse(
      Reason::kRaced, "{}: changed while we acted{}", escaped(op.file.path),
      beside && *beside ? ", and what stood there is beside it as " + name : std::string());
}

}  // namespace fleetsweep::act
