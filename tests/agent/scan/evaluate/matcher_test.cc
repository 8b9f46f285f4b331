#include "agent/scan/evaluate/matcher.h"

#include <gtest/gtest.h>

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::Match;
using model::ObjectKind;
using model::Predicate;

Predicate is(Field field, std::string text, Match match = Match::kEquals) {
  Predicate predicate{.field = field, .match = match};
  predicate.values.push_back({.text = std::move(text)});
  return predicate;
}
Predicate number(Field field, std::int64_t value, Match match = Match::kEquals) {
  Predicate predicate{.field = field, .match = match};
  predicate.values.push_back({.number = value});
  return predicate;
}
Predicate templated(Field field, std::string text, Match match = Match::kEquals) {
  Predicate predicate = is(field, std::move(text), match);
  predicate.values[0].templated = true;
  return predicate;
}

model::Policy one(ObjectKind object, model::Selection selection) {
  model::Policy policy;
  policy.detections.push_back({.id = "d", .object = object, .any_of = {std::move(selection)}});
  return policy;
}
Matcher compiled(const model::Policy& policy) {
  auto matcher = Matcher::compile(policy);
  EXPECT_TRUE(matcher.has_value()) << matcher.error().message;
  return std::move(*matcher);
}
Truth ask(Predicate predicate, const Object& object) {
  const ObjectKind kinds[] = {ObjectKind::kFile, ObjectKind::kProcess, ObjectKind::kPersistence,
                              ObjectKind::kNetworkTraffic};
  return compiled(one(kinds[object.index()], {std::move(predicate)})).match(0, object);
}

FileFacts file(std::string path, FileStage stage = FileStage::kContent) {
  FileFacts facts;
  facts.stage = stage;
  facts.identity.path = std::move(path);
  facts.identity.size = 100;
  facts.magic = "elf";
  facts.head =
      to_bytes(std::string_view("\x7f"
                                "ELF"));
  if (stage == FileStage::kContent) facts.sha256 = std::string(64, 'a');
  facts.mtime_delta_ms = -604800 * 1000LL + 200;
  return facts;
}
ConnectionFacts connection(std::string remote, std::uint16_t port) {
  ConnectionFacts facts;
  facts.identity.remote_address = std::move(remote);
  facts.identity.remote_port = port;
  return facts;
}

TEST(Matcher, AnAddressOfAListThatHasEndedIsStillLookedFor) {
  Predicate c2 = is(Field::kNetworkDstRef, "198.51.100.7");
  c2.expires = timestamp(1'000);
  const model::Policy policy = one(ObjectKind::kNetworkTraffic, {c2});
  const Object talk = connection("198.51.100.7", 443);
  const auto at = [&](std::int64_t now) {
    return Matcher::compile(policy, {}, timestamp(now))->match(0, talk);
  };
  EXPECT_EQ(at(999), Truth::kYes);
  EXPECT_EQ(at(1'000), Truth::kNo);
  EXPECT_EQ(compiled(policy).match(0, talk), Truth::kYes) << "nobody says what time it is";
  // What is left out because of a list is left out no more.
  model::Policy excluding = one(ObjectKind::kNetworkTraffic, {number(Field::kNetworkDstPort, 443)});
  excluding.detections[0].none_of = {{c2}};
  EXPECT_EQ(Matcher::compile(excluding, {}, timestamp(999))->match(0, talk), Truth::kNo);
  EXPECT_EQ(Matcher::compile(excluding, {}, timestamp(1'000))->match(0, talk), Truth::kYes);
}

TEST(Matcher, TextComparesWithoutCaseUnlessAsked) {
  EXPECT_EQ(ask(is(Field::kFileName, "KINSING"), file("/tmp/kinsing")), Truth::kYes);
  Predicate cased = is(Field::kFileName, "KINSING");
  cased.cased = true;
  EXPECT_EQ(ask(cased, file("/tmp/kinsing")), Truth::kNo);
}

TEST(Matcher, EveryCharacterIsFoundInBothCasesAndNoOtherIsTakenForIt) {
  // At each place of the eight that are folded at once, and in what is left over.
  for (const std::string before : {"", "1", "12", "123", "1234567", "12345678"})
    for (int c = 1; c < 256; ++c) {
      if (c == '/') continue;
      const std::string own = before + static_cast<char>(c);
      const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      const std::string other = before + static_cast<char>(c ^ 0x20);
      EXPECT_EQ(ask(is(Field::kFileName, own), file("/" + own)), Truth::kYes) << c;
      if ((c ^ 0x20) == '/' || (c ^ 0x20) == 0) continue;
      EXPECT_EQ(ask(is(Field::kFileName, own), file("/" + other)),
                is_letter ? Truth::kYes : Truth::kNo)
          << c;
    }
}

TEST(Matcher, TheNameIsTheLastComponentAndNotThePath) {
  EXPECT_EQ(ask(is(Field::kFileName, "kinsing"), file("/kinsing/x")), Truth::kNo);
  EXPECT_EQ(ask(is(Field::kFileParentName, "kinsing"), file("/kinsing/x")), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFileExtension, "so"), file("/lib/libsystem.so")), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFileExtension, "bashrc"), file("/root/.bashrc")), Truth::kNo);
}

TEST(Matcher, AFileIsAlsoFoundUnderTheSystemsOwnLink) {
  FileFacts facts = file("/usr/lib/libudev.so");
  EXPECT_EQ(ask(is(Field::kFilePath, "/lib/libudev.so"), facts), Truth::kNo);
  facts.aliases = {"/lib/libudev.so"};
  EXPECT_EQ(ask(is(Field::kFilePath, "/lib/libudev.so"), facts), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFilePath, "/usr/lib/libudev.so"), facts), Truth::kYes);
}

