#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/documents.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::cli {
namespace {

struct Options {
  std::vector<std::string> relays;
  std::vector<std::string> keys;
  std::string life = "365d";
};

Status publish(Session& session, const Options& options) {
  FS_TRY(const std::string tenant, tenant_of(session));
  FS_TRY(const Seconds life, parse_seconds(options.life));
  model::Endpoints endpoints;
  FS_TRY(endpoints.tenant, TenantId::parse_hex(tenant));
  if (const auto newest = newest_endpoints(session)) endpoints.version = newest->version + 1;
  for (const std::string& relay : options.relays) {
    const auto equals = relay.find('=');
    if (!relay.starts_with("tcp://") || equals == std::string::npos)
      return fail(Code::kInvalid, "--relay {}: expected tcp://HOST:PORT=CURVEKEY", escaped(relay));
    FS_TRY(const CurveKey curve, CurveKey::parse_hex(relay.substr(equals + 1)));
    endpoints.relays.push_back(
        {relay.substr(0, equals), curve, now() - Seconds(300), now() + life});
  }
  std::string plan =
      fmt::format("Endpoints version {}: agents connect only to\n", endpoints.version);
  for (const model::Endpoint& relay : endpoints.relays)
    plan += fmt::format("  {}  key {}  until {}\n", escaped(relay.address), relay.curve.hex(),
                        to_rfc3339(relay.valid_to));
  FS_CHECK(session.console.confirm(plan, "Sign and publish this?"));
  FS_TRY(const DocumentId id, sign_and_submit(session, std::string(model::kPayloadEndpoints),
                                              codec::encode(endpoints), options.keys));
  session.console.print(
      session.console.json ? nlohmann::json{{"id", id.hex()}, {"version", endpoints.version}}.dump()
                           : fmt::format("endpoints version {} published", endpoints.version));
  return {};
}

}  // namespace

void add_endpoints_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* endpoints = app.add_subcommand("endpoints", "where agents find their edge");
  endpoints->require_subcommand(1);
  CLI::App* make = endpoints->add_subcommand("publish", "sign and submit the list of edges");
  make->add_option("--relay", options->relays, "tcp://HOST:PORT=CURVEKEY (hex); repeat")
      ->required();
  make->add_option("--key", options->keys, "key of role infra; repeat for a quorum")->required();
  make->add_option("--life", options->life, "valid for")->capture_default_str();
  make->footer(
      "Example: fleetsweep endpoints publish --relay tcp://sweep.example.org:7600=a1b2... --key "
      "alice.key");
  make->callback([&session, options] { session.finish(publish(session, *options)); });
}

}  // namespace fleetsweep::cli
