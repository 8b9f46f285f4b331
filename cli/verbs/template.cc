#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/campaign_template.h"
#include "cli/describe.h"
#include "cli/drafting.h"
#include "cli/json_text.h"
#include "cli/tenants.h"
#include "cli/verbs/verbs.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string file;
  std::vector<std::string> tenants;
  bool all = false;
  std::string out;
};

// What a name of a log becomes as a name of a file.
std::string file_name(const std::string& tenant) {
  std::string name = tenant;
  for (char& c : name)
    if (c == '/') c = '_';
  return name;
}

Result<json> draft_for(Session session, const json& tenant, const CampaignTemplate& from,
                       const std::string& folder) {
  session.tenant = tenant.value("tenant", "");
  std::set<std::string> countries;
  FS_TRY(const json agents, get(session, "agents"));
  for (const json& agent : agents) countries.insert(agent.value("jurisdiction", ""));
  FS_TRY(const DraftOptions options,
         options_for_tenant(from, {countries.begin(), countries.end()}, now()));
  FS_TRY(const Draft draft, draft_order(session, options));
  FS_TRY(const model::Root root, newest_root(session));
  const std::string file =
      fmt::format("{}/{}.{}.dsse", folder, file_name(text_of(tenant, "name")), from.draft.campaign);
  FS_TRY(const DocumentId id, write_draft(file, draft));
  std::size_t hosts = 0;
  for (const std::size_t size : draft.wave_sizes) hosts += size;
  const std::string action_class(name(draft.order.action_class));
  return json{{"tenant", session.tenant},
              {"name", text_of(tenant, "name")},
              {"file", file},
              {"id", id.hex()},
              {"hosts", hosts},
              {"wave_sizes", draft.wave_sizes},
              {"class", action_class},
              {"jurisdictions", draft.order.scope.jurisdictions},
              {"root_version", root.version},
              {"quorum", to_json(root)["roles"].value(action_class, "nobody")},
              {"notes", draft.notes}};
}

Result<std::vector<json>> chosen(Session& session, const Options& options) {
  FS_TRY(const json tenants, fetch_tenants(session));
  if (options.all) return std::vector<json>(tenants.begin(), tenants.end());
  std::vector<json> found;
  for (const std::string& what : options.tenants) {
    FS_TRY(json tenant, tenant_called(tenants, what));
    if (std::ranges::find(found, tenant) == found.end()) found.push_back(std::move(tenant));
  }
  return found;
}

Status apply(Session& session, const Options& options) {
  FS_TRY(const std::string text, read_text_file(options.file));
  const auto directory = std::filesystem::path(options.file).parent_path();
  const auto from = parse_campaign_template(text, directory.empty() ? "." : directory.string());
  if (!from) return fail(from.error().within(options.file));
  FS_TRY(const std::vector<json> tenants, chosen(session, options));
  if (tenants.empty()) return fail(Code::kNotFound, "the token sees no tenant");
  std::error_code ignored;
  std::filesystem::create_directories(options.out, ignored);
  json results = json::array();
  std::size_t failed = 0;
  for (const json& tenant : tenants) {
    auto drafted = draft_for(session, tenant, *from, options.out);
    if (!drafted) {
      ++failed;
      drafted = json{{"tenant", text_of(tenant, "tenant")},
                     {"name", text_of(tenant, "name")},
                     {"error", drafted.error().message}};
    }
    results.push_back(std::move(*drafted));
  }
  if (failed > 0) session.exit = failed == tenants.size() ? kRefused : kPartly;
  if (session.console.json) {
    session.console.print(results.dump());
    return {};
  }
  std::vector<std::vector<std::string>> rows = {
      {"TENANT", "HOSTS", "CLASS", "COUNTRIES", "SIGNATURES NEEDED", "FILE"}};
  for (const json& one : results) {
    if (one.contains("error")) continue;
    std::string countries;
    for (const json& country : one["jurisdictions"])
      countries += (countries.empty() ? "" : ",") + country.get<std::string>();
    rows.push_back({text_of(one, "name"), text_of(one, "hosts"), text_of(one, "class"), countries,
                    text_of(one, "quorum"), text_of(one, "file")});
  }
  if (rows.size() > 1) session.console.table(rows);
  for (const json& one : results) {
    if (one.contains("error"))
      session.console.note(
          fmt::format("{}: no order: {}", text_of(one, "name"), one.value("error", "")));
    for (const json& note : one.value("notes", json::array()))
      if (note.get<std::string>().starts_with("warning"))
        session.console.note(text_of(one, "name") + ": " + note.get<std::string>());
  }
  if (rows.size() > 1)
    session.console.next(
        "each tenant's people sign their own: fleetsweep order sign FILE --key THEIR.key, then "
        "fleetsweep order submit FILE --tenant ID");
  return {};
}

}  // namespace

void add_template_verbs(CLI::App& campaign, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* templates = campaign.add_subcommand(
      "template", "one campaign for many tenants: an order for each, signed by each");
  templates->require_subcommand(1);
  CLI::App* use = templates->add_subcommand(
      "apply", "draft one order for each tenant; nothing is signed or submitted");
  use->add_option("file", options->file, "the template, JSON (docs/tenants.md)")->required();
  CLI::Option* some =
      use->add_option("--tenants", options->tenants, "ids or names, with commas")->delimiter(',');
  use->add_flag("--all", options->all, "every tenant that the token sees")->excludes(some);
  use->add_option("--out", options->out, "folder for the orders")->required();
  for (CLI::App* sub : {templates, use})
    sub->footer(
        "Example: fleetsweep campaign template apply emotet.json --tenants acme,globex --out "
        "orders");
  use->callback([&session, options] {
    if (!options->all && options->tenants.empty())
      session.finish(fail(Code::kInvalid, "for whom? give --tenants or --all"));
    else
      session.finish(apply(session, *options));
  });
}

}  // namespace fleetsweep::cli
