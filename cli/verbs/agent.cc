#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/agent_text.h"
#include "cli/checks.h"
#include "cli/documents.h"
#include "cli/json_text.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/seal.h"
#include "protocol/trust/token.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string agent;
  std::string campaign;
  unsigned count = 1;
  unsigned uses = 1;
  std::vector<std::string> keys;
  std::vector<std::string> groups;
  std::string jurisdiction;
  std::string life = "24h";
  std::string edge;
  std::string out = ".";
};

Status list(Session& session, const Options&) {
  FS_TRY(const json agents, get(session, "agents"));
  if (session.console.json) {
    session.console.print(agents.dump());
    return {};
  }
  std::vector<std::vector<std::string>> rows = {
      {"AGENT", "HOST", "GROUP", "COUNTRY", "STATE", "LAST HEARD", "SANDBOX"}};
  for (const json& agent : agents)
    rows.push_back(
        {text_of(agent, "agent").substr(0, 12), text_of(agent, "hostname"), text_of(agent, "group"),
         text_of(agent, "jurisdiction"),
         text_of(agent, "state") + (agent.value("forked", json()) == json(true) ? ", FORKED" : ""),
         text_of(agent, "last_heard"), text_of(agent, "sandbox")});
  session.console.table(rows);
  return {};
}

Status show(Session& session, const Options& options) {
  FS_TRY(const std::string id, resolve_agent(session, options.agent));
  FS_TRY(const json agent, get(session, "agents/" + id));
  session.console.print(session.console.json ? agent.dump() : agent_text(agent));
  return {};
}

Status why(Session& session, const Options& options) {
  FS_TRY(const std::string id, resolve_agent(session, options.agent));
  FS_TRY(const json hosts, get(session, "campaigns/" + options.campaign + "/hosts"));
  for (const json& host : hosts) {
    if (text_of(host, "agent") != id) continue;
    if (session.console.json) {
      session.console.print(host.dump());
      return {};
    }
    const std::string reason = text_of(host, "reason");
    session.console.print(fmt::format(
        "{} in campaign {}: {}{}{} (wave {}, last receipt {}, order {})", text_of(host, "hostname"),
        escaped(options.campaign), text_of(host, "state"),
        reason.empty() || reason == "none" ? "" : ", because " + reason,
        text_of(host, "kind") == "undo"
            ? fmt::format("; the undo put back {}", text_of(host, "acted"))
            : "",
        text_of(host, "wave"), text_of(host, "finished"), text_of(host, "order").substr(0, 12)));
    if (!reason.empty() && reason != "none")
      session.console.next("docs/reasons.md says what to do about " + reason);
    return {};
  }
  return fail(Code::kNotFound, "agent {} is not targeted by campaign {}", id.substr(0, 12),
              escaped(options.campaign));
}

