#include "tests/sim/checkers.h"

#include <numeric>

#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/log/note.h"

namespace fleetsweep::sim {
namespace {

constexpr Seconds kFresh{15 * 60};  // of the fixture's root, for class clean
constexpr Seconds kSkew{5 * 60};    // what a host's clock may be behind
constexpr std::size_t kPeopleToClean = 2;
constexpr const char* kPeople[] = {"alice", "bob", "carol"};

// The wave of a host, from the design and not from the code: SHA-256(order || agent) mod 1000.
std::size_t wave_of(const model::Order& order, const DocumentId& id, const AgentId& agent) {
  const Digest hash = crypto::sha256({id.view(), agent.view()});
  const std::uint32_t number = (std::uint32_t{hash.value[0]} << 24) |
                               (std::uint32_t{hash.value[1]} << 16) |
                               (std::uint32_t{hash.value[2]} << 8) | hash.value[3];
  std::size_t wave = 0;
  while (number % 1000 >= order.waves[wave].permille) ++wave;
  return wave;
}

// Nothing more will come for this order, unless somebody undoes it.
bool is_last_word(model::HostState state) {
  using model::HostState;
  return state == HostState::kClean || state == HostState::kVerified ||
         state == HostState::kNeedsReboot || state == HostState::kResidual ||
         state == HostState::kRespawned || state == HostState::kFailed ||
         state == HostState::kRefused;
}

bool is_harm(const store::Receipt& receipt) {
  using model::HostState;
  return receipt.state == HostState::kResidual || receipt.state == HostState::kRespawned ||
         receipt.state == HostState::kFailed ||
         (receipt.state == HostState::kRefused && receipt.reason == model::Reason::kProtected);
}

// Whatever an order says; not the list of the code under test.
bool is_out_of_bounds(const std::string& path) {
  return path == "/etc/passwd" || path.starts_with("/boot/") || path == "/usr/sbin/sshd";
}

}  // namespace

std::size_t Checkers::holders(const model::Envelope& envelope) const {
  std::size_t count = 0;
  for (const char* person : kPeople)
    count += crypto::verify_envelope(setting_.tenant.key(person).public_key(), envelope);
  return count;
}

void Checkers::on_logged(const Bytes& bytes, Timestamp now) {
  const std::uint64_t index = log_size_++;
  const auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope) return broken("the log took an entry that is no envelope");
  if (envelope->payload_type == model::kPayloadOrder) {
    if (auto order = codec::decode<model::Order>(envelope->payload))
      orders_.emplace(crypto::document_id(*envelope), Logged{std::move(*order), index, {}});
  } else if (envelope->payload_type == model::kPayloadRelease) {
    if (auto release = codec::decode<model::Release>(envelope->payload)) {
      const bool by_person = holders(*envelope) > 0;
      if (!by_person) judge_release(*release, now);
      releases_.push_back({std::move(*release), by_person, now});
    }
  }
}

void Checkers::on_witnessed(const std::string& text, Timestamp time) {
  notes_[text] = time;
  const auto note = log::Note::parse(text);
  const auto checkpoint = note ? log::Checkpoint::parse(note->body) : fail(note.error());
  if (!checkpoint) return broken("the witness signed something that is no checkpoint");
  for (auto& [id, logged] : orders_)
    if (logged.index < checkpoint->size && !logged.witnessed) logged.witnessed = time;
}

// The conductor may let a wave go when its time has come, everybody before it has said how it went,
// and it went well.
void Checkers::judge_release(const model::Release& release, Timestamp now) {
  const std::string name = release.order.hex().substr(0, 8);
  const auto found = orders_.find(release.order);
  if (found == orders_.end() || release.wave >= found->second.order.waves.size())
    return broken("wave: wave {} of {} is released, which is not in the log", release.wave, name);
  const model::Order& order = found->second.order;
  std::optional<Timestamp> from = found->second.witnessed;
  for (const Released& one : releases_)
    if (one.release.order == release.order && one.release.wave + 1 == release.wave) from = one.time;
  if (!from || now < *from + order.waves[release.wave].delay_min)
    broken("wave: wave {} of order {} is released before its time", release.wave, name);

  std::size_t settled = 0;
  std::size_t failed = 0;
  std::size_t silent = 0;
  for (const auto& [host, id] : ids_) {
    if (wave_of(order, release.order, id) >= release.wave) continue;
    const auto answer = answers_.find({release.order, host});
    if (answer != answers_.end() && is_last_word(answer->second.state)) {
      ++settled;
      failed += is_harm(answer->second);
    } else if (answer == answers_.end() && Instant(now) - spoke_[host] > silence_) {
      ++silent;
    } else {
      broken("wave: wave {} of order {} is released before host {} has said how it went",
             release.wave, name, host);
    }
  }
  if (failed >= order.breaker.failures && failed * 1000 >= settled * order.breaker.failed_permille)
    broken("wave: wave {} of order {} is released over an open breaker, {} of {} hosts failed",
           release.wave, name, failed, settled);
  if (settled + silent > 0 && settled <= failed * 2)
    broken("wave: wave {} of order {} is released although {} of {} hosts failed", release.wave,
           name, failed, settled);
}

void Checkers::on_heard(std::size_t host, const std::string& note) {
  const auto found = notes_.find(note);
  if (found == notes_.end()) return;  // no witness signed it: worth nothing
  heard_[host] = std::max(heard_[host], found->second);
}

