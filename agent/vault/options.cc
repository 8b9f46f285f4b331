#include "agent/vault/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "protocol/base/version.h"

namespace fleetsweep::agent {

namespace {

enum Exit { kDone = 0, kUsage = 2 };

}  // namespace

ParsedVault parse_vault_options(int count, char** arguments) {
  VaultOptions options;
  options.state = "/var/lib/fleetsweep/agent";
  CLI::App app{
      "What cleaning took from this host, sealed and kept for undo and for analysts; for root",
      "fleetsweep-agent vault"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "fleetsweep-vault " + std::string(kVersion));
  auto* list = app.add_subcommand("list", "what lies in it, and how much room is left");
  list->footer("Example: fleetsweep-agent vault list --json");
  auto* exported = app.add_subcommand(
      "export", "one entry with all that is known of it, as a zip encrypted with AES-256");
  exported->add_option("ENTRY", options.entry, "as `vault list` shows it")->required();
  exported->add_option("--to", options.to, "the zip; must not exist")->required();
  exported->add_option("--passphrase-file", options.passphrase_file,
                       "its first line opens the zip; without, it is asked for");
  exported->footer(
      "Example: fleetsweep-agent vault export 3f2a51c09b7e/0 --to sample.zip\n"
      "open it with `7z x sample.zip` or `bsdtar -xf sample.zip`, away from this host");
  auto* purge = app.add_subcommand(
      "purge", "delete for good what was taken so long ago; it can no longer be undone");
  std::string older_than, keep;
  auto* age = purge->add_option("--older-than", older_than, "such as 30d");
  purge->add_flag("--yes", options.yes, "without asking");
  auto* unattended = purge->add_flag("--unattended", options.unattended)->group("");
  auto* owners = purge->add_option("--keep", keep)->group("")->needs(unattended);
  purge->footer("Example: fleetsweep-agent vault purge --older-than 90d");
  for (CLI::App* sub : {list, exported, purge}) {
    sub->add_option("--state", options.state, "folder of the agent's state")->capture_default_str();
    sub->add_flag("--json", options.json, "print it as JSON");
  }
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return {app.exit(error) == 0 ? kDone : kUsage, {}};
  }
  using Verb = VaultOptions::Verb;
  options.verb = *list ? Verb::kList : *exported ? Verb::kExport : Verb::kPurge;
  if (*purge) {
    if (!options.unattended && age->empty()) {
      std::fprintf(stderr, "fleetsweep-agent: --older-than is missing, such as 30d\n");
      return {kUsage, {}};
    }
    for (const auto& [option, text] : {std::pair(age, older_than), {owners, keep}}) {
      if (option->empty()) continue;
      const auto length = parse_seconds(text);
      if (!length) {
        std::fprintf(stderr, "fleetsweep-agent: --%s: %s\n", option->get_single_name().c_str(),
                     length.error().message.c_str());
        return {kUsage, {}};
      }
      // A monitor that was started before an upgrade says --older-than: what it means is to keep.
      if (options.unattended)
        options.keep = std::max(options.keep.value_or(Seconds(0)), *length);
      else
        options.older_than = *length;
    }
  }
  return {std::nullopt, std::move(options)};
}

}  // namespace fleetsweep::agent
