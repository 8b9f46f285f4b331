#include "cli/order_review.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/order_words.h"
#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/order_class.h"
#include "protocol/trust/order_rules.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

class Reviewer {
 public:
  Reviewer(const model::Envelope& envelope, const model::Order& order, const Material& material,
           Timestamp now)
      : envelope_(envelope), order_(order), material_(material), now_(now) {}

  OrderReview take() {
    read_log();
    for (const std::string& mistake : trust::mistakes(order_)) object("{}", mistake);
    judge_class();
    judge_root();
    judge_dry_run();
    list_hosts();
    find_precedent();
    if (order_.schedule.not_after <= now_)
      object("it ended {}", to_rfc3339(order_.schedule.not_after));
    return std::move(review_);
  }

 private:
  template <class... Args>
  void object(fmt::format_string<Args...> format, Args&&... args) {
    review_.objections.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void read_log() {
    if (!material_.evidence) return;
    auto history = fold_log(material_.evidence->log, order_.tenant, now_);
    if (history)
      state_ = std::move(history->state);
    else
      object("the log at hand is not of the order's tenant: {}", history.error().message);
  }

  void judge_class() {
    if (order_.mode != model::Mode::kUndo && !material_.policy)
      return object(
          "its policy is not at hand, so that its class is a claim: put it beside the order as "
          "FILE.policy, or give --url");
    const auto computed = computed_class(order_, material_.policy.value_or(Bytes{}));
    if (!computed) return object("{}", computed.error().message);
    review_.computed = *computed;
    if (order_.mode != model::Mode::kUndo)
      if (const auto policy = codec::decode<model::Policy>(*material_.policy))
        review_.cost = compiler::predict_cost(*policy, compiler::HostProfile{});
    if (review_.class_differs(order_))
      object("it claims class {}, {} makes it {}", name(order_.action_class),
             order_.mode == model::Mode::kUndo ? "undoing" : "its policy", name(*review_.computed));
  }

  void judge_root() {
    const model::Root* root = state_           ? &state_->root->root()
                              : material_.root ? &*material_.root
                                               : nullptr;
    if (!root) return;
    const model::Class action_class = review_.computed.value_or(order_.action_class);
    review_.approvals = trust::approvals(envelope_, *root, trust::role_for(action_class),
                                         state_ ? trust::stopped_keys(*state_) : trust::Keys{});
    if (root->version < order_.root_version_min)
      object("it is for root version {} or later, this is version {}", order_.root_version_min,
             root->version);
    const auto index = static_cast<std::size_t>(action_class);
    const Seconds life = order_.schedule.not_after - order_.schedule.not_before;
    const Seconds life_max =
        order_.standing ? root->policy.standing_life_max : root->policy.order_life_max[index];
    if (life > life_max)
      object("it is valid for {}, the root allows {} {}", exactly(life),
             order_.standing ? "a standing order" : fmt::format("class {}", name(action_class)),
             exactly(life_max));
    if (const Seconds grace_max = root->policy.offline_grace_max[index];
        order_.schedule.offline_grace > grace_max)
      object("its offline grace is {}, the root allows class {} {}",
             exactly(order_.schedule.offline_grace), name(action_class), exactly(grace_max));
  }

  void judge_dry_run() {
    if (order_.dry_run_order.is_zero() || !state_) return;
    auto numbers = checked_dry_run(*material_.evidence, *state_, order_);
    if (numbers)
      review_.dry_run = *numbers;
    else
      object("its dry run: {}", numbers.error().message);
    const auto dry_run = state_->orders.find(order_.dry_run_order);
    if (dry_run == state_->orders.end())
      object("its dry run is not in the log");
    else if (dry_run->second.order.policy != order_.policy)
      object("its dry run was made with another policy");
  }

  void list_hosts() {
    // Waves that do not end in 1000 permille hold no host: that is a mistake already.
    if (material_.evidence && trust::mistakes(order_).empty())
      review_.hosts =
          affected_hosts(order_, crypto::document_id(envelope_), material_.evidence->hosts);
    else if (needs_host_count(order_))
      object(
          "how many hosts it reaches is not known here: give --url, or --evidence with a file of "
          "`fleetsweep order evidence`");
  }

  void find_precedent() {
    if (!state_) return;
    review_.knows_campaign = true;
    const DocumentId id = crypto::document_id(envelope_);
    const auto self = state_->orders.find(id);
    const std::uint64_t end =
        self == state_->orders.end() ? trust::kNotLogged : self->second.logged.index;
    const trust::OrderEntry* newest = nullptr;
    for (const auto& [other, entry] : state_->orders) {
      if (entry.order.campaign != order_.campaign || entry.logged.index >= end) continue;
      if (newest && newest->logged.index > entry.logged.index) continue;
      newest = &entry;
      review_.precedent = Precedent{other, entry.order.mode, {}};
    }
    if (newest) review_.precedent->differences = differences(newest->order, order_);
  }

  const model::Envelope& envelope_;
  const model::Order& order_;
  const Material& material_;
  const Timestamp now_;
  std::optional<trust::State> state_;
  OrderReview review_;
};

}  // namespace

