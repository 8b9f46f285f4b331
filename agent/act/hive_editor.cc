#include "agent/act/hive_editor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "agent/act/pack.h"
#include "agent/hive/text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {
namespace {

// The hive as it is, the new one, two logs; to take a change back also the hive before it.
constexpr std::size_t kDescriptors = 5;
constexpr std::uint64_t kMemoryBytes = 5 * limits::kHiveBytes;

// In the child: the only code of act that looks into a hive.
Status edit(const Confined::Message& request) {
  Unpacker in(request.bytes);
  hive::Change change;
  const auto role = in.one_of(hive::Role::kUserClasses);
  change.kind = in.one_of(hive::Change::Kind::kRemoveTask);
  change.entry = in.text();
  change.expected = in.text();
  const bool takes_back = in.flag();
  const std::size_t first_log = takes_back ? 3 : 2;
  if (!in.done() || request.descriptors.size() < first_log)
    return fail(Code::kInternal, "a request that does not parse");
  FS_TRY(const Bytes current, read_whole(request.descriptors[0].get(), limits::kHiveBytes));
  FS_TRY(const hive::Hive hive, hive::Hive::open(current));
  for (std::size_t i = first_log; i < request.descriptors.size(); ++i) {
    FS_TRY(const Bytes log, read_whole(request.descriptors[i].get(), limits::kHiveBytes));
    if (hive::last_logged(log).value_or(0) > hive.sequence())
      return fail(Code::kConflict,
                  "its log holds newer changes: start Windows once and shut it down, then scan "
                  "again");
  }
  const auto make = [&]() -> Result<Bytes> {
    if (!takes_back) return hive::changed(current, role, change);
    FS_TRY(const Bytes before, read_whole(request.descriptors[2].get(), limits::kHiveBytes));
    return hive::changed_back(before, role, change, current);
  };
  FS_TRY(const Bytes after, make());
  return write_all(request.descriptors[1].get(), after);
}

Bytes answer_edit(const Confined::Message& request) {
  const Status done = edit(request);
  Packer answer;
  answer.flag(done.has_value());
  answer.u8(done ? 0 : static_cast<std::uint8_t>(done.error().code));
  answer.text(done ? std::string() : done.error().message);
  return answer.take();
}

Checked<UniqueFd> memory_file(std::string_view content, std::uint64_t size) {
  UniqueFd fd(::memfd_create("hive", MFD_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    return refuse_errno("memfd", "a hive", errno);
  if (!write_all(fd.get(), as_bytes(content))) return refuse_errno("memfd", "a hive", errno);
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return refuse_errno("memfd", "a hive", errno);
  return fd;
}

Reason reason_of(Code code) {
  if (code == Code::kConflict) return Reason::kConflict;
  return code == Code::kNotFound ? Reason::kGone : Reason::kIo;
}

}  // namespace

Result<std::unique_ptr<HiveEditor>> HiveEditor::start() {
  FS_TRY(auto process,
         Confined::start("hive editor",
                         {.memory_bytes = kMemoryBytes, .file_bytes = limits::kHiveBytes},
                         answer_edit));
  return std::unique_ptr<HiveEditor>(new HiveEditor(std::move(process)));
}

Checked<std::string> HiveEditor::edited(const Parent& parent, std::string_view path,
                                        std::string_view before, const hive::Change& change) {
  return ask(parent, path, change, before, nullptr);
}

Checked<std::string> HiveEditor::taken_back(const Parent& parent, std::string_view path,
                                            std::string_view before, std::string_view current,
                                            const hive::Change& change) {
  return ask(parent, path, change, current, &before);
}

Checked<std::string> HiveEditor::ask(const Parent& parent, std::string_view path,
                                     const hive::Change& change, std::string_view current,
                                     const std::string_view* before) {
  FS_TRY(const UniqueFd now, memory_file(current, current.size()));
  FS_TRY(const UniqueFd made, memory_file({}, current.size()));
  UniqueFd old;
  std::vector<UniqueFd> logs;
  std::vector<int> descriptors{now.get(), made.get()};
  if (before != nullptr) {
    FS_TRY(old, memory_file(*before, before->size()));
    descriptors.push_back(old.get());
  }
  for (const std::string& name : names_in(parent.folder.get())) {
    const bool is_log =
        hive::is_equal(name, parent.leaf + ".LOG1") || hive::is_equal(name, parent.leaf + ".LOG2");
    if (!is_log || descriptors.size() == kDescriptors) continue;
    UniqueFd log(::openat(parent.folder.get(), name.c_str(),
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!log || ::fstat(log.get(), &status) != 0) return refuse_errno("open", name, errno);
    if (!S_ISREG(status.st_mode)) continue;
    descriptors.push_back(log.get());
    logs.push_back(std::move(log));
  }
  Packer request;
  request.u8(static_cast<std::uint8_t>(hive::role_of(path)));
  request.u8(static_cast<std::uint8_t>(change.kind));
  request.text(change.entry);
  request.text(change.expected);
  request.flag(before != nullptr);
  const auto failed = [&](std::string_view why) {
    return refuse(Reason::kIo, "{}: the process that edits hives {}", escaped(path), why);
  };
  const auto answer = process_->ask(request.take(), descriptors);
  if (!answer) return failed(answer.error().message);
  Unpacker in(*answer);
  const bool done = in.flag();
  const auto code = in.one_of(Code::kInternal);
  const std::string why = in.text();
  if (!in.done()) return failed("answered what does not parse");
  if (!done)
    return refuse(reason_of(code), "{}: {}", escaped(path),
                  escaped(why.substr(0, limits::kTextBytes)));

  auto after = read_whole(made.get(), limits::kHiveBytes);
  if (!after) return refuse_error(after.error());
  std::size_t changed = 0;
  for (std::size_t at = 0; at < current.size() && at < after->size(); ++at)
    changed += static_cast<std::uint8_t>(current[at]) != (*after)[at];
  // There may be nothing to take back.
  if (after->size() != current.size() || (changed == 0 && before == nullptr) ||
      changed > limits::kHiveEditBytes)
    return failed("changed more than one edit can");
  return to_text(*after);
}

Checked<std::string> find_folded(const Tree& tree, std::string_view path) {
  std::string found;
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view wanted = rest.substr(0, rest.find('/'));
    rest.remove_prefix(wanted.size());
    FS_TRY(const Parent folder, tree.parent(found + "/x"));
    std::vector<std::string> names = names_in(folder.folder.get());
    std::erase_if(names, [&](const std::string& name) { return !hive::is_equal(name, wanted); });
    if (names.empty()) return refuse(Reason::kGone, "no {} beneath the root", path);
    if (names.size() > 1)
      return refuse(Reason::kConflict, "{} is not one but several: names in {} differ only by case",
                    path, found.empty() ? "/" : escaped(found));
    found += "/" + names.front();
  }
  return found;
}

}  // namespace fleetsweep::act
