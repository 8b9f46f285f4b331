// Puts evidence into the vault while it still exists. Changes nothing on the host.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "agent/act/actions/action.h"
#include "agent/act/process.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {

namespace {

std::uint64_t bytes_max(const Op& op) {
  return op.bytes_max == 0 ? limits::kEvidenceBytes
                           : std::min(op.bytes_max, limits::kEvidenceBytes);
}

bool wants(const Op& op, std::string_view what) {
  return std::find(op.what.begin(), op.what.end(), what) != op.what.end();
}

// expand.cc: a change of a hive, as kChangeNames calls it, and nothing else.
bool is_about_key(const Op& op) {
  return op.what.size() == 1 &&
         std::ranges::find(kChangeNames, op.what.front()) != std::end(kChangeNames);
}

// Not the room for what this cleaning is still to take.
Checked<void> room_for(const Context& context, std::uint64_t bytes) {
  const Transaction& transaction = context.state();
  for (std::size_t i = 0; i < transaction.ops.size(); ++i) {
    const Op& other = transaction.begin.ops[i];
    if (other.kind == OpKind::kStore && transaction.ops[i].stage != OpStage::kDone &&
        keeps_content(transaction.begin, other))
      bytes += other.file.size;
  }
  return context.vault.room_for(bytes);
}

// By another process of the same program.
bool is_program_kept(const Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  for (std::uint32_t i = 0; i < index; ++i) {
    const Op& other = context.op(i);
    if (other.kind == OpKind::kCollect && other.pid != 0 && wants(other, "exe") &&
        context.op_state(i).stage == OpStage::kDone && other.file.device == op.file.device &&
        other.file.inode == op.file.inode)
      return true;
  }
  return false;
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_CHECK(room_for(context, op.pid == 0 ? std::min(op.file.size, bytes_max(op)) : 0));
  if (op.pid != 0) {
    FS_TRY(const UniqueFd pidfd, open_process({op.pid, op.start_ticks}, op.file));
  }
  return Intent{};
}

Checked<std::string> read_proc(const Op& op, const char* name) {
  UniqueFd file(::open(fmt::format("/proc/{}/{}", living_thread(op.pid), name).c_str(),
                       O_RDONLY | O_CLOEXEC));
  if (!file) return refuse_errno("open", name, errno);
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const auto got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno("read", name, errno);
    if (got == 0 || text.size() > bytes_max(op)) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

constexpr std::string_view kSocket = "socket:[";

// The sockets among its descriptors, by their numbers, and of the tables of its network the lines
// that say what these are; of a protocol that the kernel does not have there is no table.
Checked<std::string> read_connections(const Op& op) {
  std::string text;
  std::set<std::string, std::less<>> sockets;
  const std::string folder = fmt::format("/proc/{}/", living_thread(op.pid));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "fd", error)) {
    std::error_code closed;
    const std::string target = std::filesystem::read_symlink(entry.path(), closed).string();
    if (!target.starts_with(kSocket)) continue;
    text += fmt::format("fd {} {}\n", entry.path().filename().string(), target);
    sockets.insert(target.substr(kSocket.size(), target.size() - kSocket.size() - 1));
  }
  if (error) return refuse_errno("list", "fd", error.value());
  for (const char* table : {"tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "sctp/eps", "icmp",
                            "icmp6", "raw", "raw6", "packet"}) {
    std::ifstream lines(folder + "net/" + table);
    std::string line;
    for (bool is_heading = true; std::getline(lines, line); is_heading = false) {
      if (is_heading)
        text += fmt::format("net/{}\n{}\n", table, line);
      else if (std::istringstream words(line);
               std::any_of(std::istream_iterator<std::string>(words), {},
                           [&](const auto& word) { return sockets.contains(word); }))
        text += line + "\n";
      if (text.size() > bytes_max(op)) return text;
    }
    if (lines.bad()) return refuse_errno("read", table, errno);
  }
  return text;
}

