// The goldens, read by programs that we did not write: `capnp convert` decodes each of them, and
// `openssl pkeyutl` verifies the signature of each signed one.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/protocol/codec/golden_files.h"
#include "tests/protocol/codec/samples.h"

namespace fleetsweep {
namespace {

class StockTools : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "fleetsweep-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string at(const char* name) const { return folder_ + "/" + name; }

  // capnp convert canonical:TO; empty if it failed.
  std::string convert(const std::string& to, const std::string& schema, const std::string& type,
                      BytesView bytes) {
    test::write_file(at("in"), as_text(bytes));
    const std::string command = fmt::format("capnp convert canonical:{} '{}' {} <'{}' >'{}' 2>'{}'",
                                            to, test::source_path("protocol/schema/" + schema),
                                            type, at("in"), at("out"), at("error"));
    EXPECT_EQ(std::system(command.c_str()), 0) << test::read_file(at("error"));
    return test::read_file(at("out"));
  }

  bool verifies(BytesView message, BytesView signature) {
    // SubjectPublicKeyInfo of Ed25519, RFC 8410: a fixed prefix and the raw key.
    Bytes key = *from_hex("302a300506032b6570032100");
    append(key, test::golden_key().public_key().view());
    test::write_file(at("key"), as_text(key));
    test::write_file(at("message"), as_text(message));
    test::write_file(at("signature"), as_text(signature));
    return std::system(fmt::format("openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey '{}' "
                                   "-in '{}' -sigfile '{}' >'{}' 2>&1",
                                   at("key"), at("message"), at("signature"), at("out"))
                           .c_str()) == 0;
  }

