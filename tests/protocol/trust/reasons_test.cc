#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {
namespace {

using model::Reason;

struct Row {
  std::string code, meaning, next, again;
};

std::string trimmed(std::string text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// The rows of the tables whose first cell is a `code`.
std::vector<Row> rows() {
  std::ifstream file(std::string(FS_SOURCE_DIR) + "/docs/reasons.md");
  std::vector<Row> result;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) continue;
    std::istringstream cells(line.substr(1));
    Row row;
    for (std::string* cell : {&row.code, &row.meaning, &row.next, &row.again}) {
      std::getline(cells, *cell, '|');
      *cell = trimmed(*cell);
    }
    row.code = row.code.substr(1, row.code.size() - 2);
    result.push_back(row);
  }
  return result;
}

TEST(Reasons, TheDocsListEachOnceInOrderAndNoOther) {
  std::vector<std::string> documented;
  for (const Row& row : rows()) {
    documented.push_back(row.code);
    EXPECT_FALSE(row.meaning.empty()) << row.code;
    EXPECT_FALSE(row.next.empty()) << row.code;
  }
  EXPECT_THAT(documented, ::testing::ElementsAreArray(Names<Reason>::kAll));
}

TEST(Reasons, TheDocsSayWhichTheHostTriesAgain) {
  for (const Row& row : rows()) {
    if (row.code == "none") continue;
    EXPECT_EQ(row.again, may_change(*from_name<Reason>(row.code)) ? "yes" : "no") << row.code;
  }
}

}  // namespace
}  // namespace fleetsweep::trust
