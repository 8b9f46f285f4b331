#include "policies/compiler/regex_check/regex_check.h"

#include <hs/hs_compile.h>

namespace fleetsweep::compiler {

std::optional<std::string> hyperscan_complaint(std::string_view pattern, bool cased) {
  const std::string text(pattern);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const unsigned flags = HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL | (cased ? 0u : HS_FLAG_CASELESS);
  const auto result = hs_compile(text.c_str(), flags, HS_MODE_BLOCK, nullptr, &database, &error);
  std::optional<std::string> complaint;
  if (result != HS_SUCCESS) complaint = error && error->message ? error->message : "unknown error";
  if (error) hs_free_compile_error(error);
  if (database) hs_free_database(database);
  return complaint;
}

}  // namespace fleetsweep::compiler
