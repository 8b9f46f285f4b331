#include "cli/proven_log.h"

#include <algorithm>

#include "cli/console.h"
#include "cli/order_review.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::cli {
namespace {

class LogProver {
 public:
  LogProver(const Evidence& evidence, const std::string& campaign) : evidence_(evidence) {
    log_.told.campaign = campaign;
  }

  Held<ProvenLog> run(const model::Envelope& trusted) {
    FS_CHECK(fold());
    FS_CHECK(compare_root(trusted));
    FS_CHECK(check_checkpoint());
    FS_CHECK(check_entries());
    FS_CHECK(read_orders());
    FS_CHECK(read_steering());
    return std::move(log_);
  }

 private:
  template <class... Args>
  void held(fmt::format_string<Args...> format, Args&&... args) {
    log_.told.held.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  static std::string log_place(std::size_t i) { return fmt::format("evidence.log[{}]", i); }
  bool has_order(const DocumentId& id) const {
    return std::ranges::find(log_.told.orders, id, &OrderLine::id) != log_.told.orders.end();
  }

  Held<void> fold();
  Held<void> compare_root(const model::Envelope& trusted);
  Held<void> check_checkpoint();
  Held<void> check_entries();
  Held<void> read_orders();
  Held<void> check_class(const OrderLine& line, std::size_t place) const;
  Held<void> read_steering();

  const Evidence& evidence_;
  ProvenLog log_;
  std::vector<model::Envelope> entries_;
};

Held<void> LogProver::fold() {
  std::vector<Bytes> entries;
  for (std::size_t i = 0; i < evidence_.log.size(); ++i) {
    const ProvenEntry& one = evidence_.log[i];
    const std::uint64_t least = i == 0 ? 0 : evidence_.log[i - 1].index + 1;
    if (i == 0 ? one.index != 0 : one.index < least)
      return complain(log_place(i) + ".index",
                      i == 0 ? "0, where Root version 1 is" : fmt::format("{} or more", least),
                      std::to_string(one.index));
    auto envelope = codec::decode<model::Envelope>(one.entry);
    if (!envelope) return complain(log_place(i), "an envelope", envelope.error().message);
    entries_.push_back(std::move(*envelope));
    entries.push_back(one.entry);
  }
  // Of the part of the log that is here; what was taken is not forgotten for having ended since.
  auto history = fold_log(entries, std::nullopt, timestamp(limits::kTimeMax));
  if (!history) return complain(log_place(0), "Root version 1", history.error().message);
  log_.history = std::move(*history);
  log_.told.tenant = log_.history.state.tenant;
  log_.told.root = log_.history.state.root;
  log_.told.stopped_keys = trust::stopped_keys(log_.history.state);
  return {};
}

Held<void> LogProver::compare_root(const model::Envelope& trusted) {
  const auto root = codec::decode<model::Root>(trusted.payload);
  if (trusted.payload_type != model::kPayloadRoot || !root)
    return complain("root", "a signed root", kind_of(trusted.payload_type));
  const DocumentId id = crypto::document_id(trusted);
  if (root->version == 1 && trust::tenant_id(trusted.payload) != log_.told.tenant)
    return complain("root", "tenant " + trust::tenant_id(trusted.payload).hex(),
                    "a report of tenant " + log_.told.tenant.hex());
  std::string found = fmt::format("versions 1 to {}", log_.told.root->version());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].payload_type != model::kPayloadRoot) continue;
    const auto here = codec::decode<model::Root>(entries_[i].payload);
    if (!here || here->version != root->version) continue;
    if (log_.history.notices[i].id == id &&
        log_.history.notices[i].taken == trust::Taken::kAccepted) {
      held("the trusted root is version {} of tenant {}, and leads to version {}", root->version,
           log_.told.tenant.hex().substr(0, 16), log_.told.root->version());
      return {};
    }
    found = fmt::format("version {} with id {}", here->version, log_.history.notices[i].id.hex());
  }
  return complain("root", fmt::format("version {} with id {}", root->version, id.hex()), found);
}

Held<void> LogProver::check_checkpoint() {
  const auto head = verified_head(evidence_.checkpoint, log_.told.root->root());
  if (!head)
    return complain("evidence.checkpoint",
                    fmt::format("a checkpoint that the log of root version {} signed and {} of its "
                                "witnesses cosigned",
                                log_.told.root->version(), log_.told.root->root().witness_quorum),
                    head.error().message);
  log_.told.origin = head->checkpoint.origin;
  log_.told.log_size = head->checkpoint.size;
  log_.told.log_root = head->checkpoint.root;
  log_.told.witnessed = head->time;
  log_.told.witnesses = log_.told.root->root().witnesses.size();
  log_.told.witness_quorum = log_.told.root->root().witness_quorum;
  held("the checkpoint of {} entries is signed by {} and cosigned by {} of {} witnesses at {}",
       log_.told.log_size, escaped(log_.told.origin), log_.told.witness_quorum, log_.told.witnesses,
       to_rfc3339(log_.told.witnessed));
  return {};
}

