#include "agent/scan/literal/regex_set.h"

#include <algorithm>

#include "agent/scan/literal/database.h"
#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::scan {

struct RegexSet::Database : HyperscanDatabase {
  std::size_t patterns = 0;
};

RegexSet::RegexSet(std::unique_ptr<Database> database) : database_(std::move(database)) {}
RegexSet::RegexSet(RegexSet&&) noexcept = default;
RegexSet& RegexSet::operator=(RegexSet&&) noexcept = default;
RegexSet::~RegexSet() = default;

Result<RegexSet> RegexSet::compile(const std::vector<std::string>& patterns, bool cased,
                                   std::size_t bytes_max) {
  FS_ASSERT(!patterns.empty());
  std::vector<const char*> expressions;
  std::vector<unsigned> flags, ids;
  for (const std::string& pattern : patterns) {
    if (pattern.size() > bytes_max || pattern.find('\0') != std::string::npos)
      return fail(Code::kInvalid, "pattern \"{}\": has a zero byte or more than {} bytes",
                  escaped(pattern), bytes_max);
    expressions.push_back(pattern.c_str());
    flags.push_back(HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY | HS_FLAG_DOTALL |
                    (cased ? 0 : HS_FLAG_CASELESS));
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  auto result = std::make_unique<Database>();
  result->patterns = patterns.size();
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(ids.size()), HS_MODE_BLOCK, nullptr, &result->database,
                       &error) != HS_SUCCESS) {
    const std::string reason = error->message;
    const std::string which =
        error->expression < 0 ? "" : " \"" + escaped(patterns[error->expression]) + "\"";
    hs_free_compile_error(error);
    return fail(Code::kInvalid, "pattern{}: {}", which, reason);
  }
  if (hs_alloc_scratch(result->database, &result->scratch) != HS_SUCCESS)
    return fail(Code::kInternal, "hyperscan: no scratch space");
  return RegexSet(std::move(result));
}

bool RegexSet::any(std::string_view text) const {
  const auto stop = [](unsigned, unsigned long long, unsigned long long, unsigned, void* found) {
    *static_cast<bool*>(found) = true;
    return 1;
  };
  bool found = false;
  hs_scan(database_->database, text.data(), static_cast<unsigned>(text.size()), 0,
          database_->scratch, stop, &found);
  return found;
}

bool RegexSet::all(std::string_view text) const {
  // HS_FLAG_SINGLEMATCH: each pattern calls back once.
  const auto count = [](unsigned, unsigned long long, unsigned long long, unsigned, void* found) {
    ++*static_cast<std::size_t*>(found);
    return 0;
  };
  std::size_t found = 0;
  hs_scan(database_->database, text.data(), static_cast<unsigned>(text.size()), 0,
          database_->scratch, count, &found);
  return found == database_->patterns;
}

std::string RegexSet::quoted(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_word = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                         (byte >= 'a' && byte <= 'z') || byte == '_';
    if (is_word || byte >= 0x80)
      result += c;
    else if (byte >= ' ' && byte <= '~')
      (result += '\\') += c;
    else
      result += fmt::format("\\x{:02x}", byte);
  }
  return result;
}

}  // namespace fleetsweep::scan
