#include "tests/sim/controller_node.h"

#include "controller/driver/verify.h"
#include "controller/metrics_names.h"
#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "tests/controller/store/forwarding_store.h"

namespace fleetsweep::sim {
namespace {

constexpr std::string_view kWitnessName = "witness.example/one";  // as in the fixture's root

}  // namespace

// The memory store with the seed's faults on commit; a dead process reads nothing either.
class FaultyStore final : public store::ForwardingStore {
 public:
  explicit FaultyStore(ControllerNode& node) : node_(node) {}

  Status commit(std::span<const store::Record> records) override {
    if (node_.dying_) return gone();
    const Fate fate = node_.faults.draw(node_.prng_);
    if (fate == Fate::kTorn) return fail(Code::kInternal, "store: torn");
    if (fate == Fate::kCrashBefore) return die();
    FS_CHECK(ForwardingStore::commit(records));
    for (const store::Record& record : records) {
      if (const auto* entry = std::get_if<store::Entry>(&record))
        node_.wiring_.checkers.on_logged(entry->envelope, entry->admitted);
      if (const auto* receipt = std::get_if<store::Receipt>(&record))
        node_.wiring_.checkers.on_receipt_stored(*receipt);
    }
    return fate == Fate::kCrashAfter ? die() : Status();
  }
  Result<std::vector<store::Tenant>> tenants() override {
    if (node_.dying_) return gone();
    return ForwardingStore::tenants();
  }
  Result<std::vector<store::Agent>> agents(store::TenantNo no) override {
    auto rows = ForwardingStore::agents(no);
    if (node_.bug_forgets_a_host && rows) rows->pop_back();
    return rows;
  }
  Result<std::optional<DocumentId>> receipt_id(store::TenantNo no, store::HostNo host,
                                               std::uint64_t seq) override {
    if (node_.dying_) return gone();
    return ForwardingStore::receipt_id(no, host, seq);
  }

 private:
  static tl::unexpected<Error> gone() { return fail(Code::kInternal, "store: gone"); }
  Status die() {
    node_.crash();
    return gone();
  }

