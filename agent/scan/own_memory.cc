#include <limits.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "agent/scan/cross_view.h"
#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kMapsBytes = 4 << 20;
constexpr std::size_t kLoaderBytes = 16 << 20;
constexpr std::string_view kDeleted = " (deleted)";

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// Names of the libraries that one loaded program asks for.
void add_needed(const link_map& program, std::set<std::string, std::less<>>& needed) {
  const char* strings = nullptr;
  for (const ElfW(Dyn)* entry = program.l_ld; entry != nullptr && entry->d_tag != DT_NULL; ++entry)
    if (entry->d_tag == DT_STRTAB) strings = reinterpret_cast<const char*>(entry->d_un.d_ptr);
  for (const ElfW(Dyn)* entry = program.l_ld; strings != nullptr && entry->d_tag != DT_NULL;
       ++entry)
    if (entry->d_tag == DT_NEEDED) needed.emplace(base_name(strings + entry->d_un.d_val));
}

// Our own file, and what it needs, and what that needs: a library that was only preloaded is loaded
// too, but nobody asks for it by name.
std::vector<std::string> known_programs() {
  std::set<std::string, std::less<>> needed;
  const auto is_file = [](const link_map& one) { return one.l_name[0] == '/'; };
  for (const link_map* one = _r_debug.r_map; one != nullptr; one = one->l_next)
    if (one == _r_debug.r_map || is_file(*one)) add_needed(*one, needed);
  std::vector<std::string> known{raw::link("/proc/self/exe")};
  for (const link_map* one = _r_debug.r_map; one != nullptr; one = one->l_next) {
    char real[PATH_MAX];
    if (is_file(*one) && needed.contains(base_name(one->l_name)) &&
        ::realpath(one->l_name, real) != nullptr)
      known.emplace_back(real);
  }
  return known;
}

// The C library loads character sets when a locale or an archive asks for one: they lie beside it.
bool is_character_set(std::string_view path, const std::vector<std::string>& known) {
  return std::any_of(known.begin(), known.end(), [&](std::string_view one) {
    const std::string_view folder = one.substr(0, one.rfind('/') + 1);
    return base_name(one).starts_with("libc.so") && path.starts_with(folder) &&
           path.substr(folder.size()).starts_with("gconv/");
  });
}

}  // namespace

Mismatches foreign_lines(std::string_view maps, const std::vector<std::string>& known) {
  std::set<std::string> foreign;
  for_each_line(maps, [&](std::string_view line) {
    const auto mapping = parse_mapping(line);
    if (!mapping || !mapping->executable) return;
    std::string_view path = mapping->path;
    if (path == "[vdso]" || path == "[vsyscall]" || path == "[uprobes]") return;
    // An upgrade may have replaced the file since we began.
    if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
    if (std::find(known.begin(), known.end(), path) == known.end() &&
        !is_character_set(path, known))
      foreign.insert(path.empty() ? "a program without a file" : escaped(path));
  });
  Mismatches found;
  for (const std::string& one : foreign)
    found.push_back(
        fmt::format("in this scanner's own memory runs {}, which it did not ask for: "
                    "see LD_PRELOAD and /etc/ld.so.preload",
                    one));
  return found;
}

Mismatches foreign_memory() {
  return foreign_lines(raw::read("/proc/self/maps", kMapsBytes), known_programs());
}

bool is_altered_loader(std::string_view content) {
  const auto has = [&](std::string_view text) { return content.find(text) != content.npos; };
  // Others (musl) have no such list; that of Nix has a name of its own.
  const bool is_gnu = has("LD_PRELOAD") && has("GLIBC_PRIVATE");
  return is_gnu && !has("/etc/ld.so.preload") && !has("/etc/ld-nix.so.preload");
}

Mismatches altered_loaders(const Root& root) {
  constexpr std::string_view kLoaders[] = {"/lib64/ld-linux-x86-64.so.2",
                                           "/lib/ld-linux-aarch64.so.1",
                                           "/lib/ld-linux.so.2",
                                           "/lib/ld-linux-armhf.so.3",
                                           "/lib/ld-linux-riscv64-lp64d.so.1",
                                           "/lib64/ld64.so.2",
                                           "/lib/ld64.so.1"};
  Mismatches found;
  for (const std::string_view loader : kLoaders) {
    const UniqueFd fd = root.open_followed(std::string(loader));
    if (fd && is_altered_loader(raw::read(fd.get(), kLoaderBytes)))
      found.push_back(
          fmt::format("{}: does not read /etc/ld.so.preload as every GNU loader does: "
                      "it was altered to preload something unseen",
                      loader));
  }
  return found;
}

}  // namespace fleetsweep::scan
