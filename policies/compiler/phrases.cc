#include "policies/compiler/phrases.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policies/compiler/field_table.h"
#include "policies/compiler/template_text.h"
#include "protocol/base/bytes.h"
#include "protocol/hash_set/hash_set.h"

namespace fleetsweep::compiler {
namespace {

using model::Field;
using model::Match;
using model::Policy;

constexpr std::size_t kValuesShown = 4;

constexpr std::pair<std::string_view, std::string_view> kChoices[] = {
    {"elf", "a Linux program (ELF)"},
    {"pe", "a Windows program (PE)"},
    {"script", "a script"},
    {"gzip", "packed with gzip"},
    {"zip", "a zip archive"},
    {"text", "plain text"},
    {"data", "of no known kind"},
    {"regular", "a regular file"},
    {"cron", "a cron job"},
    {"at", "a job of at"},
    {"systemd_unit", "a systemd unit"},
    {"systemd_timer", "a systemd timer"},
    {"ld_so_preload", "a library that is loaded into every program"},
    {"init_script", "an init script"},
    {"rc_local", "a line of the local boot script"},
    {"shell_profile", "a line of a shell profile"},
    {"authorized_key", "an SSH key that may log in"},
    {"win_service", "a Windows service"},
    {"win_task", "a task of Windows"},
    {"systemd_socket", "a systemd socket"},
    {"systemd_path", "a systemd path unit"},
    {"systemd_generator", "a systemd generator"},
    {"systemd_environment", "a library that a unit loads by its environment"},
    {"inittab", "a line of inittab"},
    {"xdg_autostart", "a desktop autostart entry"},
    {"ld_so_conf", "a folder of shared libraries"},
    {"pam_config", "a line of a PAM configuration"},
    {"pam_module", "a PAM module"},
    {"sshd_config", "a command in the SSH server's configuration"},
    {"udev_rule", "a command of a udev rule"},
    {"motd_script", "a script of the message of the day"},
    {"package_manager_hook", "a hook of the package manager"},
    {"git_hook", "a git hook"},
    {"dbus_service", "a D-Bus service"},
    {"polkit_rule", "a polkit rule"},
    {"networkmanager_dispatcher", "a script that NetworkManager runs"},
    {"kernel_module", "a kernel module that is loaded at boot"},
    {"modprobe_hook", "a command that loading a kernel module runs"},
    {"binfmt", "an interpreter of a binary format"},
    {"setuid_program", "a program with the rights of its owner"},
    {"file_capability", "a program with capabilities"},
    {"sudoers", "a rule of sudo"},
    {"account", "an account"},
    {"path_shadow", "a program in front of another of its name"},
    {"web_script", "a script that a web server runs"},
    {"environment_file", "a line of an environment file"},
    {"win_run", "a Run value of Windows"},
    {"win_winlogon", "a value of Winlogon"},
    {"tcp", "a TCP socket"},
    {"udp", "a UDP socket"},
    {"udplite", "a UDP-Lite socket"},
    {"sctp", "an SCTP socket"},
    {"icmp", "an ICMP socket"},
    {"raw", "a raw socket"},
    {"packet", "a packet socket"},
    {"REG_NONE", "nothing"},
    {"REG_SZ", "text"},
    {"REG_EXPAND_SZ", "text with variables"},
    {"REG_BINARY", "bytes"},
    {"REG_DWORD", "a number of 32 bits"},
    {"REG_MULTI_SZ", "several texts"},
    {"REG_QWORD", "a number of 64 bits"},
};

constexpr std::pair<std::string_view, std::string_view> kFacts[] = {
    {"os.version", "version of the system"},
    {"kernel.version", "version of the kernel"},
    {"os.id", "distribution"},
    {"arch", "kind of processor"},
};

constexpr std::pair<std::string_view, std::string_view> kOperations[] = {
    {">=", "at least"}, {"<=", "at most"}, {">", "above"},
    {"<", "below"},     {"==", "exactly"}, {"!=", "other than"},
};

std::string_view look_up(std::string_view key, const auto& table) {
  const auto found = std::find_if(std::begin(table), std::end(table),
                                  [&](const auto& row) { return row.first == key; });
  return found == std::end(table) ? key : found->second;
}

std::string_view verb(Match match) {
  switch (match) {
    case Match::kEquals:
      return "is";
    case Match::kContains:
      return "contains";
    case Match::kStartsWith:
      return "starts with";
    case Match::kEndsWith:
      return "ends with";
    case Match::kRegex:
      return "matches the pattern";
    case Match::kCidr:
      return "lies in";
    case Match::kGreater:
      return "is above";
    case Match::kLess:
      return "is below";
    case Match::kExists:
      return "is known";
    case Match::kDomain:
      return "names the domain";
  }
  return "is";
}

// {{loader.file.name}} -> the name of the "loader" found
std::string template_words(const TemplatePart& part) {
  const auto field = from_name<Field>(part.field);
  std::string text(field ? field_info(*field).words : part.field);
  if (text.starts_with("its ")) text.replace(0, 3, "the");
  if (const auto its = text.find(" its "); its != std::string::npos) text.replace(its, 5, " the ");
  text += " of the " + spoken(part.detection) + " found";
  if (!part.filter.empty()) text += ", as 32-bit programs see it";
  return text;
}

std::string names_under_words(std::string_view text) {
  const auto open = text.find('(');
  return "the name of something installed under " +
         std::string(text.substr(open + 1, text.rfind(')') - open - 1));
}

std::string templated_words(std::string_view text) {
  if (text.starts_with("{{@")) return names_under_words(text);
  std::size_t bad = 0;
  const auto parts = find_templates(text, bad);
  if (!parts) return in_quotes(text);
  if (parts->size() == 1 && parts->front().begin == 0 && parts->front().end == text.size())
    return template_words(parts->front());
  std::string filled;
  std::size_t from = 0;
  for (const auto& part : *parts) {
    filled += std::string(text.substr(from, part.begin - from)) + "<" + template_words(part) + ">";
    from = part.end;
  }
  return in_quotes(filled + std::string(text.substr(from)));
}

std::string value_words(const model::Predicate& p, const model::Value& value) {
  if (value.templated) return templated_words(value.text);
  switch (field_info(p.field).holds) {
    case Holds::kSize:
      return size_words(static_cast<std::uint64_t>(value.number));
    case Holds::kSeconds:
      if (value.number == 0) return "the same moment";
      return duration_words(Seconds(std::abs(value.number))) +
             (value.number < 0 ? " earlier" : " later");
    case Holds::kPort:
    case Holds::kNumber:
      return std::to_string(value.number);
    case Holds::kTimestamp:
      return to_rfc3339(timestamp(value.number));
    case Holds::kWord:
      return std::string(choice_words(value.text));
    case Holds::kHash:
    case Holds::kHex:
    case Holds::kAddress:
      return escaped(value.text);
    default:
      return in_quotes(value.text);
  }
}

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : escaped(text)) {
    if (c == '"') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string spoken(std::string_view id) {
  std::string text(id);
  std::replace(text.begin(), text.end(), '_', ' ');
  return in_quotes(text);
}

std::string joined(const std::vector<std::string>& parts, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i) text += i + 1 == parts.size() ? fmt::format(" {} ", last) : ", ";
    text += parts[i];
  }
  return text;
}

