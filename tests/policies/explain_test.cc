#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

const std::string kHere = std::string(FS_SOURCE_DIR) + "/tests/policies/";

std::string explained(const std::string& path) {
  const auto compiled = compile_file(path, test_now());
  FS_ASSERT(compiled && compiled->ok());
  return explain(compiled->policy, compiled->defaults);
}

TEST(Explain, TheWordsDifferFromThePolicy) {
  for (const char* family : {"emotet", "kinsing"})
    EXPECT_EQ(explained(kHere + "fixtures/" + family + ".yaml"),
              read_whole(kHere + "golden/" + family + ".explain.txt"));
}

TEST(Explain, ActionsStandInTheAuthorsOrder) {
  const auto text =
      with("- {action: kill, select: started}\n      - {action: quarantine, select: content}",
           "- {action: quarantine, select: content}\n      - {action: kill, select: started}");
  const auto shuffled = compile(text);
  const auto plain = compile(sample_policy());
  EXPECT_EQ(explain(shuffled.policy, shuffled.defaults), explain(plain.policy, plain.defaults));
}

}  // namespace fleetsweep::compiler
