#include "controller/gateway/gateway.h"

#include <algorithm>

#include "controller/metrics_names.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::controller {
namespace {

// Bounded work per turn; what is left makes the next one.
constexpr int kMessagesPerTurn = 512;
constexpr int kEnrolmentsPerTurn = 32;
// Of those who hold a token of ours; and of anybody, which is what reading a request may take.
constexpr double kEnrolmentsPerSecond = 200;
constexpr double kEnrolmentBurst = 400;
constexpr double kStrangersPerSecond = 5000;
// Messages of one connection that wait for us: what a host can make us hold.
constexpr int kAgentQueue = 16;
constexpr Duration kFloodSaidAgain = std::chrono::minutes(1);

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::open(const Options& options, metrics::Metrics& metrics) {
  std::unique_ptr<Gateway> gateway(new Gateway(metrics));
  FS_TRY(gateway->context_, net::Context::create({.io_threads = options.io_threads}));
  FS_TRY(gateway->zap_,
         net::ZapHandler::start(*gateway->context_, {{"agent", false}, {"enrol", true}}));
  auto agent = net::EdgeSocket::bind(
      *gateway->context_, {.listen = options.agent_listen,
                           .keys = options.keys,
                           .domain = "agent",
                           .receive_queue = kAgentQueue,
                           .unheard_max = std::min(options.agents_max, limits::kAgentsUnheard)});
  if (!agent) return fail(agent.error().within("agent_listen"));
  gateway->agent_ = std::move(*agent);
  auto enrol =
      net::EdgeSocket::bind(*gateway->context_, {.listen = options.enrol_listen,
                                                 .keys = options.keys,
                                                 .domain = "enrol",
                                                 .receive_bytes_max = limits::kEnrolRequestBytes,
                                                 .send_queue = 8,
                                                 .receive_queue = 8,
                                                 .receive_buffer = 64 * 1024,
                                                 .unheard_max = limits::kEnrolVisits,
                                                 .visits = true});
  if (!enrol) return fail(enrol.error().within("enrol_listen"));
  gateway->enrol_ = std::move(*enrol);
  return gateway;
}

std::size_t Gateway::connections_max(std::size_t agents_max) {
  return agents_max + std::min(agents_max, limits::kAgentsUnheard) + limits::kEnrolVisits;
}

Gateway::Gateway(metrics::Metrics& metrics)
    : metrics_(metrics),
      enrolments_(kEnrolmentsPerSecond, kEnrolmentBurst),
      strangers_(kStrangersPerSecond, kStrangersPerSecond) {}

Gateway::~Gateway() = default;

void Gateway::attach(Driver& driver, loop::Loop& loop) {
  driver_ = &driver;
  agent_watch_ = loop.watch(
      agent_->fd(), [this](Instant now) { read_agents(now); },
      [this] { return agent_->readable(); });
  enrol_watch_ = loop.watch(
      enrol_->fd(), [this](Instant now) { read_enrolments(now); },
      [this] { return enrol_->readable(); });
  for (net::EdgeSocket* socket : {agent_.get(), enrol_.get()}) {
    event_watches_.push_back(loop.watch(
        socket->event_fd(), [socket](Instant) { socket->tend(); },
        [socket] { return socket->event_readable(); }));
    sweep(*socket, loop);
  }
}

void Gateway::sweep(net::EdgeSocket& socket, loop::Loop& loop) {
  loop.after(socket.sweep(), [this, &socket, &loop](Instant) { sweep(socket, loop); });
}

void Gateway::detach(loop::Loop& loop) {
  loop.unwatch(agent_watch_);
  loop.unwatch(enrol_watch_);
  for (const auto watch : event_watches_) loop.unwatch(watch);
  event_watches_.clear();
}

void Gateway::read_agents(Instant now) {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    auto received = agent_->receive();
    if (!received) return;
    const auto door = doors_.find(received->key);
    if (door == doors_.end()) {
      // Admitted once, not any more; or admitted by a keeper whose list is older than ours.
      metrics_.add(kSocketDrops, {{"socket", "agent"}});
      continue;
    }
    if (!may(door->second, *received, now, [&](fleet::Allowance& allowance, std::uint64_t spread) {
          return allowance.on_bytes(now, received->payload.view().size(), spread);
        }))
      continue;
    auto message = codec::decode<model::Message>(received->payload.view());
    if (!message) {
      metrics_.add(kResultsRejected, {{"reason", "malformed_message"}});
      continue;
    }
    if (!may(door->second, *received, now, [&](fleet::Allowance& allowance, std::uint64_t spread) {
          return allowance.on_message(now, *message, spread);
        }))
      continue;
    // By value: what the driver does may open and close doors.
    const HostRef host = door->second.host;
    peers_.insert_or_assign(host, std::move(received->peer));
    if (!std::exchange(door->second.used, true)) driver_->on_key_used(host, received->key, now);
    driver_->on_message(host, std::move(*message), now);
  }
}

