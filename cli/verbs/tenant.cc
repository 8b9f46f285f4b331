#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/documents.h"
#include "cli/json_text.h"
#include "cli/tenants.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/trust/root_chain.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string file;
  std::string tenant;
  std::vector<std::string> quotas;
};

Status create(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file, model::kPayloadRoot));
  FS_TRY(const model::Root root, codec::decode<model::Root>(envelope.payload));
  if (root.version != 1)
    return fail(
        Code::kInvalid,
        "{} is version {} of a root: a tenant begins with version 1\nnext:  for a later one: "
        "fleetsweep root submit {}",
        options.file, root.version, options.file);
  FS_TRY(const std::string text, describe(envelope, false));
  FS_CHECK(session.console.confirm(text, "Found the tenant with this root?"));
  FS_TRY(const json answer, post_global(session, "/v1/tenants", codec::to_dsse_json(envelope)));
  const std::string id = trust::tenant_id(envelope.payload).hex();
  session.console.print(session.console.json ? answer.dump() : "tenant " + id);
  session.console.next("hosts join with tokens: fleetsweep agent enrol-token --tenant " + id +
                       " --key ENROL.key --jurisdiction DE --edge CONTROLLERS_EDGE_KEY");
  return {};
}

Status list(Session& session, const Options&) {
  FS_TRY(const json tenants, fetch_tenants(session));
  if (session.console.json) {
    session.console.print(tenants.dump());
    return {};
  }
  std::vector<std::vector<std::string>> rows = {
      {"TENANT", "NAME", "ROOT", "EXPIRES", "LOG", "AGENTS", "FORKED", "CAMPAIGNS"}};
  for (const json& tenant : tenants)
    rows.push_back({text_of(tenant, "tenant").substr(0, 12), text_of(tenant, "name"),
                    text_of(tenant, "root_version"), text_of(tenant, "root_expires"),
                    text_of(tenant, "log_size"), text_of(tenant, "agents"),
                    text_of(tenant, "forked"), text_of(tenant, "campaigns")});
  session.console.table(rows);
  return {};
}

// The tenant of the command line, or the one of the session.
Result<json> chosen(Session& session, const Options& options) {
  FS_TRY(const json tenants, fetch_tenants(session));
  std::string what = options.tenant;
  if (what.empty()) {
    FS_TRY(what, tenant_of(session));
  }
  FS_TRY(json tenant, tenant_called(tenants, what));
  session.tenant = tenant.value("tenant", "");
  return tenant;
}

Status show(Session& session, const Options& options) {
  FS_TRY(json tenant, chosen(session, options));
  // Who may do what is not the controller's word: it is read from the log, its chain verified.
  FS_TRY(const model::Root root, newest_root(session));
  const json rules = to_json(root);
  if (session.console.json) {
    tenant["roles"] = rules["roles"];
    tenant["keys"] = rules["keys"];
    session.console.print(tenant.dump());
    return {};
  }
  std::string text = fmt::format("{}  {}\n", text_of(tenant, "name"), text_of(tenant, "tenant"));
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {:<25} {}\n", label, value);
  };
  line("root", fmt::format("version {}, until {}", root.version, to_rfc3339(root.expires)));
  line("log", fmt::format("{} entries, {} witnessed", text_of(tenant, "log_size"),
                          text_of(tenant, "checkpoint_size")));
  line("agents",
       fmt::format("{}, {} forked", text_of(tenant, "agents"), text_of(tenant, "forked")));
  line("campaigns", text_of(tenant, "campaigns"));
  const json quotas = tenant.value("quotas", json::object());
  for (const auto& [kind, quota] : quotas.items())
    line("quota " + escaped(kind),
         fmt::format("{} of {}", text_of(quota, "used"), text_of(quota, "most")));
  const json roles = rules["roles"];
  for (const auto& [role, clauses] : roles.items()) line("may " + role, clauses.get<std::string>());
  session.console.print(text);
  return {};
}

Status quota(Session& session, const Options& options) {
  json wanted = json::object();
  for (const std::string& text : options.quotas) {
    const auto equals = std::min(text.find('='), text.size());
    std::uint64_t most = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(std::min(text.data() + equals + 1, end), end, most);
    if (error != std::errc() || at != end)
      return fail(Code::kInvalid, "'{}': expected KIND=N, like agents=500", escaped(text));
    wanted[text.substr(0, equals)] = most;
  }
  FS_TRY(const json tenant, chosen(session, options));
  std::string plan = fmt::format("Quotas of tenant {} ({})\n", text_of(tenant, "name"),
                                 text_of(tenant, "tenant").substr(0, 12));
  const json quotas = tenant.value("quotas", json::object());
  for (const auto& [kind, most] : wanted.items())
    plan += fmt::format("  {:<20}{} instead of {}, {} in use\n", escaped(kind), most.dump(),
                        text_of(quotas.value(kind, json::object()), "most"),
                        text_of(quotas.value(kind, json::object()), "used"));
  FS_CHECK(session.console.confirm(plan, "Set these?"));
  FS_TRY(const json answer, post(session, "quotas", wanted.dump()));
  if (session.console.json) {
    session.console.print(answer.dump());
    return {};
  }
  const json all = answer.value("quotas", json::object());
  for (const auto& [kind, now] : all.items())
    session.console.print(
        fmt::format("{:<20}{} of {}", escaped(kind), text_of(now, "used"), text_of(now, "most")));
  return {};
}

}  // namespace

void add_tenant_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* tenant = app.add_subcommand(
      "tenant", "owners of hosts: each with a root, a log, receipts and quotas of its own");
  tenant->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help, auto run, const char* example) {
    CLI::App* sub = tenant->add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep tenant ") + example);
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
    return sub;
  };
  verb("create", "found a tenant with its Root version 1, signed by its founders", create,
       "create root.dsse")
      ->add_option("file", options->file, "the root document")
      ->required();
  verb("list", "a line a tenant", list, "list");
  verb("show", "root, log, agents, quotas and their use, and who may do what", show,
       "show soc.example/customer")
      ->add_option("tenant", options->tenant, "id, the start of an id, or name");
  CLI::App* set = verb("quota", "set what a tenant may take of this controller", quota,
                       "quota soc.example/customer agents=500 policy_bytes=100000000");
  set->add_option("tenant", options->tenant, "id, the start of an id, or name")->required();
  set->add_option("quotas", options->quotas,
                  "KIND=N: agents, intake_bytes (of receipts, a second), enrolments_pending, "
                  "policy_bytes")
      ->required();
}

}  // namespace fleetsweep::cli
