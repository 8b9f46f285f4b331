// tests/ mirrors the tree: who changes a folder knows where its tests are. Where they are
// elsewhere, this list says where and why.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

struct Elsewhere {
  std::string tests;  // a file or folder below tests/
  std::string reason;
};

const std::map<std::string, Elsewhere> kElsewhere = {
    {"agent", {"e2e", "main and options: stories start the program"}},
    {"agent/act/actions", {"agent/act", "an action is nothing without its journal"}},
    {"agent/local", {"e2e/owner.sh", "the owner's commands against a real agent"}},
    {"agent/report", {"agent/core/outbox_test.cc", "the outbox lives in the core's turns"}},
    {"cli/verbs", {"e2e/cli.sh", "every verb against a real controller"}},
    {"controller", {"controller/service", "main and options: the service is what they start"}},
    {"controller/core", {"controller/driver", "its effects mean something when they are run"}},
    {"controller/gateway", {"controller/service", "real sockets need the whole service"}},
    {"controller/store", {"contract/store", "one contract, two stores"}},
    {"policies/compiler", {"policies", "the compiler and the catalogue are read together"}},
    {"policies/compiler/import",
     {"policies/import", "with the tests of the compiler that reads it"}},
    {"policies/compiler/regex_check", {"policies/regex_test.cc", "asked through the compiler"}},
    {"policies/compiler/yara_check", {"policies/yara_text_test.cc", "asked through the compiler"}},
    {"protocol/rule_text", {"agent/scan/yara", "held against YARA itself, which the agent runs"}},
    {"protocol/runtime/prompt", {"e2e/cli.sh", "somebody types at a terminal"}},
    {"protocol/runtime/witness_client",
     {"witness/witness_process_test.cc", "needs a witness that answers"}},
};

std::set<std::string> folders_with(const fs::path& below, const std::string& ending) {
  std::set<std::string> folders;
  for (const auto& entry : fs::recursive_directory_iterator(below))
    if (entry.path().string().ends_with(ending))
      folders.insert(entry.path().parent_path().string());
  return folders;
}

TEST(Mirror, AFolderIsTestedNowhereAndNobodySaysWhy) {
  const fs::path top = FS_SOURCE_DIR;
  std::set<std::string> found;
  for (const char* part : {"agent", "cli", "controller", "policies", "protocol", "witness"})
    for (const std::string& folder : folders_with(top / part, ".cc")) {
      const std::string name = fs::relative(folder, top).string();
      found.insert(name);
      const fs::path mirror = top / "tests" / name;
      const bool is_mirrored =
          fs::exists(mirror) &&
          std::ranges::any_of(fs::directory_iterator(mirror), [](const auto& entry) {
            return entry.path().string().ends_with("_test.cc");
          });
      EXPECT_NE(is_mirrored, kElsewhere.contains(name))
          << name << ": tests/" << name << " holds its tests, or kElsewhere says where they are; "
          << "not both, not neither";
    }
  EXPECT_GT(found.size(), 30u) << "the test sees no tree";
  for (const auto& [name, elsewhere] : kElsewhere) {
    EXPECT_TRUE(found.contains(name)) << name << " is in kElsewhere, and not in the tree";
    EXPECT_TRUE(fs::exists(top / "tests" / elsewhere.tests))
        << name << ": tests/" << elsewhere.tests << " is not there";
    EXPECT_FALSE(elsewhere.reason.empty()) << name;
  }
}

}  // namespace