TEST(Matcher, EachTextMatchMeansWhatItSays) {
  const FileFacts facts = file("/tmp/.X25-unix/dota3.tar.gz");
  EXPECT_EQ(ask(is(Field::kFilePath, "x25", Match::kContains), facts), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFilePath, "/TMP/", Match::kStartsWith), facts), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFilePath, ".tar.GZ", Match::kEndsWith), facts), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFilePath, "^/tmp/\\.X[0-9]+-unix/", Match::kRegex), facts), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFilePath, "tar", Match::kEndsWith), facts), Truth::kNo);
  EXPECT_EQ(ask(is(Field::kFilePath, "tmp", Match::kStartsWith), facts), Truth::kNo);
}

TEST(Matcher, ADomainIsFoundInTheMiddleOfAnother) {
  const auto names = [](const std::string& command) {
    PersistenceFacts cron;
    cron.identity.command = command;
    return ask(is(Field::kPersistenceCommand, "evil.com", Match::kDomain), cron) == Truth::kYes;
  };
  for (const char* command :
       {"evil.com", "curl http://evil.com/x", "ping EVIL.COM", "ssh root@evil.com",
        "nc evil.com:443", "curl https://a.b-c.evil.com", "wget evil.com.", "echo evil.com...",
        "x --host=evil.com;", "curl http://good.com/ http://evil.com", "..evil.com"})
    EXPECT_TRUE(names(command)) << command;
  for (const char* command : {"", "curl http://notevil.com/x", "curl not-evil.com",
                              "curl http://evil.com.example/", "evil.community", "evil.com-x.org",
                              "evil.com_x", "evil", "com", "evil/.com", "evilxcom", "_evil.com",
                              "curl http://\xc3\xa9"
                              "evil.com"})
    EXPECT_FALSE(names(command)) << command;
  const std::string label(60, 'a');
  EXPECT_TRUE(names(label + "." + label + "." + label + "." + label + "." + label + ".evil.com"));
}

TEST(Matcher, AListOfDomainsThatMeansNothingIsTaken) {
  const auto refused = [](auto spoil) {
    Predicate predicate = is(Field::kPersistenceCommand, "evil.com", Match::kDomain);
    spoil(predicate);
    return !Matcher::compile(one(ObjectKind::kPersistence, {predicate}));
  };
  EXPECT_FALSE(refused([](Predicate&) {}));
  EXPECT_TRUE(refused([](Predicate& p) { p.all = true; }));
  EXPECT_TRUE(refused([](Predicate& p) { p.values[0].templated = true; }));
  EXPECT_TRUE(refused([](Predicate& p) { p.field = Field::kPersistenceLine; }));
}

