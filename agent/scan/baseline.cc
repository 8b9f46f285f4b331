#include "agent/scan/baseline.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/scan/text.h"
#include "protocol/base/limits.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan {
namespace {

constexpr std::string_view kHeader = "# fleetsweep baseline 1: kind, SHA-256 of the entry, path\n";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// A tab, a newline or a backslash in a path would look like something else.
std::string written(std::string_view path) {
  std::string result;
  for (const char c : path)
    if (c == '\\' || is_control(c))
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      result += c;
  return result;
}

std::optional<std::string> read_back(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    // written() leaves none: it is not of the path, and with it the line would mean nothing here.
    if (is_control(text[i])) return std::nullopt;
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    if (text.substr(i, 2) != "\\x") return std::nullopt;
    const auto byte = from_hex(text.substr(i + 2, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    result += static_cast<char>(byte->front());
    i += 3;
  }
  return result;
}

}  // namespace

Baseline::Key Baseline::key_of(const model::PersistenceIdentity& entry) {
  return {std::string(name(entry.kind)), entry.file.path, entry.entry_sha256};
}

Result<Baseline> Baseline::parse(std::string_view text) {
  Baseline baseline;
  std::string mistakes;
  std::size_t number = 0, wrong = 0;
  while (!text.empty()) {
    std::string_view rest = field(text, '\n');
    ++number;
    if (rest.ends_with('\r')) rest.remove_suffix(1);  // an editor of Windows
    if (trimmed(rest).empty() || rest.front() == '#') continue;
    const std::string_view kind = field(rest, '\t');
    const auto digest = Digest::parse_hex(field(rest, '\t'));
    const auto path = read_back(rest);
    if (from_name<model::PersistenceKind>(kind) && digest && path && path->starts_with('/')) {
      baseline.entries_.emplace(std::string(kind), *path, *digest);
    } else if (++wrong <= limits::kBaselineMistakes) {
      if (!mistakes.empty()) mistakes += ", ";
      mistakes += std::to_string(number);
    }
  }
  if (wrong > 0)
    return fail(Code::kInvalid,
                "{} lines are no entries (line {}): expected kind, SHA-256 and path with a tab "
                "between them; write it anew with `fleetsweep-agent baseline write`",
                wrong, mistakes);
  return baseline;
}

Result<Baseline> Baseline::read(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!file)
    return fail(errno == ENOENT ? Code::kNotFound : Code::kUnavailable,
                "{}: {}: expected the file of a baseline, no link, as `fleetsweep-agent baseline "
                "write` or `fleetsweep-scan --list-persistence` writes it",
                escaped(path), std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::size_t>(status.st_size) > limits::kBaselineBytes)
    return fail(Code::kInvalid, "{}: not a regular file of at most {} bytes", escaped(path),
                limits::kBaselineBytes);
  // Who can write it decides what a hunt for the unknown does not see.
  if ((status.st_uid != 0 && status.st_uid != ::geteuid()) || (status.st_mode & 022) != 0)
    return fail(Code::kUntrusted,
                "{}: others can change it; expected a file of root or of uid {} that nobody else "
                "can write: chown, chmod 0600",
                escaped(path), ::geteuid());
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + have, text.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(Code::kUnavailable, "{}: {}", escaped(path), std::strerror(errno));
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  text.resize(have);
  auto baseline = parse(text);
  if (!baseline) return fail(baseline.error().within(escaped(path)));
  return baseline;
}

void Baseline::add(const model::PersistenceIdentity& entry) {
  entries_.insert(key_of(entry));
}

bool Baseline::holds(const model::PersistenceIdentity& entry) const {
  return entries_.contains(key_of(entry));
}

std::string Baseline::text() const {
  std::string result(kHeader);
  for (const auto& [kind, path, digest] : entries_)
    result += fmt::format("{}\t{}\t{}\n", kind, digest.hex(), written(path));
  return result;
}

}  // namespace fleetsweep::scan
