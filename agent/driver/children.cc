// The driver's side of the local processes: monitor, scan, act.

#include <nlohmann/json.hpp>

#include "agent/driver/driver.h"
#include "agent/driver/hash_sets.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::agent {

namespace {

constexpr Duration kSendMax = std::chrono::seconds(30);

// What the owner's file allows; null: there is none, and the tenant's quorum alone decides.
nlohmann::json consent_json(const trust::Consent& consent) {
  if (consent.digest.is_zero()) return nullptr;
  nlohmann::json json{{"sha256", consent.digest.hex()},
                      {"max_class", name(consent.max_class)},
                      {"jurisdictions", consent.jurisdictions},
                      {"deny", consent.denied},
                      {"root", consent.roots}};
  if (consent.items_max) json["items_max"] = *consent.items_max;
  if (consent.expires) json["expires"] = to_rfc3339(*consent.expires);
  return json;
}

}  // namespace

void Driver::on_monitor() {
  while (true) {
    auto received = monitor_.try_receive();
    // Without a parent there is nobody to start anything: the end.
    if (!received) return stop(received.error().within("monitor"));
    if (!*received) return;
    const model::LocalMessage& message = (*received)->message;
    if (const auto* started = std::get_if<model::ChildStarted>(&message)) {
      on_started(*started, std::move((*received)->fd));
    } else if (const auto* command = std::get_if<model::LocalCommand>(&message)) {
      on_command(*command);
    } else if (const auto* done = std::get_if<model::ActDone>(&message)) {
      run(parts_.core.on_act_done(*done, now()));
    } else if (const auto* exited = std::get_if<model::ChildExited>(&message)) {
      parts_.log.debug("child_exited",
                       {{"child", name(exited->child)}, {"status", exited->status}});
      // Its pipe tells the rest: what it said before it ended is still to be read.
    } else {
      parts_.log.warning("unexpected_local_message");
    }
    if (!outcome_) return;
  }
}

void Driver::on_command(const model::LocalCommand& command) {
  if (command.verb == "halt" || command.verb == "resume") {
    halted_ = command.verb == "halt";
    if (!consent_broken_) run(parts_.core.on_halt(halted_, now()));
  }
  if (command.verb == "rekey") run(parts_.core.on_rekey_asked(now()));
  const model::LocalReply reply = command.verb == "stop"
                                      ? take_stop(as_bytes(command.argument), "the host's owner")
                                      : reply_to(command);
  if (!outcome_) return;
  if (auto sent = monitor_.send(reply); !sent) stop(sent.error().within("monitor"));
}

