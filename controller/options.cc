#include "controller/options.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "protocol/base/version.h"
#include "protocol/runtime/config/config.h"

namespace fleetsweep::controller {
namespace {

constexpr std::uint64_t kAgentsMost = 15'000;  // of one process: 20,000 descriptors

Result<ServiceOptions> service_options(const std::string& file,
                                       const std::vector<std::string>& arguments) {
  FS_TRY(auto overrides, config::parse_arguments(arguments));
  FS_TRY(auto reader, config::Reader::open(file, std::move(overrides)));
  ServiceOptions options;
  options.state = reader.text("state", options.state);
  options.agent_listen = reader.text("agent_listen", options.agent_listen);
  options.enrol_listen = reader.text("enrol_listen", options.enrol_listen);
  options.api_listen = reader.text("api_listen", options.api_listen);
  options.metrics_listen = reader.text("metrics_listen", options.metrics_listen);
  options.witnesses = reader.list("witness");
  options.checkpoint_interval = reader.duration("checkpoint_interval", options.checkpoint_interval);
  options.heartbeat = reader.duration("heartbeat", options.heartbeat);
  options.agents_max = reader.number("agents_max", options.agents_max, 1, kAgentsMost);
  for (std::size_t i = 0; i < options.tenant_quotas.size(); ++i) {
    const std::string key = fmt::format("tenant_{}", name(static_cast<store::QuotaKind>(i)));
    options.tenant_quotas[i] = reader.number(key, options.tenant_quotas[i], 1, kQuotaMost);
  }
  http::Tls tls{.certificate = reader.text("api_certificate", ""),
                .key = reader.text("api_certificate_key", ""),
                .authorities = reader.text("api_client_authorities", "")};
  if (!tls.certificate.empty() || !tls.key.empty() || !tls.authorities.empty())
    options.api_tls = std::move(tls);
  options.allow_remote = reader.flag("allow_remote", false);
  options.io_threads = static_cast<int>(reader.number("io_threads", 1, 1, 8));
  if (options.heartbeat < Seconds(1)) reader.reject("heartbeat", "at least 1s was expected");
  if (options.checkpoint_interval < Seconds(1))
    reader.reject("checkpoint_interval", "at least 1s was expected");
  FS_CHECK(reader.finish());
  return options;
}

}  // namespace

std::variant<Command, Usage> parse_command(int argc, const char* const* argv) {
  CLI::App app("Stores, streams and counts what operators sign; it cannot sign orders itself.",
               "fleetsweep-controller");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("fleetsweep-controller {}", kVersion));
  InitCommand init;
  CLI::App* init_command = app.add_subcommand("init", "make the keys of a new controller, once");
  init_command->add_option("--state", init.state, "state directory")->required();
  init_command->add_option("--origin", init.origin, "name of its logs, like soc.example/fleet")
      ->required();

  RotateLogKey rotation;
  CLI::App* rotate_command = app.add_subcommand(
      "rotate-log-key", "the log's key was lost or stolen: make another, which a root then names");
  rotate_command->add_option("--state", rotation.state, "state directory")->required();
  rotate_command
      ->add_option("--origin", rotation.origin,
                   "another name for its logs, like soc.example/fleet-2")
      ->required();

  OriginCommand origin;
  CLI::App* origin_command = app.add_subcommand(
      "origin", "the public keys for the root of another tenant, whose log has this name");
  origin_command->add_option("name", origin.origin, "like soc.example/customer")->required();
  origin_command->add_option("--state", origin.state, "state directory")->required();

  std::string file;
  CLI::App* run_command =
      app.add_subcommand("run", "run until SIGTERM; every key of the file can be given as --key");
  run_command->add_option("--config", file, "configuration file");
  run_command->allow_extras();

  CreateToken token;
  CLI::App* token_command = app.add_subcommand("token", "tokens of the API");
  token_command->require_subcommand(1);
  CLI::App* create = token_command->add_subcommand("create", "write a new token into a 0600 file");
  create->add_option("--state", token.state, "state directory")->required();
  create->add_option("--role", token.role, "viewer, operator or admin")->required();
  create->add_option("--tenant", token.tenant, "for this tenant only (hex)");
  create->add_option("--expires", token.life, "it ends after so long, like 90d; default: never");
  create->add_option("--out", token.out, "the file; must not exist")->required();

  ListTokens tokens;
  CLI::App* list = token_command->add_subcommand("list", "ids, rights, ends and last use, as JSON");
  list->add_option("--state", tokens.state, "state directory")->required();
  RotateToken rotated;
  CLI::App* rotate = token_command->add_subcommand(
      "rotate", "a new secret with the same rights; the old one ends at once, or after --overlap");
  rotate->add_option("id", rotated.id, "as `token list` shows it")->required();
  rotate->add_option("--state", rotated.state, "state directory")->required();
  rotate->add_option("--overlap", rotated.overlap, "both open for so long, like 1h");
  rotate->add_option("--out", rotated.out, "the file; must not exist")->required();
  RevokeToken revoked;
  CLI::App* revoke = token_command->add_subcommand(
      "revoke", "take a token away, at once; the controller may run meanwhile");
  revoke->add_option("id", revoked.id, "as `token list` shows it")->required();
  revoke->add_option("--state", revoked.state, "state directory")->required();

  RebuildCommand rebuild;
  CLI::App* rebuild_command =
      app.add_subcommand("rebuild", "make derived tables anew from the receipts");
  rebuild_command->add_option("--state", rebuild.state, "state directory")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    return Usage{out.str() + err.str(), code == 0 ? 0 : 2};
  }
  if (init_command->parsed()) return Command(init);
  if (rotate_command->parsed()) return Command(rotation);
  if (origin_command->parsed()) return Command(origin);
  if (create->parsed()) return Command(token);
  if (list->parsed()) return Command(tokens);
  if (rotate->parsed()) return Command(rotated);
  if (revoke->parsed()) return Command(revoked);
  if (rebuild_command->parsed()) return Command(rebuild);
  auto options = service_options(file, run_command->remaining());
  if (!options) return Usage{options.error().message + "\n", 2};
  return Command(std::move(*options));
}

}  // namespace fleetsweep::controller
