#include <CLI/CLI.hpp>

#include "cli/verbs/verbs.h"
#include "protocol/base/bytes.h"
#include "protocol/base/version.h"

namespace {

constexpr const char* kFooter = R"(Examples:
  fleetsweep policy lint policy.yaml
  fleetsweep order draft --policy policy.yaml --mode dry-run --campaign lookalike-1 --jurisdiction DE --out order.dsse
  fleetsweep order sign order.dsse --key alice.key && fleetsweep order submit order.dsse
  fleetsweep campaign watch lookalike-1

Where the controller is: --url or FLEETSWEEP_URL, --token-file or FLEETSWEEP_TOKEN_FILE.
With --json each result is one JSON value on standard output, and an error is
{"error": {"code", "message", "next"}} on standard error.
Exit codes: 0 done, 1 refused, 2 usage or input that cannot be read, 3 partly done, 70 bug.)";

// The verb of the command line as far as it was understood: "fleetsweep order sign".
std::string verb_of(const CLI::App& app) {
  std::string verb = "fleetsweep";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    verb += " " + at->get_name();
  }
  return verb;
}

// A wrong command line, in the words and the form of every other error.
int usage_error(fleetsweep::cli::Session& session, const CLI::App& app,
                const CLI::ParseError& error, int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--json") session.console.json = true;
  session.console.verb = verb_of(app);
  std::string what = error.what();
  // The library sees that a verb is missing before it looks at the word that stands in its place.
  const std::vector<std::string> words = app.remaining(true);
  if (what.find("subcommand is required") != std::string::npos)
    what = words.empty()
               ? "a verb is missing"
               : fmt::format("'{}' is not a verb of {}", words.front(), session.console.verb);
  return session.console.report({fleetsweep::Code::kInvalid, fleetsweep::escaped(what)});
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fleetsweep::cli;
  Session session;
  CLI::App app(
      "Fleetsweep: find and remove one malware family on every host you own, with proof of who "
      "ordered what.",
      "fleetsweep");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("fleetsweep {}", fleetsweep::kVersion));
  app.fallthrough();
  app.add_option("--url", session.url, "the controller's API")->envname("FLEETSWEEP_URL");
  app.add_option("--token-file", session.token_file, "file with the API token")
      ->envname("FLEETSWEEP_TOKEN_FILE");
  app.add_option("--authorities", session.authorities,
                 "https: PEM file of who may have signed the controller's certificate")
      ->envname("FLEETSWEEP_AUTHORITIES");
  app.add_option("--certificate", session.certificate,
                 "https: your own certificate, if it is asked")
      ->envname("FLEETSWEEP_CERTIFICATE");
  app.add_option("--certificate-key", session.certificate_key, "https: the key of it")
      ->envname("FLEETSWEEP_CERTIFICATE_KEY");
  app.add_option("--tenant", session.tenant, "tenant id; not needed when the token sees only one")
      ->envname("FLEETSWEEP_TENANT");
  app.add_option("--passphrase-file", session.passphrase_file,
                 "file with the key's passphrase in its first line");
  app.add_flag("--json", session.console.json, "one JSON value on standard output");
  app.add_flag("-y,--yes", session.console.assume_yes, "do not ask");

  add_key_verbs(app, session);
  add_root_verbs(app, session);
  add_endpoints_verbs(app, session);
  add_policy_verbs(app, session);
  add_order_verbs(app, session);
  add_campaign_verbs(app, session);
  add_tenant_verbs(app, session);
  add_stop_verbs(app, session);
  add_agent_verbs(app, session);
  add_log_verbs(app, session);
  add_audit_verbs(app, session);
  add_doctor_verb(app, session);
  app.parse_complete_callback([&] { session.console.verb = verb_of(app); });
  app.footer(kFooter);  // last: verbs inherit what is there when they are added

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return usage_error(session, app, error, argc, argv);
  } catch (const std::exception& error) {  // JSON of another shape than we know, most likely
    return session.console.report(
        {fleetsweep::Code::kInternal,
         std::string("a bug, or a controller of another version: ") + error.what()});
  }
  return session.exit;
}