model::LocalReply Driver::take_stop(BytesView envelope, const std::string& source) {
  Core::StopAnswer answer;
  run(parts_.core.on_stop(envelope, source, answer, now()));
  const trust::Notice& notice = answer.notice;
  const bool is_refused = notice.taken == trust::Taken::kRefused;
  const bool is_lifted = notice.taken == trust::Taken::kKnown && answer.says.empty();
  const std::string taken = is_refused                             ? "refused"
                            : is_lifted                            ? "lifted"
                            : notice.taken == trust::Taken::kKnown ? "known"
                                                                   : "taken";
  const std::string detail =
      is_refused  ? fmt::format("{}: {}", name(notice.refusal.reason), notice.refusal.detail)
      : is_lifted ? "a Resume in the log has lifted it for ever"
                  : "";
  return {
      !is_refused,
      nlohmann::json{
          {"stop", notice.id.hex()}, {"taken", taken}, {"says", answer.says}, {"detail", detail}}
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

model::LocalReply Driver::reply_to(const model::LocalCommand& command) const {
  using Json = nlohmann::json;
  const auto dump = [](const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  if (command.verb == "why" && !command.argument.empty()) {
    const auto order = parts_.core.order_named(command.argument);
    if (!order) return {false, dump(Json{{"error", order.error().message}})};
    return {true, dump(Json{{"order", order->hex()}, {"why", parts_.core.why(*order)}})};
  }
  if (command.verb == "halt" || command.verb == "resume")
    return {true, dump(Json{{"halted", halted_}})};
  const Core::Status status = parts_.core.status();
  const Now time = now();
  if (command.verb == "rekey")
    return {true, dump(Json{{"transport_key", status.transport.pub.hex()},
                            {"rekey_pending", status.rekey_pending}})};
  Json orders = Json::array();
  for (const auto& line : status.lines)
    orders.push_back({{"order", line.order.hex()}, {"title", line.title}, {"why", line.text}});
  Json refused = Json::array();
  for (const trust::Notice& notice : status.refused)
    refused.push_back({{"index", notice.index},
                       {"id", notice.id.hex()},
                       {"type", notice.payload_type},
                       {"reason", name(notice.refusal.reason)},
                       {"detail", notice.refusal.detail}});
  if (command.verb == "why") return {true, dump(Json{{"orders", std::move(orders)}})};
  return {true, dump(Json{{"agent", parts_.core.agent().hex()},
                          {"connected", status.connected},
                          {"welcomed", status.welcomed},
                          {"halted", status.halted},
                          {"consent_broken", consent_broken_},
                          {"forked", status.forked},
                          {"activity", status.activity},
                          {"log_size", status.log_size},
                          {"root_version", status.root_version},
                          {"witness_time", to_rfc3339(status.witness_time)},
                          {"clock", name(parts_.core.clock_state(time))},
                          {"time_told", parts_.core.is_told_time(time)},
                          {"outbox", status.outbox},
                          {"receipts", status.receipts},
                          {"transport_key", status.transport.pub.hex()},
                          {"transport_key_since", to_rfc3339(status.transport.issued)},
                          {"rekey_pending", status.rekey_pending},
                          {"orders", std::move(orders)},
                          {"stops", status.stops},
                          {"consent", consent_json(status.consent)},
                          {"refused_entries", std::move(refused)}})};
}

void Driver::ask_for(model::Child kind, model::LocalMessage request) {
  child(kind).request = std::move(request);
  if (auto sent = monitor_.send(model::StartChild{kind}); !sent)
    stop(sent.error().within("monitor"));
}

void Driver::on_started(const model::ChildStarted& started, UniqueFd fd) {
  Child& one = child(started.child);
  if (!one.request) return;
  const model::LocalMessage request = std::move(*one.request);
  one.request.reset();
  if (!started.error.empty() || !fd)
    return lose(started.child, started.error.empty() ? "no pipe" : started.error);
  const model::Child kind = started.child;
  UniqueFd hashes;
  if (kind == model::Child::kScan) {
    auto written = write_hashes(parts_.store, scan_.policies);
    if (!written) return lose(kind, "hash sets: " + written.error().message);
    hashes = std::move(*written);
  }
  one.pipe.emplace(std::move(fd));
  one.watch = parts_.loop.watch(one.pipe->fd(), [this, kind](Instant) { on_child(kind); });
  if (auto sent = one.pipe->send(request, hashes.get(), kSendMax); !sent)
    return lose(kind, sent.error().message);
  if (kind == model::Child::kAct && !act_remembers_ && std::exchange(stop_act_next_, false))
    static_cast<void>(one.pipe->send(model::LocalCommand{"stop", ""}));
}

void Driver::act_is_free() {
  act_remembers_ = false;
  if (auto next = std::exchange(act_next_, std::nullopt)) return perform(*next);
  RememberStops again;
  if (remember_next_) perform(again);
}

void Driver::lose(model::Child kind, const std::string& why) {
  Child& one = child(kind);
  if (one.pipe) parts_.loop.unwatch(one.watch);
  one.pipe.reset();
  const bool is_act = kind == model::Child::kAct;
  if (is_act && act_remembers_) {
    parts_.log.warning("stops_not_remembered", {{"why", why}});
    return act_is_free();
  }
  if (is_act) stop_act_next_ = false;
  run(parts_.core.on_child_lost(kind, why, now()));
  if (is_act && outcome_) act_is_free();
}

void Driver::on_child(model::Child kind) {
  Child& one = child(kind);
  while (one.pipe) {
    auto received = one.pipe->try_receive();
    if (!received) return lose(kind, received.error().message);
    if (!*received) return;
    const model::LocalMessage& message = (*received)->message;
    const auto* scanned = std::get_if<model::ScanDone>(&message);
    const auto* acted = std::get_if<model::ActDone>(&message);
    const bool is_answer = (kind == model::Child::kScan && scanned && !one.policies.empty()) ||
                           (kind == model::Child::kAct && acted);
    if (!is_answer) continue;  // progress
    if (acted || one.policies.size() == 1) {
      parts_.loop.unwatch(one.watch);
      one.pipe.reset();
    }
    refresh_consent();
    if (scanned) {
      on_scanned(*scanned);
      continue;
    }
    if (!act_remembers_) run(parts_.core.on_act_done(*acted, now()));
    if (outcome_) act_is_free();
    return;
  }
}

// One answer for each policy of the walk, in their order.
void Driver::on_scanned(const model::ScanDone& done) {
  const Digest digest = scan_.policies.front();
  scan_.policies.erase(scan_.policies.begin());
  // The policy as the core fetched it, so that names in the receipt are the order's.
  const auto bytes = parts_.store.policy(digest);
  if (!bytes) return stop(bytes.error().within("store"));
  const auto policy = codec::decode<model::Policy>(*bytes);
  if (!policy) return stop(policy.error().within("policy in the store"));
  if (done.reason == model::Reason::kPolicyMissing)
    run(parts_.core.on_damaged_hashes(damaged_hashes(parts_.store, *policy), now()));
  if (outcome_) run(parts_.core.on_scan_done(done, *policy, now()));
}

}  // namespace fleetsweep::agent