std::string size_words(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", bytes, kUnits[unit]);
}

std::string duration_words(Seconds duration) {
  constexpr std::pair<std::int64_t, std::string_view> kUnits[] = {
      {86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  std::string text;
  auto left = duration.count();
  for (const auto& [length, unit] : kUnits) {
    if (const auto count = left / length)
      text += (text.empty() ? "" : " ") + count_words(static_cast<std::uint64_t>(count), unit);
    left %= length;
  }
  return text.empty() ? "0 seconds" : text;
}

std::string count_words(std::uint64_t count, std::string_view one) {
  if (count == 1) return fmt::format("1 {}", one);
  if (one.ends_with("ss")) return fmt::format("{} {}es", count, one);
  if (one.ends_with("ry")) return fmt::format("{} {}ies", count, one.substr(0, one.size() - 1));
  return fmt::format("{} {}s", count, one);
}

std::string_view object_words(model::ObjectKind object) {
  switch (object) {
    case model::ObjectKind::kFile:
      return "a file";
    case model::ObjectKind::kProcess:
      return "a running process";
    case model::ObjectKind::kPersistence:
      return "an entry that starts something or lets somebody in";
    case model::ObjectKind::kNetworkTraffic:
      return "a network connection";
    case model::ObjectKind::kWindowsRegistryKey:
      return "a value in the Windows registry";
  }
  return {};
}

std::string_view choice_words(std::string_view choice) {
  return look_up(choice, kChoices);
}

std::string until_words(Timestamp expires) {
  return expires == Timestamp{} ? ""
                                : fmt::format(" (until {})", to_rfc3339(expires).substr(0, 10));
}

std::string predicate_words(const model::Predicate& p) {
  const FieldInfo info = field_info(p.field);
  if (p.match == Match::kExists)
    return fmt::format("{}{} {}", info.holds == Holds::kBoolean ? "whether " : "", info.words,
                       p.values[0].number ? "is known" : "is unknown");
  if (info.holds == Holds::kBoolean)
    return std::string(p.values[0].number ? info.words : info.words_not);
  if (!p.parts.empty())
    return fmt::format("{} is one of {} in a hash set{}", info.words,
                       hash_set::hash_count(p.parts, info.hash_bytes), until_words(p.expires));
  std::vector<std::string> values;
  for (const auto& value : p.values)
    if (values.size() < kValuesShown || p.values.size() == kValuesShown + 1)
      values.push_back(value_words(p, value));
  if (p.values.size() > values.size())
    values.push_back(fmt::format("{} more", p.values.size() - values.size()));
  std::string text = fmt::format("{} {} {}{}", info.words, verb(p.match),
                                 p.all && p.values.size() > 1 ? "all of " : "",
                                 joined(values, p.all ? "and" : "or"));
  if (p.tolerance_ms) text += fmt::format(", give or take {} ms", p.tolerance_ms);
  text += until_words(p.expires);
  return text;
}

std::string scope_words(const model::FileScope& scope) {
  std::vector<std::string> places;
  for (const auto& path : scope.paths) {
    if (path == "@home")
      places.push_back("the home directories");
    else if (path.starts_with("@home/"))
      places.push_back(in_quotes(path.substr(6)) + " in the home directories");
    else
      places.push_back(in_quotes(path));
  }
  std::string text = "anywhere on the host's own disks";
  if (!places.empty()) text = "in " + joined(places, "and");
  if (scope.depth) text += fmt::format(", {} deep", count_words(scope.depth, "level"));
  if (scope.deleted_exe) text += ", and in running programs whose file is gone";
  if (scope.memfd) text += ", and in programs that run from memory";
  return text;
}

std::string rule_words(const model::Rule& rule, model::ObjectKind object) {
  const bool is_process = object == model::ObjectKind::kProcess;
  std::string text = fmt::format("its {} matches the YARA rule {} ({})",
                                 is_process ? "memory" : "content", spoken(rule.id), rule.license);
  if (is_process) return text;
  std::vector<std::string> bounds;
  if (!rule.magic.empty())
    bounds.push_back("its content is " + std::string(choice_words(rule.magic)));
  if (rule.size_min) bounds.push_back("it has at least " + size_words(rule.size_min));
  if (rule.size_max) bounds.push_back("it has at most " + size_words(rule.size_max));
  if (!bounds.empty()) text += ", tried only if " + joined(bounds, "and");
  return text;
}

std::string precondition_words(const model::Precondition& p) {
  const bool is_version = p.value.find_first_not_of("0123456789.") == std::string::npos;
  return fmt::format("{} {} {}", look_up(p.fact, kFacts), look_up(p.operation, kOperations),
                     is_version ? escaped(p.value) : in_quotes(p.value));
}

}  // namespace fleetsweep::compiler
