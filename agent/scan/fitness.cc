#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "agent/scan/engine.h"

namespace fleetsweep::scan {
namespace {

std::optional<std::string> fact(const model::Facts& facts, std::string_view name) {
  if (name == "os") return facts.os;
  if (name == "os.id") return facts.os_id;
  if (name == "os.version") return facts.os_version;
  if (name == "kernel.version") return facts.kernel;
  if (name == "arch") return facts.arch;
  if (name == "hostname") return facts.hostname;
  return std::nullopt;
}

// Dotted numbers as far as both have them: 6.1.0-18 against 5.4.
std::optional<int> compare_versions(std::string_view a, std::string_view b) {
  const auto next = [](std::string_view& text) -> std::optional<unsigned long> {
    unsigned long value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    if (text.starts_with('.'))
      text.remove_prefix(1);
    else
      text = {};
    return value;
  };
  auto left = next(a), right = next(b);
  if (!left || !right) return std::nullopt;
  while (left || right) {
    if (left.value_or(0) != right.value_or(0)) return left.value_or(0) < right.value_or(0) ? -1 : 1;
    left = next(a);
    right = next(b);
  }
  return 0;
}

bool holds(const model::Precondition& precondition, const model::Facts& facts) {
  const auto value = fact(facts, precondition.fact);
  if (!value) return false;
  const std::string& operation = precondition.operation;
  const auto order = compare_versions(*value, precondition.value);
  if (operation == "==") return *value == precondition.value || order == 0;
  if (operation == "!=") return order ? *order != 0 : *value != precondition.value;
  if (!order) return false;
  if (operation == ">=") return *order >= 0;
  if (operation == "<=") return *order <= 0;
  if (operation == ">") return *order > 0;
  return operation == "<" && *order < 0;
}

constexpr const char* kWindows = "windows";

bool wants_windows(const model::Detection& detection) {
  if (detection.object == model::ObjectKind::kWindowsRegistryKey) return true;
  for (const model::Selection& selection : detection.any_of) {
    const bool windows_only =
        std::any_of(selection.begin(), selection.end(), [](const model::Predicate& predicate) {
          return predicate.field == model::Field::kPersistenceKind && !predicate.values.empty() &&
                 std::all_of(predicate.values.begin(), predicate.values.end(),
                             [](const model::Value& v) { return v.text.starts_with("win_"); });
        });
    if (windows_only) return true;
  }
  return false;
}

}  // namespace

Unfit unfit(const model::Policy& policy, const model::Facts& facts) {
  if (policy.platform != model::Platform::kAny && name(policy.platform) != facts.os)
    return {model::Reason::kPlatform,
            fmt::format("the policy is for {}, this host is {}", name(policy.platform), facts.os)};
  if (facts.os != kWindows)
    for (const model::Detection& detection : policy.detections)
      if (wants_windows(detection))
        return {model::Reason::kPlatform,
                fmt::format("detection {} looks for Windows objects", detection.id)};
  return {};
}

Unfit unmet(const model::Policy& policy, const model::Facts& facts) {
  Unfit unknown;
  for (const model::Precondition& precondition : policy.preconditions)
    if (facts.os == kWindows && facts.os_version.empty() && precondition.fact == "os.version")
      unknown = {model::Reason::kIo,
                 fmt::format("whether {} {} {} holds is not known, for no hive says which Windows "
                             "this is",
                             precondition.fact, precondition.operation, precondition.value)};
    else if (!holds(precondition, facts))
      return {
          model::Reason::kPrecondition,
          fmt::format("{} {} {} does not hold: it is {}", precondition.fact, precondition.operation,
                      precondition.value, fact(facts, precondition.fact).value_or("unknown"))};
  return unknown;
}

model::Facts host_facts(const Root& root) {
  model::Facts facts;
  utsname names{};
  ::uname(&names);
  facts.hostname = names.nodename;
  facts.os = root.is_windows() ? kWindows : "linux";
  facts.kernel = names.release;
  facts.arch = names.machine;
  constexpr std::size_t kOsReleaseBytes = 64 * 1024;
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const auto text = root.read_small(path, kOsReleaseBytes);
    if (!text) continue;
    const auto value = [&](std::string_view key) {
      const std::size_t at = ("\n" + *text).find("\n" + std::string(key) + "=");
      if (at == std::string::npos) return std::string();
      std::string line = text->substr(at + key.size() + 1);
      line.resize(std::min(line.find('\n'), line.size()));
      std::erase(line, '"');
      return line;
    };
    facts.os_id = value("ID");
    facts.os_version = value("VERSION_ID");
    break;
  }
  return facts;
}

}  // namespace fleetsweep::scan
