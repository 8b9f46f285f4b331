#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/documents.h"
#include "cli/signer.h"
#include "cli/submission.h"
#include "cli/verbs/verbs.h"
#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  bool everything = false;
  std::string from_class;
  std::vector<std::string> orders, policies, revoked, hosts, stops;
  std::string reason;
  Submission submission;
};

template <class Id>
Status add_ids(const std::vector<std::string>& texts, const char* flag, std::vector<Id>& ids) {
  for (const std::string& text : texts) {
    const auto id = Id::parse_hex(text);
    if (!id) return fail(Code::kInvalid, "{} '{}': expected 64 hex digits", flag, escaped(text));
    ids.push_back(*id);
  }
  return {};
}

Result<model::Stop> draft_stop(Session& session, const Options& options) {
  model::Stop stop{.nonce = crypto::random_nonce(),
                   .issued = now(),
                   .halt_all = options.everything,
                   .reason = options.reason};
  // Given with --tenant no controller is asked: a Stop has to be possible when there is none.
  FS_TRY(const std::string tenant, tenant_of(session));
  FS_TRY(stop.tenant, TenantId::parse_hex(tenant));
  if (!options.from_class.empty()) {
    stop.halt_from_class = from_name<model::Class>(options.from_class);
    if (!stop.halt_from_class)
      return fail(Code::kInvalid,
                  "--from-class '{}': expected observe, read, contain, clean or destroy",
                  escaped(options.from_class));
  }
  FS_CHECK(add_ids(options.orders, "--order", stop.orders));
  FS_CHECK(add_ids(options.policies, "--policy", stop.policies));
  FS_CHECK(add_ids(options.revoked, "--approver", stop.keys));
  FS_CHECK(add_ids(options.hosts, "--host", stop.agents));
  const bool names_something = stop.halt_all || stop.halt_from_class || !stop.orders.empty() ||
                               !stop.policies.empty() || !stop.keys.empty() || !stop.agents.empty();
  if (!names_something)
    return fail(Code::kInvalid,
                "the Stop names nothing: give --everything, --from-class, --order, --policy, "
                "--approver or --host");
  return stop;
}

Status make(Session& session, const Options& options) {
  FS_TRY(const model::Stop stop, draft_stop(session, options));
  model::Envelope envelope{std::string(model::kPayloadStop), codec::encode(stop), {}};
  FS_TRY(const std::string text, describe(envelope, false, {}));
  FS_CHECK(session.console.confirm(text, "Sign exactly this?"));
  for (const std::string& file : options.submission.keys) {
    FS_TRY(const Signer signer, open_signer(session, file));
    FS_CHECK(add_signature(signer, envelope));
  }
  FS_CHECK(write_document(options.submission.file, envelope));
  const DocumentId id = crypto::document_id(envelope);
  session.console.print(session.console.json
                            ? json{{"stop", id.hex()}, {"file", options.submission.file}}.dump()
                            : fmt::format("stop {} is in {}", id.hex(), options.submission.file));
  session.console.next(fmt::format(
      "fleetsweep stop submit {0}, or without a controller: fleetsweep-agent stop {0} on a host, "
      "or the file into the folder that the agents' `mirror` names",
      options.submission.file));
  return {};
}

Status submit_stop(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope,
         read_document(options.submission.file, model::kPayloadStop));
  FS_TRY(const std::string text, describe(envelope, false, {}));
  FS_CHECK(session.console.confirm(text, "Submit this stop?"));
  FS_TRY(const Proven proven, submit_proven(session, envelope, options.submission));
  print_proven(session, proven, json{{"stop", proven.id.hex()}}, "stop " + proven.id.hex());
  return {};
}

Status lift(Session& session, const Options& options) {
  model::Resume resume{.reason = options.reason};
  FS_TRY(const std::string tenant, tenant_of(session));
  FS_TRY(resume.tenant, TenantId::parse_hex(tenant));
  FS_CHECK(add_ids(options.stops, "STOP", resume.stops));
  std::string plan = "Resume: these stops are lifted for ever\n";
  for (const DocumentId& id : resume.stops) plan += fmt::format("  {}\n", id.hex());
  return submit_resume(session, resume, plan, options.submission);
}

}  // namespace

void add_stop_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* stop = app.add_subcommand("stop", "the kill switch: one signature stops every host");
  stop->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help, auto run, const char* example) {
    CLI::App* sub = stop->add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep stop ") + example);
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
    return sub;
  };
  const auto signed_by = [&](CLI::App* sub) {
    sub->add_option("--key", options->submission.keys,
                    "key of role stop (or resume); repeat for a quorum")
        ->required();
    sub->add_option("--reason", options->reason, "why; stands in the log")->required();
  };
  CLI::App* draft =
      verb("make", "sign a Stop into a file; with --tenant no controller is needed", make,
           "make --everything --reason \"wrong policy\" --key alice.key --tenant HEX --out "
           "stop.dsse");
  signed_by(draft);
  draft->add_option("--out", options->submission.file, "the file to write")->required();
  draft->add_flag("--everything", options->everything, "no order at all goes on");
  draft->add_option("--from-class", options->from_class, "orders of this class and above");
  draft->add_option("--order", options->orders, "this order (id in hex); repeat");
  draft->add_option("--policy", options->policies, "orders on this policy (digest); repeat");
  draft->add_option("--approver", options->revoked,
                    "this key (hex) approves nothing any more; repeat");
  draft->add_option("--host", options->hosts, "this host (agent id) does nothing; repeat");
  CLI::App* send =
      verb("submit", "a Stop from a file into the log", submit_stop, "submit stop.dsse");
  send->add_option("file", options->submission.file, "the Stop")->required();
  add_wait_flag(*send, options->submission);
  CLI::App* back = verb(
      "lift", "lift Stops by id for ever, also those that never were in the log; takes a quorum",
      lift, "lift STOP_ID --key alice.key --key bob.key --reason \"policy mended\"");
  back->add_option("stops", options->stops, "ids in hex")->required();
  signed_by(back);
  add_wait_flag(*back, options->submission);
}

}  // namespace fleetsweep::cli