void Checkers::on_receipt_made(std::size_t host, std::uint64_t seq, const DocumentId& id) {
  if (!made_.emplace(std::pair(host, seq), id).second)
    broken("receipts: host {} made number {} twice", host, seq);
}

void Checkers::on_receipt_stored(const store::Receipt& receipt) {
  const std::size_t host = receipt.host - 1;
  const std::uint64_t seq = receipt.seq;
  const DocumentId& id = receipt.id;
  const auto made = made_.find({host, seq});
  if (made == made_.end() || made->second != id)
    broken("receipts: number {} of host {} is stored, and the host never made it", seq, host);
  if (!stored_.emplace(std::pair(host, seq), id).second)
    broken("receipts: number {} of host {} is stored twice", seq, host);
  const auto order = orders_.find(receipt.order);
  const bool is_apply = order != orders_.end() && order->second.order.mode == model::Mode::kApply;
  if (is_apply && receipt.kind == model::ReceiptKind::kScan &&
      !looked_.emplace(receipt.order, host).second)
    broken("ahead: host {} looks twice for order {} before its time", host,
           receipt.order.hex().substr(0, 8));
  store::Receipt& newest = answers_[{receipt.order, host}];
  if (seq > newest.seq) newest = receipt;
}

void Checkers::on_receipt_dropped(std::size_t host, std::uint64_t seq, const DocumentId& id) {
  const auto stored = stored_.find({host, seq});
  if (stored == stored_.end() || stored->second != id)
    broken("receipts: host {} dropped number {}, which the controller does not hold", host, seq);
}

void Checkers::on_act_started(std::size_t host, const DocumentId& order, const agent::Job* job) {
  if (!job || job->phase != agent::Phase::kActing)
    broken("intent: host {} hands order {} to act before it is durable that it does", host,
           order.hex().substr(0, 8));
}

bool Checkers::is_released(const DocumentId& order, std::uint16_t wave, model::Gate gate) const {
  for (const Released& one : releases_)
    if (one.release.order == order && one.release.wave == wave &&
        (one.by_person || gate == model::Gate::kAuto))
      return true;
  return false;
}

void Checkers::on_begin(std::size_t host, const Bytes& bytes, int round, Timestamp now) {
  const auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope) return broken("quorum: host {} acts on something that is no envelope", host);
  const DocumentId id = crypto::document_id(*envelope);
  const std::string name = id.hex().substr(0, 8);
  const int begun = rounds_[{id, host}]++;
  if (round != begun || round > kRounds)
    broken("rounds: host {} begins round {} of order {} after {} others, and there may be {}", host,
           round, name, begun, kRounds);
  if (holders(*envelope) < kPeopleToClean)
    broken("quorum: host {} acts on order {} that {} of {} people signed", host, name,
           holders(*envelope), kPeopleToClean);
  const auto order = orders_.find(id);
  if (order == orders_.end())
    return broken("quorum: host {} acts on order {} that is not in the log", host, name);
  const auto heard = heard_.find(host);
  if (heard == heard_.end() || heard->second + kFresh + kSkew < now)
    broken("freshness: host {} acts on order {} without a fresh head", host, name);
  if (now + kSkew < order->second.order.schedule.not_before)
    broken("ahead: host {} acts on order {} before its time", host, name);
  if (order->second.order.schedule.not_after + kSkew < now)
    broken("freshness: host {} acts on order {} after its end", host, name);
  const std::size_t wave = wave_of(order->second.order, id, ids_.at(host));
  for (std::size_t k = 0; k <= wave; ++k) {
    const model::Gate gate = order->second.order.waves[k].gate;
    if (gate != model::Gate::kNone && !is_released(id, static_cast<std::uint16_t>(k), gate))
      broken("wave: host {} of wave {} acts before wave {} of order {} was released", host, wave, k,
             name);
  }
}

void Checkers::on_intent(std::size_t host, const DocumentId& order, int round,
                         const std::string& path) {
  intents_.emplace(order, host, round, path);
}

void Checkers::on_change(std::size_t host, const DocumentId& order, int round,
                         const std::string& path) {
  const std::string name = order.hex().substr(0, 8);
  if (!intents_.contains({order, host, round, path}))
    broken("intent: host {} changes {} for order {} and has not journalled it", host, path, name);
  if (!changes_.emplace(order, host, round, path).second)
    broken("twice: host {} changes {} again for order {}", host, path, name);
  if (is_out_of_bounds(path))
    broken("protected: host {} changes {} for order {}", host, path, name);
}

void Checkers::on_campaign(const campaign::Tally& tally, std::size_t targeted) {
  const auto sum = [](const campaign::StateCounts& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
  };
  std::size_t over_waves = 0;
  for (const campaign::WaveTally& wave : tally.waves) {
    over_waves += wave.targeted;
    if (sum(wave.states) != wave.targeted)
      broken("conservation: a wave of {} hosts has {} in its states", wave.targeted,
             sum(wave.states));
  }
  if (tally.targeted != targeted || sum(tally.states) != targeted || over_waves != targeted)
    broken(
        "conservation: {} hosts are targeted, the counters say {}, {} over states, {} over waves",
        targeted, tally.targeted, sum(tally.states), over_waves);
}

void Checkers::on_counted(std::uint64_t receipts) {
  if (receipts != stored_.size())
    broken("conservation: {} receipts are stored, {} were counted", stored_.size(), receipts);
}

}  // namespace fleetsweep::sim
