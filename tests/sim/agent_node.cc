#include "tests/sim/agent_node.h"

#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::sim {
namespace {

constexpr Duration kRestart = Seconds(2);
constexpr Duration kConnectRetry = Seconds(5);
constexpr unsigned kSpinsMax = 1000;

Bytes fake_seal(const CurveKey&, BytesView plain) {
  return to_bytes(plain);
}

}  // namespace

AgentNode::AgentNode(const Wiring& wiring, std::size_t number, HostKeys keys, std::uint64_t seed)
    : wiring_(wiring),
      number_(number),
      keys_(std::move(keys)),
      prng_(seed),
      connection_(wiring.network, number) {
  host_.agent = crypto::agent_id(keys_.identity.public_key());
  host_.jurisdiction = "DE";
  host_.groups = {"web"};
  host_.capabilities = {"collect", "kill", "quarantine", "remove", "report", "suspend"};
  host_.sandbox = model::SandboxLevel::kReduced;
  booted_ = wiring_.timeline.now() - std::chrono::hours(1);
  boot_.value.fill(1);
  wiring_.checkers.on_host(number_, host_.agent);
  host.watch.on_begin = [this](const model::ActRequest& request) {
    wiring_.checkers.on_begin(number_, request.order, request.round,
                              to_timestamp(wiring_.timeline.now()));
  };
  host.watch.on_intent = [this](const DocumentId& order, int round, const std::string& path) {
    wiring_.checkers.on_intent(number_, order, round, path);
  };
  host.watch.on_change = [this](const DocumentId& order, int round, const std::string& path) {
    wiring_.checkers.on_change(number_, order, round, path);
  };
}

agent::Now AgentNode::now() const {
  agent::Now now;
  now.uptime = wiring_.timeline.now() - booted_;
  now.clock.local = to_timestamp(wiring_.timeline.now() + skew);
  now.clock.boottime = std::chrono::floor<Seconds>(now.uptime);
  now.clock.boot = boot_;
  now.clock.synchronised = synchronised;
  return now;
}

Duration AgentNode::some(Duration at_most) {
  return Duration(
      1 + static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(at_most.count()))));
}

void AgentNode::later(Duration wait, std::function<void()> what) {
  wiring_.timeline.after(wait, [this, life = life_, what = std::move(what)] {
    if (life == life_ && core_) what();
  });
}

void AgentNode::start() {
  FS_ASSERT(!core_);
  agent::Identity identity;
  identity.tenant = wiring_.setting.tenant.id();
  identity.host = host_;
  identity.version = "sim";
  identity.boot = boot_;
  identity.enrolled = fixture::start();
  identity.seed = prng_.next();
  identity.secret = crypto::sha256(as_bytes(fmt::format("{} {}", number_, identity.seed)));
  auto loaded = agent::Core::load(std::move(identity), wiring_.setting.root, keys_.identity,
                                  fake_seal, store_.load(), now());
  if (!loaded) fmt::print(stderr, "host {}: {}\n", number_, loaded.error().detail);
  FS_ASSERT(loaded);
  core_ = std::move(*loaded);
  run(core_->on_start(now()));
  if (core_) later(some(Seconds(1)), [this] { connect(); });
}

void AgentNode::shut_down() {
  ++life_;
  core_.reset();
  connection_.close();
  timer_.reset();
}

void AgentNode::crash() {
  if (!core_) return;
  ++crashes;
  shut_down();
  wiring_.timeline.after(kRestart, [this, life = life_] {
    if (life == life_ && !core_) start();
  });
}

void AgentNode::reboot() {
  booted_ = wiring_.timeline.now();
  ++boot_.value[0];
  crash();
}

void AgentNode::connect() {
  if (connection_.is_open()) return;
  if (wiring_.network.is_cut(number_) || !wiring_.controller_is_up()) {
    later(some(kConnectRetry), [this] { connect(); });
    return;
  }
  connection_.open();
  run(core_->on_connected(now()));
}

void AgentNode::lose_connection() {
  if (!core_ || !connection_.is_open()) return;
  connection_.close();
  run(core_->on_disconnected(now()));
  if (core_) later(some(kConnectRetry), [this] { connect(); });
}

Told AgentNode::deliver(std::shared_ptr<const model::Message> message) {
  return connection_.to_host([this, message = std::move(message)] {
    if (const auto* checkpoint = std::get_if<model::Checkpoint>(message.get()))
      wiring_.checkers.on_heard(number_, checkpoint->note);
    run(core_->on_message(*message, now()));
  });
}

