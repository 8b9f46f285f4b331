#pragma once

// A tenant's campaign as a signer meets it: a log with a batch and a dry run, two hosts that
// enrolled, what they reported, and a clean order that names it.

#include "cli/order_evidence.h"
#include "cli/order_review.h"
#include "cli/receipt_digest.h"
#include "protocol/crypto/digest.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli::test {

class CampaignEvidence {
 public:
  CampaignEvidence() {
    evidence.log.push_back(tenant.root_envelope());
    model::EnrolBatch batch;
    batch.batch.value.fill(1);
    batch.not_after = fixture::start() + fixture::kDay;
    batch.tokens = {{fixture::key_named("token").public_key(), 9}};
    batch.groups = {"web"};
    batch.jurisdiction = "DE";
    evidence.log.push_back(tenant.sign(batch, {"alice"}));
    dry_run = log(fixture::dry_run(policy), {"alice"});
    for (const char* name : {"web-1", "web-2"}) enrol(name);
    report("web-1", 1, model::HostState::kFound, 4);
    report("web-2", 1, model::HostState::kClean, 0, {}, {}, model::Reason::kUnscannable);
    clean = fixture::apply(policy, dry_run);
    clean.tenant = tenant.id();
    clean.dry_run_report = report_digest(evidence.receipts, dry_run);
  }

  DocumentId log(const model::Order& order, std::initializer_list<std::string> people) {
    evidence.log.push_back(tenant.sign(order, people));
    return fixture::id_of(evidence.log.back());
  }
  void enrol(const std::string& name, const std::string& token = "token") {
    model::AgentKey key;
    key.tenant = tenant.id();
    key.identity = fixture::key_named(name).public_key();
    key.curve.value.fill(8);
    key.token = fixture::key_named(token).public_key();
    key.hostname = name;
    key.issued = fixture::start();
    model::Envelope envelope = crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key),
                                                     fixture::key_named(name));
    if (!crypto::add_signature(envelope, fixture::key_named(token))) return;
    evidence.enrolments.push_back(codec::encode(envelope));
    evidence.hosts.push_back({agent(name), name, "DE", {"web"}});
  }
  void report(const std::string& name, std::uint64_t seq, model::HostState state,
              std::uint32_t matched, const DocumentId& previous = {},
              std::vector<model::ReceiptItem> items = {},
              model::Reason reason = model::Reason::kNone) {
    model::Receipt receipt;
    receipt.tenant = tenant.id();
    receipt.agent = agent(name);
    receipt.seq = seq;
    receipt.previous = previous;
    receipt.order = dry_run;
    receipt.state = state;
    receipt.reason = reason;
    receipt.matched = matched;
    receipt.scanned_bytes = 250'000'000 * (matched + 1);
    receipt.items = std::move(items);
    evidence.receipts.push_back(
        {crypto::sign_envelope(model::kPayloadReceipt, codec::encode(receipt),
                               fixture::key_named(name)),
         receipt});
  }
  static AgentId agent(const std::string& name) {
    return crypto::agent_id(fixture::key_named(name).public_key());
  }
  model::Envelope envelope(const model::Order& order) const {
    return {std::string(model::kPayloadOrder), codec::encode(order), {}};
  }
  OrderReview review(const model::Order& order) const {
    return review_order(envelope(order), order,
                        {.policy = fixture::policy_bytes(policy), .evidence = &evidence},
                        fixture::start());
  }
  trust::State state() const {
    return fold_log(evidence.log, tenant.id(), fixture::start())->state;
  }

  fixture::Tenant tenant;
  model::Policy policy = fixture::hash_policy();
  OrderEvidence evidence;
  DocumentId dry_run;
  model::Order clean;
};

}  // namespace fleetsweep::cli::test
