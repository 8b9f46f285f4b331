#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/report.h"
#include "cli/verbs/verbs.h"

namespace fleetsweep::cli {
namespace {

Status verify(Session& session, const std::string& root_file) {
  FS_TRY(const Audit audit, audit_tenant(session, root_file));
  if (session.console.json) {
    session.console.print(nlohmann::json{
        {"verified", true},
        {"entries", audit.entries},
        {"orders", audit.orders},
        {"receipts", audit.receipts},
        {"held", audit.held}}.dump());
    return {};
  }
  for (const std::string& line : audit.held)
    session.console.print(session.console.paint(Colour::kGreen, "ok") + "  " + line);
  return {};
}

}  // namespace

void add_audit_verbs(CLI::App& app, Session& session) {
  auto root_file = std::make_shared<std::string>();
  CLI::App* audit = app.add_subcommand("audit", "check from bytes what the controller claims");
  audit->require_subcommand(1);
  CLI::App* check = audit->add_subcommand("verify",
                                          "log, checkpoint, witnesses, quorums, enrolments and "
                                          "receipts; names the first thing that does not hold");
  check->add_option("--root", *root_file,
                    "the Root version 1 you trust; without it the log's own first entry is taken");
  check->footer("Example: fleetsweep audit verify --root root.dsse");
  check->callback([&session, root_file] { session.finish(verify(session, *root_file)); });
}

}  // namespace fleetsweep::cli
