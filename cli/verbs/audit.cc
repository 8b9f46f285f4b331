#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/report.h"
#include "cli/report_file.h"
#include "cli/report_html.h"
#include "cli/verbs/verbs.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string report;
  std::string html;
  std::string root;
};

void print_held(Session& session, const std::vector<std::string>& held) {
  for (const std::string& line : held)
    session.console.print(session.console.paint(Colour::kGreen, "ok") + "  " + line);
}

// A root.json is what a root is made from; nobody signed it.
Result<model::Envelope> read_root(const std::string& path) {
  FS_TRY(const std::string text, read_text_file(path));
  const json object = json::parse(text, nullptr, false);
  if (object.is_object() && !object.contains("payloadType"))
    return fail(Code::kInvalid,
                "{} is no signed root: it has no \"payloadType\"\nnext:  give the root document, "
                "the file that `fleetsweep root sign` signed",
                path);
  return read_document(path, model::kPayloadRoot);
}

Result<Bytes> read_large_file(const std::string& path) {
  auto bytes = files::read_file(path, limits::kReportBytes, files::Links::kFollow);
  if (!bytes) return fail(of_named_file(bytes.error(), path));
  return bytes;
}

Status refuse(Session& session, const Complaint& wrong, const std::string& file,
              std::string_view next) {
  if (session.console.json)
    session.console.print(json{
        {"verified", false},
        {"place", wrong.place},
        {"expected", wrong.expected},
        {"found",
         wrong.found}}.dump());
  return fail(advise(Error(wrong).within(file), next));
}

// Offline: the report, a root, and nothing else.
Status verify_file(Session& session, const Options& options) {
  FS_TRY(const model::Envelope root, read_root(options.root));
  FS_TRY(const Bytes bytes, read_large_file(options.report));
  auto report = verify_report(as_text(bytes), root);
  if (!report)
    return refuse(session, report.error(), options.report,
                  "this file proves nothing; ask its signers for the one that they keep");
  if (!options.html.empty()) {
    FS_TRY(const Bytes page, read_large_file(options.html));
    const std::string made = report_html(
        *report, std::filesystem::path(options.report).filename().string(), crypto::sha256(bytes));
    if (const auto difference = page_difference(made, as_text(page)))
      return refuse(session, *difference, options.html,
                    "believe the report, which holds; its page was edited, is of another file or "
                    "name of it, or was written by another version of this program");
    report->close_out.held.push_back("the page is the one of this file");
  }
  const CloseOut& out = report->close_out;
  if (session.console.json)
    session.console.print(json{
        {"verified", true},
        {"tenant", out.tenant.hex()},
        {"campaign", out.campaign},
        {"targeted", out.hosts.size()},
        {"states", out.states},
        {"receipts", out.results_size},
        {"late", out.late},
        {"signed_by", report->signed_by},
        {"held", out.held}}.dump());
  else
    print_held(session, out.held);
  return {};
}

Status verify_tenant(Session& session, const Options& options) {
  FS_TRY(const Audit audit, audit_tenant(session, options.root));
  if (session.console.json)
    session.console.print(json{
        {"verified", true},
        {"entries", audit.entries},
        {"orders", audit.orders},
        {"receipts", audit.receipts},
        {"held", audit.held}}.dump());
  else
    print_held(session, audit.held);
  return {};
}

Status verify(Session& session, const Options& options) {
  if (options.report.empty() && !options.html.empty())
    return fail(Code::kInvalid, "--html is the page of a report\nnext:  name the report, too");
  if (options.report.empty()) return verify_tenant(session, options);
  if (options.root.empty())
    return fail(Code::kInvalid,
                "a report is checked against a root that you have from elsewhere\nnext:  give it "
                "with --root");
  return verify_file(session, options);
}

}  // namespace

void add_audit_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* audit = app.add_subcommand("audit", "check from bytes what others claim");
  audit->require_subcommand(1);
  CLI::App* check = audit->add_subcommand(
      "verify",
      "a report, offline; or all of a controller: log, checkpoint, witnesses, quorums, enrolments "
      "and receipts; names the first thing that does not hold");
  check->add_option("report", options->report,
                    "a file of `campaign report --out`; without it the controller is asked");
  check->add_option("--html", options->html, "its page: whether it shows exactly this report");
  check->add_option(
      "--root", options->root,
      "the root you trust, any version of it (a controller's log is else taken from its own first "
      "entry)");
  check->footer("Example: fleetsweep audit verify report.json --root root.dsse");
  check->callback([&session, options] { session.finish(verify(session, *options)); });
}

}  // namespace fleetsweep::cli
