#include "cli/report_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/close_out_json.h"
#include "protocol/codec/dsse.h"
#include "protocol/codec/json_members.h"
#include "protocol/trust/quorum.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "fleetsweep report 1";

Held<json> body_of(const model::Envelope& envelope) {
  if (envelope.payload_type != kPayloadReport)
    return complain("payloadType", std::string(kPayloadReport), escaped(envelope.payload_type));
  const std::string_view text = as_text(envelope.payload);
  json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return complain("payload", "one JSON object", "something else");
  if (const Status once = codec::no_member_twice(text); !once)
    return complain("payload", "each member once", once.error().message);
  for (const char* name : {"format", "created", "close_out", "evidence"})
    if (!body.contains(name))
      return complain("payload", fmt::format("a member \"{}\"", name), "none");
  if (body["format"] != kFormat)
    return complain("format", std::string(kFormat), escaped(body["format"].dump()));
  if (body.size() != 4) return complain("payload", "four members", std::to_string(body.size()));
  return body;
}

// The conductor's key lies on the controller, and one that a Stop names with who knows whom: they
// are nobody's word.
Held<std::vector<std::string>> people_of(const model::Envelope& envelope,
                                         const CloseOut& close_out) {
  const model::Root& root = close_out.root->root();
  trust::Keys keys = trust::signers(envelope, root);
  for (const PublicKey& key : close_out.stopped_keys) std::erase(keys, key);
  for (const model::RoleRule& rule : root.roles)
    if (rule.role == model::Role::kConductor)
      for (const model::Clause& clause : rule.clauses)
        for (const std::uint16_t index : clause.keys)
          if (index < root.keys.size()) std::erase(keys, root.keys[index].pub);
  std::vector<std::string> people = trust::holders(root, keys);
  if (people.empty())
    return complain(
        "signatures",
        fmt::format("one by a person of root version {}, over these bytes", root.version),
        fmt::format("{}, none of them such a one", envelope.signatures.size()));
  return people;
}

}  // namespace

Result<model::Envelope> make_report(const CloseOut& close_out, const Evidence& evidence,
                                    Timestamp created, std::size_t bytes_max) {
  const json body = {{"format", kFormat},
                     {"created", to_rfc3339(created)},
                     {"close_out", to_json(close_out)},
                     {"evidence", to_json(evidence)}};
  model::Envelope envelope{std::string(kPayloadReport), to_bytes(body.dump()), {}};
  constexpr std::size_t kRestBytes = 128 * 1024;  // signatures and names
  const std::size_t base64_bytes = (envelope.payload.size() + 2) / 3 * 4;
  if (base64_bytes + kRestBytes > bytes_max)
    return fail(Code::kOverloaded,
                "the report of campaign {} has {} bytes in base64, at most {} fit into its "
                "file\nnext:  let who asks see the log itself, with a viewer's token: fleetsweep "
                "audit verify --root root.dsse",
                close_out.campaign, base64_bytes, bytes_max - kRestBytes);
  return envelope;
}

Held<VerifiedReport> verify_report(std::string_view text, const model::Envelope& trusted_root) {
  const auto envelope = codec::parse_dsse_json(text, limits::kReportBytes);
  if (!envelope) return complain("report", "a DSSE envelope", envelope.error().message);
  FS_TRY(const json body, body_of(*envelope));
  const auto evidence = evidence_of(body["evidence"]);
  if (!evidence) return complain("evidence", "what a report rests on", evidence.error().message);
  const json& campaign =
      body["close_out"].is_object() ? body["close_out"].value("campaign", json()) : json();
  if (!campaign.is_string()) return complain("close_out.campaign", "a text", "none");
  VerifiedReport report;
  FS_TRY(report.close_out, prove(*evidence, campaign.get<std::string>(), trusted_root));
  if (auto difference = first_difference(to_json(report.close_out), body["close_out"], "close_out"))
    return fail(std::move(*difference));
  report.close_out.held.push_back("all that it says in words follows from that evidence");
  const json& created = body["created"];
  const auto time = from_rfc3339(created.is_string() ? created.get<std::string>() : "");
  if (!time) return complain("created", "a time", escaped(created.dump()));
  report.created = *time;
  FS_TRY(report.signed_by, people_of(*envelope, report.close_out));
  report.close_out.held.push_back(
      fmt::format("it is signed by {}", fmt::join(report.signed_by, " and ")));
  return report;
}

}  // namespace fleetsweep::cli
