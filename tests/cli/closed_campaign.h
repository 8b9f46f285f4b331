#pragma once

// A campaign that was ordered, cleaned, stopped, resumed and closed, with all that its report rests
// on. Link fs_test_fixture.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/close_out.h"
#include "protocol/base/assert.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli {

inline void PrintTo(const Complaint& complaint, std::ostream* out) {  // for gtest
  *out << Error(complaint).message;
}

inline constexpr const char* kCampaign = "web-1";

class ClosedCampaign {
 public:
  explicit ClosedCampaign(const std::string& closed_by = "carol",
                          std::initializer_list<std::string> approvers = {"alice", "bob"},
                          const std::function<void(model::Root&)>& change = nullptr)
      : tenant(change) {
    policy_.title = "Look-alike <b>by</b> hash";
    log(tenant.root_envelope());
    log(tenant.sign(batch(), {"alice"}));
    for (const char* host : {"web-1", "web-2", "<script>alert(1)</script>"}) enrol(host);
    model::Order dry = fixture::dry_run(policy_);
    dry.campaign = kCampaign;
    dry.title = "Dry run <img src=x onerror=alert(2)>";
    dry.authority = {"contract", "CISO \"&\" board", "T-1", "soc@example.org"};
    dry_run = log(tenant.sign(dry, {"alice"}));
    receipt("web-1", dry_run, model::ReceiptKind::kScan, model::HostState::kFound, 2, 0);
    receipt("web-2", dry_run, model::ReceiptKind::kScan, model::HostState::kClean, 0, 0);
    const Digest seen = digest_of(dry_run);
    receipt("<script>alert(1)</script>", dry_run, model::ReceiptKind::kScan,
            model::HostState::kFound, 1, 0);
    model::Order clean = fixture::apply(policy_, dry_run);
    clean.campaign = kCampaign;
    clean.authority = dry.authority;
    clean.dry_run_report = seen;  // one host answered after it was drafted
    clean.waves = {{.permille = 500}, {.permille = 1000, .gate = model::Gate::kManual}};
    apply = log(tenant.sign(clean, approvers));
    const DocumentId stop = log(tenant.sign(
        model::Stop{.issued = fixture::start(), .orders = {apply}, .reason = "think <i>first</i>"},
        {"carol"}));
    log(tenant.sign(model::Resume{.stops = {stop}, .reason = "thought"}, {"alice", "bob"}));
    receipt("web-1", apply, model::ReceiptKind::kClean, model::HostState::kCleaned, 2, 2);
    log(tenant.sign(model::Release{.order = apply,
                                   .wave = 1,
                                   .evidence = digest_of(apply),
                                   .expires = fixture::start() + fixture::kHour},
                    {"bob"}));
    receipt("web-1", apply, model::ReceiptKind::kVerify, model::HostState::kVerified, 0, 0);
    receipt("web-2", apply, model::ReceiptKind::kScan, model::HostState::kClean, 0, 0);
    close(closed_by);
    evidence.policies = {fixture::policy_bytes(policy_)};
    evidence.silent = {{agents.at("<script>alert(1)</script>"), model::HostState::kUnreachable}};
    prove_log();
  }

