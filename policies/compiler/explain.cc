// A policy in plain words.

#include <algorithm>

#include "policies/compiler/compiler.h"
#include "policies/compiler/condition.h"
#include "policies/compiler/not_carried_out.h"
#include "policies/compiler/phrases.h"
#include "policies/compiler/strength.h"
#include "protocol/base/bytes.h"
#include "protocol/trust/order_class.h"

namespace fleetsweep::compiler {
namespace {

using model::Action;
using model::ActionKind;
using model::Policy;
using model::Selector;

std::string names_of(const auto& indices, const auto& items, std::string_view last) {
  std::vector<std::string> names;
  for (const auto index : indices) names.push_back(spoken(items[index].id));
  return joined(names, last);
}

std::string lines_joined(const std::vector<std::string>& texts) {
  std::vector<std::string> safe;
  for (const auto& text : texts) safe.push_back(escaped(text));
  return joined(safe, "and");
}

void explain_head(const Policy& policy, const AuthorDefaults& defaults, std::string& out) {
  out += escaped(policy.title) + "\n";
  if (!defaults.description.empty()) out += "  " + escaped(defaults.description) + "\n";
  out += fmt::format("  family {}{}; edition {}, {}, by {}\n", escaped(policy.family),
                     defaults.aliases.empty() ? "" : ", also " + lines_joined(defaults.aliases),
                     defaults.version, defaults.status, escaped(defaults.author));
  std::vector<std::string> facts;
  for (const auto& p : policy.preconditions) facts.push_back(precondition_words(p));
  constexpr std::string_view kPlatforms[] = {"all", "Linux", "Windows", "macOS"};
  out += fmt::format("  for {} hosts{}{}\n", kPlatforms[static_cast<std::size_t>(policy.platform)],
                     facts.empty() ? "" : ": ", joined(facts, "and"));
  out += fmt::format("  on the authority of {} ({}, {})\n", escaped(defaults.authority.issuer),
                     defaults.authority.legal_basis, escaped(defaults.authority.reference));
  out += fmt::format(
      "  valid {}{}{}\n",
      defaults.valid_from ? "from " + to_rfc3339(*defaults.valid_from) + " " : "",
      defaults.valid_until ? "until " + to_rfc3339(*defaults.valid_until) : "without an end",
      defaults.revoked ? "; revoked by its author" : "");
  for (const auto& text : defaults.falsepositives)
    out += "  known false alarms: " + escaped(text) + "\n";
}

void add_selections(const std::vector<model::Selection>& selections, std::string_view lead,
                    std::string& out) {
  for (std::size_t s = 0; s < selections.size(); ++s)
    for (std::size_t i = 0; i < selections[s].size(); ++i)
      out += fmt::format("    {}{}\n",
                         i   ? "and "
                         : s ? "or "
                             : lead,
                         predicate_words(selections[s][i]));
}

bool is_templated(const std::vector<model::Selection>& selections) {
  for (const auto& selection : selections)
    for (const auto& predicate : selection)
      for (const auto& value : predicate.values)
        if (value.templated) return true;
  return false;
}

void explain_detections(const Policy& policy, std::string& out) {
  out += "\nLooks for\n";
  for (const auto& d : policy.detections) {
    out += fmt::format("  {}: {} (score {} of 100{})\n", spoken(d.id), object_words(d.object),
                       d.score, is_strong(d) ? ", counts as two signs" : "");
    if (d.for_each >= 0) {
      const auto& base = policy.detections[static_cast<std::size_t>(d.for_each)];
      const bool same =
          base.object == d.object && !is_templated(d.any_of) && !is_templated(d.none_of);
      out += fmt::format("    {} each {} found\n", same ? "the very object of" : "looked for with",
                         spoken(base.id));
    } else if (d.object == model::ObjectKind::kFile) {
      out += "    " + scope_words(d.scope) + "\n";
    }
    add_selections(d.any_of, "", out);
    if (d.rule >= 0)
      out += fmt::format("    {}{}\n", d.any_of.empty() ? "" : "and ",
                         rule_words(policy.rules[static_cast<std::size_t>(d.rule)], d.object));
    add_selections(d.none_of, "but not if ", out);
  }
}

void explain_verdicts(const Policy& policy, std::string& out) {
  out += "\nCounts as\n";
  for (const auto& v : policy.verdicts)
    out += fmt::format("  {} (confidence {} of 100, {})\n    {}\n", spoken(v.id), v.confidence,
                       v.level, to_text(v.condition, policy, spoken));
}

// The engine's order; a policy can leave an action out but not move it.
constexpr ActionKind kOrder[] = {ActionKind::kSuspend, ActionKind::kCollect,
                                 ActionKind::kBlock,   ActionKind::kIsolate,
                                 ActionKind::kDisable, ActionKind::kRemove,
                                 ActionKind::kKill,    ActionKind::kQuarantine,
                                 ActionKind::kPurge,   ActionKind::kRestoreFromPackage,
                                 ActionKind::kRestart};

std::string selector_text(const Selector& selector, const Policy& policy) {
  const std::string_view last = selector.kind == Selector::Kind::kDetections ? "and" : "or";
  const auto names = names_of(selector.detections, policy.detections, last);
  switch (selector.kind) {
    case Selector::Kind::kDetections:
      return names;
    case Selector::Kind::kProcessesOf:
      return "the processes that run " + names;
    case Selector::Kind::kServicesMapping:
      return "the services that have loaded " + names;
    case Selector::Kind::kAll:
      return "everything found";
    case Selector::Kind::kList:
      return fmt::format("{} addresses{}", selector.values.size(), until_words(selector.expires));
  }
  return {};
}

std::string_view evidence_words(std::string_view what) {
  return what == "exe"              ? "the program"
         : what == "command_line"   ? "the command line"
         : what == "environ"        ? "the environment"
         : what == "maps"           ? "the map of the memory"
         : what == "connections"    ? "the connections"
         : what == "entry_preimage" ? "the entry as it was"
                                    : "the registry key";
}

std::string flag_words(const Action& action) {
  if (action.clear_flags.empty()) return {};
  return ", after clearing the flags " + joined(action.clear_flags, "and");
}

std::string options_text(const Action& action) {
  switch (action.kind) {
    case ActionKind::kSuspend:
    case ActionKind::kKill:
      return action.tree ? ", with their descendants" : "";
    case ActionKind::kCollect: {
      std::vector<std::string> what;
      for (const auto& one : action.what) what.emplace_back(evidence_words(one));
      return fmt::format(" as evidence: {}; at most {}", joined(what, "and"),
                         size_words(action.bytes_max));
    }
    case ActionKind::kBlock:
      return fmt::format(", {}going, for {}", action.direction, duration_words(action.ttl));
    case ActionKind::kIsolate:
      return ": the host keeps its line to the controller alone, for " + duration_words(action.ttl);
    case ActionKind::kRestoreFromPackage:
      return ": a proposal for a person, with the command; no agent carries it out";
    case ActionKind::kRemove:
      return ": the line or unit itself, never a file that holds others" + flag_words(action);
    case ActionKind::kDisable:
      return flag_words(action);
    case ActionKind::kQuarantine:
    case ActionKind::kPurge:
      return (action.kind == ActionKind::kPurge
                  ? ": gone for good, its content is kept nowhere, no undo"
                  : ": into the vault") +
             flag_words(action);
    case ActionKind::kRestart: {
      std::vector<std::string> services;
      for (const auto& service : action.allow) services.push_back(in_quotes(service));
      return ", only " + joined(services, "or") + "; others are named for a person to restart";
    }
    default:
      return "";
  }
}

void explain_response(const Policy& policy, const model::Response& response, std::string& out) {
  out += "  on " + names_of(response.verdicts, policy.verdicts, "or");
  if (response.confidence_min) out += fmt::format(", from confidence {}", response.confidence_min);
  out += "\n";
  std::size_t number = 0;
  for (const auto kind : kOrder)
    for (const auto& action : response.actions) {
      if (action.kind != kind) continue;
      std::vector<std::string> targets;
      for (const auto& selector : action.select) targets.push_back(selector_text(selector, policy));
      out += fmt::format("    {}. {} {}{}\n", ++number, name(action.kind), joined(targets, "and"),
                         options_text(action));
    }
  if (number == 0) out += "    nothing but a report\n";
}

void explain_limits(const Policy& policy, std::string& out) {
  const auto& limit = policy.limits;
  out += "\nNever touches\n";
  out +=
      limit.package_owned == model::PackageOwned::kNever
          ? "  files of installed packages: if one is hit, nothing at all is touched\n"
          : "  files of installed packages: if an intact one is hit, nothing at all is touched; a\n"
            "  changed one is only reported\n";
  out += "  (a single line may be taken out of a file that was changed since it was installed)\n";
  for (const auto& path : limit.protect) out += "  " + in_quotes(path) + "\n";
  out +=
      "  what every agent protects: the first process, the kernel's, its own; the loader and the "
      "C\n"
      "  library, the account files, directories and mount points\n";
  out += "\nLimits on one host\n";
  out += fmt::format("  at most {} ({}, {}, {}) and {}; above that it touches none\n",
                     count_words(limit.items, "object"), count_words(limit.files, "file"),
                     count_words(limit.processes, "process"),
                     count_words(limit.persistence, "entry"), size_words(limit.bytes));
  out += fmt::format("  at least {} independent signs before anything is changed\n",
                     limit.independent_min);
  out += fmt::format("  a scan takes at most {}", duration_words(limit.timeout));
  if (limit.rows > 0)
    out += fmt::format(", and one that finds more than {} gives none",
                       count_words(limit.rows, "object"));
  out += '\n';
}

bool purges(const Policy& policy) {
  for (const auto& response : policy.responses)
    for (const auto& action : response.actions)
      if (action.kind == ActionKind::kPurge) return true;
  return false;
}

void explain_undo(const Policy& policy, std::string& out) {
  if (policy.limits.undo_ttl > Seconds{0})
    out += fmt::format(
        "\nUndo\n  what was taken is kept for {} after the cleaning, and can be put back until "
        "then;\n  the host's owner may keep it longer{}\n",
        duration_words(policy.limits.undo_ttl),
        purges(policy) ? "; what is purged is gone at once" : "");
}

void explain_verify(const Policy& policy, std::string& out) {
  const auto& verify = policy.verify;
  if (verify.expect_none_of.empty()) return;
  std::vector<std::string> times;
  for (const auto rescan : verify.rescans)
    times.push_back(rescan == Seconds(0) ? "at once" : "after " + duration_words(rescan));
  if (verify.after_reboot) times.push_back("after the next reboot");
  out += fmt::format("\nDone when\n  scanned again {}, it no longer shows {}\n",
                     joined(times, "and"), names_of(verify.expect_none_of, policy.verdicts, "or"));
  if (verify.respawn_rounds > 0)
    out += fmt::format("  what comes back is cleaned again, at most {} more\n",
                       count_words(verify.respawn_rounds, "time"));
  if (verify.asks_isolation)
    out += "  a host where it comes back after that asks to be isolated; people decide\n";
}

std::string window_words(const model::Window& window) {
  constexpr std::string_view kDays[] = {"Mondays", "Tuesdays",  "Wednesdays", "Thursdays",
                                        "Fridays", "Saturdays", "Sundays"};
  std::vector<std::string> days;
  for (unsigned day = 0; day < std::size(kDays); ++day)
    if (window.days >> day & 1) days.emplace_back(kDays[day]);
  return fmt::format("on {} from {:02}:{:02} to {:02}:{:02}",
                     days.size() == std::size(kDays) ? "any day" : joined(days, "and"),
                     window.from_minute / 60, window.from_minute % 60, window.to_minute / 60,
                     window.to_minute % 60);
}

// Where `order draft` starts from; its flags say otherwise.
void explain_suggestions(const AuthorDefaults& d, std::string& out) {
  const bool local = d.clock == model::Clock::kHostLocal;
  const std::string clock = local ? " on each host's own clock" : " UTC";
  out += "\nSuggested for an order\n";
  out += d.mode == SafetyMode::kEnforce ? "  clean (apply)\n" : "  look only (dry run)\n";
  if (d.not_before)
    out += fmt::format("  begin {}{}\n", to_rfc3339(*d.not_before).substr(0, 19), clock);
  else
    out += "  begin at once\n";
  for (const auto& window : d.windows)
    if (window != model::Window{}) out += "  only " + window_words(window) + clock + "\n";
  if (d.jitter.count())
    out += fmt::format("  spread the hosts over {}\n", duration_words(d.jitter));
  if (d.repeat.count())
    out += fmt::format("  repeat a dry run every {}\n", duration_words(d.repeat));
  if (d.deadline.count())
    out += fmt::format("  end {} after the beginning\n", duration_words(d.deadline));
  if (d.fleet_stop.failed_permille)
    out += fmt::format("  open no further wave when too many hosts fail, {} of 1000\n",
                       d.fleet_stop.failed_permille);
  std::vector<std::string> labels;
  if (!d.labels_all_of.empty()) labels.push_back("with the label " + lines_joined(d.labels_all_of));
  if (!d.labels_none_of.empty())
    labels.push_back("without the label " + lines_joined(d.labels_none_of));
  if (!labels.empty())
    out += fmt::format("  hosts {}; an order has no labels: choose hosts with --group or --host\n",
                       joined(labels, "and"));
}

void explain_orders(const Policy& policy, std::string& out) {
  out += "\nNeeds\n";
  for (const auto& [what, mode] : {std::pair("a dry run", model::Mode::kDryRun),
                                   std::pair("an apply order", model::Mode::kApply)})
    if (const auto needed = trust::class_of(mode, policy))
      out += fmt::format("  {} of class {} ({})\n", what, static_cast<int>(*needed), name(*needed));
}

}  // namespace

std::string explain(const Policy& policy, const AuthorDefaults& defaults) {
  std::string out;
  explain_head(policy, defaults, out);
  explain_detections(policy, out);
  explain_verdicts(policy, out);
  out += "\nDoes, in this order\n";
  for (const auto& response : policy.responses) explain_response(policy, response, out);
  explain_limits(policy, out);
  explain_undo(policy, out);
  explain_verify(policy, out);
  explain_suggestions(defaults, out);
  if (const auto missing = not_carried_out(policy); !missing.empty()) {
    out += "\nNot carried out by agents of this version\n";
    for (const auto& sentence : missing) out += "  " + sentence + "\n";
  }
  explain_orders(policy, out);
  out.pop_back();  // who prints it ends the line
  return out;
}

}  // namespace fleetsweep::compiler
