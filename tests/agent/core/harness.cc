#include "tests/agent/core/harness.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "agent/plan/binding.h"
#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"

namespace fleetsweep::agent {

namespace {

// Sealing that is the same every time.
Bytes fake_seal(const CurveKey&, BytesView plain) {
  Bytes sealed = to_bytes("sealed:");
  append(sealed, plain);
  return sealed;
}

}  // namespace

Harness::Harness() : policy(fixture::hash_policy()) {
  policy.verify.rescans = {Seconds(0), Seconds(90)};
  digest = crypto::sha256(fixture::policy_bytes(policy));
  clock.local = fixture::start();
  clock.boot.value.fill(1);
  clock.synchronised = true;
  host.agent = crypto::agent_id(key.public_key());
  host.jurisdiction = "DE";
  host.groups = {"web"};
  host.capabilities = {"collect", "kill", "quarantine", "remove", "report", "suspend"};
  host.sandbox = model::SandboxLevel::kReduced;
  log.append(tenant.root_envelope());
  load();
  run(core->on_start(now()));
}

void Harness::load() {
  Identity identity;
  identity.tenant = tenant.id();
  identity.host = host;
  identity.version = "test";
  identity.boot = clock.boot;
  identity.enrolled = fixture::start() - fixture::kDay;
  identity.seed = 7;
  identity.secret.value.fill(static_cast<std::uint8_t>(++starts_));
  Stored stored = stored_;
  for (const auto& [digest, bytes] : policies_) stored.policies.push_back(*brief_of(bytes));
  auto loaded = Core::load(std::move(identity), tenant.verified(), key, fake_seal,
                           std::move(stored), now(), &guard);
  if (!loaded) fmt::print(stderr, "harness: {}\n", loaded.error().detail);
  FS_ASSERT(loaded);
  core = std::move(*loaded);
}

Now Harness::now() const {
  Now now;
  now.uptime = uptime;
  now.clock = clock;
  now.clock.boottime = std::chrono::floor<Seconds>(uptime);
  now.clock.local += wrong;
  return now;
}

void Harness::run(Effects effects) {
  if (lose_commits && !effects.records.empty()) return;
  for (const Record& record : effects.records) commit(record);
  for (Action& action : effects.actions) {
    if (auto* send = std::get_if<Send>(&action)) sent.push_back(std::move(send->message));
    if (auto* send = std::get_if<SendReceipts>(&action)) sent_receipts.push_back(send->seqs);
    if (auto* start = std::get_if<StartScan>(&action)) {
      scans_.push_back(*start);
      asked_.assign(start->policies.begin(), start->policies.end());
      for (const Digest& digest : start->policies)
        for (const model::HashPart& part :
             hash_set::hash_parts(*codec::decode<model::Policy>(policies_.at(digest))))
          EXPECT_TRUE(std::ranges::find(stored_.hash_parts, part.digest) !=
                      stored_.hash_parts.end())
              << "a scan without all its hashes";
    }
    if (auto* start = std::get_if<StartAct>(&action)) {
      if (!start->request.resume) given_.clear();
      for (const model::SealedFinding& sealed : start->request.findings)
        given_.push_back(
            plan::object_digest(codec::decode<model::Finding>(sealed.finding)->identity));
      acts_.push_back(std::move(*start));
    }
    if (std::holds_alternative<RememberStops>(action)) remembered.push_back(core->stops_request());
    if (std::holds_alternative<AskActToStop>(action)) ++stops_asked;
    if (std::holds_alternative<EndScan>(action)) ++scans_ended;
    if (std::holds_alternative<Reconnect>(action)) ++reconnects;
  }
}

void Harness::commit(const Record& record) {
  if (const auto* put = std::get_if<PutEntry>(&record)) {
    FS_ASSERT(put->index == stored_.entries.size());
    stored_.entries.push_back({put->entry, put->seen});
  } else if (const auto* put = std::get_if<PutLog>(&record)) {
    stored_.log = put->log;
  } else if (const auto* put = std::get_if<PutPolicy>(&record)) {
    policies_[put->digest] = put->bytes;
  } else if (const auto* drop = std::get_if<DropPolicy>(&record)) {
    policies_.erase(drop->digest);
  } else if (const auto* put = std::get_if<PutHashPart>(&record)) {
    stored_.hash_parts.push_back(put->digest);
  } else if (const auto* drop = std::get_if<DropHashPart>(&record)) {
    std::erase(stored_.hash_parts, drop->digest);
  } else if (const auto* put = std::get_if<PutDryRun>(&record)) {
    stored_.dry_runs.push_back(put->run);
  } else if (const auto* put = std::get_if<PutJob>(&record)) {
    std::erase_if(stored_.jobs, [&](const Job& job) { return job.order == put->job.order; });
    stored_.jobs.push_back(put->job);
  } else if (const auto* drop = std::get_if<DropJob>(&record)) {
    std::erase_if(stored_.jobs, [&](const Job& job) { return job.order == drop->order; });
    std::erase_if(stored_.dry_runs,
                  [&](const trust::DryRun& run) { return run.order == drop->order; });
  } else if (const auto* put = std::get_if<PutStop>(&record)) {
    stored_.stops.push_back({put->log_size, put->envelope, put->seen});
  } else if (const auto* put = std::get_if<PutReceipt>(&record)) {
    FS_ASSERT(receipts_.emplace(put->seq, put->envelope).second);
    stored_.outbox.push_back({put->seq, put->id, put->envelope.size()});
    stored_.seq = put->seq;
    stored_.previous = put->id;
  } else if (const auto* put = std::get_if<PutTransport>(&record)) {
    stored_.transport = put->transport;
  } else if (const auto* drop = std::get_if<DropReceipts>(&record)) {
    for (const std::uint64_t seq : drop->seqs)
      std::erase_if(stored_.outbox, [&](const auto& item) { return item.seq == seq; });
  }
}

void Harness::connect() {
  run(core->on_connected(now()));
  run(core->on_message(model::Welcome{std::chrono::seconds(60), 16}, now()));
}

void Harness::disconnect() {
  run(core->on_disconnected(now()));
}

void Harness::deliver() {
  run(core->on_message(model::Entries{0, log.entries()}, now()));
  run(core->on_message(model::Checkpoint{log.note(clock.local)}, now()));
  serve_policy();
}

void Harness::serve_policy() {
  const auto wants = of_kind<model::Want>(sent);
  std::erase_if(sent, [](const auto& message) {
    return !std::holds_alternative<model::TimeRequest>(message);
  });
  for (const model::Want& want : wants) {
    if (want.blob != digest && !others_.contains(want.blob)) continue;
    const Bytes bytes = fixture::policy_bytes(want.blob == digest ? policy : others_.at(want.blob));
    run(core->on_message(model::Blob{want.blob, 0, bytes.size(), bytes}, now()));
  }
}

Digest Harness::also(const model::Policy& other) {
  const Digest digest = crypto::sha256(fixture::policy_bytes(other));
  others_[digest] = other;
  return digest;
}

Bytes Harness::time_statement(const std::string& key) const {
  const auto questions = of_kind<model::TimeRequest>(sent);
  FS_ASSERT(!questions.empty());
  model::TimeStatement statement;
  statement.tenant = tenant.id();
  statement.nonce = questions.back().nonce;
  statement.time = clock.local;
  statement.size = log.entries().size();
  return codec::encode(crypto::sign_envelope(model::kPayloadTime, codec::encode(statement),
                                             fixture::key_named(key)));
}

void Harness::tell_time(const Bytes& statement) {
  run(core->on_message(model::TimeReply{statement}, now()));
}

void Harness::ack_all() {
  model::ReceiptAck ack;
  for (const auto& [seq, envelope] : receipts_) ack.receipts.push_back(fixture::id_of(envelope));
  run(core->on_message(ack, now()));
}

DocumentId Harness::order(const model::Order& order, std::initializer_list<std::string> people) {
  const Bytes envelope = tenant.sign(order, people);
  document(envelope);
  return fixture::id_of(envelope);
}

void Harness::document(Bytes envelope) {
  log.append(std::move(envelope));
  deliver();
}

model::ScanDone Harness::clean() const {
  model::ScanDone done;
  done.sandbox = model::SandboxLevel::kReduced;
  done.result.policy = digest;
  done.result.scanned = 100;
  return done;
}

model::ScanDone Harness::found() const {
  model::ScanDone done = clean();
  model::FileIdentity file;
  file.path = "/tmp/.x/lookalike";
  file.inode = 41;
  file.size = 12;
  file.sha256.value.fill(0xaa);
  model::Finding finding;
  finding.identity = file;
  done.result.findings = {finding};
  done.result.verdicts = {0};
  done.sealed = {{codec::encode(finding), Digest{}}};
  return done;
}

void Harness::scan_answers(const model::ScanDone& done) {
  const Digest of = asked_.empty() ? digest : asked_.front();
  if (!asked_.empty()) asked_.pop_front();
  run(core->on_scan_done(done, of == digest ? policy : others_.at(of), now()));
}

void Harness::act_answers(model::HostState state, model::Reason reason, bool removes) {
  model::ActDone done;
  done.state = state;
  done.reason = reason;
  done.acted =
      state == model::HostState::kCleaned || state == model::HostState::kNeedsReboot ? 1 : 0;
  if (done.acted > 0 && removes) done.removed = given_;
  run(core->on_act_done(done, now()));
}

void Harness::pass(Duration time) {
  const Uptime end = uptime + time;
  while (true) {
    const auto next = core->next_deadline();
    const Uptime until = next && *next < end ? std::max(*next, uptime) : end;
    const Duration step = until - uptime;
    // Whole seconds of wall time as the boot clock passes them.
    clock.local += std::chrono::floor<Seconds>(until) - std::chrono::floor<Seconds>(uptime);
    uptime = until;
    static_cast<void>(step);
    if (!next || *next > end) return;
    ++turns;
    run(core->on_deadline(now()));
    const auto again = core->next_deadline();
    // A deadline that stays in the past would spin for ever: that is a bug of the core.
    FS_ASSERT(!again || *again > uptime || again == next);
    if (again == next) uptime += std::chrono::milliseconds(1);
  }
}

void Harness::crash() {
  lose_commits = false;
  scans_.clear();
  acts_.clear();
  sent.clear();
  sent_receipts.clear();
  load();
  run(core->on_start(now()));
}

std::vector<model::Receipt> Harness::receipts() const {
  std::vector<model::Receipt> all;
  DocumentId previous;
  std::uint64_t seq = 0;
  for (const auto& [number, bytes] : receipts_) {
    const auto envelope = codec::decode<model::Envelope>(bytes);
    FS_ASSERT(envelope && envelope->payload_type == model::kPayloadReceipt);
    FS_ASSERT(crypto::verify(key.public_key(),
                             crypto::pae(envelope->payload_type, envelope->payload),
                             envelope->signatures.at(0).signature));
    const auto receipt = codec::decode<model::Receipt>(envelope->payload);
    FS_ASSERT(receipt);
    // One chain, whatever happened.
    FS_ASSERT(receipt->seq == ++seq && receipt->previous == previous);
    previous = crypto::document_id(*envelope);
    all.push_back(*receipt);
  }
  return all;
}

}  // namespace fleetsweep::agent