Status enrol_token(Session& session, const Options& options) {
  FS_TRY(const std::string tenant_text, tenant_of(session));
  FS_TRY(const TenantId tenant, TenantId::parse_hex(tenant_text));
  FS_TRY(const Seconds life, parse_seconds(options.life));
  CurveKey edge;
  if (!options.edge.empty()) {
    FS_TRY(edge, CurveKey::parse_hex(options.edge));
  } else {
    FS_TRY(const model::Endpoints endpoints, newest_endpoints(session));
    if (endpoints.relays.empty())
      return fail(Code::kNotFound,
                  "the log names no endpoint; give --edge with the controller's CURVE key");
    edge = endpoints.relays.front().curve;
  }
  const Timestamp expiry = now() + life;
  model::EnrolBatch batch{.tenant = tenant,
                          .batch = crypto::random_nonce(),
                          .not_after = expiry,
                          .groups = options.groups,
                          .jurisdiction = options.jurisdiction};
  const std::string plan = fmt::format(
      "Enrolment of up to {} until {}\n  country  {}\n  groups   {}\n  tokens   {}, into {}\n",
      counted(std::size_t{options.count} * options.uses, "host"), to_rfc3339(expiry),
      options.jurisdiction,
      options.groups.empty() ? "none" : escaped(fmt::format("{}", fmt::join(options.groups, ", "))),
      options.count, options.out);
  FS_CHECK(session.console.confirm(plan, "Sign and submit this batch?"));
  std::vector<std::string> tokens;
  for (unsigned i = 0; i < options.count; ++i) {
    const crypto::SecretKey key = crypto::SecretKey::generate();
    batch.tokens.push_back(
        {.pub = key.public_key(), .uses_max = static_cast<std::uint16_t>(options.uses)});
    tokens.push_back(
        trust::token_text({.tenant = tenant, .edge = edge, .seed = key.seed(), .expires = expiry}));
  }
  std::error_code ignored;
  std::filesystem::create_directories(options.out, ignored);
  // First on the disk, then in the log: a batch whose tokens are lost would stand there for good.
  std::vector<std::string> files;
  const auto remove_all = [&] {
    for (const std::string& file : files) std::filesystem::remove(file, ignored);
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    files.push_back(
        fmt::format("{}/token-{}-{:03}", options.out, to_hex(batch.batch.view().first(4)), i + 1));
    if (const Status written = write_text_file(files.back(), tokens[i] + "\n", true); !written) {
      remove_all();
      return written;
    }
  }
  const auto logged = sign_and_submit(session, std::string(model::kPayloadEnrolBatch),
                                      codec::encode(batch), options.keys);
  if (!logged) {
    // Without an answer it may be in the log all the same.
    if (logged.error().code != Code::kUnavailable) remove_all();
    return fail(logged.error());
  }
  if (!session.console.json)
    for (const std::string& file : files) session.console.print(file);
  if (session.console.json)
    session.console.print(json{{"tokens", files}, {"expires", to_rfc3339(expiry)}}.dump());
  session.console.next(
      "on the host, as root:  fleetsweep-agent enrol --token-file TOKENFILE --connect "
      "tcp://CONTROLLER:7601");
  return {};
}

}  // namespace

void add_agent_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* agent =
      app.add_subcommand("agent", "the hosts: who is there, what they do, how they join");
  agent->require_subcommand(1);

  CLI::App* all = agent->add_subcommand("list", "all agents of the tenant");
  all->footer("Example: fleetsweep agent list");
  all->callback([&session, options] { session.finish(list(session, *options)); });

  CLI::App* one = agent->add_subcommand("show", "one agent in detail");
  one->add_option("agent", options->agent, "id, the start of an id, or host name")->required();
  one->footer("Example: fleetsweep agent show web-01");
  one->callback([&session, options] { session.finish(show(session, *options)); });

  CLI::App* explain =
      agent->add_subcommand("why", "why a host is in the state it is in, in one line");
  explain->add_option("agent", options->agent, "id, the start of an id, or host name")->required();
  explain->add_option("campaign", options->campaign, "the campaign")
      ->required()
      ->check(check_campaign, "");
  explain->footer("Example: fleetsweep agent why web-01 emotet-1");
  explain->callback([&session, options] { session.finish(why(session, *options)); });

  CLI::App* token = agent->add_subcommand(
      "enrol-token", "make one-time enrolment tokens, sign their batch and submit it");
  token->add_option("--count", options->count, "so many tokens")->check(CLI::Range(1u, 512u));
  token
      ->add_option("--uses", options->uses,
                   "hosts that each token may enrol; above 1 for a golden image")
      ->check(CLI::Range(1u, 65535u));
  token->add_option("--key", options->keys, "key of role enrol; repeat for a quorum")->required();
  token->add_option("--group", options->groups, "group of these hosts; repeat");
  token
      ->add_option("--jurisdiction", options->jurisdiction,
                   "country of these hosts, ISO 3166-1 alpha-2, like DE")
      ->required()
      ->check(check_country, "");
  token->add_option("--life", options->life, "valid for")->capture_default_str();
  token->add_option("--edge", options->edge,
                    "CURVE key of the edge in hex; default: from the log's Endpoints");
  token->add_option("--out", options->out, "folder for the token files")->capture_default_str();
  token->footer(
      "Example: fleetsweep agent enrol-token --count 5 --key alice.key --group web --jurisdiction "
      "DE --out tokens");
  token->callback([&session, options] { session.finish(enrol_token(session, *options)); });
}

}  // namespace fleetsweep::cli
