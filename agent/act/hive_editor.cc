#include "agent/act/hive_editor.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "agent/act/pack.h"
#include "agent/hive/text.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/bulk_hash.h"
#include "protocol/runtime/descriptors/descriptors.h"
#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::act {
namespace {

constexpr std::size_t kMessageBytes = 128 * 1024;
// The hive as it is, the new one, two logs; to take a change back also the hive before it.
constexpr std::size_t kDescriptors = 5;
constexpr std::uint64_t kMemoryBytes = 5 * limits::kHiveBytes;

struct Message {
  Bytes bytes;
  std::vector<UniqueFd> descriptors;
};

bool send_message(int socket, const Bytes& bytes, std::span<const int> descriptors) {
  const iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  return runtime::send_with(socket, {&part, 1}, descriptors) == static_cast<ssize_t>(bytes.size());
}

// Nothing: the other end is gone.
std::optional<Message> receive_message(int socket) {
  Message result;
  result.bytes.resize(kMessageBytes);
  ssize_t count = 0;
  do count = runtime::receive_with(socket, result.bytes, result.descriptors);
  while (count < 0 && errno == EINTR);
  if (count <= 0) return std::nullopt;
  result.bytes.resize(static_cast<std::size_t>(count));
  return result;
}

Result<Bytes> read_whole(int fd) {
  // Not fstat, which the C library makes a call that may also open.
  const auto size = ::lseek(fd, 0, SEEK_END);
  if (size < 0 || static_cast<std::uint64_t>(size) > limits::kHiveBytes)
    return fail(Code::kInvalid, "larger than {} bytes", limits::kHiveBytes);
  Bytes bytes(static_cast<std::size_t>(size));
  for (std::size_t at = 0; at < bytes.size();) {
    const auto got = ::pread(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (got <= 0) return fail(Code::kUnavailable, "read: {}", std::strerror(errno));
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

// In the child: the only code of act that looks into a hive.
Status edit(const Message& request) {
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
  FS_TRY(const Bytes current, read_whole(request.descriptors[0].get()));
  FS_TRY(const hive::Hive hive, hive::Hive::open(current));
  for (std::size_t i = first_log; i < request.descriptors.size(); ++i) {
    FS_TRY(const Bytes log, read_whole(request.descriptors[i].get()));
    if (hive::last_logged(log).value_or(0) > hive.sequence())
      return fail(Code::kConflict,
                  "its log holds newer changes: start Windows once and shut it down, then scan "
                  "again");
  }
  const auto make = [&]() -> Result<Bytes> {
    if (!takes_back) return hive::changed(current, role, change);
    FS_TRY(const Bytes before, read_whole(request.descriptors[2].get()));
    return hive::changed_back(before, role, change, current);
  };
  FS_TRY(const Bytes after, make());
  return write_all(request.descriptors[1].get(), after);
}

[[noreturn]] void serve_edits(int socket) {
  // OpenSSL looks at files when it starts: before the doors close.
  static_cast<void>(crypto::BulkHash(crypto::HashKind::kSha256).finish());
  const int keep[] = {socket, STDERR_FILENO};
  const auto confined = runtime::confine_parser(
      keep, std::nullopt, {.memory_bytes = kMemoryBytes, .file_bytes = limits::kHiveBytes});
  if (!confined) ::_exit(1);
  Packer hello;
  hello.u8(0);
  if (!send_message(socket, hello.take(), {})) ::_exit(1);
  while (const auto request = receive_message(socket)) {
    const Status done = edit(*request);
    Packer answer;
    answer.flag(done.has_value());
    answer.u8(done ? 0 : static_cast<std::uint8_t>(done.error().code));
    answer.text(done ? std::string() : done.error().message);
    if (!send_message(socket, answer.take(), {})) break;
  }
  ::_exit(0);
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
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
    return fail(Code::kUnavailable, "hive editor: {}", std::strerror(errno));
  UniqueFd ours(sockets[0]), theirs(sockets[1]);
  const int pid = ::fork();
  if (pid < 0) return fail(Code::kUnavailable, "hive editor: {}", std::strerror(errno));
  if (pid == 0) serve_edits(theirs.get());
  theirs.reset();
  std::unique_ptr<HiveEditor> editor(new HiveEditor(std::move(ours), pid));
  if (!receive_message(editor->socket_.get()))
    return fail(Code::kUnavailable, "hive editor: no sandbox for it on this kernel");
  return editor;
}

HiveEditor::~HiveEditor() {
  socket_.reset();
  ::waitpid(pid_, nullptr, 0);
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
  if (!send_message(socket_.get(), request.take(), descriptors)) return failed("is gone");
  const auto answer = receive_message(socket_.get());
  if (!answer) return failed("died of it");
  Unpacker in(answer->bytes);
  const bool done = in.flag();
  const auto code = in.one_of(Code::kInternal);
  const std::string why = in.text();
  if (!in.done()) return failed("answered what does not parse");
  if (!done)
    return refuse(reason_of(code), "{}: {}", escaped(path),
                  escaped(why.substr(0, limits::kTextBytes)));

  auto after = read_whole(made.get());
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
