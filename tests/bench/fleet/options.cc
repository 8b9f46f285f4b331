#include "tests/bench/fleet/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "protocol/base/version.h"

namespace fleetsweep::bench {

std::optional<SimOptions> parse_options(int argc, char** argv, int& exit_code) {
  SimOptions options;
  CLI::App app(
      "Pretends to be many hosts, each with its own keys, connection and log, against a real\n"
      "controller. Answers dry runs at once. Prints one line when all are connected and one for\n"
      "each order that all have answered and heard to be durable. Ends at SIGTERM.",
      "fleetsweep-sim");
  app.set_version_flag("--version", fmt::format("fleetsweep-sim {}", kVersion));
  app.add_option("--agents", options.fleet.agents, "so many hosts")
      ->required()
      ->check(CLI::Range(1, 50'000));
  app.add_option("--connect", options.fleet.connect, "tcp://HOST:PORT of the controller's agents")
      ->required();
  app.add_option("--enrol", options.fleet.enrol, "tcp://HOST:PORT of its enrolment")->required();
  app.add_option("--token", options.fleet.token, "an enrolment token with so many uses")
      ->required();
  app.add_option("--source-addresses", options.fleet.source_addresses,
                 "connect from so many addresses of 127.0.1.0/24")
      ->check(CLI::Range(0, 250));
  app.add_flag("--json", options.json, "one JSON object a line");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error);
    return std::nullopt;
  }
  return options;
}

}  // namespace fleetsweep::bench