// What it sent is dropped unless it may; what is worth it, it says again.
template <class Ask>
bool Gateway::may(Door& door, const net::Received& received, Instant now, Ask ask) {
  using Answer = fleet::Allowance::Answer;
  const Answer answer = ask(door.allowance, received.key.value[0]);
  if (answer == Answer::kTake) return true;
  metrics_.add(kDispatchDeferred, {{"reason", "host_rate"}});
  if (answer == Answer::kLater) {
    const model::RetryAfter later{door.allowance.wait(), "this host asks too much"};
    static_cast<void>(
        agent_->send(received.peer, net::Payload(codec::encode(model::Message(later)))));
    return false;
  }
  if (const std::size_t ended = agent_->end(received.key))
    metrics_.add(kConnectionsCut, {{"socket", "agent"}, {"reason", "flooding"}},
                 static_cast<double>(ended));
  if (!door.flood_said || now - *door.flood_said >= kFloodSaidAgain) {
    door.flood_said = now;
    driver_->on_flood(door.host);
  }
  return false;
}

void Gateway::read_enrolments(Instant now) {
  for (int i = 0; i < kEnrolmentsPerTurn; ++i) {
    auto received = enrol_->receive();
    if (!received) return;
    const auto answer = [&](model::Message message) {
      static_cast<void>(enrol_->send(received->peer, net::Payload(codec::encode(message))));
    };
    const auto is_too_much = [&](fleet::Admission& room) {
      const auto wait = room.wait(now, received->key.value[0]);
      if (!wait) return false;
      metrics_.add(kDispatchDeferred, {{"reason", "enrol_rate"}});
      answer(model::RetryAfter{*wait, "too many enrolments"});
      return true;
    };
    // Before anything is decoded: the door is open to everybody.
    if (is_too_much(strangers_)) continue;
    auto message = codec::decode<model::Message>(received->payload.view());
    const auto* request = message ? std::get_if<model::EnrolRequest>(&*message) : nullptr;
    if (!request) {
      metrics_.add(kSocketDrops, {{"socket", "enrol"}});
      answer(model::EnrolReply{"this port takes enrolment requests only", {}, {}, {}});
      continue;
    }
    // Who has no token takes no room from those who have one.
    if (driver_->core().knows_token(request->agent_key) && is_too_much(enrolments_)) continue;
    auto enrolled = driver_->enrol(request->agent_key, received->key, now);
    if (enrolled)
      answer(std::move(enrolled->reply));
    else
      answer(model::EnrolReply{enrolled.error().message, {}, {}, {}});
  }
}

Outlet::Taken Gateway::send(const HostRef& host, const Frame& frame) {
  const auto peer = peers_.find(host);
  if (peer == peers_.end()) return Taken::kGone;
  if (last_frame_ != frame) {
    last_payload_ = std::make_unique<net::Payload>(*frame);
    last_frame_ = frame;
  }
  switch (agent_->send(peer->second, *last_payload_)) {
    case net::Sent::kOk:
      return Taken::kOk;
    case net::Sent::kWouldBlock:
      return Taken::kFull;
    case net::Sent::kGone:
      peers_.erase(peer);
      return Taken::kGone;
  }
  return Taken::kGone;
}

void Gateway::admit(const HostRef& host, const CurveKey& key) {
  doors_.insert_or_assign(key, Door{host});
  zap_->allow("agent", key);
}

void Gateway::retire(const CurveKey& key) {
  doors_.erase(key);  // and what its connections sent is dropped
  zap_->deny("agent", key);
  if (const std::size_t ended = agent_->end(key))
    metrics_.add(kConnectionsCut, {{"socket", "agent"}, {"reason", "retired"}},
                 static_cast<double>(ended));
}

void Gateway::replace(const std::vector<std::pair<CurveKey, HostRef>>& admitted) {
  doors_.clear();
  std::vector<CurveKey> keys;
  keys.reserve(admitted.size());
  for (const auto& [key, host] : admitted) {
    doors_.emplace(key, Door{host});
    keys.push_back(key);
  }
  zap_->replace("agent", keys);
}

void Gateway::tick() {
  const auto dropped = [](const net::EdgeSocket::Counters& counters) {
    return counters.multipart + counters.anonymous;
  };
  const auto cut = [&](std::string_view name, std::string_view reason, std::uint64_t now,
                       std::uint64_t before) {
    if (now > before)
      metrics_.add(kConnectionsCut, {{"socket", name}, {"reason", reason}},
                   static_cast<double>(now - before));
  };
  const auto count = [&](const net::EdgeSocket& socket, net::EdgeSocket::Counters& counted,
                         std::string_view name) {
    metrics_.add(kSocketDrops, {{"socket", name}},
                 static_cast<double>(dropped(socket.counters()) - dropped(counted)));
    const net::EdgeSocket::Counters& now = socket.counters();
    cut(name, "silent", now.cut_unheard, counted.cut_unheard);
    cut(name, "duplicate", now.cut_duplicate, counted.cut_duplicate);
    cut(name, "hoarding", now.cut_hoarding, counted.cut_hoarding);
    counted = now;
  };
  count(*agent_, agent_counted_, "agent");
  count(*enrol_, enrol_counted_, "enrol");
}

}  // namespace fleetsweep::controller
