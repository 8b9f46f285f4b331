#include "agent/act/reinstall.h"

#include <algorithm>

#include "protocol/base/bytes.h"

namespace fleetsweep::act {

namespace {

// What dpkg and rpm allow in names and versions, and nothing that a shell or a command line reads.
bool is_plain(std::string_view word) {
  return !word.empty() && word.front() != '-' && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("+-.:~^_").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<std::string> dpkg_version(std::string_view status, std::string_view package) {
  const auto colon = package.find(':');
  const std::string_view wanted = package.substr(0, colon);
  const std::string_view architecture =
      colon == std::string_view::npos ? std::string_view() : package.substr(colon + 1);
  std::string_view name, built_for, version;
  while (!status.empty()) {
    const auto end = std::min(status.find('\n'), status.size());
    const std::string_view line = status.substr(0, end);
    status.remove_prefix(std::min(end + 1, status.size()));
    const auto take = [&](std::string_view key, std::string_view& value) {
      if (line.starts_with(key)) value = line.substr(key.size());
    };
    take("Package: ", name);
    take("Architecture: ", built_for);
    take("Version: ", version);
    if (!line.empty() && !status.empty()) continue;  // the paragraph goes on
    if (name == wanted && !version.empty() && (architecture.empty() || architecture == built_for))
      return std::string(version);
    name = built_for = version = {};
  }
  return std::nullopt;
}

std::string reinstall_proposal(const ChangedFile& file) {
  // dpkg records MD5, rpm SHA-256.
  const bool is_rpm = file.recorded && file.recorded->size() == 64;
  std::string text = "of package " + escaped(file.package);
  if (!is_rpm) text += " " + (file.version.empty() ? "(no version known)" : escaped(file.version));
  text += file.recorded
              ? fmt::format(", which installed {} {}; here is ", is_rpm ? "SHA-256" : "MD5",
                            *file.recorded)
              : fmt::format(", which recorded no digest; here is {}", file.found ? "MD5 " : "");
  text += file.found.value_or("what is too large to be hashed");
  if (is_rpm && is_plain(file.package))
    return text + "; a person may run: dnf reinstall " + file.package;
  if (is_rpm || !is_plain(file.package) || !is_plain(file.version))
    return text +
           "; this is no name and version that its package manager gives: look at its "
           "database first";
  return text + fmt::format("; a person may run: apt-get install --reinstall {}={}", file.package,
                            file.version);
}

}  // namespace fleetsweep::act
