#include "agent/act/still_active.h"

#include <algorithm>
#include <optional>

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"
#include "protocol/base/limits.h"
#include "protocol/model/persistence_places.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

using Format = model::EntryFormat;

constexpr std::size_t kModuleListBytes = 4 << 20;  // /proc/modules

// What reads the files there; nothing: not a place of ours.
std::optional<Format> format_of(std::string_view path) {
  for (const auto& place : model::places::kAll)
    if (path == place.path ||
        (place.gather == model::PersistencePlace::Gather::kFolder &&
         scan::folder_of(path) == place.path && path.ends_with(place.suffixes)))
      return place.format;
  return std::nullopt;
}

// The kernel knows a-b.ko as a_b.
std::string module_name(std::string_view name) {
  std::string result(name);
  std::ranges::replace(result, '-', '_');
  return result;
}

// Plain or as kmod unpacks it.
std::optional<std::string> module_in(std::string_view path) {
  const std::string_view file = scan::file_name(path);
  for (const std::string_view suffix : {".ko", ".ko.gz", ".ko.xz", ".ko.zst"})
    if (file.ends_with(suffix)) return module_name(file.substr(0, file.size() - suffix.size()));
  return std::nullopt;
}

bool is_list(std::string_view path) {
  const auto format = format_of(path);
  return format == Format::kModules || format == Format::kBinfmt;
}

// Of a list that was taken as a whole, up to what may be edited.
std::string stored_text(Context& context, const Op& op) {
  std::string text;
  if (is_list(op.file.path))
    (void)load_stored(context, op.store, [&](BytesView piece) -> Status {
      if (text.size() < limits::kEditBytes) text += as_text(piece);
      return {};
    });
  return text;
}

Taken taken_by(Context& context) {
  Taken taken;
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    const Op& op = context.op(i);
    if (context.op_state(i).stage != OpStage::kDone) continue;
    if (op.kind == OpKind::kEdit) taken.add(op.file.path, op.text);
    if (op.kind == OpKind::kTake) taken.add(op.file.path, stored_text(context, op));
    if (op.kind == OpKind::kTake && is_list(op.file.path) &&
        !keeps_content(context.state().begin, op))
      taken.purged.insert(op.file.path);
  }
  return taken;
}

void add_names(std::string& text, std::string_view what, const std::set<std::string>& names) {
  for (const std::string& name : names)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, escaped(name));
}

// None where nobody has mounted the list.
Checked<std::vector<std::string>> registered_formats(const std::string& proc) {
  const std::string path = proc + "/sys/fs/binfmt_misc";
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder && errno == ENOENT) return std::vector<std::string>();
  if (!folder) return refuse_errno("open", path, errno);
  return names_in(folder.get());
}

}  // namespace

void Taken::add(std::string_view path, std::string_view text) {
  if (const auto module = module_in(path)) modules.insert(*module);
  const auto format = format_of(path);
  is_of_sshd |= format == Format::kSshd;
  if (!is_list(path)) return;
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kList))
    if (format == Format::kBinfmt) {
      if (const auto entry = scan::binfmt_line(line.text)) formats.insert(entry->name);
    } else if (const auto entry = scan::module_line(line.text)) {
      modules.insert(module_name(entry->name));
    }
}

std::set<std::string> loaded_modules(std::string_view proc_modules) {
  std::set<std::string> modules;
  for (const lines::Line& line : lines::logical_lines(proc_modules, lines::Join::kNone))
    modules.insert(module_name(line.text.substr(0, line.text.find(' '))));
  return modules;
}

StillActive still_active(Context& context, const std::string& proc) {
  StillActive active;
  if (proc.empty()) return active;
  Taken taken = taken_by(context);
  if (!taken.modules.empty()) {
    // A kernel without modules has no list. One that cannot be read is no proof that they are gone.
    const auto text = files::read_file(proc + "/modules", kModuleListBytes);
    const auto loaded = text ? loaded_modules(as_text(*text)) : std::set<std::string>();
    if (text || text.error().code == Code::kNotFound)
      std::erase_if(taken.modules, [&](const auto& name) { return !loaded.contains(name); });
  }
  if (!taken.formats.empty()) {
    if (const auto registered = registered_formats(proc))
      std::erase_if(taken.formats, [&](const auto& name) {
        return std::ranges::find(*registered, name) == registered->end();
      });
  }
  std::string names;
  add_names(names, "module", taken.modules);
  add_names(names, "binary format", taken.formats);
  add_names(names, "what was loaded by", taken.purged);
  active.until_start = !names.empty();
  if (active.until_start)
    active.detail = "what stays in the kernel until the host starts again: " + names;
  if (taken.is_of_sshd)
    active.detail +=
        fmt::format("{}sshd reads its settings at its next reload: systemctl reload ssh",
                    active.detail.empty() ? "" : "; ");
  return active;
}

}  // namespace fleetsweep::act
