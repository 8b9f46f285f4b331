#include "policies/compiler/import/formula.h"

#include <algorithm>

#include "policies/compiler/absolute.h"
#include "policies/compiler/address.h"
#include "policies/compiler/field_table.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

using compiler::Holds;
using model::Field;
using model::Match;
using Alternative = std::vector<Leaf>;

constexpr std::int64_t kPortMax = 65535;
constexpr std::size_t kProblemsNamed = 4;  // of one alternative
constexpr std::string_view kLookedForInCommands =
    "is about the whole name, and a command holds more: write a regular expression over "
    "persistence.command and process.command_line";

// Or over ands; borrows from the formula. Bounded: a short pattern multiplies itself out to
// gigabytes.
Result<std::vector<std::vector<const Leaf*>>> written_out(const Formula& formula) {
  using Leaves = std::vector<const Leaf*>;
  if (formula.part == Formula::Part::kLeaf) return std::vector<Leaves>(1, {&formula.leaf});
  const auto too_many = [] {
    return fail(Code::kInvalid, "written out it has more than {} alternatives",
                limits::kImportAlternatives);
  };
  std::vector<Leaves> all;
  if (formula.part == Formula::Part::kAnd) all.emplace_back();
  for (const Formula& part : formula.parts) {
    FS_TRY(const std::vector<Leaves> more, written_out(part));
    if (formula.part == Formula::Part::kOr) {
      all.insert(all.end(), more.begin(), more.end());
    } else {
      std::vector<Leaves> product;
      if (all.size() * more.size() > limits::kImportAlternatives) return too_many();
      for (const Leaves& left : all)
        for (const Leaves& right : more) {
          if (left.size() + right.size() > limits::kImportTerms)
            return fail(Code::kInvalid, "more than {} things must be true of it at once",
                        limits::kImportTerms);
          product.push_back(left);
          product.back().insert(product.back().end(), right.begin(), right.end());
        }
      all = std::move(product);
    }
    if (all.size() > limits::kImportAlternatives) return too_many();
  }
  return all;
}

// The one of them that it is, in whatever case; empty: none.
std::string_view word_of(std::span<const std::string_view> choices, std::string_view word) {
  for (const std::string_view choice : choices)
    if (in_small_letters(choice) == in_small_letters(word)) return choice;
  return {};
}

Leaf compared_number(Subject subject, Match match, std::string_view value) {
  const auto number = compiler::parse_whole(value);
  const bool port = compiler::field_info(subject.field).holds == Holds::kPort;
  if (!number || *number < 0 ||
      *number > (port ? kPortMax : static_cast<std::int64_t>(compiler::kSizeMax)) ||
      (match != Match::kEquals && match != Match::kGreater && match != Match::kLess))
    return unsupported(fmt::format("{} is compared as a number, not with '{}'", name(subject.field),
                                   shown_note(value)));
  return {.term = {subject.field, match, std::to_string(*number), false}};
}

std::string literally(std::string_view text) {
  std::string expression;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) expression += '\\';
    expression += c;
  }
  return expression;
}