  ControllerNode& node_;
};

ControllerNode::ControllerNode(Wiring wiring, const Times& times, std::uint64_t seed)
    : wiring_(std::move(wiring)),
      times_(times),
      prng_(seed),
      log_key_(fixture::key_named("log")),
      witness_key_(fixture::key_named("witness")),
      witness_({*log::VerifierKey::parse(wiring_.setting.tenant.root().logs.at(0).vkey)}),
      cosigner_(log_key_, {"witness"},
                [this](const std::string&, const log::AddCheckpoint& request) {
                  return ask_witness(request);
                }),
      store_(std::make_unique<FaultyStore>(*this)) {
  options_.log_key = log_key_.public_key();
  options_.heartbeat = times_.heartbeat;
  options_.checkpoint_interval = times_.checkpoint_interval;
}

ControllerNode::~ControllerNode() = default;

void ControllerNode::start() {
  dying_ = false;
  counted_ = 0;
  auto loaded = controller::Driver::load(
      options_, {*store_, *this, *this, *this, wiring_.setting.tenant.key("conductor")},
      wiring_.timeline.now());
  FS_ASSERT(loaded);
  driver_ = std::move(*loaded);
  driver_->flush(wiring_.timeline.now());
  end_of_turn();
  schedule_tick();
}

void ControllerNode::set_up(const std::vector<HostKeys>& hosts) {
  start();
  const Instant now = wiring_.timeline.now();
  const TenantId& tenant = wiring_.setting.tenant.id();
  FS_ASSERT(driver_->create_tenant(wiring_.setting.tenant.root_envelope(), "sim", now));
  FS_ASSERT(driver_->submit(tenant, wiring_.setting.batch, "alice", now));
  FS_ASSERT(driver_->put_policy(tenant, wiring_.setting.policy_bytes, "sim", now));
  for (const HostKeys& host : hosts) {
    const auto enrolled = driver_->enrol(host.request, host.curve, now);
    FS_ASSERT(enrolled && enrolled->host.host == ++targeted_);
  }
}

void ControllerNode::crash() {
  if (dying_) return;
  dying_ = true;
  ++life_;
  ++crashes;
  wiring_.on_down();
  // Not inside its own call.
  wiring_.timeline.after(times_.restart, [this] {
    driver_.reset();
    start();
  });
}

void ControllerNode::later(Duration wait, std::function<void()> what) {
  wiring_.timeline.after(wait, [this, life = life_, what = std::move(what)] {
    if (life == life_ && is_up()) what();
  });
}

void ControllerNode::schedule_tick() {
  if (!is_up()) return;
  const Instant next = driver_->next_deadline();
  const Duration wait = std::max<Duration>(next - wiring_.timeline.now(), Duration(1));
  later(wait, [this] {
    driver_->on_time(wiring_.timeline.now());
    end_of_turn();
    schedule_tick();
  });
}

void ControllerNode::end_of_turn() {
  driver_->flush(wiring_.timeline.now());
  if (!is_up()) return;
  wiring_.checkers.on_counted(counted_);
  for (const auto& tenant : driver_->core().tenants())
    for (const auto& [name, rollout] : tenant->campaigns)
      wiring_.checkers.on_campaign(rollout.tally(), targeted_);
}

Result<DocumentId> ControllerNode::submit(const Bytes& envelope) {
  if (!is_up()) return fail(Code::kUnavailable, "controller: down");
  const auto done =
      driver_->submit(wiring_.setting.tenant.id(), envelope, "operator", wiring_.timeline.now());
  if (is_up()) end_of_turn();
  if (!done) return fail(done.error());
  if (bug_releases_at_once && done->type == "order") release_at_once(done->id);
  return done->id;
}

void ControllerNode::release_at_once(const DocumentId& order) {
  const auto& waves =
      driver_->core().find(store::TenantNo{1})->state().orders.at(order).order.waves;
  for (std::size_t wave = 0; wave < waves.size(); ++wave) {
    if (waves[wave].gate != model::Gate::kAuto) continue;
    model::Release release;
    release.order = order;
    release.wave = static_cast<std::uint16_t>(wave);
    release.expires = fixture::start() + fixture::kDay;
    FS_ASSERT(submit(wiring_.setting.tenant.sign(release, {"conductor"})));
  }
}

void ControllerNode::on_message(std::size_t host, model::Message message) {
  if (!is_up()) return;
  const controller::HostRef ref{1, static_cast<controller::HostNo>(host + 1)};
  if (bug_acks_before_commit)
    if (const auto* receipts = std::get_if<model::Receipts>(&message)) {
      model::ReceiptAck ack;
      for (const Bytes& bytes : receipts->receipts) ack.receipts.push_back(fixture::id_of(bytes));
      wiring_.deliver(host, std::make_shared<const model::Message>(std::move(ack)));
    }
  wiring_.checkers.on_spoke(host, wiring_.timeline.now());
  driver_->on_message(ref, std::move(message), wiring_.timeline.now());
  end_of_turn();
}

const campaign::Rollout* ControllerNode::campaign(const std::string& name) const {
  if (!is_up()) return nullptr;
  const controller::Tenant* tenant = driver_->core().find(store::TenantNo{1});
  if (!tenant) return nullptr;
  const auto found = tenant->campaigns.find(name);
  return found == tenant->campaigns.end() ? nullptr : &found->second;
}

controller::Outlet::Taken ControllerNode::send(const controller::HostRef& host,
                                               const controller::Frame& frame) {
  if (dying_) return Taken::kOk;
  if (frame != last_frame_) {
    auto message = codec::decode<model::Message>(*frame);
    FS_ASSERT(message);
    last_frame_ = frame;
    last_parcel_ = std::make_shared<const model::Message>(std::move(*message));
  }
  switch (wiring_.deliver(host.host - 1, last_parcel_)) {
    case Told::kOk:
      return Taken::kOk;
    case Told::kFull:
      ++refused;
      return Taken::kFull;
    case Told::kGone:
      return Taken::kGone;
  }
  return Taken::kGone;
}

bool ControllerNode::verify(controller::VerifyReceipts work) {
  if (dying_) return true;
  later(some(Duration(20)), [this, work = std::move(work)] {
    driver_->on_verified(controller::verify(work), wiring_.timeline.now());
    end_of_turn();
  });
  return true;
}

bool ControllerNode::cosign(controller::CosignLog work) {
  if (dying_) return true;
  later(some(Duration(50)), [this, work = std::move(work)] {
    const Instant now = wiring_.timeline.now();
    const controller::Cosigned cosigned = cosigner_.cosign(work, to_timestamp(now));
    if (!cosigned.note.empty()) wiring_.checkers.on_witnessed(cosigned.note, cosigned.time);
    driver_->on_cosigned(cosigned, now);
    end_of_turn();
  });
  return true;
}

// The witness host has a right clock; on its way back a thief of the controller may put an answer
// of his own.
bool ControllerNode::ask_time(controller::AskTime work) {
  if (dying_) return true;
  later(some(Duration(50)), [this, work = std::move(work)] {
    controller::TimeTold told{.host = work.host, .error = "witness: down"};
    const auto statement =
        witness_.tell_time(work.query.text(), to_timestamp(wiring_.timeline.now()));
    FS_ASSERT(statement);
    if (witness_up)
      told.statement = codec::encode(crypto::sign_envelope(
          model::kPayloadTime, codec::encode(*statement), fixture::key_named("time")));
    if (tamper_time) told.statement = tamper_time(std::move(told.statement));
    driver_->on_time_told(told);
    end_of_turn();
  });
  return true;
}

Result<controller::WitnessAnswer> ControllerNode::ask_witness(const log::AddCheckpoint& request) {
  if (!witness_up) return fail(Code::kUnavailable, "witness: down");
  const witness::Verdict verdict = witness_.judge(request.text());
  if (verdict.status == 409)
    return controller::WitnessAnswer{{}, witness_.seen(verdict.checkpoint.origin).size};
  if (verdict.status != 200) return fail(Code::kUntrusted, "witness: {}", verdict.text);
  witness_.remember(verdict.checkpoint);
  return controller::WitnessAnswer{
      {log::cosign(verdict.note.body, std::string(kWitnessName), witness_key_,
                   to_timestamp(wiring_.timeline.now()))},
      std::nullopt};
}

void ControllerNode::on(const controller::Count& count) {
  if (count.metric == controller::kResults)
    counted_ += static_cast<std::uint64_t>(count.value) * (bug_counts_twice ? 2 : 1);
}

}  // namespace fleetsweep::sim
