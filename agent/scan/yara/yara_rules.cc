#include "agent/scan/yara/yara_rules.h"

#include <cstring>

#include "protocol/base/limits.h"

// Last: it defines macros named like functions of everybody else.
#include <yara.h>

namespace fleetsweep::scan {
namespace {

void remember_error(int level, const char*, int line, const YR_RULE*, const char* message,
                    void* user) {
  auto* text = static_cast<std::string*>(user);
  if (level == YARA_ERROR_LEVEL_ERROR && text->empty())
    *text = fmt::format("line {}: {}", line, message);
}

int collect(YR_SCAN_CONTEXT* context, int message, void* data, void* user) {
  const auto* rule = static_cast<const YR_RULE*>(data);
  if (message != CALLBACK_MSG_RULE_MATCHING || RULE_IS_PRIVATE(rule)) return CALLBACK_CONTINUE;
  model::RuleMatch found{.name = rule->identifier, .strings = {}};
  const YR_STRING* string = nullptr;
  yr_rule_strings_foreach(rule, string) {
    // libyara packs them without regard to alignment.
    YR_MATCH match;
    for (const YR_MATCH* at = context->matches[string->idx].head; at != nullptr; at = match.next) {
      std::memcpy(static_cast<void*>(&match), static_cast<const void*>(at), sizeof match);
      if (match.is_private) continue;
      if (found.strings.size() < limits::kRuleStrings)
        found.strings.push_back(
            {string->identifier, static_cast<std::uint64_t>(match.base + match.offset)});
      break;
    }
  }
  static_cast<std::vector<model::RuleMatch>*>(user)->push_back(std::move(found));
  return CALLBACK_CONTINUE;
}

struct Variable {
  const char* name;
  std::string YaraExternals::*value;
};
constexpr Variable kVariables[] = {
    {"filename", &YaraExternals::filename},   {"filepath", &YaraExternals::filepath},
    {"extension", &YaraExternals::extension}, {"filetype", &YaraExternals::filetype},
    {"owner", &YaraExternals::owner},         {"md5", &YaraExternals::md5}};

// How libyara asks for one part after the other.
struct Parts {
  std::span<const YaraBlock> parts;
  std::uint64_t size = 0;
  std::size_t at = 0;
  YR_MEMORY_BLOCK block{};

