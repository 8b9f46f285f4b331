#include "policies/compiler/regex_check/regex_check.h"

#include <hs/hs.h>

namespace fleetsweep::compiler {
namespace {

unsigned flags_of(bool cased) {
  return HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL | (cased ? 0u : HS_FLAG_CASELESS);
}

}  // namespace

std::optional<std::string> hyperscan_complaint(std::string_view pattern, bool cased) {
  const std::string text(pattern);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const auto result =
      hs_compile(text.c_str(), flags_of(cased), HS_MODE_BLOCK, nullptr, &database, &error);
  std::optional<std::string> complaint;
  if (result != HS_SUCCESS) complaint = error && error->message ? error->message : "unknown error";
  if (error) hs_free_compile_error(error);
  if (database) hs_free_database(database);
  return complaint;
}

std::vector<bool> hyperscan_found(std::string_view pattern, bool cased,
                                  const std::vector<std::string>& texts) {
  std::vector<bool> found(texts.size());
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  hs_scratch_t* scratch = nullptr;
  const auto result = hs_compile(std::string(pattern).c_str(), flags_of(cased), HS_MODE_BLOCK,
                                 nullptr, &database, &error);
  if (error) hs_free_compile_error(error);
  const auto on_match = [](unsigned, unsigned long long, unsigned long long, unsigned, void* seen) {
    *static_cast<bool*>(seen) = true;
    return 1;
  };
  if (result == HS_SUCCESS && hs_alloc_scratch(database, &scratch) == HS_SUCCESS)
    for (std::size_t i = 0; i < texts.size(); ++i) {
      bool seen = false;
      hs_scan(database, texts[i].data(), static_cast<unsigned>(texts[i].size()), 0, scratch,
              on_match, &seen);
      found[i] = seen;
    }
  if (scratch) hs_free_scratch(scratch);
  if (database) hs_free_database(database);
  return found;
}

}  // namespace fleetsweep::compiler
