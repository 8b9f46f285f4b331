// Every reason that a host can give for not acting: what has to happen to it. Those of documents
// are in document_reasons.cc.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "agent/scan/engine.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/act_host.h"
#include "tests/agent/core/harness.h"
#include "tests/agent/reasons/document_reasons.h"

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;
using act::ActHost;
using act::read_text;
using act::write_text;
using model::ActionKind;
using model::HostState;
using model::Reason;

// A host with a harmless look-alike of an infection, ready for the real fleetsweep-act.
struct Infected : ActHost {
  Infected() { infect(); }
  void found_again() {
    scan();
    dry_run = findings;
  }
  Reason refusal() { return run(request()).reason(); }
  Reason of(const act::Answer& answer, const std::string& path) {
    const auto item = answer.item(path, ActionKind::kQuarantine);
    return item ? item->reason : Reason::kNone;
  }
  Reason of(const std::string& path) { return of(run(request()), path); }
};

// What an agent tells about a dry run whose scan ends like this.
Reason told_of_scan(const model::Policy& policy, const scan::EngineOptions& options = {}) {
  const act::TempDir root;
  for (int i = 0; i < 200; ++i) write_text(root / ("file-" + std::to_string(i)), "x");
  model::Facts facts;
  facts.os = "linux";
  facts.arch = "x86_64";
  auto opened = scan::Root::open(root / "");
  EXPECT_TRUE(opened) << opened.error().message;
  agent::Harness host;
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  host.scan_answers(scan::scan({&policy, 1}, facts, *opened, options).front());
  return host.last().reason;
}

model::Policy small_policy() {
  model::Policy policy;
  model::Predicate name;
  name.field = model::Field::kFileName;
  name.values.push_back({"file-1", 0, false});
  model::Detection detection;
  detection.id = "by_name";
  detection.any_of = {{name}};
  policy.detections.push_back(detection);
  return policy;
}

Reason wrong_platform() {
  agent::Harness host;
  host.policy.platform = model::Platform::kWindows;
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  return host.last().reason;
}

Reason wrong_architecture() {
  model::Policy policy = small_policy();
  policy.preconditions = {{"arch", "equals", "riscv64"}};
  return told_of_scan(policy);
}

// A walker that the kernel held up for longer than the policy allows.
Reason slow_scan() {
  model::Policy policy = small_policy();
  policy.limits.timeout = Seconds(1);
  return told_of_scan(policy,
                      {.parser = {}, .on_progress = {}, .confine_walker = [](bool) -> Status {
                         using Clock = std::chrono::steady_clock;
                         const auto end = Clock::now() + std::chrono::milliseconds(1001);
                         while (Clock::now() < end) continue;
                         return {};
                       }});
}

Reason walker_that_cannot_be_confined() {
  return told_of_scan(small_policy(),
                      {.parser = {}, .on_progress = {}, .confine_walker = [](bool) -> Status {
                         return fail(Code::kUnavailable, "no filters in this kernel");
                       }});
}

Reason action_it_lacks() {
  Infected host;
  // Nobody collects services.
  host.policy.responses[0].actions.push_back(
      {ActionKind::kCollect, {{model::Selector::Kind::kServicesMapping, {act::kByName}, {}}}});
  return host.refusal();
}

Reason too_many() {
  Infected host;
  host.policy.limits.items = 1;
  return host.refusal();
}

Reason file_of_a_package() {
  Infected host;
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/tmp\n/tmp/kit\n/tmp/kit/evil\n");
  write_text(
      host.at("/var/lib/dpkg/info/kit.md5sums"),
      act::output_of("md5sum < " + host.at("/tmp/kit/evil")).substr(0, 32) + "  tmp/kit/evil\n");
  return host.refusal();
}

Reason link_to_a_protected_file() {
  Infected host;
  write_text(host.at("/etc/shadow"), "root:*:\n");
  fs::create_hard_link(host.at("/etc/shadow"), host.at("/tmp/kit/other"));
  host.find_file(act::kByName, "/tmp/kit/other");
  host.dry_run = host.findings;
  return host.refusal();
}

Reason one_witness_only() {
  Infected host;
  host.findings.clear();
  host.find_file(act::kByName, "/tmp/kit/evil");
  host.dry_run = host.findings;
  return host.refusal();
}

Reason other_content() {
  Infected host;
  std::string content = read_text(host.at("/tmp/kit/evil"));
  content[0] = 'H';
  write_text(host.at("/tmp/kit/evil"), content);
  return host.of("/tmp/kit/evil");
}

Reason vanished() {
  Infected host;
  fs::remove(host.at("/tmp/kit/evil"));
  return host.of("/tmp/kit/evil");
}

Reason swapped_while_acting() {
  Infected host;
  write_text(host.at("/srv/precious"), "must survive");
  return host.of(
      host.run_racing(host.request(), "before-rename:2",
                      [&] { fs::rename(host.at("/srv/precious"), host.at("/tmp/kit/evil")); }),
      "/tmp/kit/evil");
}

bool has_immutable_flag() {
  const act::TempDir folder;
  write_text(folder / "file", "x");
  const std::string file = folder / "file";
  return ::system(("chattr +i " + file + " 2>/dev/null && chattr -i " + file).c_str()) == 0;
}

Reason immutable() {
  Infected host;
  act::output_of("chattr +i " + host.at("/tmp/kit/evil"));
  host.found_again();
  const Reason reason = host.of("/tmp/kit/evil");
  act::output_of("chattr -i " + host.at("/tmp/kit/evil"));
  return reason;
}