  YR_MEMORY_BLOCK* current() {
    if (at >= parts.size()) return nullptr;
    block.size = parts[at].bytes.size();
    block.base = parts[at].base;
    block.context = const_cast<std::uint8_t*>(parts[at].bytes.data());
    block.fetch_data = [](YR_MEMORY_BLOCK* self) {
      return static_cast<const std::uint8_t*>(self->context);
    };
    return &block;
  }
  static Parts& of(YR_MEMORY_BLOCK_ITERATOR* iterator) {
    return *static_cast<Parts*>(iterator->context);
  }
};

Result<YR_RULES*> compile_text(const std::string& source) {
  YR_COMPILER* compiler = nullptr;
  if (yr_compiler_create(&compiler) != ERROR_SUCCESS)
    return fail(Code::kInternal, "rules: no memory for a compiler");
  const std::unique_ptr<YR_COMPILER, void (*)(YR_COMPILER*)> owned(compiler, yr_compiler_destroy);
  std::string error;
  yr_compiler_set_callback(compiler, remember_error, &error);
  yr_compiler_set_include_callback(compiler, nullptr, nullptr, nullptr);
  for (const Variable& variable : kVariables)
    yr_compiler_define_string_variable(compiler, variable.name, "");
  if (yr_compiler_add_string(compiler, source.c_str(), nullptr) != 0)
    return fail(Code::kInvalid, "rules: {}", error.empty() ? "they do not compile" : error);
  YR_RULES* rules = nullptr;
  if (yr_compiler_get_rules(compiler, &rules) != ERROR_SUCCESS)
    return fail(Code::kInternal, "rules: no memory for them");
  return rules;
}

// The compiler's memory grows by whole megabytes, whatever it made of a source: ten sources of
// fifty rules held 66 MB more. So it is written out and read back, and the rest let go.
YR_RULES* compact(YR_RULES* rules) {
  Bytes image;
  YR_STREAM out{&image, nullptr, [](const void* from, size_t size, size_t count, void* to) {
                  const auto* bytes = static_cast<const std::uint8_t*>(from);
                  auto& all = *static_cast<Bytes*>(to);
                  all.insert(all.end(), bytes, bytes + size * count);
                  return count;
                }};
  const bool is_written = yr_rules_save_stream(rules, &out) == ERROR_SUCCESS;
  yr_rules_destroy(rules);
  if (!is_written) return nullptr;
  BytesView left = image;
  YR_STREAM in{&left,
               [](void* to, size_t size, size_t count, void* from) {
                 auto& bytes = *static_cast<BytesView*>(from);
                 if (size * count > bytes.size()) return size_t{0};
                 std::memcpy(to, bytes.data(), size * count);
                 bytes = bytes.subspan(size * count);
                 return count;
               },
               nullptr};
  YR_RULES* compacted = nullptr;
  return yr_rules_load_stream(&in, &compacted) == ERROR_SUCCESS ? compacted : nullptr;
}

}  // namespace

YaraLibrary::YaraLibrary() {
  yr_initialize();
}
YaraLibrary::~YaraLibrary() {
  yr_finalize();
}

struct YaraRules::Compiled {
  YR_RULES* rules = nullptr;
  YR_SCANNER* scanner = nullptr;
  ~Compiled() {
    if (scanner != nullptr) yr_scanner_destroy(scanner);
    if (rules != nullptr) yr_rules_destroy(rules);
  }
};

YaraRules::YaraRules(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
YaraRules::YaraRules(YaraRules&&) noexcept = default;
YaraRules& YaraRules::operator=(YaraRules&&) noexcept = default;
YaraRules::~YaraRules() = default;

Result<YaraRules> YaraRules::compile(const std::string& source) {
  if (source.find('\0') != std::string::npos)
    return fail(Code::kInvalid, "rules: a zero byte in the source");
  auto compiled = std::make_unique<Compiled>();
  FS_TRY(compiled->rules, compile_text(source));
  compiled->rules = compact(compiled->rules);
  if (compiled->rules == nullptr ||
      yr_scanner_create(compiled->rules, &compiled->scanner) != ERROR_SUCCESS)
    return fail(Code::kInternal, "rules: no memory for them");
  // Its guard against faults would install signal handlers for each file; we scan our own memory.
  yr_scanner_set_flags(compiled->scanner, SCAN_FLAGS_NO_TRYCATCH);
  YaraRules result(std::move(compiled));
  result.uses_md5_ = source.find("md5") != std::string::npos;
  return result;
}

Result<std::vector<model::RuleMatch>> YaraRules::scan(BytesView bytes,
                                                      const YaraExternals& externals,
                                                      Seconds timeout) const {
  const YaraBlock whole{0, bytes};
  return scan({&whole, 1}, bytes.size(), externals, timeout);
}

Result<std::vector<model::RuleMatch>> YaraRules::scan(std::span<const YaraBlock> parts,
                                                      std::uint64_t size,
                                                      const YaraExternals& externals,
                                                      Seconds timeout) const {
  std::vector<model::RuleMatch> matches;
  YR_SCANNER* scanner = compiled_->scanner;
  for (const Variable& variable : kVariables)
    yr_scanner_define_string_variable(scanner, variable.name, (externals.*variable.value).c_str());
  yr_scanner_set_callback(scanner, collect, &matches);
  yr_scanner_set_timeout(scanner, static_cast<int>(timeout.count()));
  Parts context{parts, size};
  YR_MEMORY_BLOCK_ITERATOR iterator{};
  iterator.context = &context;
  iterator.first = [](YR_MEMORY_BLOCK_ITERATOR* self) {
    Parts::of(self).at = 0;
    return Parts::of(self).current();
  };
  iterator.next = [](YR_MEMORY_BLOCK_ITERATOR* self) {
    ++Parts::of(self).at;
    return Parts::of(self).current();
  };
  iterator.file_size = [](YR_MEMORY_BLOCK_ITERATOR* self) { return Parts::of(self).size; };
  iterator.last_error = ERROR_SUCCESS;
  const int error = yr_scanner_scan_mem_blocks(scanner, &iterator);
  if (error == ERROR_SCAN_TIMEOUT)
    return fail(Code::kUnavailable, "rules: not done within {} s", timeout.count());
  if (error != ERROR_SUCCESS) return fail(Code::kInternal, "rules: libyara error {}", error);
  return matches;
}

}  // namespace fleetsweep::scan