// What is found in the URLs that a command holds. A part without a scheme would be one of paths
// too, as /cron.php is of /var/www/cron.php: a scheme stands before it in one word. What a URL ends
// with ends the word. Text that is compared with itself has no case there, so neither has this.
Leaf in_urls(Match match, std::string_view part) {
  const bool has_scheme = part.find("://") != std::string_view::npos;
  // What is refused anyway stays as the feed has it.
  if ((has_scheme && match != Match::kEndsWith) || part.size() < kPartBytes)
    return {.term = {Field::kPersistenceCommand, Match::kContains, std::string(part), false},
            .kind = Kind::kUrl};
  return {.term = {Field::kPersistenceCommand, Match::kRegex,
                   (has_scheme ? "" : R"(://[^\s"']*)") + literally(part) +
                       (match == Match::kEndsWith ? R"((?:[\s"'|;<>)`]|$))" : ""),
                   true},
          .kind = Kind::kUrl};
}

char separator_of(std::string_view folder) {
  return folder.find('\\') == std::string_view::npos ? '/' : '\\';
}

// Whether a folder of it is a %VARIABLE%.
bool has_variable(std::string_view path) {
  for (std::size_t from = 0; from < path.size();) {
    const auto end = std::min(path.find_first_of("/\\", from), path.size());
    const auto name = path.substr(from, end - from);
    if (name.size() > 2 && name.starts_with('%') && name.ends_with('%')) return true;
    from = end + 1;
  }
  return false;
}

// Windows takes C:/x, and tells C:\x.
std::string as_told(std::string_view path) {
  std::string told(path);
  std::replace(told.begin(), told.end(), '/', '\\');
  return compiler::has_drive(told) ? told : std::string(path);
}

// What stands before it in a path; OpenIOC leaves the drive out.
std::string_view before(std::string_view folder) {
  const bool begins = compiler::is_absolute(folder, model::Platform::kAny) ||
                      folder.starts_with(separator_of(folder));
  return begins ? "" : separator_of(folder) == '/' ? "/" : "\\";
}

// Where the whole path of what the field names stands.
std::optional<Field> path_of(Field name) {
  switch (name) {
    case Field::kFileName:
      return Field::kFilePath;
    case Field::kProcessName:
    case Field::kProcessExeName:
      return Field::kProcessExePath;
    case Field::kNetworkProcessName:
      return Field::kNetworkProcessExePath;
    default:
      return std::nullopt;
  }
}

// A name with folders; that of a process may hold a slash, as kworker/0:1 does.
bool names_path(const compiler::FieldInfo& info, std::string_view value) {
  return info.holds == Holds::kFileName
             ? value.find_first_of("/\\") != std::string_view::npos
             : compiler::is_absolute(as_told(value), model::Platform::kAny);
}

// Any file that lies in it.
Leaf compared_folder(Match match, std::string_view value) {
  if (match == Match::kStartsWith || match == Match::kContains)
    return {.term = {Field::kFilePath, match, std::string(value), false}, .is_folder_part = true};
  if (value.empty()) return unsupported("it is empty");
  if ((match != Match::kEquals && match != Match::kEndsWith) ||
      value.find_first_of("*?") != std::string_view::npos)
    return unsupported("a pattern of folders");
  const char separator = separator_of(value);
  std::string folder(value);
  if (!folder.ends_with(separator)) folder += separator;
  const bool from_start =
      match == Match::kEquals && compiler::is_absolute(folder, model::Platform::kAny);
  const std::string begin = from_start                ? "^"
                            : match == Match::kEquals ? literally(before(folder))
                                                      : "";
  return {.term = {Field::kFilePath, Match::kRegex,
                   fmt::format("{}{}[^{}]+$", begin, literally(folder), literally({&separator, 1})),
                   separator == '\\'},
          .folder = match == Match::kEquals ? folder : ""};
}

Leaf compared_path(Subject subject, Match match, std::string_view value) {
  const bool is_regex = match == Match::kRegex;
  if (!is_regex && has_variable(value))
    return unsupported("%VARIABLES% stand for folders that only scope.paths knows");
  const std::string path = is_regex ? std::string(value) : as_told(value);
  if (subject.is_folder) return compared_folder(match, path);
  return {.term = {subject.field, match, path, false}};
}

// The part of a folder's path as one of a file's in it: a separator follows. What is refused
// anyway stays as the feed has it.
Term in_folder(const Term& part, model::Platform platform) {
  const bool on_windows = platform == model::Platform::kWindows;
  const bool begins = part.match == Match::kStartsWith;
  if (part.value.size() < kPartBytes || part.value.ends_with(on_windows ? '\\' : '/') ||
      (begins && !compiler::is_absolute(part.value, platform)) ||
      part.value.find_first_of("*?") != std::string::npos)
    return part;
  return {Field::kFilePath, Match::kRegex,
          (begins ? "^" : "") + literally(part.value) + (on_windows ? R"([^\\]*\\)" : "[^/]*/"),
          on_windows || part.caseless};
}

// It reads a name into the path where the feed names another. Names in the registry have no case.
bool contradicts_itself(const Alternative& alternative) {
  return std::any_of(alternative.begin(), alternative.end(), [&](const Leaf& reading) {
    return reading.is_reading && !reading.negated &&
           std::any_of(alternative.begin(), alternative.end(), [&](const Leaf& other) {
             return other.term.field == reading.term.field && !other.negated &&
                    other.term.match == Match::kEquals &&
                    in_small_letters(other.term.value) != in_small_letters(reading.term.value);
           });
  });
}

// One path has one case: where it counts for the name or the folder alone, they stay two.
void join_paths(Alternative& alternative, model::Platform platform) {
  const auto folder = std::find_if(alternative.begin(), alternative.end(), [](const Leaf& leaf) {
    return !leaf.negated && !leaf.folder.empty();
  });
  const auto file = std::find_if(alternative.begin(), alternative.end(), [](const Leaf& leaf) {
    return !leaf.negated && leaf.problem.empty() && leaf.term.field == Field::kFileName &&
           leaf.term.match == Match::kEquals;
  });
  if (folder == alternative.end() || file == alternative.end()) return;
  if (platform != model::Platform::kWindows && folder->term.caseless != file->term.caseless) return;
  const bool whole = compiler::is_absolute(folder->folder, model::Platform::kAny);
  file->term = {Field::kFilePath, whole ? Match::kEquals : Match::kEndsWith,
                std::string(before(folder->folder)) + folder->folder + file->term.value,
                file->term.caseless};
  alternative.erase(folder);
}

// What a formula says goes where it belongs.
class Taking {
 public:
  Taking(const Indicator& like, std::string_view shown, Collector& into)
      : like_(like), shown_(shown), into_(into) {}

  // What stands in an or stands for itself; only where an and multiplies it there are too many.
  void take(const Formula& formula) {
    if (formula.part == Formula::Part::kOr || formula.parts.size() == 1) {
      for (const Formula& part : formula.parts) take(part);
      return;
    }
    const auto all = written_out(formula);
    if (!all) return into_.refuse(like_.origins[0], shown_, all.error().message);
    std::size_t bytes = 0;
    for (const std::vector<const Leaf*>& leaves : *all)
      for (const Leaf* leaf : leaves) bytes += bytes_of(leaf->term);
    if (bytes > limits::kImportPatternBytes)
      return into_.refuse(
          like_.origins[0], shown_,
          fmt::format("written out it has more than {} bytes", limits::kImportPatternBytes));
    for (const std::vector<const Leaf*>& leaves : *all) {
      Alternative alternative;
      for (const Leaf* leaf : leaves) alternative.push_back(*leaf);
      take(std::move(alternative));
    }
  }

 private:
  void take(Alternative alternative) {
    if (contradicts_itself(alternative)) return;
    join_paths(alternative, into_.context().platform);
    std::vector<std::string_view> problems;
    Indicator indicator = like_;
    bool looks_in_commands = false;
    if (!alternative.empty() && alternative[0].line)
      indicator.origins[0].line = alternative[0].line;
    for (const Leaf& leaf : alternative) {
      if (!leaf.problem.empty() &&
          std::find(problems.begin(), problems.end(), leaf.problem) == problems.end())
        problems.push_back(leaf.problem);
      looks_in_commands =
          looks_in_commands || leaf.kind == Kind::kDomain || leaf.kind == Kind::kUrl;
      (leaf.negated ? indicator.none_of : indicator.all_of)
          .push_back(leaf.is_folder_part ? in_folder(leaf.term, into_.context().platform)
                                         : leaf.term);
    }
    if (problems.empty() && looks_in_commands && alternative.size() > 1)
      problems.push_back("a domain or URL together with something else");
    if (!problems.empty()) return refuse(indicator.origins[0], problems);
    indicator.kind = looks_in_commands ? alternative[0].kind : kind_of(indicator.all_of);
    if (!indicator.none_of.empty() && indicator.kind != Kind::kHash)
      indicator.kind = Kind::kCombination;
    into_.take(std::move(indicator), shown_);
  }

  // For the first of them: all that stand beside it would be as many as there are alternatives.
  void refuse(const Origin& origin, const std::vector<std::string_view>& problems) {
    const auto named = std::min(problems.size(), kProblemsNamed);
    std::string why = fmt::format(
        "{}",
        fmt::join(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(named), "; "));
    if (problems.size() > named) why += fmt::format("; and {} more", problems.size() - named);
    into_.refuse(origin, shown_, std::move(why), std::string(problems[0]));
  }

  const Indicator& like_;
  std::string_view shown_;
  Collector& into_;
};

}  // namespace

Formula Formula::problem(std::string why) {
  return of(unsupported(std::move(why)));
}

Leaf unsupported(std::string why) {
  Leaf leaf;
  leaf.problem = std::move(why);
  return leaf;
}

Leaf compared(Subject subject, Match match, std::string_view written) {
  const bool is_host = subject.kind == Kind::kDomain || subject.kind == Kind::kUrl ||
                       compiler::field_info(subject.field).holds == Holds::kAddress;
  const std::string meant = is_host ? refanged(written) : std::string(written);
  std::string_view value = meant;
  const auto from = [&](std::optional<Indicator> found, const char* what) {
    if (!found) return unsupported(fmt::format("'{}' is not {}", shown_note(value), what));
    return Leaf{.term = found->all_of[0], .kind = found->kind};
  };
  if (subject.kind == Kind::kDomain) {
    // What a name ends with or contains is a domain too, or it cannot be said.
    if (match != Match::kEquals && match != Match::kEndsWith && match != Match::kContains)
      return unsupported(fmt::format("a pattern of domains {}", kLookedForInCommands));
    return from(domain_indicator(value.substr(value.starts_with('.'))), "a domain name");
  }
  if (subject.kind == Kind::kUrl) {
    if (match == Match::kEquals) {
      auto found = url_indicator(value);
      // One comparison holds no address and a port, and another port is another sign. What no host
      // of the internet has is refused as an address.
      if (found && found->all_of.size() > 1 &&
          compiler::special_use(found->all_of[0].value).empty())
        return {.term = {subject.field, Match::kRegex, literally(value) + "(?:[^0-9]|$)", true},
                .kind = Kind::kUrl};
      return from(std::move(found), "a URL");
    }
    if (match != Match::kStartsWith && match != Match::kEndsWith && match != Match::kContains)
      return unsupported(fmt::format("a pattern of URLs {}", kLookedForInCommands));
    if (std::string_view("https://").starts_with(value) ||
        std::string_view("http://").starts_with(value))
      return unsupported("every URL begins so");
    return in_urls(match, value);
  }
  if (subject.field == Field::kFileExtension && value.starts_with('.')) value.remove_prefix(1);
  const auto info = compiler::field_info(subject.field);
  if (const auto path = path_of(subject.field);
      path && match == Match::kEquals && names_path(info, value))
    return compared({*path}, match, value);
  switch (info.holds) {
    case Holds::kHash: {
      Leaf leaf = from(hash_indicator(value), "a hash in hex");
      if (leaf.problem.empty() && (match != Match::kEquals || value.size() != 2 * info.hash_bytes))
        return unsupported(
            fmt::format("'{}' is not a whole {}", shown_note(value), name(subject.field)));
      leaf.term.field = subject.field;
      return leaf;
    }
    case Holds::kAddress: {
      if (match != Match::kEquals && match != Match::kCidr)
        return unsupported("addresses are compared whole or as ranges");
      Leaf leaf = from(address_indicator(value), "an IP address or a range whose host bits are 0");
      leaf.term.field = subject.field;
      return leaf;
    }
    case Holds::kSize:
    case Holds::kPort:
    case Holds::kNumber:
      return compared_number(subject, match, value);
    case Holds::kWord: {
      const auto word = word_of(info.choices, value);
      if (match != Match::kEquals || word.empty())
        return unsupported(fmt::format("{} is never '{}'", name(subject.field), shown_note(value)));
      return {.term = {subject.field, match, std::string(word), false}};
    }
    case Holds::kText:
    case Holds::kPath:
    case Holds::kFileName:
      if (match == Match::kGreater || match == Match::kLess || match == Match::kCidr)
        return unsupported(fmt::format("{} is text", name(subject.field)));
      if (info.holds == Holds::kPath) return compared_path(subject, match, value);
      return {.term = {subject.field, match, std::string(value), false}};
    default:
      return unsupported(fmt::format("{} cannot be compared", name(subject.field)));
  }
}

Leaf compared_like(Subject subject, std::string_view pattern) {
  std::string_view inner = pattern;
  const bool open_begin = inner.starts_with('%');
  if (open_begin) inner.remove_prefix(1);
  const bool open_end = inner.ends_with('%');
  if (open_end) inner.remove_suffix(1);
  if (inner.find_first_of("%_") == std::string_view::npos)
    return compared(subject,
                    open_begin && open_end ? Match::kContains
                    : open_begin           ? Match::kEndsWith
                    : open_end             ? Match::kStartsWith
                                           : Match::kEquals,
                    inner);
  std::string expression = "^";
  for (const char c : pattern) expression += c == '%' ? ".*" : c == '_' ? "." : literally({&c, 1});
  return compared(subject, Match::kRegex, expression + "$");
}

Formula compared_registry_path(std::string_view path, bool negated) {
  const auto leaf = [&](Field field, std::string_view value) {
    Leaf one = compared({field}, Match::kEquals, value);
    one.negated = negated;
    one.is_reading = field == Field::kRegistryValueName;
    return Formula::of(std::move(one));
  };
  const auto last = path.rfind('\\');
  if (last == std::string_view::npos || last == 0 || last + 1 == path.size())
    return leaf(Field::kRegistryKey, path);
  // None of two is neither, and not both is not one of them.
  const auto any = negated ? Formula::Part::kAnd : Formula::Part::kOr;
  const auto all = negated ? Formula::Part::kOr : Formula::Part::kAnd;
  return {any,
          {},
          {leaf(Field::kRegistryKey, path),
           {all,
            {},
            {leaf(Field::kRegistryKey, path.substr(0, last)),
             leaf(Field::kRegistryValueName, path.substr(last + 1))}}}};
}

void take_alternatives(const Formula& formula, const Indicator& like, std::string_view shown,
                       Collector& into) {
  into.begin_one();
  Taking(like, shown, into).take(formula);
  into.end_one();
}

}  // namespace fleetsweep::indicators
