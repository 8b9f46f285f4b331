#include "witness/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "protocol/base/version.h"
#include "protocol/runtime/config/config.h"

namespace fleetsweep::witness {
namespace {

constexpr int kExitUsage = 2;
constexpr std::string_view kStateDefault = "/var/lib/fleetsweep/witness";

constexpr const char* kExamples = R"(
Examples:
  fleetsweep-witness init --state /var/lib/fleetsweep/witness --name witness.example.org
  fleetsweep-witness run --config /etc/fleetsweep/witness.conf
  fleetsweep-witness run --state ./w --listen 127.0.0.1:7670 --log log.example+20069854+AQOh...

The configuration file has the same keys, one 'key = value' a line, '#' starts a comment:
  state = /var/lib/fleetsweep/witness
  listen = 127.0.0.1:7670
  log = log.example.org/tenant+20069854+AQOh...    (repeat it for each log)
)";

Result<RunOptions> read_run_options(const std::string& path,
                                    std::vector<config::Setting> overrides) {
  FS_TRY(auto reader, config::Reader::open(path, std::move(overrides)));
  RunOptions options;
  options.state = reader.text("state", kStateDefault);
  options.listen = reader.text("listen", "127.0.0.1:7670");
  options.allow_remote = reader.flag("allow_remote", false);
  for (const std::string& text : reader.list("log")) {
    auto key = log::VerifierKey::parse(text);
    if (!key)
      reader.reject("log", key.error().message);
    else if (key->type != log::KeyType::kEd25519)
      reader.reject("log", fmt::format("{} is a witness, not a log", key->name));
    else
      options.logs.push_back(std::move(*key));
  }
  if (!reader.has("log"))
    reader.reject("log", "is missing: give the verifier key of each log to witness");
  FS_CHECK(reader.finish());
  return options;
}

}  // namespace

Options parse_options(int count, char** arguments) {
  CLI::App app("Cosigns the checkpoints of logs that only ever grow.", "fleetsweep-witness");
  app.footer(kExamples);
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("fleetsweep-witness {}", kVersion));

  InitOptions init;
  CLI::App* init_command = app.add_subcommand("init", "make a key once; prints {\"vkey\": ...}");
  init_command->add_option("--state", init.state, "folder of the witness; made if missing")
      ->default_val(std::string(kStateDefault));
  init_command->add_option("--name", init.name, "name in the key, like witness.example.org")
      ->required();

  std::string file, state, listen, allow_remote;
  std::vector<std::string> logs;
  CLI::App* run_command = app.add_subcommand("run", "answer POST /add-checkpoint and GET /healthz");
  run_command->footer(kExamples);
  run_command->add_option("--config", file, "configuration file");
  run_command->add_option("--state", state, "folder of the witness [/var/lib/fleetsweep/witness]");
  run_command->add_option("--listen", listen, "address and port [127.0.0.1:7670]; port 0: any");
  run_command->add_option("--allow_remote,--allow-remote", allow_remote,
                          "yes: listen beyond loopback too; what travels is public [no]");
  run_command->add_option("--log", logs, "verifier key of a log; repeat it for each")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (init_command->parsed()) return init;

  std::vector<config::Setting> overrides;
  const auto override_with = [&](const char* key, const std::string& value) {
    if (!value.empty()) overrides.push_back({key, value, fmt::format("--{}", key)});
  };
  override_with("state", state);
  override_with("listen", listen);
  override_with("allow_remote", allow_remote);
  for (const std::string& log : logs) override_with("log", log);
  auto options = read_run_options(file, std::move(overrides));
  if (options) return std::move(*options);
  std::fprintf(stderr, "fleetsweep-witness: %s\n", options.error().message.c_str());
  return kExitUsage;
}

}  // namespace fleetsweep::witness
