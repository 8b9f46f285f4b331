#include "cli/order_evidence.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/json_text.h"
#include "cli/receipt_digest.h"
#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/token.h"

namespace fleetsweep::cli {
namespace {

using model::HostState;
using nlohmann::json;

Result<SignedReceipt> receipt_of(BytesView bytes) {
  SignedReceipt one;
  FS_TRY(one.envelope, codec::decode<model::Envelope>(bytes));
  FS_TRY(one.receipt, codec::decode<model::Receipt>(one.envelope.payload));
  return one;
}

Result<std::vector<Bytes>> base64_list(const json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_array())
    return fail(Code::kInvalid, "{}: a list was expected", member);
  std::vector<Bytes> all;
  for (const json& text : *found) {
    if (!text.is_string()) return fail(Code::kInvalid, "{}: base64 was expected", member);
    auto bytes = from_base64(text.get<std::string>());
    if (!bytes) return fail(bytes.error().within(member));
    all.push_back(std::move(*bytes));
  }
  return all;
}

json to_json(const std::vector<RegisteredHost>& hosts) {
  json list = json::array();
  for (const RegisteredHost& host : hosts) {
    std::string groups;
    for (const std::string& group : host.groups) groups += (groups.empty() ? "" : ",") + group;
    list.push_back({{"agent", host.id.hex()},
                    {"hostname", host.hostname},
                    {"jurisdiction", host.jurisdiction},
                    {"group", groups}});
  }
  return list;
}

using AgentKeys = std::map<AgentId, PublicKey>;

Result<AgentKeys> enrolled(const std::vector<Bytes>& enrolments, const trust::State& state) {
  AgentKeys keys;
  for (const Bytes& envelope : enrolments) {
    const auto unused = [](const PublicKey&) { return 0u; };  // the controller counted the uses
    const auto enrolment = trust::check_enrolment(state, envelope, unused, Timestamp{});
    if (!enrolment) return fail(Error(enrolment.error()).within("an enrolment"));
    keys[enrolment->agent] = enrolment->key.identity;
  }
  return keys;
}

Status check_signature(const SignedReceipt& one, const AgentKeys& keys, const TenantId& tenant) {
  const auto where = [&] {
    return fmt::format("receipt {} of host {}", one.receipt.seq,
                       one.receipt.agent.hex().substr(0, 12));
  };
  const auto key = keys.find(one.receipt.agent);
  if (key == keys.end())
    return fail(Code::kUntrusted, "{}: no enrolment for this host is at hand", where());
  const Bytes message = crypto::pae(one.envelope.payload_type, one.envelope.payload);
  if (one.envelope.payload_type != model::kPayloadReceipt || one.envelope.signatures.size() != 1 ||
      !crypto::verify(key->second, message, one.envelope.signatures.front().signature))
    return fail(Code::kUntrusted, "{}: its signature does not hold", where());
  if (one.receipt.tenant != tenant)
    return fail(Code::kUntrusted, "{}: it is of another tenant", where());
  return {};
}

// Hosts whose receipts contradict each other. The controller takes them and marks the host, and one
// such host may not keep people from signing for all the others.
std::set<AgentId> broken_chains(const std::vector<SignedReceipt>& receipts) {
  std::set<AgentId> broken;
  std::map<std::pair<AgentId, std::uint64_t>, const SignedReceipt*> by_number;
  for (const SignedReceipt& one : receipts)
    if (!by_number.emplace(std::pair(one.receipt.agent, one.receipt.seq), &one).second)
      broken.insert(one.receipt.agent);
  for (const SignedReceipt& one : receipts) {
    const auto before = by_number.find({one.receipt.agent, one.receipt.seq - 1});
    if (before != by_number.end() &&
        one.receipt.previous != crypto::document_id(before->second->envelope))
      broken.insert(one.receipt.agent);
  }
  return broken;
}

}  // namespace

std::string evidence_text(const OrderEvidence& evidence) {
  json log = json::array(), enrolments = json::array(), receipts = json::array();
  for (const Bytes& entry : evidence.log) log.push_back(to_base64(entry));
  for (const Bytes& envelope : evidence.enrolments) enrolments.push_back(to_base64(envelope));
  for (const SignedReceipt& one : evidence.receipts)
    receipts.push_back(to_base64(codec::encode(one.envelope)));
  return json{{"log", log},
              {"enrolments", enrolments},
              {"receipts", receipts},
              {"agents", to_json(evidence.hosts)}}
             .dump() +
         "\n";
}

Result<OrderEvidence> parse_evidence(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object())
    return fail(Code::kInvalid, "not a file of `fleetsweep order evidence`: no JSON object");
  OrderEvidence evidence;
  FS_TRY(evidence.log, base64_list(object, "log"));
  FS_TRY(evidence.enrolments, base64_list(object, "enrolments"));
  FS_TRY(const std::vector<Bytes> receipts, base64_list(object, "receipts"));
  for (const Bytes& bytes : receipts) {
    auto one = receipt_of(bytes);
    if (!one) return fail(one.error().within("receipts"));
    evidence.receipts.push_back(std::move(*one));
  }
  auto hosts = registered_hosts(object.value("agents", json()));
  if (!hosts) return fail(hosts.error().within("agents"));
  evidence.hosts = std::move(*hosts);
  return evidence;
}

Result<DryRunNumbers> checked_dry_run(const OrderEvidence& evidence, const trust::State& state,
                                      const model::Order& order) {
  FS_TRY(const AgentKeys keys, enrolled(evidence.enrolments, state));
  for (const SignedReceipt& one : evidence.receipts)
    FS_CHECK(check_signature(one, keys, order.tenant));
  std::vector<const SignedReceipt*> receipts;
  for (const SignedReceipt& one : evidence.receipts)
    if (one.receipt.order == order.dry_run_order) receipts.push_back(&one);
  const auto named = receipts_named(evidence.receipts, order.dry_run_order, order.dry_run_report);
  if (!named)
    return fail(Code::kUntrusted,
                "the {} receipts of the dry run at hand do not hold those that the order names",
                receipts.size());
  DryRunNumbers numbers{.later = receipts.size() - *named};
  receipts.resize(*named);
  std::map<AgentId, const model::Receipt*> newest;
  for (const SignedReceipt* one : receipts) {
    const model::Receipt*& held = newest[one->receipt.agent];
    if (!held || held->seq < one->receipt.seq) held = &one->receipt;
  }
  numbers.hosts = newest.size();
  for (const AgentId& agent : broken_chains(evidence.receipts))
    numbers.contradicting += newest.contains(agent);
  for (const auto& [agent, receipt] : newest) {
    numbers.found += receipt->state == HostState::kFound;
    numbers.clean += receipt->state == HostState::kClean;
    numbers.unscannable += receipt->reason == model::Reason::kUnscannable;
    numbers.refused += receipt->state == HostState::kRefused ||
                       receipt->state == HostState::kFailed ||
                       receipt->state == HostState::kUntrusted;
    numbers.matched += receipt->matched;
    numbers.bytes_read += receipt->scanned_bytes;
    numbers.bytes_read_max = std::max(numbers.bytes_read_max, receipt->scanned_bytes);
    numbers.left_alone += static_cast<std::uint64_t>(
        std::ranges::count(receipt->items, model::Reason::kProtected, &model::ReceiptItem::reason));
  }
  return numbers;
}

}  // namespace fleetsweep::cli
