#include "cli/describe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "cli/action_terms.h"
#include "cli/fingerprint.h"
#include "cli/root_change.h"
#include "cli/root_specification.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/root_chain.h"

namespace fleetsweep::cli {
namespace {

using model::Envelope;
using nlohmann::json;

std::string shorten(const std::string& hex) {
  return hex.substr(0, 12);
}

// Version 1 does not have it: it is what makes it.
TenantId tenant_of(const model::Root& root) {
  return root.version == 1 ? trust::tenant_id(codec::encode(root)) : root.tenant;
}

std::string describe(const model::Root& root) {
  std::string text = fmt::format("Root version {}, {} to {}\n", root.version,
                                 to_rfc3339(root.issued), to_rfc3339(root.expires));
  for (const model::Key& key : root.keys)
    text += fmt::format("  key      {:<20} org {}  {}  {}\n", escaped(key.holder), key.org,
                        name(key.scheme), key.pub.hex());
  for (const model::RoleRule& rule : root.roles)
    text += fmt::format("  role     {:<10} {}\n", name(rule.role), rule_text(root, rule));
  for (const model::LogOrigin& log : root.logs) {
    text += fmt::format("  log      {}\n", escaped(log.vkey));
    if (log.start_size > 0)
      text += fmt::format("           takes over after {} entries with root {}\n", log.start_size,
                          log.start_root.hex());
  }
  for (const std::string& witness : root.witnesses)
    text += fmt::format("  witness  {}\n", escaped(witness));
  text += fmt::format("  witness quorum {}\n", root.witness_quorum);
  for (const PublicKey& key : root.time_keys) text += fmt::format("  time key {}\n", key.hex());
  for (std::size_t i = 0; i < model::kClasses; ++i)
    text += fmt::format(
        "  class {:<8} checkpoint at most {} old, cool-off {}, order life at most {}, offline "
        "grace at most {}\n",
        Names<model::Class>::kAll[i], exactly(root.policy.checkpoint_age_max[i]),
        exactly(root.policy.cool_off[i]), exactly(root.policy.order_life_max[i]),
        exactly(root.policy.offline_grace_max[i]));
  const auto bound = [](std::uint64_t value) {
    return value == 0 ? "no more than the policy says" : fmt::format("at most {}", value);
  };
  text += fmt::format(
      "  dry runs at most {} old; standing orders stand at most {}\n"
      "  objects on a host {}; permille in the first wave {}\n"
      "  evidence key {}, path salt {}\n",
      exactly(root.policy.dry_run_age_max), exactly(root.policy.standing_life_max),
      bound(root.policy.items_max), bound(root.policy.wave1_permille_max), root.evidence_key.hex(),
      root.path_salt.hex());
  if (root.version > 1) text += fmt::format("  follows {}\n", root.previous.hex());
  text += fmt::format("  tenant  {}\n", tenant_of(root).hex());
  if (root.agent_schema_min != 1)
    text += fmt::format("  agents must know schema {}\n", root.agent_schema_min);
  return text;
}

// Calls `with` with the decoded document, whichever it is.
template <class R, class F>
Result<R> visit(const Envelope& envelope, const F& with) {
  const auto as = [&]<class T>(std::type_identity<T>) -> Result<R> {
    FS_TRY(const T document, codec::decode<T>(envelope.payload));
    return with(document);
  };
  const auto type = std::string_view(envelope.payload_type);
  if (type == model::kPayloadRoot) return as(std::type_identity<model::Root>());
  if (type == model::kPayloadOrder) return as(std::type_identity<model::Order>());
  if (type == model::kPayloadRelease) return as(std::type_identity<model::Release>());
  if (type == model::kPayloadStop) return as(std::type_identity<model::Stop>());
  if (type == model::kPayloadResume) return as(std::type_identity<model::Resume>());
  if (type == model::kPayloadEndpoints) return as(std::type_identity<model::Endpoints>());
  if (type == model::kPayloadEnrolBatch) return as(std::type_identity<model::EnrolBatch>());
  if (type == model::kPayloadReceipt) return as(std::type_identity<model::Receipt>());
  if (type == model::kPayloadClose) return as(std::type_identity<model::Close>());
  return fail(Code::kInvalid, "payload type '{}' is not one an operator signs", escaped(type));
}

}  // namespace

json to_json(const model::Root& root) {
  json keys = json::array(), roles = json::object();
  for (const model::Key& key : root.keys)
    keys.push_back({{"holder", key.holder},
                    {"org", key.org},
                    {"public", key.pub.hex()},
                    {"scheme", name(key.scheme)}});
  for (const model::RoleRule& rule : root.roles)
    roles[std::string(name(rule.role))] = rule_text(root, rule);
  // Everything else as a specification has it.
  json result = json::parse(root_specification(root));
  result.erase("conductor");
  result.erase("sealed");  // stands in the text of its role
  result["keys"] = keys;
  result["roles"] = roles;
  result["version"] = root.version;
  result["issued"] = to_rfc3339(root.issued);
  result["expires"] = to_rfc3339(root.expires);
  result["tenant"] = tenant_of(root).hex();
  result["previous"] = root.previous.hex();
  return result;
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
                     {"terms", terms_of(item)},
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
          {"openc2_status", openc2_status(receipt.state, receipt.reason)},
          {"wave", receipt.wave},
          {"started", to_rfc3339(receipt.started)},
          {"finished", to_rfc3339(receipt.finished)},
          {"clock", name(receipt.clock)},
          {"sandbox", name(receipt.sandbox)},
          {"consent", receipt.consent.is_zero() ? json() : json(receipt.consent.hex())},
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
    FS_TRY(const json document, visit<json>(envelope, [](const auto& it) { return to_json(it); }));
    json result = {{"id", id.hex()},
                   {"words", fingerprint(id)},
                   {"type", envelope.payload_type},
                   {"signed_by", signers},
                   {"document", document}};
    if (envelope.payload_type == model::kPayloadOrder) {
      FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
      result["review"] = to_json(review, order);
    }
    return result.dump();
  }
  FS_TRY(std::string text, visit<std::string>(envelope, [&]<class T>(const T& document) {
           if constexpr (std::is_same_v<T, model::Order>)
             return describe(document, id, review);
           else if constexpr (std::is_same_v<T, model::Root>)
             return describe(document);
           else if constexpr (std::is_same_v<T, model::Receipt>)
             return to_json(document).dump(2, ' ', true) + "\n";
           else
             return describe(document, id);
         }));
  text += fmt::format("  in words      {}\n", fingerprint(id));
  for (const auto& signature : envelope.signatures)
    text += fmt::format("  signed by key {}\n", shorten(signature.key.hex()));
  if (envelope.signatures.empty()) text += "  not signed yet\n";
  return text;
}

Status check_signable(const Envelope& envelope) {
  FS_TRY(const bool is_same, visit<bool>(envelope, [&](const auto& document) {
           return codec::encode(document) == envelope.payload;
         }));
  if (is_same) return {};
  return fail(Code::kUntrusted,
              "the document holds bytes this program cannot show; refusing to sign");
}

}  // namespace fleetsweep::cli
