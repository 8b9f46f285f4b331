#include "controller/gateway/gateway.h"

#include "controller/metrics_names.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::controller {
namespace {

// Bounded work per turn; what is left makes the next one.
constexpr int kMessagesPerTurn = 512;
constexpr int kEnrolmentsPerTurn = 32;
constexpr std::size_t kEnrolRequestBytes = 16 * 1024;
constexpr double kEnrolmentsPerSecond = 200;
constexpr double kEnrolmentBurst = 400;

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::open(const Options& options, metrics::Metrics& metrics) {
  std::unique_ptr<Gateway> gateway(new Gateway(metrics));
  FS_TRY(gateway->context_, net::Context::create({.io_threads = options.io_threads}));
  FS_TRY(gateway->zap_,
         net::ZapHandler::start(*gateway->context_, {{"agent", false}, {"enrol", true}}));
  auto agent = net::EdgeSocket::bind(
      *gateway->context_,
      {.listen = options.agent_listen, .keys = options.keys, .domain = "agent"});
  if (!agent) return fail(agent.error().within("agent_listen"));
  gateway->agent_ = std::move(*agent);
  auto enrol = net::EdgeSocket::bind(*gateway->context_, {.listen = options.enrol_listen,
                                                          .keys = options.keys,
                                                          .domain = "enrol",
                                                          .receive_bytes_max = kEnrolRequestBytes,
                                                          .send_queue = 8,
                                                          .receive_queue = 8});
  if (!enrol) return fail(enrol.error().within("enrol_listen"));
  gateway->enrol_ = std::move(*enrol);
  return gateway;
}

Gateway::Gateway(metrics::Metrics& metrics)
    : metrics_(metrics), enrolments_(kEnrolmentsPerSecond, kEnrolmentBurst) {}

Gateway::~Gateway() = default;

void Gateway::attach(Driver& driver, loop::Loop& loop) {
  driver_ = &driver;
  agent_watch_ = loop.watch(
      agent_->fd(), [this](Instant now) { read_agents(now); },
      [this] { return agent_->readable(); });
  enrol_watch_ = loop.watch(
      enrol_->fd(), [this](Instant now) { read_enrolments(now); },
      [this] { return enrol_->readable(); });
}

void Gateway::detach(loop::Loop& loop) {
  loop.unwatch(agent_watch_);
  loop.unwatch(enrol_watch_);
}

void Gateway::read_agents(Instant now) {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    auto received = agent_->receive();
    if (!received) return;
    const auto host = hosts_.find(received->key);
    if (host == hosts_.end()) {
      // Admitted once, not any more; or admitted by a keeper whose list is older than ours.
      metrics_.add(kSocketDrops, {{"socket", "agent"}});
      continue;
    }
    auto message = codec::decode<model::Message>(received->payload.view());
    if (!message) {
      metrics_.add(kResultsRejected, {{"reason", "malformed_message"}});
      continue;
    }
    peers_.insert_or_assign(host->second, std::move(received->peer));
    driver_->on_message(host->second, std::move(*message), now);
  }
}

void Gateway::read_enrolments(Instant now) {
  for (int i = 0; i < kEnrolmentsPerTurn; ++i) {
    auto received = enrol_->receive();
    if (!received) return;
    const auto answer = [&](model::Message message) {
      static_cast<void>(enrol_->send(received->peer, net::Payload(codec::encode(message))));
    };
    // Before anything is decoded: the door is open to everybody.
    if (const auto wait = enrolments_.wait(now, received->key.value[0])) {
      metrics_.add(kDispatchDeferred, {{"reason", "enrol_rate"}});
      answer(model::RetryAfter{*wait, "too many enrolments"});
      continue;
    }
    auto message = codec::decode<model::Message>(received->payload.view());
    const auto* request = message ? std::get_if<model::EnrolRequest>(&*message) : nullptr;
    if (!request) {
      metrics_.add(kSocketDrops, {{"socket", "enrol"}});
      answer(model::EnrolReply{"this port takes enrolment requests only", {}, {}, {}});
      continue;
    }
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
  hosts_.insert_or_assign(key, host);
  zap_->allow("agent", key);
}

void Gateway::replace(const std::vector<std::pair<CurveKey, HostRef>>& admitted) {
  hosts_.clear();
  std::vector<CurveKey> keys;
  keys.reserve(admitted.size());
  for (const auto& [key, host] : admitted) {
    hosts_.emplace(key, host);
    keys.push_back(key);
  }
  zap_->replace("agent", keys);
}

void Gateway::tick() {
  const auto dropped = [](const net::EdgeSocket::Counters& counters) {
    return counters.multipart + counters.anonymous;
  };
  const auto count = [&](const net::EdgeSocket& socket, net::EdgeSocket::Counters& counted,
                         std::string_view name) {
    metrics_.add(kSocketDrops, {{"socket", name}},
                 static_cast<double>(dropped(socket.counters()) - dropped(counted)));
    counted = socket.counters();
  };
  count(*agent_, agent_counted_, "agent");
  count(*enrol_, enrol_counted_, "enrol");
}

}  // namespace fleetsweep::controller
