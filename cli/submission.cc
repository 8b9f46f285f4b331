#include "cli/submission.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/describe.h"
#include "cli/documents.h"
#include "cli/signer.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

constexpr auto kAskEvery = std::chrono::milliseconds(500);

// Until witnesses vouch for it. A controller that does not answer is asked again.
Result<Witnessed> await_witnesses(Session& session, const TenantId& tenant, const DocumentId& id,
                                  Seconds wait) {
  const Timestamp deadline = now() + wait;
  std::string seen;  // the checkpoint that did not have it
  std::string why = "no checkpoint that witnesses signed has it";
  for (;;) {
    const auto note = get_raw(session, "checkpoint");
    if (!note) {
      why = note.error().message;
    } else if (*note != seen) {
      seen = *note;
      if (auto entries = fetch_log(session); !entries) {
        why = entries.error().message;
      } else {
        FS_TRY(auto witnessed, find_witnessed(std::move(*entries), *note, tenant, id, now()));
        if (witnessed) return std::move(*witnessed);
      }
    }
    if (now() >= deadline)
      return fail(Code::kUnavailable,
                  "NOT proved that it stands in the log, whatever the controller says: after {} {}",
                  to_human(wait), why);
    std::this_thread::sleep_for(kAskEvery);
  }
}

std::string doubt_of(const Session& session, const Witnessed& witnessed) {
  if (session.tenant_is_told)
    return "the controller also said which tenant this is: give --tenant, from your own copy of "
           "the root (`fleetsweep root show root.dsse`)";
  if (witnessed.witnesses == 0)
    return "the root has no witnesses, so a stolen controller can show each host another log";
  return {};
}

// Hosts take a Stop from a file as well.
Error kept(Error error, const model::Envelope& document, const std::string& lies_in) {
  const DocumentId id = crypto::document_id(document);
  if (document.payload_type != model::kPayloadStop)
    return advise(error.within("resume " + id.hex()),
                  "hosts stay stopped until they hear of it; `fleetsweep audit verify` says what "
                  "the controller's log is worth");
  std::string file = lies_in;
  if (file.empty()) {
    file = "stop-" + id.hex().substr(0, 12) + ".dsse";
    if (auto written = write_document(file, document); !written)
      return error.within(
          fmt::format("stop {}, which could not be kept ({})", id.hex(), written.error().message));
  }
  // The controller's advice may be a thief's.
  error.message.resize(std::min(error.message.size(), error.message.find("\nnext:")));
  return advise(error.within(fmt::format("stop {}, kept in {}", id.hex(), file)),
                fmt::format("stop without the controller: `fleetsweep-agent stop {}` on each host, "
                            "or the file into the folder that the agents' `mirror` names; or "
                            "`fleetsweep-agent halt` by a host's owner",
                            file));
}

}  // namespace

void add_wait_flag(CLI::App& verb, Submission& submission) {
  verb.add_option("--wait", submission.wait,
                  "how long to wait until witnesses vouch that it stands in the log")
      ->capture_default_str();
}

Result<Proven> submit_proven(Session& session, model::Envelope document,
                             const Submission& submission) {
  FS_TRY(const Seconds wait, parse_seconds(submission.wait));
  FS_CHECK(check_signable(document));
  for (const std::string& file : submission.keys) {
    FS_TRY(const Signer signer, open_signer(session, file));
    FS_CHECK(add_signature(signer, document));
  }
  const auto proven = [&]() -> Result<Proven> {
    FS_TRY(const DocumentId id, submit(session, document));
    FS_TRY(const std::string text, tenant_of(session));
    FS_TRY(const TenantId tenant, TenantId::parse_hex(text));
    if (!session.console.json)
      session.console.note("logged, says the controller; waiting for the witnesses' word");
    FS_TRY(Witnessed witnessed, await_witnesses(session, tenant, id, wait));
    const std::string doubt = doubt_of(session, witnessed);
    return Proven{id, std::move(witnessed), doubt};
  }();
  if (!proven) return fail(kept(proven.error(), document, submission.file));
  return proven;
}

void print_proven(Session& session, const Proven& proven, json fields, const std::string& text) {
  const Witnessed& witnessed = proven.witnessed;
  if (session.console.json) {
    fields["proved"] = proven.doubt.empty();
    fields["index"] = witnessed.notice.index;
    fields["log_size"] = witnessed.size;
    fields["witnesses"] = witnessed.witnesses;
    fields["witnessed"] = to_rfc3339(witnessed.time);
    if (!proven.doubt.empty()) fields["doubt"] = proven.doubt;
    return session.console.print(fields.dump());
  }
  session.console.print(text);
  session.console.print(fmt::format(
      "log entry {} of {}, under a checkpoint with {} of {}", witnessed.notice.index,
      witnessed.size, counted(witnessed.witnesses, "cosignature"), to_rfc3339(witnessed.time)));
  if (witnessed.notice.taken == trust::Taken::kWaits)
    session.console.note(
        "it WAITS: the root before this one asked more, and for a day that is asked too");
  if (!proven.doubt.empty()) session.console.note("NOT proved: " + proven.doubt);
}

Status submit_resume(Session& session, const model::Resume& resume, const std::string& plan,
                     const Submission& submission) {
  FS_CHECK(session.console.confirm(plan, "Sign and submit this resume?"));
  FS_TRY(const Proven proven,
         submit_proven(session, {std::string(model::kPayloadResume), codec::encode(resume), {}},
                       submission));
  print_proven(
      session, proven, {{"resume", proven.id.hex()}, {"stops", resume.stops.size()}},
      fmt::format("resume {} lifts {}", proven.id.hex(), counted(resume.stops.size(), "stop")));
  return {};
}

}  // namespace fleetsweep::cli