TEST(Matcher, WhatWasNotReadYetIsUnknownAndNeverYes) {
  const FileFacts name_only = file("/x", FileStage::kName);
  EXPECT_EQ(ask(number(Field::kFileSize, 100), name_only), Truth::kUnknown);
  EXPECT_EQ(ask(is(Field::kFileMagic, "elf"), file("/x", FileStage::kStat)), Truth::kUnknown);
  EXPECT_EQ(ask(is(Field::kFileSha256, std::string(64, 'a')), file("/x", FileStage::kHead)),
            Truth::kUnknown);
}

TEST(Matcher, AnEarlierNoSettlesWhatLaterFactsCouldNotChange) {
  const auto matcher =
      compiled(one(ObjectKind::kFile, {is(Field::kFileSha256, "aa"), number(Field::kFileSize, 5)}));
  EXPECT_EQ(matcher.match(0, file("/x", FileStage::kStat)), Truth::kNo);
  EXPECT_EQ(matcher.match(0, file("/x", FileStage::kName)), Truth::kUnknown);
}

TEST(Matcher, NumbersCompareAndTolerate) {
  EXPECT_EQ(ask(number(Field::kFileSize, 99, Match::kGreater), file("/x")), Truth::kYes);
  EXPECT_EQ(ask(number(Field::kFileSize, 100, Match::kGreater), file("/x")), Truth::kNo);
  EXPECT_EQ(ask(number(Field::kFileSize, 101, Match::kLess), file("/x")), Truth::kYes);
  // EmoCheck v5: seven days before its folder, within 300 ms.
  Predicate delta = number(Field::kFileMtimeDeltaToParent, -604800);
  delta.tolerance_ms = 300;
  EXPECT_EQ(ask(delta, file("/x")), Truth::kYes);
  delta.tolerance_ms = 100;
  EXPECT_EQ(ask(delta, file("/x")), Truth::kNo);
}

TEST(Matcher, BytesAtTheStartAreAPrefix) {
  EXPECT_EQ(ask(is(Field::kFileBytesAt0, "7f454c"), file("/x")), Truth::kYes);
  EXPECT_EQ(ask(is(Field::kFileBytesAt0, "7f454d"), file("/x")), Truth::kNo);
}

TEST(Matcher, NetworksHoldTheirAddressesOnly) {
  EXPECT_EQ(ask(is(Field::kNetworkDstRef, "10.0.0.0/8", Match::kCidr), connection("10.9.8.7", 1)),
            Truth::kYes);
  EXPECT_EQ(ask(is(Field::kNetworkDstRef, "10.0.0.0/8", Match::kCidr), connection("11.0.0.1", 1)),
            Truth::kNo);
  EXPECT_EQ(ask(is(Field::kNetworkDstRef, "fd00::/8", Match::kCidr), connection("fd12::1", 1)),
            Truth::kYes);
  EXPECT_EQ(ask(is(Field::kNetworkDstRef, "0.0.0.0/0", Match::kCidr), connection("::1", 1)),
            Truth::kNo);
}

TEST(Matcher, AKernelThreadHasNoExeToCompare) {
  ProcessFacts process;
  process.identity.name = "kdevtmpfs";
  process.is_kernel_thread = true;
  EXPECT_EQ(ask(number(Field::kProcessIsKernelThread, 0), process), Truth::kNo);
  EXPECT_EQ(ask(is(Field::kProcessExePath, "", Match::kStartsWith), process), Truth::kNo);
  EXPECT_EQ(ask(number(Field::kProcessExePath, 1, Match::kExists), process), Truth::kNo);
  EXPECT_EQ(ask(number(Field::kProcessExePath, 0, Match::kExists), process), Truth::kYes);
}

TEST(Matcher, AllMeansEveryValue) {
  Predicate predicate = is(Field::kPersistenceCommand, "curl", Match::kContains);
  predicate.values.push_back({.text = "| sh"});
  PersistenceFacts cron;
  cron.identity.command = "curl x | bash";
  EXPECT_EQ(ask(predicate, cron), Truth::kYes);
  predicate.all = true;
  EXPECT_EQ(ask(predicate, cron), Truth::kNo);
}

