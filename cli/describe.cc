#include "cli/describe.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/fingerprint.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::cli {
namespace {

using model::Envelope;
using nlohmann::json;

std::string list(const std::vector<std::string>& values, std::string_view when_empty) {
  if (values.empty()) return std::string(when_empty);
  return escaped(fmt::format("{}", fmt::join(values, ", ")));
}

template <class Id>
std::vector<std::string> hexes(const std::vector<Id>& ids) {
  std::vector<std::string> texts;
  for (const Id& id : ids) texts.push_back(id.hex());
  return texts;
}

std::string shorten(const std::string& hex) {
  return hex.substr(0, 12);
}

std::string clauses_text(const model::Root& root, const model::RoleRule& rule) {
  std::vector<std::string> parts;
  for (const model::Clause& clause : rule.clauses) {
    std::vector<std::string> holders;  // each once: several keys of a person count once
    for (std::uint16_t key : clause.keys) {
      const std::string holder = key < root.keys.size() ? root.keys[key].holder : "?";
      if (std::ranges::find(holders, holder) == holders.end()) holders.push_back(holder);
    }
    parts.push_back(fmt::format("{} of {}", clause.threshold, list(holders, "nobody")));
  }
  return fmt::format("{}", fmt::join(parts, " and "));
}

std::string describe(const model::Root& root) {
  std::string text = fmt::format("Root version {}, {} to {}\n", root.version,
                                 to_rfc3339(root.issued), to_rfc3339(root.expires));
  for (const model::Key& key : root.keys)
    text += fmt::format("  key      {:<20} org {}  {}  {}\n", escaped(key.holder), key.org,
                        name(key.scheme), key.pub.hex());
  for (const model::RoleRule& rule : root.roles)
    text += fmt::format("  role     {:<10} {}\n", name(rule.role), clauses_text(root, rule));
  for (const model::LogOrigin& log : root.logs)
    text += fmt::format("  log      {}\n", escaped(log.vkey));
  for (const std::string& witness : root.witnesses)
    text += fmt::format("  witness  {}\n", escaped(witness));
  text += fmt::format("  witness quorum {}\n", root.witness_quorum);
  for (std::size_t i = 0; i < model::kClasses; ++i)
    text += fmt::format(
        "  class {:<8} checkpoint at most {} old, cool-off {}, order life at most {}, offline "
        "grace at most {}\n",
        Names<model::Class>::kAll[i], to_human(root.policy.checkpoint_age_max[i]),
        to_human(root.policy.cool_off[i]), to_human(root.policy.order_life_max[i]),
        to_human(root.policy.offline_grace_max[i]));
  return text;
}

json to_json_any(const Envelope& envelope) {
  const auto type = std::string_view(envelope.payload_type);
  if (type == model::kPayloadOrder)
    if (const auto order = codec::decode<model::Order>(envelope.payload)) return to_json(*order);
  if (type == model::kPayloadRoot)
    if (const auto root = codec::decode<model::Root>(envelope.payload)) return to_json(*root);
  if (type == model::kPayloadReceipt)
    if (const auto receipt = codec::decode<model::Receipt>(envelope.payload))
      return to_json(*receipt);
  if (type == model::kPayloadStop)
    if (const auto stop = codec::decode<model::Stop>(envelope.payload))
      return {{"halt_all", stop->halt_all},
              {"orders", hexes(stop->orders)},
              {"reason", stop->reason},
              {"issued", to_rfc3339(stop->issued)}};
  if (type == model::kPayloadResume)
    if (const auto resume = codec::decode<model::Resume>(envelope.payload))
      return {{"stops", hexes(resume->stops)}, {"reason", resume->reason}};
  if (type == model::kPayloadRelease)
    if (const auto release = codec::decode<model::Release>(envelope.payload))
      return {{"order", release->order.hex()},
              {"wave", release->wave},
              {"expires", to_rfc3339(release->expires)}};
  if (type == model::kPayloadEnrolBatch)
    if (const auto batch = codec::decode<model::EnrolBatch>(envelope.payload))
      return {{"tokens", batch->tokens.size()},
              {"groups", batch->groups},
              {"jurisdiction", batch->jurisdiction},
              {"not_after", to_rfc3339(batch->not_after)}};
  if (type == model::kPayloadEndpoints)
    if (const auto endpoints = codec::decode<model::Endpoints>(envelope.payload)) {
      json relays = json::array();
      for (const auto& relay : endpoints->relays)
        relays.push_back({{"address", relay.address}, {"curve", relay.curve.hex()}});
      return {{"version", endpoints->version}, {"relays", relays}};
    }
  return nullptr;
}

template <class T>
Status same_bytes(const Envelope& envelope) {
  FS_TRY(const T document, codec::decode<T>(envelope.payload));
  if (codec::encode(document) != envelope.payload)
    return fail(Code::kUntrusted,
                "the document holds bytes this program cannot show; refusing to sign");
  return {};
}

}  // namespace

