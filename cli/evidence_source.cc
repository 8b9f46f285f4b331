#include "cli/evidence_source.h"

#include <nlohmann/json.hpp>

#include "protocol/codec/codec.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kEvidenceFileBytes = 512ull << 20;

}  // namespace

Result<OrderEvidence> fetch_evidence(Session& session, const model::Order& order) {
  OrderEvidence evidence;
  // What rests on something is fetched before it: a tenant at work may be looked at.
  if (!order.dry_run_order.is_zero()) {
    FS_TRY(evidence.receipts, fetch_receipts(session, order.campaign));
    FS_TRY(const json enrolments, get(session, "enrolments"));
    for (const json& entry : enrolments) {
      FS_TRY(const model::Envelope envelope,
             codec::from_dsse_json(entry.value("envelope", json()).dump()));
      evidence.enrolments.push_back(codec::encode(envelope));
    }
  }
  FS_TRY(const json agents, get(session, "agents"));
  FS_TRY(evidence.hosts, registered_hosts(agents));
  FS_TRY(evidence.log, fetch_log(session));
  return evidence;
}

Result<OrderEvidence> read_evidence(const std::string& path) {
  const auto bytes = files::read_file(path, kEvidenceFileBytes, files::Links::kFollow);
  if (!bytes) return fail(of_named_file(bytes.error(), path));
  auto evidence = parse_evidence(as_text(*bytes));
  if (!evidence) return fail(evidence.error().within(path));
  return evidence;
}

}  // namespace fleetsweep::cli