  DocumentId log(Bytes entry) {
    const DocumentId id = fixture::id_of(entry);
    evidence.log.push_back({log_.append(entry), entry, {}});
    return id;
  }
  // Signed by the host, after its last one.
  Bytes receipt(const std::string& host, const DocumentId& order, model::ReceiptKind kind,
                model::HostState state, std::uint32_t matched, std::uint32_t acted) {
    model::Receipt receipt;
    receipt.tenant = tenant.id();
    receipt.agent = agents.at(host);
    receipt.seq = ++seq_[host];
    receipt.previous = last_[host];
    receipt.order = order;
    receipt.kind = kind;
    receipt.state = state;
    receipt.matched = matched;
    receipt.acted = acted;
    receipt.consent.value.fill(5);
    receipt.finished = fixture::start() + Seconds(receipt.seq);
    evidence.receipts.push_back(codec::encode(crypto::sign_envelope(
        model::kPayloadReceipt, codec::encode(receipt), fixture::key_named(host))));
    last_[host] = fixture::id_of(evidence.receipts.back());
    return evidence.receipts.back();
  }
  model::Envelope trusted() const {
    return *codec::decode<model::Envelope>(tenant.root_envelope());
  }
  // Proofs and checkpoint anew, of the log as it is.
  void prove_log() {
    std::vector<Digest> leaves;
    for (const Bytes& entry : log_.entries()) leaves.push_back(log::leaf_hash(entry));
    for (ProvenEntry& one : evidence.log)
      one.proof = log::inclusion_proof(leaves, one.index, leaves.size());
    evidence.checkpoint = log_.note(fixture::start() + fixture::kHour);
  }
  void close(const std::string& person) {
    std::vector<Digest> leaves;
    for (const Bytes& bytes : evidence.receipts) leaves.push_back(log::leaf_hash(bytes));
    model::Close close;
    close.campaign = kCampaign;
    close.results_size = leaves.size();
    close.results_root = log::tree_root(leaves);
    log(tenant.sign(close, {person}));
  }
  void enrol(const std::string& host) {
    const crypto::SecretKey identity = fixture::key_named(host);
    model::AgentKey key;
    key.tenant = tenant.id();
    key.identity = identity.public_key();
    key.curve.value.fill(static_cast<std::uint8_t>(agents.size() + 1));
    key.token = fixture::key_named("token").public_key();
    key.hostname = host;
    key.issued = fixture::start();
    auto envelope = crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), identity);
    FS_ASSERT(crypto::add_signature(envelope, fixture::key_named("token")));
    evidence.enrolments.push_back(codec::encode(envelope));
    agents[host] = crypto::agent_id(key.identity);
  }

  fixture::Tenant tenant;
  Evidence evidence;
  DocumentId dry_run, apply;
  std::map<std::string, AgentId> agents;

 private:
  static model::EnrolBatch batch() {
    model::EnrolBatch batch;
    batch.batch.value.fill(1);
    batch.not_after = fixture::start() + fixture::kDay;
    batch.tokens = {{fixture::key_named("token").public_key(), 3}};
    batch.groups = {"web"};
    batch.jurisdiction = "DE";
    return batch;
  }
  Digest digest_of(const DocumentId& order) const {
    std::map<DocumentId, Digest> leaves;
    for (const Bytes& bytes : evidence.receipts)
      if (codec::decode<model::Receipt>(codec::decode<model::Envelope>(bytes)->payload)->order ==
          order)
        leaves[fixture::id_of(bytes)] = log::leaf_hash(bytes);
    std::vector<Digest> hashes;
    for (const auto& [id, leaf] : leaves) hashes.push_back(leaf);
    return log::tree_root(hashes);
  }

  fixture::Log log_;
  model::Policy policy_ = fixture::hash_policy();
  std::map<std::string, std::uint64_t> seq_;
  std::map<std::string, DocumentId> last_;
};

namespace test {

// Somebody changes one thing of a campaign's evidence.
class Proving : public testing::Test {
 protected:
  // What prove() complains of; fails the test when it does not.
  Complaint complaint(const Evidence& evidence) const {
    return complaint(evidence, world_.trusted());
  }
  Complaint complaint(const Evidence& evidence, const model::Envelope& root) const {
    const auto held = prove(evidence, kCampaign, root);
    EXPECT_FALSE(held) << "it holds";
    return held ? Complaint{} : held.error();
  }
  // The entry of the evidence with the n-th document of this type.
  std::size_t entry(std::string_view payload_type, std::size_t nth = 0) const {
    for (std::size_t i = 0; i < world_.evidence.log.size(); ++i)
      if (codec::decode<model::Envelope>(world_.evidence.log[i].entry)->payload_type ==
              payload_type &&
          nth-- == 0)
        return i;
    ADD_FAILURE() << payload_type;
    return 0;
  }

  ClosedCampaign world_;
  Evidence bad_ = world_.evidence;
};

}  // namespace test

}  // namespace fleetsweep::cli