void AgentNode::run(agent::Effects effects) {
  if (wiring_.tamper) wiring_.tamper(number_, effects);
  if (!effects.records.empty()) {
    const Fate fate = wiring_.faults.draw(prng_);
    // The agent's driver stops the process when a commit fails: torn is a crash, too.
    if (fate == Fate::kTorn || fate == Fate::kCrashBefore) return crash();
    for (const agent::Record& record : effects.records) {
      if (const auto* put = std::get_if<agent::PutReceipt>(&record))
        wiring_.checkers.on_receipt_made(number_, put->seq, put->id);
      if (const auto* drop = std::get_if<agent::DropReceipts>(&record))
        for (const std::uint64_t seq : drop->seqs)
          wiring_.checkers.on_receipt_dropped(number_, seq,
                                              store_.receipt_id(seq).value_or(DocumentId{}));
    }
    store_.commit(effects.records);
    if (fate == Fate::kCrashAfter) return crash();
  }
  for (agent::Action& action : effects.actions) perform(action);
  arm();
}

void AgentNode::perform(agent::Action& action) {
  const auto send = [this](model::Message message) {
    connection_.to_controller(
        [this, message = std::move(message)] { wiring_.send(number_, message); });
  };
  if (auto* one = std::get_if<agent::Send>(&action)) send(std::move(one->message));
  if (const auto* one = std::get_if<agent::SendReceipts>(&action))
    send(model::Receipts{store_.receipts(one->seqs)});
  if (const auto* one = std::get_if<agent::StartScan>(&action)) scan(*one);
  if (std::holds_alternative<agent::EndScan>(action)) ++scan_;
  if (auto* one = std::get_if<agent::StartAct>(&action)) act(std::move(*one));
  if (std::holds_alternative<agent::AskActToStop>(action)) host.ask_to_stop();
  if (std::holds_alternative<agent::Reconnect>(action)) {
    connection_.close();
    later(some(Seconds(1)), [this] { connect(); });
  }
}

void AgentNode::scan(const agent::StartScan& start) {
  for (const Digest& digest : start.policies)
    FS_ASSERT(store_.policy(digest) && digest == wiring_.setting.digest);
  ++host.walks;
  host.scans += start.policies.size();
  later(some(scan_time), [this, number = ++scan_, answers = start.policies.size()] {
    const model::Policy& policy = wiring_.setting.policy;
    const std::uint64_t life = life_;
    // Each answer is an event of its own: it may be ended, or crash the process, in between.
    for (std::size_t i = 0; i < answers && number == scan_ && life == life_; ++i)
      run(core_->on_scan_done(host.scan(policy, wiring_.setting.digest), policy, now()));
  });
}

void AgentNode::act(agent::StartAct start) {
  if (const Bytes* bytes = store_.policy(start.policy)) start.request.policy = *bytes;
  if (!start.dry_run.is_zero()) start.request.dry_run = store_.dry_run(start.dry_run);
  const DocumentId order = fixture::id_of(start.request.order);
  wiring_.checkers.on_act_started(number_, order, store_.job(order));
  later(some(Duration(100)), [this, request = std::move(start.request)] {
    if (const auto answer = host.begin(request, now().clock))
      run(core_->on_act_done(*answer, now()));
    else
      step();
  });
}

void AgentNode::step() {
  later(some(Duration(50)), [this] {
    if (prng_.chance(act_crash)) return crash();
    if (const auto answer = host.step())
      run(core_->on_act_done(*answer, now()));
    else
      step();
  });
}

void AgentNode::arm() {
  const auto deadline = core_->next_deadline();
  if (!deadline) return;
  const Instant due = booted_ + *deadline;
  const Instant soonest = wiring_.timeline.now() + Duration(1);
  // A deadline that stays in the past would spin for ever: that is a bug of the core.
  spins_ = due < soonest ? spins_ + 1 : 0;
  FS_ASSERT(spins_ < kSpinsMax);
  const Instant at = std::max(due, soonest);
  if (timer_ && *timer_ <= at) return;
  timer_ = at;
  wiring_.timeline.at(at, [this, life = life_, at] {
    if (life != life_ || timer_ != at) return;
    timer_.reset();
    run(core_->on_deadline(now()));
  });
}

}  // namespace fleetsweep::sim
