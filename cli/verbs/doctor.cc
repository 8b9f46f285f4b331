#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/documents.h"
#include "cli/root_change.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/log/note.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Finding {
  std::string what;
  bool good = false;
  std::string detail;
  std::string next;
};

Finding checked(std::string what, const Status& status, std::string next) {
  return {std::move(what), status.has_value(), status ? "" : status.error().message,
          std::move(next)};
}

Finding checkpoint_age(Session& session) {
  const auto check = [&]() -> Result<std::string> {
    FS_TRY(const std::string text, get_raw(session, "checkpoint"));
    FS_TRY(const log::Note note, log::Note::parse(text));
    FS_TRY(const log::Checkpoint checkpoint, log::Checkpoint::parse(note.body));
    return fmt::format("{} log entries, {}", checkpoint.size,
                       counted(note.signatures.size(), "signature"));
  };
  const auto result = check();
  return {"checkpoint", result.has_value(), result ? *result : result.error().message,
          "is the witness running, and does the root name it?"};
}

Finding agents_alive(Session& session) {
  const auto agents = get(session, "agents");
  if (!agents)
    return {"agents", false, agents.error().message, "does the token belong to this tenant?"};
  std::size_t connected = 0;
  for (const json& agent : *agents) connected += agent.value("state", "") == "online";
  return {"agents", connected == agents->size(),
          fmt::format("{} of {} are online", connected, agents->size()),
          "fleetsweep agent list shows who is missing; on the host: fleetsweep-agent status"};
}

Finding root_lasts(Session& session) {
  const auto root = newest_root(session);
  if (!root) return {"root", false, root.error().message, "fleetsweep audit verify says more"};
  const auto warning = expiry_warning(*root, now());
  return {"root", !warning,
          warning.value_or(
              fmt::format("version {}, until {}", root->version, to_rfc3339(root->expires))),
          "fleetsweep root spec --out root.json, then root next: docs/operating.md"};
}

Status doctor(Session& session) {
  std::vector<Finding> findings;
  const auto add = [&](Finding finding) {
    findings.push_back(std::move(finding));
    return findings.back().good;
  };
  const auto drop = [](const auto& result) -> Status {
    return result ? Status() : Status(fail(result.error()));
  };
  if (add(checked("controller answers", drop(get_global(session, "/healthz")),
                  "set --url or FLEETSWEEP_URL; is fleetsweep-controller running?")) &&
      add(checked("controller is ready", drop(get_global(session, "/readyz")),
                  "its log says what it waits for")) &&
      add(checked("token is accepted", drop(get_global(session, "/v1/tenants")),
                  "set --token-file; fleetsweep-controller token create makes one")) &&
      add(checked("tenant is known", drop(tenant_of(session)),
                  "fleetsweep root submit ROOT.dsse founds it, or give --tenant"))) {
    add(root_lasts(session));
    add(checkpoint_age(session));
    add(agents_alive(session));
  }
  json list = json::array();
  bool all_good = true;
  for (const Finding& finding : findings) {
    all_good &= finding.good;
    list.push_back({{"check", finding.what},
                    {"ok", finding.good},
                    {"detail", finding.detail},
                    {"next", finding.good ? "" : finding.next}});
    if (session.console.json) continue;
    session.console.print(fmt::format("{} {}{}",
                                      finding.good ? session.console.paint(Colour::kGreen, "ok  ")
                                                   : session.console.paint(Colour::kRed, "FAIL"),
                                      finding.what,
                                      finding.detail.empty() ? "" : ": " + finding.detail));
    if (!finding.good) session.console.print("     next: " + finding.next);
  }
  if (session.console.json) session.console.print(list.dump());
  if (!all_good) session.exit = kRefused;
  return {};
}

}  // namespace

void add_doctor_verb(CLI::App& app, Session& session) {
  CLI::App* verb =
      app.add_subcommand("doctor", "what works and what does not, from this machine to the agents");
  verb->footer("Example: fleetsweep doctor --url http://127.0.0.1:7680 --token-file api.token");
  verb->callback([&session] { session.finish(doctor(session)); });
}

}  // namespace fleetsweep::cli
