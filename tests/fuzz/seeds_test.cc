// Seeds of signed documents and of binary formats: as our code makes them today, so that a fuzzer
// begins behind the first checks. FLEETSWEEP_UPDATE_GOLDEN=1 writes them anew.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "agent/act/anchor.h"
#include "agent/act/metadata.h"
#include "agent/act/transaction.h"
#include "agent/local/enrolment.h"
#include "agent/overlay/containerd_store.h"
#include "agent/scan/attributes.h"
#include "agent/scan/checkpoint.h"
#include "agent/scan/identity_table.h"
#include "agent/scan/job.h"
#include "agent/scan/parser.h"
#include "cli/order_evidence.h"
#include "cli/report_file.h"
#include "protocol/base/bytes.h"
#include "protocol/crypto/sshsig.h"
#include "tests/agent/hive/hive_builder.h"
#include "tests/agent/overlay/containerd_builder.h"
#include "tests/cli/closed_campaign.h"
#include "tests/fuzz/host_cases.h"
#include "tests/fuzz/tenant.h"
#include "tests/protocol/codec/golden_files.h"
#include "tests/protocol/crypto/ssh_identity.h"

namespace fleetsweep::fuzz {
namespace {

void expect_seed(const std::string& name, std::initializer_list<std::uint8_t> choice,
                 BytesView input) {
  const std::string path = test::source_path("tests/fuzz/seeds/" + name);
  const std::string bytes = to_text(Bytes(choice)) + to_text(input);
  if (test::updating()) test::write_file(path, bytes);
  EXPECT_TRUE(test::read_file(path) == bytes)
      << name << " differs: FLEETSWEEP_UPDATE_GOLDEN=1 writes it again";
}

class TrustSeeds : public testing::Test {
 protected:
  template <class T>
  void expect_taken(const std::string& name, T document) {
    document.tenant = tenant_.world.tenant.id();
    const Bytes payload = codec::encode(document);
    std::uint8_t type = 0;
    while (kTypes[type] != codec::payload_type<T>()) ++type;
    expect_seed("trust/" + name, {4, type}, payload);
    trust::LogView log = tenant_.log;
    const auto notice = log.replay(tenant_.signed_by_all(type, payload), fixture::start());
    EXPECT_EQ(notice.taken, trust::Taken::kAccepted) << name << ": " << notice.refusal.detail;
  }
  const Tenant tenant_;
};

TEST(HostSeeds, ASeedIsReadByAnotherParserThanItIsMeantFor) {
  using scan::Format;
  const auto of = [](Format format) { return static_cast<std::uint8_t>(format); };
  const std::pair<std::string_view, std::uint8_t> all[] = {
      {"system_crontab", of(Format::kSystemCrontab)},
      {"user_crontab", of(Format::kUserCrontab)},
      {"anacrontab", of(Format::kAnacrontab)},
      {"whole", of(Format::kWhole)},
      {"at_job", of(Format::kAtJob)},
      {"unit", of(Format::kUnit)},
      {"lines", of(Format::kLines)},
      {"libraries", of(Format::kLibraries)},
      {"socket_line", kSocketLine},
      {"stat_line", kStatLine},
      {"yara", kYara},
      {"record_", kRecord},
      {"metadata", kMetadata},
      {"edit", kEdit},
      {"configuration", kConfiguration},
      {"url", kAddress},
      {"packages", kPackages},
      {"answer", kAnswer},
      {"hello", kHello},
      {"job", kJob},
      {"template", kTemplate},
      {"anchor", kAnchor},
      {"enrolment", kEnrolment},
      {"operator_key", kOperatorKey},
      {"curve_key", kCurveKey},
      {"proc_text", kProcText},
      {"hive", kHive},
      {"entries_", kEntries},
      {"baseline", kBaseline},
      {"pam", kPam},
      {"shell", kShell},
      {"rpm_header", kRpmHeader},
      {"sqlite", kSqlite},
      {"network_", kNetwork},
      {"image_", kImages},
      {"berkeley", kBerkeley},
      {"ndb", kNdb},
      {"task", kTask},
      {"task_actions", kTask},
      {"archive_", kArchive},
      {"loader_cache", kLoaderCache},
      {"manager_", kManager},
      {"bolt", kBolt},
      {"capabilities", kCapabilities},
      {"identity_table", kIdentityTable},
      {"checkpoint", kCheckpoint}};
  std::set<std::uint8_t> cases, formats;
  for (const auto& file :
       std::filesystem::directory_iterator(test::source_path("tests/fuzz/seeds/host"))) {
    const std::string name = file.path().filename();
    const auto meant = std::find_if(std::begin(all), std::end(all), [&](const auto& one) {
      return one.first.ends_with('_') ? name.starts_with(one.first) : name == one.first;
    });
    ASSERT_NE(meant, std::end(all)) << name;
    const std::string seed = test::read_file(file.path());
    EXPECT_EQ(static_cast<std::uint8_t>(seed.at(0)), meant->second) << name;
    cases.insert(meant->second);
    if (meant->second == kEntries) formats.insert(static_cast<std::uint8_t>(seed.at(1)));
  }
  for (std::uint8_t i = 0; i < kCases; ++i) EXPECT_TRUE(cases.contains(i)) << int{i};
  for (std::uint8_t i = kFormats; i < model::kEntryFormats; ++i)
    EXPECT_TRUE(formats.contains(i)) << "entries of format " << int{i};
}

TEST(HostSeeds, WhatAFileSystemAndOurOwnTablesHoldHasNoSeed) {
  // VFS_CAP_REVISION_2 with the effective bit: cap_net_raw is permitted.
  Bytes capabilities(20, 0);
  capabilities[0] = 1;
  capabilities[3] = 2;
  capabilities[5] = 0x20;
  EXPECT_EQ(scan::capability_names(capabilities), std::vector<std::string>{"cap_net_raw"});
  expect_seed("host/capabilities", {kCapabilities}, capabilities);

  Bytes one_entry(8 + sizeof(scan::IdentityTable::Known), 1);
  std::fill(one_entry.begin() + 4, one_entry.begin() + 8, 0);
  one_entry[4] = 1;  // how many
  expect_seed("host/identity_table", {kIdentityTable}, one_entry);
  expect_seed("host/checkpoint", {kCheckpoint}, Bytes(2 * sizeof(scan::Answered), 1));
  expect_seed("host/entries_dpkg", {kEntries, static_cast<std::uint8_t>(model::EntryFormat::kDpkg)},
              as_bytes("# of dpkg.cfg.d\npost-invoke=\"/x y\"\n"));
  expect_seed("host/entries_interfaces",
              {kEntries, static_cast<std::uint8_t>(model::EntryFormat::kInterfaces)},
              as_bytes("iface a inet dhcp\n  up \\\n /x\nsource b/*\n"));
}

TEST(HostSeeds, AHiveIsReadBehindItsHeader) {
  const std::string cache = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\";
  const Bytes actions = hive::task_actions({{"C:\\d.exe", "/x"}});
  const Bytes hive =
      hive::HiveBuilder()
          .text("ControlSet001\\Services\\a", "ImagePath", "C:\\a.exe")
          .text("Microsoft\\Windows\\CurrentVersion\\Run", "b", "C:\\b.exe")
          .text("Software\\Microsoft\\Windows\\CurrentVersion\\Run", "c", "C:\\c.exe")
          .text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.1")
          .text("Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21", "ProfileImagePath",
                "C:\\Users\\Ann")
          .text(cache + "Tree\\d", "Id", "{1}")
          .bytes(cache + "Tasks\\{1}", "Actions", 3, actions)
          .build();
  expect_seed("host/hive", {kHive}, hive);
  expect_seed("host/task_actions", {kTask}, actions);
}

TEST(HostSeeds, ADatabaseOfContainerdsIsReadBehindItsMetaPage) {
  // What its snapshotter keeps is here a namespace of that name.
  ContainerdBuilder both{BoltBuilder(512), BoltBuilder(512)};
  both.add_layer(1, "k8s.io/2", numbered_digest(1));
  both.add_image("k8s.io", "example.com/one:1", numbered_digest(2));
  both.metadata.put({"v1", "k8s.io", "images", "long"}, std::string(600, 'x'));
  both.metadata.put({"v1", "snapshots", "k8s.io/2/sha256:" + numbered_digest(1).hex(), "id"},
                    "\x01");
  const Bytes bytes = both.metadata.build();
  expect_seed("host/bolt", {kBolt}, bytes);
  EXPECT_EQ(containerd_layer(1, bytes, bytes)->of_kubernetes, std::set{numbered_digest(2)});
}

TEST_F(TrustSeeds, ADocumentIsRefusedBeforeItIsLookedAt) {
  model::Release release;
  release.order = tenant_.order;
  release.wave = 1;
  release.expires = fixture::start() + fixture::kDay;
  expect_taken("release", release);
  model::Resume resume;
  resume.stops = {tenant_.stop};
  expect_taken("resume", resume);
  model::Endpoints endpoints;
  endpoints.relays.push_back(
      {"tcp://relay.example:7600", {}, fixture::start(), fixture::start() + fixture::kDay});
  expect_taken("endpoints", endpoints);
  expect_taken("enrolbatch", tenant_.batch(2));
  model::Close close;
  close.campaign = "test";
  close.results_size = 3;
  expect_taken("close", close);
  model::Order order = fixture::dry_run(tenant_.world.policy);
  expect_taken("order", order);
  model::Stop stop;
  stop.issued = fixture::start();
  stop.orders = {tenant_.order};
  stop.keys = {fixture::key_named("alice").public_key()};
  stop.reason = "test";
  expect_taken("stop", stop);
}

TEST_F(TrustSeeds, AHostIsRefusedBeforeItsKeysAreLookedAt) {
  expect_seed("trust/enrolment", {3}, tenant_.agent_key());
  EXPECT_TRUE(tenant_.enrolment(tenant_.agent_key()));
}

TEST(TreeSeeds, AFrontierIsRefusedBeforeItGrows) {
  log::CompactRange range;
  Bytes input = {0, 0, 0, 0, 0, 0, 0, 13};
  for (int i = 0; i < 13; ++i) range.append(log::leaf_hash(as_bytes("entry")));
  for (const Digest& hash : range.frontier()) {
    const BytesView bytes = hash.view();
    input.insert(input.end(), bytes.begin(), bytes.end());
  }
  expect_seed("log/frontier", {9}, input);
  EXPECT_TRUE(log::CompactRange::restore(13, range.frontier()));
}

TEST(LogSeeds, WhatAnEdgeSendsIsRefusedBeforeItIsFolded) {
  const Tenant tenant;
  const std::vector<Bytes>& log = tenant.world.log.entries();
  Bytes input;
  const auto say = [&](const model::Message& message) {
    const Bytes bytes = codec::encode(message);
    input.push_back(static_cast<std::uint8_t>(bytes.size() >> 8));
    input.push_back(static_cast<std::uint8_t>(bytes.size()));
    input.insert(input.end(), bytes.begin(), bytes.end());
  };
  const std::string first = tenant.world.log.note(fixture::start(), 1);
  const std::string all = tenant.world.log.note(fixture::start());
  say(model::Entries{0, {log[0]}});
  say(model::Checkpoint{first});
  say(model::Entries{1, {log.begin() + 1, log.end()}});
  say(model::Checkpoint{all});
  expect_seed("trust/edge", {11}, input);
  trust::LogView view(tenant.world.tenant.verified());
  ASSERT_TRUE(view.append(0, log, tenant.world.clock));
  EXPECT_TRUE(view.checkpoint(all, tenant.world.clock));
  EXPECT_EQ(view.size(), log.size());
}

TEST(SshSeeds, ASignatureIsRefusedBeforeItIsLookedAt) {
  for (const std::string application : {"", "ssh:fleetsweep"}) {
    const test::SshIdentity person(fixture::key_named("alice"), application);
    const std::string name = application.empty() ? "trust/ssh" : "trust/ssh_token";
    const Bytes blob = person.sign(as_bytes(kSshMessage));
    const std::string armored = fmt::format(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", to_base64(blob));
    expect_seed(name + "_key", {5}, as_bytes(person.public_line()));
    expect_seed(name + "_armor", {6}, as_bytes(armored));
    expect_seed(name + "_signature", {7}, blob);
    const auto key = crypto::parse_ssh_public_key(person.public_line()).value();
    EXPECT_EQ(crypto::unarmor_ssh_signature(armored).value(), blob);
    EXPECT_TRUE(crypto::check_ssh_signature(key, as_bytes(kSshMessage), blob));
  }
}

TEST(ReportSeeds, AReportIsRefusedBeforeItsEvidenceIsLookedAt) {
  const cli::ClosedCampaign world;
  const auto out = cli::prove(world.evidence, cli::kCampaign, world.trusted());
  ASSERT_TRUE(out) << Error(out.error()).message;
  const auto body = cli::make_report(*out, world.evidence, fixture::start());
  ASSERT_TRUE(body);
  expect_seed("trust/report_body", {9}, body->payload);
  const std::string text = codec::to_dsse_json(
      crypto::sign_envelope(cli::kPayloadReport, body->payload, fixture::key_named("alice")));
  expect_seed("trust/report", {8}, as_bytes(text));
  EXPECT_TRUE(cli::verify_report(text, world.trusted()));
}

TEST(EvidenceSeeds, EvidenceIsRefusedBeforeItsReceiptsAreLookedAt) {
  const cli::ClosedCampaign world;
  cli::OrderEvidence evidence;
  for (const cli::ProvenEntry& one : world.evidence.log) evidence.log.push_back(one.entry);
  evidence.enrolments = world.evidence.enrolments;
  for (const Bytes& receipt : world.evidence.receipts) {
    const auto envelope = codec::decode<model::Envelope>(receipt);
    evidence.receipts.push_back({*envelope, *codec::decode<model::Receipt>(envelope->payload)});
  }
  const std::string text = cli::evidence_text(evidence);
  expect_seed("trust/evidence", {12}, as_bytes(text));
  EXPECT_TRUE(cli::parse_evidence(text));
}

template <class T>
void expect_message(const std::string& name, HostCase which, const T& message) {
  scan::Writer writer;
  write(writer, message);
  expect_seed("host/" + name, {which}, writer.bytes());
}

TEST(HostSeeds, WalkerAndParserSpeakAnotherLanguage) {
  scan::Job job;
  job.id = 7;
  job.facts.identity = {"/etc/crontab", 1, 2, 40, 5, 6, 1, {}};
  job.facts.aliases = {"/alias"};
  job.facts.mtime_delta_ms = -1;
  job.facts.package_owned = true;
  job.owner = "root";
  job.wanted = {0, 3};
  job.entries = true;
  job.md5 = true;
  job.user = "root";
  expect_message("job", kJob, job);
  scan::Answer answer;
  answer.id = 7;
  answer.status = scan::Answer::Status::kPartial;
  answer.detail = "a rule took too long";
  answer.bytes = 40;
  answer.magic = "text";
  answer.head = {1, 2, 3};
  answer.sha256 = std::string(64, 'a');
  answer.sha1 = std::string(40, 'b');
  answer.md5 = std::string(32, 'c');
  answer.rules_done = {0};
  answer.rules = {{0, {"LookAlike", {{"$a", 9}}}}};
  answer.entries_read = true;
  answer.entries = {{"name", "* * * * * root /x", "/x", "root", 3}};
  answer.followed = {{scan::Format::kAssignments, "/opt/env"}};
  expect_message("answer", kAnswer, answer);
  expect_message("hello", kHello, scan::Hello{model::SandboxLevel::kFull, "", "rule r: error"});
}

TEST(HostSeeds, AHostsOwnMemoryIsRefusedBeforeItIsLookedAt) {
  const Tenant tenant;
  char folder[] = "/tmp/fleetsweep-seeds-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  trust::ActAnchor anchor;
  anchor.tenant = tenant.world.tenant.id();
  anchor.newest = fixture::start();
  anchor.executed = {{tenant.order, 1}};
  anchor.stops = {tenant.world.log.entries()[2]};
  ASSERT_TRUE(act::save_anchor(folder, anchor));
  const std::string bytes = test::read_file(folder + std::string("/anchor"));
  std::filesystem::remove_all(folder);
  // Its checksum is the fuzzer's to add.
  expect_seed("host/anchor", {kAnchor}, as_bytes(bytes).first(bytes.size() - Digest::kSize));

  agent::Enrolment enrolment;
  enrolment.tenant = anchor.tenant;
  enrolment.enrolled = fixture::start();
  enrolment.address = "tcp://controller.example:7600";
  enrolment.root_chain = {tenant.world.tenant.root_envelope()};
  enrolment.batch = tenant.world.log.entries()[3];
  const std::string text = agent::enrolment_text(enrolment);
  expect_seed("host/enrolment", {kEnrolment}, as_bytes(text));
  EXPECT_EQ(agent::parse_enrolment(text).value(), enrolment);
}

TEST(HostSeeds, AJournalIsRefusedBeforeItIsLookedAt) {
  act::Op op;
  op.kind = act::OpKind::kEdit;
  op.file = {"/etc/ld.so.preload", 1, 2, 40, 5, 6, 1, {}};
  op.text = "/lib/a.so /lib/lookalike.so";
  op.rest = "/lib/a.so";
  op.spared = {"/usr/sbin/sshd"};
  op.roots = {"/"};
  op.what = {"cmdline"};
  act::Step step;
  step.item.verdict = "infected";
  step.path = op.file.path;
  step.rule = {"LookAlike", {{"$a", 9}}};
  act::Begin begin;
  begin.steps = {step};
  begin.ops = {op};
  const act::Event events[] = {begin, act::Intended{}, act::Done{}, act::UndoIntended{},
                               act::Purged{timestamp(1), 2, 3}};
  int number = 0;
  for (const act::Event& event : events) {
    const act::Record record{{}, event};
    const Bytes bytes = act::encode(record);
    expect_seed("host/record_" + std::to_string(number++), {kRecord}, bytes);
    EXPECT_EQ(act::decode_record(bytes).value(), record);
  }
}

TEST(HostSeeds, AVaultIsRefusedBeforeItIsLookedAt) {
  act::Metadata metadata;
  metadata.path = "/usr/bin/lookalike";
  metadata.names = {"/usr/bin/lookalike", "/srv/lookalike"};
  metadata.mode = 0755;
  metadata.size = 12;
  metadata.data = {{0, 4}, {8, 4}};
  metadata.container = std::string(64, 'c');
  metadata.xattrs = {{"security.capability", "value"}};
  metadata.verdict = "infected";
  metadata.rule = {"LookAlike", {{"$a", 9}}};
  metadata.pids = {42};
  const Bytes bytes = act::encode(metadata);
  expect_seed("host/metadata", {kMetadata}, bytes);
  EXPECT_EQ(act::decode_metadata(bytes).value(), metadata);
}

}  // namespace
}  // namespace fleetsweep::fuzz
