#include "agent/act/hive_editor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "agent/act/pack.h"
#include "agent/hive/text.h"
#include "agent/hive/volume.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {
namespace {

// With a request come the hive as it is, the new one, to take a change back also the hive before
// it, and its logs.
constexpr std::size_t kLogs = 2;
enum class Wish : std::uint8_t { kChange, kTakeBack, kExport, kCheckLogs };
constexpr std::uint64_t kMemoryBytes = 5 * limits::kHiveBytes;

// In the child: the only code of act that looks into a hive.
Status edit(const Confined::Message& request) {
  Unpacker in(request.bytes);
  hive::Change change;
  const auto role = in.one_of(hive::Role::kUserClasses);
  change.kind = in.one_of(hive::Change::Kind::kRemoveTask);
  change.entry = in.text();
  change.expected = in.text();
  const auto wish = in.one_of(Wish::kCheckLogs);
  const std::uint64_t bytes_max = in.u64();
  const std::size_t first_log = wish == Wish::kTakeBack ? 3 : 2;
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
  if (wish == Wish::kCheckLogs) return {};
  const auto make = [&]() -> Result<Bytes> {
    if (wish == Wish::kChange) return hive::changed(current, role, change);
    if (wish == Wish::kExport) return hive::exported(current, role, change, bytes_max);
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

tl::unexpected<Refusal> refuse_process(std::string_view path, std::string_view why) {
  return refuse(Reason::kIo, "{}: the process that edits hives {}", escaped(path), why);
}

// At most two.
Checked<std::vector<UniqueFd>> logs_of(const Parent& parent) {
  std::vector<UniqueFd> logs;
  FS_TRY(const auto names, names_in(parent.folder.get()));
  for (const std::string& name : names) {
    const bool is_log =
        hive::is_equal(name, parent.leaf + ".LOG1") || hive::is_equal(name, parent.leaf + ".LOG2");
    if (!is_log || logs.size() == kLogs) continue;
    UniqueFd log(::openat(parent.folder.get(), name.c_str(),
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!log || ::fstat(log.get(), &status) != 0) return refuse_errno("open", name, errno);
    if (S_ISREG(status.st_mode)) logs.push_back(std::move(log));
  }
  return logs;
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

struct HiveEditor::Question {
  Wish wish = Wish::kChange;
  std::uint64_t bytes_max = 0;  // of an export
  std::string_view current;
  std::string_view before{};         // kTakeBack
  std::span<const UniqueFd> logs{};  // none: whatever they say
};

Checked<std::string> HiveEditor::edited(const Parent& parent, std::string_view path,
                                        std::string_view before, const hive::Change& change) {
  return rewritten(parent, path, change, before, nullptr);
}

Checked<std::string> HiveEditor::taken_back(const Parent& parent, std::string_view path,
                                            std::string_view before, std::string_view current,
                                            const hive::Change& change) {
  return rewritten(parent, path, change, current, &before);
}

Checked<void> HiveEditor::check_logs(const Parent& parent, std::string_view path,
                                     std::string_view before) {
  FS_TRY(const std::vector<UniqueFd> logs, logs_of(parent));
  FS_CHECK(ask(path, {}, {.wish = Wish::kCheckLogs, .current = before, .logs = logs}));
  return {};
}

Checked<Bytes> HiveEditor::exported(std::string_view path, std::string_view current,
                                    const hive::Change& change, std::size_t bytes_max) {
  return ask(path, change, {.wish = Wish::kExport, .bytes_max = bytes_max, .current = current});
}

Checked<std::string> HiveEditor::rewritten(const Parent& parent, std::string_view path,
                                           const hive::Change& change, std::string_view current,
                                           const std::string_view* before) {
  FS_TRY(const std::vector<UniqueFd> logs, logs_of(parent));
  FS_TRY(const Bytes after, ask(path, change,
                                {.wish = before == nullptr ? Wish::kChange : Wish::kTakeBack,
                                 .current = current,
                                 .before = before == nullptr ? std::string_view() : *before,
                                 .logs = logs}));
  std::size_t changed = 0;
  for (std::size_t at = 0; at < current.size() && at < after.size(); ++at)
    changed += static_cast<std::uint8_t>(current[at]) != after[at];
  // There may be nothing to take back, and no keys of a task that was found in its XML.
  const bool may_be_nothing =
      before != nullptr ||
      (change.kind == hive::Change::Kind::kRemoveTask && change.expected.empty());
  if (after.size() != current.size() || (changed == 0 && !may_be_nothing) ||
      changed > limits::kHiveEditBytes)
    return refuse_process(path, "changed more than one edit can");
  return to_text(after);
}

Checked<Bytes> HiveEditor::ask(std::string_view path, const hive::Change& change,
                               const Question& question) {
  FS_TRY(const UniqueFd now, memory_file(question.current, question.current.size()));
  FS_TRY(const UniqueFd made, memory_file({}, 0));
  UniqueFd old;
  std::vector<int> descriptors{now.get(), made.get()};
  if (question.wish == Wish::kTakeBack) {
    FS_TRY(old, memory_file(question.before, question.before.size()));
    descriptors.push_back(old.get());
  }
  for (const UniqueFd& log : question.logs) descriptors.push_back(log.get());
  Packer request;
  request.u8(static_cast<std::uint8_t>(hive::role_of(path)));
  request.u8(static_cast<std::uint8_t>(change.kind));
  request.text(change.entry);
  request.text(change.expected);
  request.u8(static_cast<std::uint8_t>(question.wish));
  request.u64(question.bytes_max);
  const auto answer = process_->ask(request.take(), descriptors);
  if (!answer) return refuse_process(path, answer.error().message);
  Unpacker in(*answer);
  const bool done = in.flag();
  const auto code = in.one_of(Code::kInternal);
  const std::string why = in.text();
  if (!in.done()) return refuse_process(path, "answered what does not parse");
  if (!done)
    return refuse(reason_of(code), "{}: {}", escaped(path),
                  escaped(why.substr(0, limits::kTextBytes)));
  auto result = read_whole(made.get(), limits::kHiveBytes);
  if (!result) return refuse_error(result.error());
  return std::move(*result);
}

Checked<std::string> find_folded(const Tree& tree, std::string_view path) {
  std::string found;
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view wanted = rest.substr(0, rest.find('/'));
    rest.remove_prefix(wanted.size());
    FS_TRY(const Parent folder, tree.parent(found + "/x"));
    FS_TRY(auto names, names_in(folder.folder.get()));
    std::erase_if(names, [&](const std::string& name) { return !hive::is_equal(name, wanted); });
    if (names.empty()) return refuse(Reason::kGone, "no {} beneath the root", path);
    if (names.size() > 1)
      return refuse(Reason::kConflict, "{} is not one but several: names in {} differ only by case",
                    path, found.empty() ? "/" : escaped(found));
    found += "/" + names.front();
  }
  return found;
}

Checked<void> check_awake(const Tree& tree) {
  const auto path = find_folded(tree, "/hiberfil.sys");
  if (!path && path.error().reason == Reason::kGone) return {};
  if (!path) return fail(path.error());
  FS_TRY(const Parent parent, tree.parent(*path));
  const auto file = tree.file(parent, *path);
  // Windows sleeps in no folder.
  if (!file && (file.error().reason == Reason::kGone || file.error().reason == Reason::kChanged))
    return {};
  if (!file) return fail(file.error());
  std::array<std::uint8_t, hive::kHibernationMarkBytes> mark{};
  if (::pread(file->get(), mark.data(), mark.size(), 0) < 0)
    return refuse_errno("read", *path, errno);
  if (hive::is_hibernated(mark))
    return refuse(Reason::kConflict, "{}: {}", escaped(*path), hive::kHibernated);
  return {};
}

}  // namespace fleetsweep::act