TEST(Matcher, NoneOfVetoesAndStaysOpenWhileUnknown) {
  auto policy = one(ObjectKind::kFile, {is(Field::kFileName, "x")});
  policy.detections[0].none_of = {{is(Field::kFileMagic, "script")}};
  const auto matcher = compiled(policy);
  EXPECT_EQ(matcher.match(0, file("/x")), Truth::kYes);
  EXPECT_EQ(matcher.match(0, file("/x", FileStage::kStat)), Truth::kUnknown);
  policy.detections[0].none_of = {{is(Field::kFileMagic, "elf")}};
  EXPECT_EQ(compiled(policy).match(0, file("/x")), Truth::kNo);
}

TEST(Matcher, ARuleCountsOnlyWhenItMatchedAndOnItsKindOfFile) {
  model::Policy policy;
  policy.rules.push_back({.id = "r", .magic = "elf", .size_min = 50});
  policy.detections.push_back({.id = "d", .object = ObjectKind::kFile, .rule = 0});
  const auto matcher = compiled(policy);
  FileFacts facts = file("/x", FileStage::kStat);
  EXPECT_EQ(matcher.match(0, facts), Truth::kUnknown);
  facts.identity.size = 49;
  EXPECT_EQ(matcher.match(0, facts), Truth::kNo);
  facts = file("/x");
  EXPECT_EQ(matcher.match(0, facts), Truth::kUnknown);  // the rule did not finish: no answer
  facts.rules_done = {0};
  EXPECT_EQ(matcher.match(0, facts), Truth::kNo);
  facts.rules = {{0, {.name = "Evil", .strings = {}}}};
  EXPECT_EQ(matcher.match(0, facts), Truth::kYes);
  facts.magic = "script";
  EXPECT_EQ(matcher.match(0, facts), Truth::kNo);
}

TEST(Matcher, AJoinFillsTheNameOfTheBoundObject) {
  auto policy = one(ObjectKind::kFile, {is(Field::kFileParentName, "loader")});
  policy.detections[0].id = "loader";
  policy.detections.push_back({.id = "process",
                               .object = ObjectKind::kProcess,
                               .any_of = {{templated(Field::kProcessCommandLine,
                                                     "{{loader.file.path}}", Match::kContains)}},
                               .for_each = 0});
  const auto matcher = compiled(policy);
  EXPECT_FALSE(matcher.is_about_parent(1));
  const Object bound_file = file("/opt/loader/a.b");
  const Bound bound[] = {{0, &bound_file}};
  ProcessFacts process;
  process.identity.command_line = "/bin/sh /opt/loader/a.b";
  EXPECT_EQ(matcher.match(1, process, bound), Truth::kYes);
  EXPECT_EQ(matcher.match(1, process), Truth::kUnknown);
  process.identity.command_line = "/bin/sh /opt/loader/aXb";
  EXPECT_EQ(matcher.match(1, process, bound), Truth::kNo);
}

TEST(Matcher, WhatIsFilledIntoAPatternIsQuoted) {
  auto policy = one(ObjectKind::kFile, {is(Field::kFileParentName, "loader")});
  policy.detections[0].id = "loader";
  policy.detections.push_back({.id = "process",
                               .object = ObjectKind::kProcess,
                               .any_of = {{templated(Field::kProcessCommandLine,
                                                     "^run {{loader.file.name}}$", Match::kRegex)}},
                               .for_each = 0});
  const auto matcher = compiled(policy);
  const Object bound_file = file("/opt/loader/.*");
  const Bound bound[] = {{0, &bound_file}};
  ProcessFacts process;
  process.identity.command_line = "run anything";
  EXPECT_EQ(matcher.match(1, process, bound), Truth::kNo);
  process.identity.command_line = "run .*";
  EXPECT_EQ(matcher.match(1, process, bound), Truth::kYes);
}

