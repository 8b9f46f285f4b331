#include "agent/scan/baseline.h"

#include "protocol/crypto/digest.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

model::PersistenceIdentity entry(const std::string& path, const std::string& line) {
  model::PersistenceIdentity entry;
  entry.file.path = path;
  entry.entry_sha256 = crypto::sha256(as_bytes(line));
  return entry;
}

TEST(Baseline, APathWithATabOrANewlineForgesAnotherEntry) {
  Baseline baseline;
  const std::string name = "/etc/cron.d/a\tb\nc\\x41\x7f\xff";
  baseline.add(entry(name, "x"));
  const auto again = Baseline::parse(baseline.text());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->size(), 1u);
  EXPECT_TRUE(again->holds(entry(name, "x")));
  EXPECT_FALSE(again->holds(entry(name, "y")));
  EXPECT_FALSE(again->holds(entry("/etc/cron.d/a", "x")));
}

TEST(Baseline, EveryWrongLineIsNamed) {
  const auto read = Baseline::parse("# fine\n\ncron\tabc\t/x\nnonsense\n");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("line 3, 4"), std::string::npos) << read.error().message;
}

TEST(Baseline, ALineEndOfWindowsBelongsToThePath) {
  Baseline baseline;
  baseline.add(entry("/etc/cron.d/own", "x"));
  std::string text = baseline.text();
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
    text.insert(at, "\r");
  const auto read = Baseline::parse(text + "\r\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->holds(entry("/etc/cron.d/own", "x")));
  EXPECT_FALSE(Baseline::parse(baseline.text() + "cron\t" + std::string(64, 'a') + "\t/x\ty\n"));
}

class BaselineFileTest : public TreeTest {};

TEST_F(BaselineFileTest, WhoeverCanWriteItHidesFromTheHunt) {
  write("/baseline", Baseline().text());
  const auto allow = [&](unsigned mode) {
    std::filesystem::permissions(at("/baseline"), std::filesystem::perms(mode));
    return Baseline::read(at("/baseline").string());
  };
  EXPECT_TRUE(allow(0600));
  for (const unsigned mode : {0620u, 0602u}) {
    const auto read = allow(mode);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kUntrusted);
  }
  std::filesystem::create_symlink(at("/baseline"), at("/link"));
  EXPECT_FALSE(Baseline::read(at("/link").string()));
  EXPECT_EQ(Baseline::read(at("/none").string()).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace fleetsweep::scan
