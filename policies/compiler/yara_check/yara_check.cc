#include "policies/compiler/yara_check/yara_check.h"

#include <yara.h>

namespace fleetsweep::compiler {
namespace {

void on_message(int level, const char*, int line, const YR_RULE*, const char* message,
                void* user_data) {
  auto& problems = *static_cast<std::vector<RuleProblem>*>(user_data);
  if (problems.size() >= 100) return;
  problems.push_back({static_cast<std::uint32_t>(line > 0 ? line : 0),
                      level == YARA_ERROR_LEVEL_WARNING, std::string("YARA: ") + message, ""});
}

void compile(const std::string& source, std::vector<RuleProblem>& problems) {
  YR_COMPILER* compiler = nullptr;
  if (yr_compiler_create(&compiler) != ERROR_SUCCESS) {
    problems.push_back({0, false, "YARA: out of memory", ""});
    return;
  }
  yr_compiler_set_callback(compiler, on_message, &problems);
  yr_compiler_set_include_callback(compiler, nullptr, nullptr, nullptr);
  for (const char* external : {"filename", "filepath", "extension", "filetype", "owner", "md5"})
    yr_compiler_define_string_variable(compiler, external, "");
  const int errors = yr_compiler_add_string(compiler, source.c_str(), nullptr);
  bool reported = false;
  for (const auto& problem : problems) reported = reported || !problem.warning;
  if (errors > 0 && !reported)
    problems.push_back({0, false, "YARA: the rule does not compile", ""});
  yr_compiler_destroy(compiler);
}

}  // namespace

std::vector<RuleProblem> yara_problems(const std::string& source) {
  std::vector<RuleProblem> problems;
  if (source.find('\0') != std::string::npos) {
    problems.push_back({0, false, "the rule file holds a NUL byte", "YARA rules are text"});
    return problems;
  }
  if (yr_initialize() != ERROR_SUCCESS) {
    problems.push_back({0, false, "YARA: cannot be initialised", ""});
    return problems;
  }
  compile(source, problems);
  yr_finalize();
  return problems;
}

}  // namespace fleetsweep::compiler
