#include "cli/documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/signer.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::cli {

using nlohmann::json;

Timestamp now() {
  return std::chrono::floor<Seconds>(std::chrono::system_clock::now());
}

Result<DocumentId> submit(Session& session, const model::Envelope& envelope) {
  FS_CHECK(post(session, "documents", codec::to_dsse_json(envelope)));
  return crypto::document_id(envelope);
}

Result<DocumentId> sign_and_submit(Session& session, const std::string& payload_type, Bytes payload,
                                   const std::vector<std::string>& keys) {
  model::Envelope envelope{payload_type, std::move(payload), {}};
  FS_CHECK(check_signable(envelope));
  for (const std::string& file : keys) {
    FS_TRY(const Signer signer, open_signer(session, file));
    FS_CHECK(add_signature(signer, envelope));
  }
  return submit(session, envelope);
}

Result<std::vector<Bytes>> fetch_log(Session& session) {
  std::vector<Bytes> entries;
  for (;;) {
    FS_TRY(const json page, get(session, fmt::format("log?from={}", entries.size())));
    const std::size_t before = entries.size();
    for (const json& entry : page.value("entries", json::array())) {
      FS_TRY(Bytes bytes, from_base64(entry.is_string() ? entry.get<std::string>() : ""));
      entries.push_back(std::move(bytes));
    }
    if (entries.size() == before || entries.size() >= page.value("size", std::uint64_t{0}))
      return entries;
  }
}

Result<LogHistory> fetch_history(Session& session) {
  FS_TRY(const std::string text, tenant_of(session));
  FS_TRY(const TenantId tenant, TenantId::parse_hex(text));
  FS_TRY(const std::vector<Bytes> entries, fetch_log(session));
  return fold_log(entries, tenant, now());
}

Result<model::Endpoints> newest_endpoints(Session& session) {
  FS_TRY(const std::vector<Bytes> entries, fetch_log(session));
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    FS_TRY(const model::Envelope envelope, codec::decode<model::Envelope>(*entry));
    if (envelope.payload_type == model::kPayloadEndpoints)
      return codec::decode<model::Endpoints>(envelope.payload);
  }
  return fail(
      Code::kNotFound,
      "the log has no Endpoints document\nnext:  publish one: fleetsweep endpoints publish");
}

Result<model::Root> newest_root(Session& session) {
  FS_TRY(const LogHistory history, fetch_history(session));
  return history.state.root->root();
}

Result<std::string> resolve_agent(Session& session, const std::string& what) {
  FS_TRY(const json agents, get(session, "agents"));
  std::vector<std::string> found;
  for (const json& agent : agents) {
    const std::string id = agent.value("agent", "");
    if (id.starts_with(what) || agent.value("hostname", "") == what) found.push_back(id);
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    return fail(Code::kNotFound, "no agent is called {}\nnext:  fleetsweep agent list",
                escaped(what));
  std::string several;
  for (const std::string& id : found) several += " " + id.substr(0, 12);
  return fail(Code::kInvalid, "{} agents are called {}:{}\nnext:  give more of the id",
              found.size(), escaped(what), several);
}

Result<std::vector<LoggedOrder>> orders_of(Session& session, const std::string& campaign) {
  FS_TRY(const std::vector<Bytes> entries, fetch_log(session));
  std::vector<LoggedOrder> orders;
  for (const Bytes& entry : entries) {
    const auto envelope = codec::decode<model::Envelope>(entry);
    if (!envelope || envelope->payload_type != model::kPayloadOrder) continue;
    const auto order = codec::decode<model::Order>(envelope->payload);
    if (order && order->campaign == campaign)
      orders.push_back({crypto::document_id(*envelope), *envelope, *order});
  }
  return orders;
}

Result<std::vector<SignedReceipt>> fetch_receipts(Session& session, const std::string& campaign) {
  std::vector<SignedReceipt> receipts;
  const std::string filter = campaign.empty() ? "" : "&campaign=" + campaign;
  for (std::uint64_t after = 0;;) {
    FS_TRY(const json page, get(session, fmt::format("receipts?after={}{}", after, filter)));
    if (page.empty()) return receipts;
    for (const json& entry : page) {
      SignedReceipt one;
      FS_TRY(const Bytes bytes, from_base64(entry.value("envelope", "")));
      FS_TRY(one.envelope, codec::decode<model::Envelope>(bytes));
      FS_TRY(one.receipt, codec::decode<model::Receipt>(one.envelope.payload));
      receipts.push_back(std::move(one));
    }
    const auto last = page.back().value("no", std::uint64_t{0});
    if (last <= after) return fail(Code::kUntrusted, "the pages of receipts do not go on");
    after = last;
  }
}

}  // namespace fleetsweep::cli