Held<void> LogProver::check_entries() {
  for (std::size_t i = 0; i < evidence_.log.size(); ++i) {
    const ProvenEntry& one = evidence_.log[i];
    const Status included = log::verify_inclusion(
        log::leaf_hash(one.entry), one.index, log_.told.log_size, one.proof, log_.told.log_root);
    if (!included)
      return complain(log_place(i),
                      fmt::format("entry {} of the log, with a proof that leads to root {}",
                                  one.index, log_.told.log_root.hex()),
                      included.error().message);
    const trust::Notice& notice = log_.history.notices[i];
    if (notice.taken == trust::Taken::kRefused)
      return complain(
          log_place(i), "a document signed by those who may, when it was logged",
          fmt::format("{}: {}", kind_of(notice.payload_type), Error(notice.refusal).message));
  }
  held("{} documents are in the log, each with the signatures that it needed when it was logged",
       evidence_.log.size());
  return {};
}

Held<void> LogProver::read_orders() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].payload_type != model::kPayloadOrder) continue;
    const auto order = codec::decode<model::Order>(entries_[i].payload);
    if (!order || order->campaign != log_.told.campaign) continue;
    const DocumentId id = log_.history.notices[i].id;
    log_.told.orders.push_back({.id = id,
                                .index = evidence_.log[i].index,
                                .order = *order,
                                .approved_by = log_.history.approvers[id],
                                .sealed = log_.history.sealed.contains(id)});
    FS_CHECK(check_class(log_.told.orders.back(), i));
  }
  if (log_.told.orders.empty())
    return complain("evidence.log", "an order of campaign " + escaped(log_.told.campaign), "none");
  held("{} met the quorum of what their policy really does",
       counted(log_.told.orders.size(), "order"));
  return {};
}

// An order that understates what it does would need fewer people.
Held<void> LogProver::check_class(const OrderLine& line, std::size_t place) const {
  BytesView policy;
  for (const Bytes& bytes : evidence_.policies)
    if (crypto::sha256(bytes) == line.order.policy) policy = bytes;
  const auto computed = computed_class(line.order, policy);
  if (!computed)
    return complain("evidence.policies", fmt::format("policy {}", line.order.policy.hex()),
                    computed.error().message);
  if (*computed != line.order.action_class)
    return complain(log_place(place),
                    fmt::format("class {}, as its policy makes it", name(*computed)),
                    fmt::format("class {}", name(line.order.action_class)));
  return {};
}

Held<void> LogProver::read_steering() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const model::Envelope& envelope = entries_[i];
    SteeringLine line{.id = log_.history.notices[i].id,
                      .index = evidence_.log[i].index,
                      .type = kind_of(envelope.payload_type),
                      .signed_by = log_.history.approvers[log_.history.notices[i].id],
                      .sealed = log_.history.sealed.contains(log_.history.notices[i].id)};
    if (envelope.payload_type == model::kPayloadRelease) {
      const auto release = codec::decode<model::Release>(envelope.payload);
      if (!release || !has_order(release->order)) continue;
      line.says =
          fmt::format("wave {} of order {}", release->wave + 1, release->order.hex().substr(0, 12));
      line.opened = release->order;
      line.evidence = Digested{release->evidence, std::nullopt};
    } else if (envelope.payload_type == model::kPayloadStop) {
      const auto stop = codec::decode<model::Stop>(envelope.payload);
      if (!stop) continue;
      line.says = stop->reason;
    } else if (envelope.payload_type == model::kPayloadResume) {
      const auto resume = codec::decode<model::Resume>(envelope.payload);
      if (!resume) continue;
      line.says = resume->reason;
    } else if (envelope.payload_type == model::kPayloadClose) {
      const auto close = codec::decode<model::Close>(envelope.payload);
      if (!close || close->campaign != log_.told.campaign) continue;
      line.says = fmt::format("{} with root {}", counted(close->results_size, "receipt"),
                              close->results_root.hex());
    } else {
      continue;
    }
    log_.told.steering.push_back(std::move(line));
  }
  const auto close = log_.history.state.closes.find(log_.told.campaign);
  if (close == log_.history.state.closes.end())
    return complain("evidence.log", "the Close of campaign " + escaped(log_.told.campaign), "none");
  log_.close = close->second;
  return {};
}

}  // namespace

Held<ProvenLog> prove_log(const Evidence& evidence, const std::string& campaign,
                          const model::Envelope& trusted) {
  return LogProver(evidence, campaign).run(trusted);
}

std::string kind_of(const std::string& payload_type) {
  constexpr std::string_view kPrefix = "application/vnd.fleetsweep.";
  if (!payload_type.starts_with(kPrefix)) return escaped(payload_type);
  const std::string rest = payload_type.substr(kPrefix.size());
  return escaped(rest.substr(0, rest.find('.')));
}

}  // namespace fleetsweep::cli