  std::string folder_;
};

Bytes golden_bytes(const std::string& name) {
  std::string hex = test::read_file(test::source_path("tests/golden/" + name));
  std::erase(hex, '\n');
  return from_hex(hex).value_or(Bytes{});
}

TEST_F(StockTools, CapnpConvertReadsEveryGolden) {
  for (const auto& sample : test::samples()) {
    const Bytes bytes = golden_bytes(sample.name + ".hex");
    ASSERT_FALSE(bytes.empty()) << sample.name;
    const std::string text = convert("text", sample.schema, sample.type, bytes);
    EXPECT_EQ(test::golden(sample.name + ".txt", text), text) << sample.name;
    // Back again by the same tool: it finds our bytes canonical too. In one line, because it
    // stumbles over the end of its own text when that is longer than a buffer of 4 KiB.
    std::string line = text;
    std::replace(line.begin(), line.end(), '\n', ' ');
    test::write_file(at("text"), line);
    ASSERT_EQ(std::system(fmt::format("capnp convert text:canonical '{}' {} <'{}' >'{}'",
                                      test::source_path("protocol/schema/" + sample.schema),
                                      sample.type, at("text"), at("back"))
                              .c_str()),
              0);
    EXPECT_EQ(test::read_file(at("back")), as_text(bytes)) << sample.name;
  }
}

// A value as its model has it, and as the tool's JSON shows it.
std::string plain(const std::string& text) {
  return text;
}
std::string plain(const Bytes& bytes) {
  return to_hex(bytes);
}
template <std::size_t N, class Tag>
std::string plain(const Fixed<N, Tag>& fixed) {
  return fixed.hex();
}
template <class T>
requires std::is_integral_v<T> std::string plain(T number) {
  return std::to_string(number);
}
std::string plain(Timestamp time) {
  return std::to_string(unix_seconds(time));
}
template <class Period>
std::string plain(std::chrono::duration<std::int64_t, Period> length) {
  return std::to_string(length.count());
}
std::string plain(const nlohmann::json& json) {
  if (json.is_string()) return json.get<std::string>();
  return json.is_array() ? to_hex(json.get<Bytes>()) : json.dump();
}

template <class T>
T document() {
  return test::Filler(1, true).make<T>();
}
template <class T, class Variant>
T alternative() {
  for (std::size_t i = 0;; ++i) {
    const auto message = test::Filler(2 + i, true).make_alternative<Variant>(i);
    if (const auto* found = std::get_if<T>(&message)) return *found;
  }
}
template <class T>
T wire() {
  return alternative<T, model::Message>();
}
template <class T>
T local() {
  return alternative<T, model::LocalMessage>();
}

struct Shown {
  std::string sample;
  std::string place;  // a JSON pointer
  std::string value;
};

// Each document and each message by name, with values that stand nowhere else in it.
std::vector<Shown> values_of_samples() {
  const auto root = document<model::Root>();
  const auto order = document<model::Order>();
  const auto stop = document<model::Stop>();
  const auto receipt = document<model::Receipt>();
  const auto policy = document<model::Policy>();
  const auto hello = wire<model::Hello>();
  const auto blob = wire<model::Blob>();
  const auto reply = wire<model::EnrolReply>();
  const auto request = local<model::ActRequest>();
  const auto done = local<model::ActDone>();
  return {
      {"root", "/version", plain(root.version)},
      {"root", "/keys/0/holder", plain(root.keys[0].holder)},
      {"root", "/policy/coolOff/clean", plain(root.policy.cool_off[3])},
      {"root", "/evidenceKey", plain(root.evidence_key)},
      {"root", "/timeKeys/0", plain(root.time_keys[0])},
      {"root", "/policy/standingLifeMaxSeconds", plain(root.policy.standing_life_max)},
      {"root", "/roles/0/sealed/0/org", plain(root.roles[0].sealed[0].org)},
      {"order", "/policy", plain(order.policy)},
      {"order", "/dryRunOrder", plain(order.dry_run_order)},
      {"order", "/dryRunReport", plain(order.dry_run_report)},
      {"order", "/undoes", plain(order.undoes)},
      {"order", "/schedule/notBefore", plain(order.schedule.not_before)},
      {"order", "/schedule/notAfter", plain(order.schedule.not_after)},
      {"order", "/authority/issuer", plain(order.authority.issuer)},
      {"release", "/order", plain(document<model::Release>().order)},
      {"release", "/evidence", plain(document<model::Release>().evidence)},
      {"stop", "/orders/0", plain(stop.orders[0])},
      {"stop", "/keys/0", plain(stop.keys[0])},
      {"stop", "/agents/0", plain(stop.agents[0])},
      {"resume", "/stops/0", plain(document<model::Resume>().stops[0])},
      {"close", "/resultsRoot", plain(document<model::Close>().results_root)},
      {"endpoints", "/relays/0/curve", plain(document<model::Endpoints>().relays[0].curve)},
      {"endpoints", "/relays/0/validTo", plain(document<model::Endpoints>().relays[0].valid_to)},
      {"enrolbatch", "/tokens/0/pub", plain(document<model::EnrolBatch>().tokens[0].pub)},
      {"enrolbatch", "/jurisdiction", plain(document<model::EnrolBatch>().jurisdiction)},
      {"agentkey", "/identity", plain(document<model::AgentKey>().identity)},
      {"agentkey", "/token", plain(document<model::AgentKey>().token)},
      {"time", "/time", plain(document<model::TimeStatement>().time)},
      {"time", "/root", plain(document<model::TimeStatement>().root)},
      {"receipt", "/agent", plain(receipt.agent)},
      {"receipt", "/previous", plain(receipt.previous)},
      {"receipt", "/matched", plain(receipt.matched)},
      {"receipt", "/acted", plain(receipt.acted)},
      {"receipt", "/items/0/pathHash", plain(receipt.items[0].path_hash)},
      {"policy", "/title", plain(policy.title)},
      {"policy", "/family", plain(policy.family)},
      {"policy", "/detections/0/id", plain(policy.detections[0].id)},
      {"envelope", "/payload", plain(document<model::Envelope>().payload)},
      {"finding", "/number", plain(document<model::Finding>().number)},
      {"wire-hello", "/hello/logSize", plain(hello.log_size)},
      {"wire-hello", "/hello/rootVersion", plain(hello.root_version)},
      {"wire-hello", "/hello/facts/osId", plain(hello.facts.os_id)},
      {"wire-welcome", "/welcome/heartbeatMs", plain(wire<model::Welcome>().heartbeat)},
      {"wire-retryafter", "/retryAfter/waitMs", plain(wire<model::RetryAfter>().wait)},
      {"wire-want", "/want/entriesFrom", plain(wire<model::Want>().entries_from)},
      {"wire-want", "/want/blob", plain(wire<model::Want>().blob)},
      {"wire-entries", "/entries/entries/0", plain(wire<model::Entries>().entries[0])},
      {"wire-checkpoint", "/checkpoint/note", plain(wire<model::Checkpoint>().note)},
      {"wire-blob", "/blob/digest", plain(blob.digest)},
      {"wire-blob", "/blob/total", plain(blob.total)},
      {"wire-receipts", "/receipts/receipts/0", plain(wire<model::Receipts>().receipts[0])},
      {"wire-receiptack", "/receiptAck/receipts/0", plain(wire<model::ReceiptAck>().receipts[0])},
      {"wire-beat", "/beat/rssBytes", plain(wire<model::Beat>().rss_bytes)},
      {"wire-enrolrequest", "/enrolRequest/agentKey", plain(wire<model::EnrolRequest>().agent_key)},
      {"wire-enrolreply", "/enrolReply/rootChain/0", plain(reply.root_chain[0])},
      {"wire-enrolreply", "/enrolReply/enrolBatch", plain(reply.enrol_batch)},
      {"wire-timerequest", "/timeRequest/nonce", plain(wire<model::TimeRequest>().nonce)},
      {"wire-timereply", "/timeReply/statement", plain(wire<model::TimeReply>().statement)},
      {"wire-rekey", "/rekey/agentKey", plain(wire<model::Rekey>().agent_key)},
      {"wire-rekeyed", "/rekeyed/curve", plain(wire<model::Rekeyed>().curve)},
      {"local-startchild", "/startChild/child",
       std::string(name(local<model::StartChild>().child))},
      {"local-childstarted", "/childStarted/pid", plain(local<model::ChildStarted>().pid)},
      {"local-childexited", "/childExited/status", plain(local<model::ChildExited>().status)},
      {"local-scanrequest", "/scanRequest/policy", plain(local<model::ScanRequest>().policy)},
      {"local-scanprogress", "/scanProgress/scanned", plain(local<model::ScanProgress>().scanned)},
      {"local-scandone", "/scanDone/result/policy", plain(local<model::ScanDone>().result.policy)},
      {"local-actrequest", "/actRequest/order", plain(request.order)},
      {"local-actrequest", "/actRequest/policy", plain(request.policy)},
      {"local-actrequest", "/actRequest/stops/0", plain(request.stops[0])},
      {"local-actrequest", "/actRequest/dryRun/0/mac", plain(request.dry_run[0].mac)},
      {"local-actstep", "/actStep/number", plain(local<model::ActStep>().number)},
      {"local-actstep", "/actStep/total", plain(local<model::ActStep>().total)},
      {"local-actdone", "/actDone/order", plain(done.order)},
      {"local-actdone", "/actDone/acted", plain(done.acted)},
      {"local-localcommand", "/localCommand/verb", plain(local<model::LocalCommand>().verb)},
      {"local-localreply", "/localReply/json", plain(to_bytes(local<model::LocalReply>().json))},
  };
}

TEST_F(StockTools, CapnpConvertShowsTheValuesOfEachGoldenInTheirPlaces) {
  const auto shown = values_of_samples();
  for (const auto& sample : test::samples()) {
    const auto json = nlohmann::json::parse(
        convert("json", sample.schema, sample.type, golden_bytes(sample.name + ".hex")));
    std::size_t seen = 0;
    for (const Shown& one : shown) {
      if (one.sample != sample.name) continue;
      ++seen;
      const nlohmann::json::json_pointer place(one.place);
      ASSERT_TRUE(json.contains(place)) << one.place << " in " << sample.name << "\n" << json;
      EXPECT_EQ(plain(json.at(place)), one.value) << one.place << " in " << sample.name;
    }
    EXPECT_GT(seen, 0u) << "no value of " << sample.name << " is compared";
  }
}

TEST_F(StockTools, CapnpConvertShowsTheFieldsWeSet) {
  model::Order order;
  order.title = "Sweep";
  order.mode = model::Mode::kApply;
  order.action_class = model::Class::kClean;
  order.schedule.clock = model::Clock::kHostLocal;
  order.waves = {{.permille = 50, .delay_min = Seconds(60), .gate = model::Gate::kManual}};
  order.scope.jurisdictions = {"DE"};
  const std::string text = convert("text", "documents.capnp", "Order", codec::encode(order));
  for (const char* part :
       {"title = \"Sweep\"", "mode = apply", "actionClass = clean", "clock = hostLocal",
        "permille = 50", "delayMinSeconds = 60", "gate = manual", "jurisdictions = [\"DE\"]"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
}

TEST_F(StockTools, OpensslVerifiesEveryGoldenSignature) {
  for (const auto& sample : test::samples()) {
    if (sample.payload_type.empty()) continue;
    const auto json = nlohmann::json::parse(convert("json", "documents.capnp", "Envelope",
                                                    golden_bytes(sample.name + ".envelope.hex")));
    const Bytes payload = json.at("payload").get<Bytes>();
    const std::string type = json.at("payloadType").get<std::string>();
    EXPECT_EQ(payload, golden_bytes(sample.name + ".hex"));
    // DSSE's PAE, put together here from its definition.
    std::string message =
        fmt::format("DSSEv1 {} {} {} ", type.size(), type, payload.size()) + to_text(payload);
    const Bytes signature = json.at("signatures").at(0).at("signature").get<Bytes>();
    EXPECT_TRUE(verifies(as_bytes(message), signature)) << test::read_file(at("out"));
    message.back() ^= 1;
    EXPECT_FALSE(verifies(as_bytes(message), signature)) << sample.name;
  }
}

}  // namespace
}  // namespace fleetsweep
