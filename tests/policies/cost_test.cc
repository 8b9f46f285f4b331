// What a policy would cost, before anybody signs it.

#include "policies/compiler/cost.h"

#include "tests/policies/sample.h"

namespace fleetsweep::compiler {
namespace {

const std::string kHashed = std::string(64, 'a');

// The policy with this detection in the place of the sample's; its own rule stays.
Compiled with_detection(const std::string& detection) {
  return compile(with(
      "  content:\n    object: file\n    scope: {paths: [/opt]}\n    yara: sample\n    score: 60\n",
      "  content:\n    object: file\n    yara: sample\n    scope: {paths: [/opt]}\n  probe:\n" +
          detection));
}

PolicyCost cost_of(const std::string& detection) {
  auto policy = with_detection(detection).policy;
  policy.detections.erase(policy.detections.begin());  // content
  for (auto& one : policy.detections) one.for_each = -1;
  return predict_cost(policy, HostProfile{});
}

TEST(Cost, AHashWithASizeReadsTheDisk) {
  const auto sized = cost_of(
      "    object: file\n    where: {file.size: 4711, file.hashes.SHA-256: " + kHashed + "}\n");
  const auto below = cost_of(
      "    object: file\n    where: {file.size|lt: 64MiB, file.hashes.SHA-256: " + kHashed + "}\n");
  EXPECT_LT(sized.bytes_read, 10e6);
  EXPECT_LT(sized.opened, 100);
  EXPECT_GT(below.bytes_read, 5e9);
  EXPECT_GT(below.cpu_seconds, 5 * sized.cpu_seconds);
}

TEST(Cost, AScopeOrAKindOfFileSavesNothing) {
  const std::string hash = "file.hashes.SHA-256: " + kHashed;
  const auto kind = cost_of("    object: file\n    where: {file.magic: elf, " + hash + "}\n");
  const auto scoped =
      cost_of("    object: file\n    scope: {paths: [/usr/bin]}\n    where: {" + hash + "}\n");
  const auto below = cost_of("    object: file\n    where: {file.size|lt: 64MiB, " + hash + "}\n");
  EXPECT_LT(kind.bytes_read, below.bytes_read);
  EXPECT_EQ(kind.opened, static_cast<double>(HostProfile{}.files)) << "its kind is in the file";
  EXPECT_LT(scoped.bytes_read, kind.bytes_read / 4);
  EXPECT_LT(scoped.walked, 2000);
}

TEST(Cost, TheWholeDiskByAnotherNameIsASmallFolder) {
  const std::string hash = "    where: {file.magic: elf, file.hashes.SHA-256: " + kHashed + "}\n";
  const auto whole = cost_of("    object: file\n" + hash);
  for (const char* path : {"/", "/*", "/**"})
    EXPECT_EQ(cost_of(fmt::format("    object: file\n    scope: {{paths: ['{}']}}\n", path) + hash)
                  .opened,
              whole.opened)
        << path;
  EXPECT_EQ(cost_of("    object: file\n    scope: {paths: [/usr/*]}\n" + hash).walked,
            cost_of("    object: file\n    scope: {paths: [/usr]}\n" + hash).walked);
}

TEST(Cost, TheBeginningOfAPathIsOneName) {
  const auto cost = [](const std::string& where) {
    return cost_of("    object: file\n    where: {" + where + ", file.hashes.SHA-256: " + kHashed +
                   "}\n");
  };
  const auto scoped = cost_of(
      "    object: file\n    scope: {paths: [/usr]}\n    where: "
      "{file.hashes.SHA-256: " +
      kHashed + "}\n");
  for (const char* start : {"/usr", "/usr/", "/us"})
    EXPECT_EQ(cost(fmt::format("file.path|startswith: {}", start)).bytes_read, scoped.bytes_read)
        << start;
  const auto both = cost("file.path|startswith: [/usr/lib/, /usr/share/]");
  EXPECT_GT(both.bytes_read, cost("file.path|startswith: /usr/lib/").bytes_read);
  EXPECT_LT(both.bytes_read, scoped.bytes_read);
  EXPECT_LT(cost("file.path|startswith: /usr/sbin/x").bytes_read, scoped.bytes_read / 100);
  EXPECT_THAT(lines_of(with_detection("    object: file\n    where: {file.path|startswith: /usr/, "
                                      "file.hashes.SHA-256: " +
                                      kHashed + "}\n")
                           .diagnostics),
              testing::Contains(testing::HasSubstr("'probe' would read about 81 % of a disk")));
}

TEST(Cost, AHashThatExcludesIsFree) {
  const auto plain = cost_of("    object: file\n    where: {file.size|lt: 64MiB}\n");
  const auto excluding = cost_of(
      "    object: file\n    where: {file.size|lt: 64MiB}\n    not: {file.hashes.SHA-256: " +
      kHashed + "}\n");
  EXPECT_EQ(plain.bytes_read, 0);
  EXPECT_GT(excluding.bytes_read, 5e9);
  EXPECT_GT(excluding.opened, 1000);
}

TEST(Cost, LookingIntoArchivesIsFree) {
  const std::string name = "    where: {file.name: dropper}\n";
  const auto packed =
      cost_of("    object: file\n    scope: {paths: [/usr], archives: true}\n" + name);
  const auto plain = cost_of("    object: file\n    scope: {paths: [/usr]}\n" + name);
  EXPECT_EQ(plain.opened, 0);
  EXPECT_EQ(packed.opened, packed.walked) << "what lies in it is not told by its name";
  EXPECT_GT(packed.bytes_read, 1e9);
  EXPECT_GT(packed.cpu_seconds, 10 * plain.cpu_seconds);
}

class OfARule : public testing::Test {
 protected:
  static PolicyCost cost(const std::string& source) {
    auto policy = compile(sample_policy()).policy;
    std::erase_if(policy.detections, [](const auto& one) { return one.rule < 0; });
    policy.detections.resize(1);
    policy.detections[0].scope = {};
    policy.detections[0].any_of = {{}};
    policy.rules[0].size_min = policy.rules[0].size_max = 0;
    policy.rules[0].magic.clear();
    policy.rules[0].source = source;
    return predict_cost(policy, HostProfile{});
  }
};

TEST_F(OfARule, ThatNoLiteralOpensCostsAsMuchAsOneThatIsSearchedFor) {
  const auto gated = cost("rule r { strings: $a = \"lookalike\" condition: $a }");
  const auto open = cost("rule r { strings: $a = /(wget|curl) h/ condition: $a }");
  EXPECT_EQ(open.bytes_read, gated.bytes_read);
  EXPECT_GT(open.cpu_seconds, 2 * gated.cpu_seconds);
}

TEST_F(OfARule, ThatTellsHowItsFilesBeginReadsAllOthers) {
  const auto any = cost("rule r { strings: $a = \"lookalike\" condition: $a }");
  const auto elf = cost(
      "rule r { strings: $a = \"lookalike\" condition: uint32(0) == 0x464c457f and $a and "
      "filesize < 4MB }");
  EXPECT_LT(elf.bytes_read, any.bytes_read / 4);
}

TEST(Cost, ANameOpensFiles) {
  const auto named = cost_of("    object: file\n    where: {file.name: dropper}\n");
  EXPECT_EQ(named.opened, 0);
  EXPECT_EQ(named.walked, static_cast<double>(HostProfile{}.files));
  EXPECT_GT(named.cpu_seconds, 0.1);
  EXPECT_LT(named.cpu_seconds, 2);
}

TEST(Cost, FilesAreReadMoreOftenThanThereAre) {
  std::string many;
  for (int i = 0; i < 20; ++i)
    many += fmt::format("    - {{file.size|lt: 64MiB, file.hashes.SHA-256: {}}}\n", kHashed);
  const auto cost = cost_of("    object: file\n    where:\n" + many);
  const auto one = cost_of("    object: file\n    where:\n" + many.substr(0, many.find('\n') + 1));
  EXPECT_EQ(cost.bytes_read, one.bytes_read) << "the same files, by any of twenty hashes";
  EXPECT_LE(cost.bytes_read, static_cast<double>(HostProfile{}.bytes));
  EXPECT_LE(cost.opened, static_cast<double>(HostProfile{}.files));
}

TEST(Cost, AHashThatReadsMostOfTheDiskIsSignedWithoutAWord) {
  const auto lines = lines_of(
      with_detection("    object: file\n    where: {file.size|lt: 64MiB, file.hashes.SHA-256: " +
                     kHashed + "}\n")
          .diagnostics);
  EXPECT_THAT(lines, testing::Contains(
                         testing::HasSubstr("warning: 'probe' would read about 64 % of a disk")));
  for (const auto& line : lines_of(
           with_detection("    object: file\n    where: {file.size: 4711, file.hashes.SHA-256: " +
                          kHashed + "}\n")
               .diagnostics))
    EXPECT_EQ(line.find("would read"), std::string::npos) << line;
}

TEST(Cost, PeopleAreTheLastToHearOfIt) {
  const HostProfile small{.files = 1000, .bytes = 2'000'000'000};
  const auto policy = compile(sample_policy()).policy;
  const std::string text = cost_text(predict_cost(policy, small), small);
  EXPECT_THAT(text, testing::HasSubstr("a host of 1000 files and 2.0 GB\n"));
  EXPECT_THAT(text, testing::HasSubstr("seconds of one core\n"));
}

}  // namespace
}  // namespace fleetsweep::compiler