Checked<std::uint64_t> collect_exe(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const UniqueFd file, open_program({op.pid, op.start_ticks}, op.file));
  FS_TRY(Metadata metadata, evidence(context, index, file.get()));
  FS_TRY(metadata, context.vault.store(context.transaction, vault_name(index) + "-exe", file.get(),
                                       metadata, {}, bytes_max(op)));
  return metadata.size;
}

Checked<Post> collect_process(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const UniqueFd pidfd, open_process({op.pid, op.start_ticks}, op.file));
  Post post;
  constexpr std::pair<std::string_view, const char*> kTexts[] = {{"command_line", "cmdline"},
                                                                 {"environ", "environ"},
                                                                 {"maps", "maps"},
                                                                 {"connections", nullptr}};
  for (const auto& [what, file] : kTexts) {
    if (!wants(op, what)) continue;
    FS_TRY(const std::string text, file != nullptr ? read_proc(op, file) : read_connections(op));
    // Its number may have gone to another one meanwhile.
    FS_TRY(const UniqueFd still, open_process({op.pid, op.start_ticks}, op.file));
    FS_CHECK(room_for(context, text.size()));
    FS_CHECK(context.vault.store_text(context.transaction,
                                      fmt::format("{}-{}", vault_name(index), what),
                                      evidence(context, index), as_bytes(text)));
    post.bytes += text.size();
  }
  // Last: it may be larger than what the policy allows, and the rest is kept all the same.
  if (wants(op, "exe") && !is_program_kept(context, index)) {
    FS_CHECK(room_for(context, std::min(op.file.size, bytes_max(op))));
    FS_TRY(const std::uint64_t bytes, collect_exe(context, index));
    post.bytes += bytes;
  }
  return post;
}

Checked<Post> collect_file(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(const UniqueFd file, context.tree.file(parent, op.file.path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse_errno("stat", op.file.path, errno);
  // Of anything else nobody asked for a copy.
  if (!is_unchanged(status, op.file, context.device()))
    return refuse(Reason::kChanged, "{}: no longer the file that was found", escaped(op.file.path));
  if (op.file.size > bytes_max(op))
    return refuse(Reason::kLimit, "{}: more than {} bytes", escaped(op.file.path), bytes_max(op));
  FS_TRY(Metadata metadata, evidence(context, index, file.get()));
  FS_TRY(metadata, context.vault.store(context.transaction, vault_name(index), file.get(), metadata,
                                       op.file.sha256, op.file.size));
  Post post;
  post.digest = metadata.sha256;
  post.bytes = metadata.size;
  return post;
}

// A registry key, read by the process that edits hives.
Checked<Post> collect_key(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const hive::Change change, hive_change(context, op));
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(const UniqueFd file, context.tree.file(parent, op.file.path));
  const auto hive = read_whole(file.get(), limits::kHiveBytes);
  if (!hive) return refuse_error(hive.error());
  FS_TRY(const Bytes text,
         context.hives->exported(op.file.path, as_text(*hive), change, bytes_max(op)));
  FS_CHECK(context.vault.store_text(context.transaction, vault_name(index) + "-reg_export",
                                    evidence(context, index), text));
  Post post;
  post.bytes = text.size();
  return post;
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  if (op.pid != 0) return collect_process(context, index);
  if (is_about_key(op)) return collect_key(context, index);
  if (op.text.empty()) return collect_file(context, index);
  FS_CHECK(context.vault.store_text(context.transaction, vault_name(index),
                                    evidence(context, index), as_bytes(op.text)));
  Post post;
  post.bytes = op.text.size();
  return post;
}

Checked<Recovery> recover(Context&, std::uint32_t) {
  return Recovery{};  // stored again over what a crash left
}

Checked<UndoIntent> plan_undo(Context&, std::uint32_t) {
  return UndoIntent{};
}

Checked<void> undo(Context&, std::uint32_t) {
  return {};
}

}  // namespace

const Action kCollectAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