TEST(Matcher, ALongOrPunctuatedPathEscapesAJoin) {
  auto policy = one(ObjectKind::kFile, {is(Field::kFileParentName, "tmp")});
  policy.detections[0].id = "loader";
  policy.detections.push_back(
      {.id = "cron",
       .object = ObjectKind::kPersistence,
       .any_of = {{templated(Field::kPersistenceCommand, "^-?{{loader.file.path}}( |$)",
                             Match::kRegex)}},
       .for_each = 0});
  const auto matcher = compiled(policy);
  const auto starts = [&](const std::string& path, const std::string& command) {
    const Object loader = file(path);
    const Bound bound[] = {{0, &loader}};
    PersistenceFacts cron;
    cron.identity.command = command;
    return matcher.match(1, cron, bound);
  };
  for (const std::string& name :
       {std::string(250, '-'), std::string(4000, '.'), std::string(4000, 'a')}) {
    EXPECT_EQ(starts("/tmp/" + name, "/tmp/" + name + " -q"), Truth::kYes) << name;
    EXPECT_EQ(starts("/tmp/" + name, "/tmp/" + name + "q"), Truth::kNo) << name;
  }
  const std::string controls(4090, '\1');
  EXPECT_EQ(starts("/tmp/" + controls, "/tmp/" + controls), Truth::kUnknown)
      << "what no pattern can hold is not a no";
}

TEST(Matcher, AThirtyTwoBitProcessSeesSystem32) {
  auto policy = one(ObjectKind::kFile, {is(Field::kFileName, "a.b")});
  policy.detections[0].id = "loader";
  policy.detections.push_back(
      {.id = "process",
       .object = ObjectKind::kProcess,
       .any_of = {{templated(Field::kProcessCommandLine, "{{loader.file.path|unwow64}}",
                             Match::kContains)}},
       .for_each = 0});
  const auto matcher = compiled(policy);
  const Object bound_file = file("/Windows/SYSWOW64/x/a.b");
  const Bound bound[] = {{0, &bound_file}};
  ProcessFacts process;
  process.identity.command_line = "rundll32 /windows/system32/x/a.b";
  EXPECT_EQ(matcher.match(1, process, bound), Truth::kYes);
}

TEST(Matcher, AJoinedQuestionAboutTheSameKindWithoutTemplatesIsAboutTheBoundObject) {
  auto policy = one(ObjectKind::kFile, {is(Field::kFileName, "x")});
  policy.rules.push_back({.id = "r"});
  policy.detections.push_back(
      {.id = "content", .object = ObjectKind::kFile, .for_each = 0, .rule = 0});
  EXPECT_TRUE(compiled(policy).is_about_parent(1));
}

TEST(Matcher, BadPoliciesAreRefusedWithTheDetectionNamed) {
  const auto refused = [](const model::Policy& policy) {
    const auto matcher = Matcher::compile(policy);
    EXPECT_FALSE(matcher.has_value());
    return matcher ? std::string() : matcher.error().message;
  };
  EXPECT_NE(refused(one(ObjectKind::kFile, {is(Field::kFileName, "(", Match::kRegex)}))
                .find("detection d"),
            std::string::npos);
  refused(one(ObjectKind::kFile, {is(Field::kProcessName, "x")}));
  refused(one(ObjectKind::kFile, {is(Field::kFileName, "x", Match::kGreater)}));
  refused(one(ObjectKind::kFile, {is(Field::kFileBytesAt0, "zz")}));
  refused(
      one(ObjectKind::kNetworkTraffic, {is(Field::kNetworkDstRef, "10.0.0.0/99", Match::kCidr)}));
  refused(one(ObjectKind::kFile, {templated(Field::kFileName, "{{nobody.file.name}}")}));
  refused(one(ObjectKind::kFile, {templated(Field::kFileName, "{{d.file.name")}));
  refused(one(ObjectKind::kFile, {Predicate{.field = Field::kFileName}}));
}

TEST(Matcher, TwentyThousandNamesAreOneLookup) {
  Predicate names{.field = Field::kFileName};
  for (int i = 0; i < 20000; ++i) names.values.push_back({.text = "name" + std::to_string(i)});
  const auto matcher = compiled(one(ObjectKind::kFile, {names}));
  EXPECT_EQ(matcher.match(0, file("/tmp/NAME19999")), Truth::kYes);
  EXPECT_EQ(matcher.match(0, file("/tmp/name20000")), Truth::kNo);
}

}  // namespace
}  // namespace fleetsweep::scan