Result<model::Class> computed_class(const model::Order& order, BytesView policy) {
  if (order.mode == model::Mode::kUndo) return model::Class::kClean;
  if (crypto::sha256(policy) != order.policy)
    return fail(Code::kUntrusted, "the policy at hand is not the one that the order names");
  const auto facts = trust::policy_facts(policy);
  if (!facts) return fail(Error(facts.error()).within("its policy"));
  return order.mode == model::Mode::kApply ? facts->apply : facts->dry_run;
}

OrderReview review_order(const model::Envelope& envelope, const model::Order& order,
                         const Material& material, Timestamp now) {
  return Reviewer(envelope, order, material, now).take();
}

bool needs_host_count(const model::Order& order) {
  return order.action_class >= model::Class::kClean;
}

Result<model::Envelope> combine(const std::vector<model::Envelope>& copies,
                                const std::vector<std::string>& names) {
  model::Envelope all{copies.front().payload_type, copies.front().payload, {}};
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (copies[i].payload != all.payload || copies[i].payload_type != all.payload_type)
      return fail(Code::kInvalid,
                  "{} is another document than {}; only signatures of the same bytes can be "
                  "combined",
                  escaped(names[i]), escaped(names.front()));
    for (const model::EnvelopeSignature& signature : copies[i].signatures)
      if (std::ranges::find(all.signatures, signature) == all.signatures.end())
        all.signatures.push_back(signature);
  }
  return all;
}

namespace {

json to_json(const trust::Approvals& approvals) {
  json clauses = json::array();
  for (const trust::ClauseApprovals& clause : approvals.clauses) {
    std::vector<std::string> missing;
    for (const trust::Approver& other : clause.missing) missing.push_back(other.holder);
    clauses.push_back({{"threshold", clause.threshold},
                       {"sealed", clause.sealed},
                       {"holders", clause.holders},
                       {"signed_by", clause.signed_by},
                       {"missing", missing}});
  }
  return {{"role", name(approvals.role)},
          {"met", approvals.met()},
          {"by_sealed_keys", approvals.by_sealed},
          {"clauses", clauses}};
}

}  // namespace

json to_json(const OrderReview& review, const model::Order& order) {
  json result = {{"objections", review.objections}};
  if (review.computed)
    result["class"] = {{"computed", name(*review.computed)},
                       {"matches", !review.class_differs(order)}};
  if (review.cost)
    result["cost"] = {{"opened", review.cost->opened},
                      {"bytes_read", review.cost->bytes_read},
                      {"cpu_seconds", review.cost->cpu_seconds}};
  if (review.approvals) result["quorum"] = to_json(*review.approvals);
  if (review.dry_run)
    result["dry_run"] = {{"hosts", review.dry_run->hosts},
                         {"found", review.dry_run->found},
                         {"clean", review.dry_run->clean},
                         {"unscannable", review.dry_run->unscannable},
                         {"refused", review.dry_run->refused},
                         {"matched", review.dry_run->matched},
                         {"bytes_read", review.dry_run->bytes_read},
                         {"bytes_read_max", review.dry_run->bytes_read_max},
                         {"left_alone", review.dry_run->left_alone},
                         {"contradicting", review.dry_run->contradicting},
                         {"later", review.dry_run->later}};
  if (review.hosts) {
    json first = json::array();
    for (const AffectedHost& host : *review.hosts) {
      if (first.size() == kHostsShown) break;
      first.push_back({{"agent", host.id.hex()}, {"hostname", host.hostname}, {"wave", host.wave}});
    }
    result["hosts"] = {{"total", review.hosts->size()}, {"first", first}};
  }
  if (review.precedent) {
    json changes = json::array();
    for (const Difference& one : review.precedent->differences)
      changes.push_back({{"field", one.field},
                         {"before", one.before},
                         {"after", one.after},
                         {"effect", name(one.effect)}});
    result["since"] = {{"order", review.precedent->id.hex()},
                       {"mode", name(review.precedent->mode)},
                       {"changes", changes}};
  }
  return result;
}

}  // namespace fleetsweep::cli
