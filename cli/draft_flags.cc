#include "cli/draft_flags.h"

#include <CLI/CLI.hpp>

#include "cli/checks.h"

namespace fleetsweep::cli {
namespace {

void add_common(CLI::App& verb, DraftOptions& options) {
  verb.add_option("--title", options.title,
                  "what a person reads first; default: the policy's title");
  verb.add_option("--host", options.hosts,
                  "only this host (id, start of an id, or host name); repeat");
  verb.add_option("--jurisdiction", options.jurisdictions,
                  "country the order is lawful in; repeat; none means nowhere")
      ->check(check_country, "");
  CLI::Option* life =
      verb.add_option("--life", options.life, "valid for; default: the policy's deadline, or 24h");
  verb.add_option("--not-after", options.not_after, "valid until, like 2026-11-25T12:00:00Z")
      ->excludes(life);
  verb.add_option("--contact", options.contact, "whom a host's owner asks");
}

}  // namespace

void add_draft_flags(CLI::App& verb, DraftOptions& options) {
  verb.add_option("--policy", options.policy_file, "the policy's YAML")->required();
  verb.add_option("--mode", options.mode, "dry-run, apply; default: the policy's safety.mode")
      ->check(CLI::IsMember({"dry-run", "apply"}));
  verb.add_option("--campaign", options.campaign, "[a-z0-9-]{1,64}")
      ->required()
      ->check(check_campaign, "");
  add_common(verb, options);
  verb.add_option("--group", options.groups, "only hosts of this group; repeat");
  verb.add_option("--exclude", options.exclude, "never this host; repeat");
  verb.add_option(
      "--not-before", options.not_before,
      "start, like 2026-11-24T12:00:00Z; without Z on each host's own clock; default: the "
      "policy's, or now");
  verb.add_option("--jitter", options.jitter, "spread the hosts over; default: the policy's");
  verb.add_option("--repeat", options.repeat,
                  "dry run: again every; default: the policy's, or once");
  verb.add_flag("--scan-ahead,!--no-scan-ahead", options.scan_ahead,
                "apply: look before the start; default: the policy's");
  verb.add_option("--offline-grace", options.offline_grace,
                  "hosts may act so long after their last contact; default: 0s");
  verb.add_flag("--standing", options.standing,
                "approved ahead for an emergency: sleeps until `campaign release` fires its first "
                "wave; at most class contain, a --group or --host, and as long as the root allows");
  verb.add_option("--wave", options.waves,
                  "PERMILLE[,DELAY[,none|auto|manual]]; repeat; the last is 1000");
  verb.add_option("--canary", options.canary,
                  "the first wave holds exactly these known hosts; repeat");
  verb.add_option("--dry-run-order", options.dry_run_order,
                  "apply: the dry run; default: the campaign's newest");
  verb.add_option("--failures", options.failures, "breaker: so many failures; default: 3");
  verb.add_option("--failed-permille", options.failed_permille,
                  "breaker: and so many of 1000; default: the policy's failed_pct, or 10");
}

void add_undo_flags(CLI::App& verb, DraftOptions& options) {
  add_common(verb, options);
  verb.add_option("--order", options.undoes, "the apply order; default: the campaign's newest");
}

}  // namespace fleetsweep::cli
