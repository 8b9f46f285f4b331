#include "agent/scan/options.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "protocol/base/limits.h"
#include "protocol/base/version.h"

namespace fleetsweep::scan {
namespace {

constexpr unsigned kNobody = 65534;
constexpr int kUsage = 2;

}  // namespace

std::optional<Options> read_options(int argc, char** argv, int& status) {
  Options options;
  unsigned user = kNobody;
  CLI::App app(
      "Looks for what a policy describes. Started by the agent, which speaks on fd 3; or by "
      "hand with --policy.",
      "fleetsweep-scan");
  app.set_version_flag("--version", fmt::format("fleetsweep-scan {}", kVersion));
  app.add_option("--root", options.root, "the tree to look at")->capture_default_str();
  app.add_option(
         "--policy", options.policies,
         "a compiled policy to look for, its hash sets in FILE.hashes; several are looked for in "
         "one walk")
      ->expected(0, static_cast<int>(limits::kSweepPolicies));
  app.add_flag("--json", options.json,
               "said for clarity: what --policy finds is printed as JSON in any case; `fleetsweep "
               "policy test` shows it as text");
  app.add_option(
      "--table", options.table,
      "keeps what is known of unchanged files, so that they are not read again; a rescan "
      "after a cleaning never uses it");
  app.add_option("--checkpoint", options.checkpoint,
                 "keeps what a scan that is stopped has answered, so that the next one of the same "
                 "policies goes on with it");
  app.add_option(
      "--leave-out", options.leave_out,
      "a folder in which no file is looked at: the vault, by whatever path a walk comes");
  app.add_flag("--list-persistence", options.list_persistence,
               "print what starts by itself here as a baseline");
  app.add_option("--baseline", options.baseline,
                 "the owner's list of what is meant to start by itself, as --list-persistence "
                 "prints it");
  app.footer(
      "Example: fleetsweep-scan --root /mnt/image --list-persistence > baseline\n"
      "Example: fleetsweep-scan --root /mnt/image --policy hunt.policy --baseline baseline");
  app.add_option("--parser-user", user, "uid and gid of the parser, when started as root")
      ->check(CLI::Range(1u, 4294967294u))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    status = app.exit(error, std::cout, std::cerr) == 0 ? 0 : kUsage;
    return std::nullopt;
  }
  if (options.json && options.policies.empty()) {
    std::cerr << "fleetsweep-scan: --json needs --policy FILE\n";
    status = kUsage;
    return std::nullopt;
  }
  struct stat pipe {};
  const bool by_hand = !options.policies.empty() || options.list_persistence;
  if (!by_hand && (::fstat(kPipeFd, &pipe) != 0 || !S_ISSOCK(pipe.st_mode))) {
    std::cerr << "fleetsweep-scan: it is started by fleetsweep-agent, which speaks on fd 3; by "
                 "hand it takes --policy FILE --json, or --list-persistence\n";
    status = kUsage;
    return std::nullopt;
  }
  if (::geteuid() == 0) options.parser_user = runtime::User{user, user};
  return options;
}

}  // namespace fleetsweep::scan