Reason name_outside() {
  Infected host;
  fs::create_hard_link(host.at("/usr/lib/libevil.so"), host.root() + "/../outside");
  host.found_again();
  return host.of("/usr/lib/libevil.so");
}

constexpr const char* kKeep = "cp $STATE/anchor $STATE.anchor && mount -t tmpfs -o mode=0700";
constexpr const char* kPut = " none $STATE && cp $STATE.anchor $STATE/anchor";

Reason full_disk() {
  Infected host;
  host.prefix = std::string(kKeep) + ",size=128k" + kPut;
  return host.refusal();
}

Reason read_only_state() {
  Infected host;
  host.prefix = std::string(kKeep) + kPut + " && mount -o remount,ro $STATE";
  return host.refusal();
}

Reason full_vault() {
  Infected host;
  const std::string older = host.state() + "/vault/older.fsq";
  write_text(older, "");
  fs::permissions(host.state() + "/vault", fs::perms(0700));
  fs::resize_file(older, limits::kVaultBytes);
  return host.refusal();
}

Reason name_taken_before_undo() {
  Infected host;
  const auto request = host.request();
  EXPECT_EQ(host.run(request).state(), HostState::kCleaned);
  write_text(host.at("/tmp/kit/evil"), "the owner's new file");
  return host.run(host.undo_request(request)).reason();
}

Reason content_never_read() {
  Infected host;
  for (auto* list : {&host.findings, &host.dry_run})
    for (model::Finding& finding : *list)
      if (auto* file = std::get_if<model::FileIdentity>(&finding.identity)) file->sha256 = {};
  return host.of("/tmp/kit/evil");
}

Reason damaged_anchor() {
  Infected host;
  write_text(host.state() + "/anchor", "damaged");
  return host.refusal();
}

// Found by a dry run, ordered to be cleaned, and its wave has come.
void bring_to_cleaning(agent::Harness& host) {
  host.connect();
  const DocumentId dry = host.order(fixture::dry_run(host.policy), {"alice"});
  host.scan_answers(host.found());
  host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
  for (int i = 0; i < 7; ++i) {
    host.pass(std::chrono::minutes(10));
    host.deliver();
  }
}

Reason back_after_cleaning() {
  agent::Harness host;
  bring_to_cleaning(host);
  host.scan_answers(host.found());
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.pass(std::chrono::seconds(91));
  host.scan_answers(host.found());
  return host.last().reason;
}

Reason port_closed_by_the_cleaning() {
  agent::Harness host;
  bring_to_cleaning(host);
  model::ScanDone before = host.found(), after = host.clean();
  before.health = {{"port 22/tcp unchanged", model::Health::kGood, "listening"}};
  after.health = {{"port 22/tcp unchanged", model::Health::kBad, "nothing listens"}};
  host.scan_answers(before);
  host.act_answers(HostState::kCleaned);
  host.scan_answers(after);
  return host.last().reason;
}

Reason scanner_that_crashes() {
  agent::Harness host;
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  for (int i = 0; i < 3; ++i)  // twice it is started again
    host.run(host.core->on_child_lost(model::Child::kScan, "signal 11", host.now()));
  return host.last().reason;
}

const Producers kProducers = {
    {Reason::kPlatform, wrong_platform},
    {Reason::kPrecondition, wrong_architecture},
    {Reason::kCapability, action_it_lacks},
    {Reason::kSandbox, walker_that_cannot_be_confined},
    {Reason::kLimit, too_many},
    {Reason::kKnownGood, file_of_a_package},
    {Reason::kProtected, link_to_a_protected_file},
    {Reason::kNotIndependent, one_witness_only},
    {Reason::kChanged, other_content},
    {Reason::kGone, vanished},
    {Reason::kRaced, swapped_while_acting},
    {Reason::kImmutable, immutable},
    {Reason::kHardLinks, name_outside},
    {Reason::kDiskFull, full_disk},
    {Reason::kVaultFull, full_vault},
    {Reason::kPermission, read_only_state},
    {Reason::kConflict, name_taken_before_undo},
    {Reason::kUnscannable, content_never_read},
    {Reason::kRespawned, back_after_cleaning},
    {Reason::kTimeout, slow_scan},
    {Reason::kIo, damaged_anchor},
    {Reason::kInternal, scanner_that_crashes},
    {Reason::kHealth, port_closed_by_the_cleaning},
};

class HostReason : public testing::TestWithParam<Reason> {};

TEST_P(HostReason, IsGivenByAHostToWhichItHappens) {
  const Reason reason = GetParam();
  const bool is_of_document = document_reasons().contains(reason);
  const Producers& producers = is_of_document ? document_reasons() : kProducers;
  const auto producer = producers.find(reason);
  ASSERT_NE(producer, producers.end()) << "nothing here produces " << name(reason);
  if ((reason == Reason::kDiskFull || reason == Reason::kPermission) && ::geteuid() != 0)
    GTEST_SKIP() << "needs root for a private mount";
  if (reason == Reason::kImmutable && !has_immutable_flag())
    GTEST_SKIP() << "this file system or user has no immutable flag";
  EXPECT_EQ(producer->second(), reason);
}

std::vector<Reason> all_of_them() {
  std::vector<Reason> all;
  for (std::size_t i = static_cast<std::size_t>(Reason::kNone) + 1; i < kCount<Reason>; ++i)
    all.push_back(static_cast<Reason>(i));
  return all;
}

INSTANTIATE_TEST_SUITE_P(Each, HostReason, testing::ValuesIn(all_of_them()),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace fleetsweep