json to_json(const model::Root& root) {
  json keys = json::array(), roles = json::object(), logs = json::array();
  for (const model::Key& key : root.keys)
    keys.push_back({{"holder", key.holder},
                    {"org", key.org},
                    {"public", key.pub.hex()},
                    {"scheme", name(key.scheme)}});
  for (const model::RoleRule& rule : root.roles)
    roles[std::string(name(rule.role))] = clauses_text(root, rule);
  for (const model::LogOrigin& log : root.logs) logs.push_back(log.vkey);
  return {{"version", root.version},
          {"issued", to_rfc3339(root.issued)},
          {"expires", to_rfc3339(root.expires)},
          {"keys", keys},
          {"roles", roles},
          {"logs", logs},
          {"witnesses", root.witnesses},
          {"witness_quorum", root.witness_quorum}};
}

json to_json(const model::Receipt& receipt) {
  json items = json::array();
  for (const model::ReceiptItem& item : receipt.items)
    items.push_back({{"detection", item.detection},
                     {"verdict", item.verdict},
                     {"object", name(item.object)},
                     {"action", name(item.action)},
                     {"outcome", name(item.outcome)},
                     {"reason", name(item.reason)},
                     {"path_hash", item.path_hash.hex()},
                     {"sha256", item.sha256.hex()},
                     {"size", item.size}});
  return {{"agent", receipt.agent.hex()},
          {"seq", receipt.seq},
          {"previous", receipt.previous.hex()},
          {"order", receipt.order.hex()},
          {"kind", name(receipt.kind)},
          {"state", name(receipt.state)},
          {"reason", name(receipt.reason)},
          {"wave", receipt.wave},
          {"started", to_rfc3339(receipt.started)},
          {"finished", to_rfc3339(receipt.finished)},
          {"sandbox", name(receipt.sandbox)},
          {"local", receipt.local},
          {"scanned", receipt.scanned},
          {"matched", receipt.matched},
          {"acted", receipt.acted},
          {"verdicts", receipt.verdicts},
          {"items", items}};
}

Result<std::string> describe(const Envelope& envelope, bool as_json, const OrderReview& review) {
  const DocumentId id = crypto::document_id(envelope);
  FS_CHECK(check_signable(envelope));
  if (as_json) {
    json signers = json::array();
    for (const auto& signature : envelope.signatures) signers.push_back(signature.key.hex());
    json result = {{"id", id.hex()},
                   {"words", fingerprint(id)},
                   {"type", envelope.payload_type},
                   {"signed_by", signers},
                   {"document", to_json_any(envelope)}};
    if (envelope.payload_type == model::kPayloadOrder) {
      FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
      result["review"] = to_json(review, order);
    }
    return result.dump();
  }
  std::string text;
  if (envelope.payload_type == model::kPayloadOrder) {
    FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
    text = describe(order, id, review);
  } else if (envelope.payload_type == model::kPayloadRoot) {
    FS_TRY(const model::Root root, codec::decode<model::Root>(envelope.payload));
    text = describe(root);
  } else {
    text =
        fmt::format("{} {}\n{}\n", envelope.payload_type, id.hex(), to_json_any(envelope).dump(2));
  }
  text += fmt::format("  in words      {}\n", fingerprint(id));
  for (const auto& signature : envelope.signatures)
    text += fmt::format("  signed by key {}\n", shorten(signature.key.hex()));
  if (envelope.signatures.empty()) text += "  not signed yet\n";
  return text;
}

Status check_signable(const Envelope& envelope) {
  const auto type = std::string_view(envelope.payload_type);
  if (type == model::kPayloadRoot) return same_bytes<model::Root>(envelope);
  if (type == model::kPayloadOrder) return same_bytes<model::Order>(envelope);
  if (type == model::kPayloadRelease) return same_bytes<model::Release>(envelope);
  if (type == model::kPayloadStop) return same_bytes<model::Stop>(envelope);
  if (type == model::kPayloadResume) return same_bytes<model::Resume>(envelope);
  if (type == model::kPayloadEndpoints) return same_bytes<model::Endpoints>(envelope);
  if (type == model::kPayloadEnrolBatch) return same_bytes<model::EnrolBatch>(envelope);
  if (type == model::kPayloadReceipt) return same_bytes<model::Receipt>(envelope);
  if (type == model::kPayloadClose) return same_bytes<model::Close>(envelope);
  return fail(Code::kInvalid, "payload type '{}' is not one an operator signs", escaped(type));
}

}  // namespace fleetsweep::cli
