// A policy in plain words.

#include <algorithm>

#include "policies/compiler/compiler.h"
#include "policies/compiler/condition.h"
#include "policies/compiler/field_table.h"
#include "policies/compiler/strength.h"
#include "protocol/base/bytes.h"
#include "protocol/trust/order_class.h"

namespace fleetsweep::compiler {
namespace {

using model::Action;
using model::ActionKind;
using model::Field;
using model::Match;
using model::Policy;
using model::Selector;

constexpr std::size_t kValuesShown = 4;

std::string human_size(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", bytes, kUnits[unit]);
}

std::string joined(const std::vector<std::string>& parts, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i) text += i + 1 == parts.size() ? fmt::format(" {} ", last) : ", ";
    text += parts[i];
  }
  return text;
}

std::string value_text(const model::Predicate& p, const model::Value& value) {
  switch (field_info(p.field).holds) {
    case Holds::kSize:
      return human_size(static_cast<std::uint64_t>(value.number));
    case Holds::kSeconds:
      return (value.number < 0 ? "-" : "") + to_human(Seconds(std::abs(value.number)));
    case Holds::kPort:
      return std::to_string(value.number);
    case Holds::kBoolean:
      return value.number ? "true" : "false";
    default:
      return escaped(value.text);
  }
}

std::string_view verb(Match match) {
  switch (match) {
    case Match::kEquals:
      return "is";
    case Match::kContains:
      return "contains";
    case Match::kStartsWith:
      return "starts with";
    case Match::kEndsWith:
      return "ends with";
    case Match::kRegex:
      return "matches";
    case Match::kCidr:
      return "lies in";
    case Match::kGreater:
      return "is above";
    case Match::kLess:
      return "is below";
    case Match::kExists:
      return "exists";
  }
  return "is";
}

std::string predicate_text(const model::Predicate& p) {
  const std::string field(name(p.field));
  if (p.match == Match::kExists) return field + (p.values[0].number ? " is known" : " is unknown");
  std::vector<std::string> values;
  for (const auto& value : p.values)
    if (values.size() < kValuesShown || p.values.size() == kValuesShown + 1)
      values.push_back(value_text(p, value));
  if (p.values.size() > values.size())
    values.push_back(fmt::format("{} more", p.values.size() - values.size()));
  const std::string_view last = p.all || p.values.size() > kValuesShown + 1 ? "and" : "or";
  std::string text =
      fmt::format("{} {} {}{}", field, verb(p.match), p.all && p.values.size() > 1 ? "all of " : "",
                  joined(values, last));
  if (p.tolerance_ms) text += fmt::format(", give or take {} ms", p.tolerance_ms);
  return text;
}

void add_selections(const std::vector<model::Selection>& selections, std::string_view lead,
                    std::string& out) {
  for (std::size_t s = 0; s < selections.size(); ++s) {
    const std::string_view first = s ? "or " : lead;
    for (std::size_t i = 0; i < selections[s].size(); ++i)
      out += fmt::format("    {}{}\n", i ? "and " : first, predicate_text(selections[s][i]));
  }
}

std::string scope_text(const model::FileScope& scope) {
  std::string text = "on every local file system";
  if (!scope.paths.empty()) text = "in " + joined(scope.paths, "and");
  if (scope.depth)
    text += fmt::format(", {} level{} deep", scope.depth, scope.depth == 1 ? "" : "s");
  if (scope.deleted_exe) text += ", and in running programs whose file is gone";
  if (scope.memfd) text += ", and in programs that run from memory";
  return text;
}

bool is_templated(const model::Detection& detection) {
  for (const auto& selection : detection.any_of)
    for (const auto& predicate : selection)
      for (const auto& value : predicate.values)
        if (value.templated) return true;
  return false;
}

std::string rule_text(const model::Rule& rule) {
  std::string text = fmt::format("YARA rule {} ({})", rule.id, rule.license);
  if (!rule.magic.empty()) text += fmt::format(", only {} files", rule.magic);
  if (rule.size_min) text += ", from " + human_size(rule.size_min);
  if (rule.size_max) text += ", up to " + human_size(rule.size_max);
  return text;
}

void explain_detections(const Policy& policy, std::string& out) {
  out += "\nLooks for\n";
  for (const auto& d : policy.detections) {
    out += fmt::format("  {} ({}, score {}", d.id, name(d.object), d.score);
    if (is_strong(d)) out += ", counts as two signs";
    out += ")\n";
    if (d.for_each >= 0) {
      const auto& base = policy.detections[static_cast<std::size_t>(d.for_each)];
      const bool same = base.object == d.object && !is_templated(d);
      out += fmt::format("    for each {}{}\n", base.id, same ? ", about that very object" : "");
    }
    if (d.object == model::ObjectKind::kFile && d.for_each < 0)
      out += "    " + scope_text(d.scope) + "\n";
    add_selections(d.any_of, "", out);
    if (d.rule >= 0)
      out += fmt::format("    {}{}\n", d.any_of.empty() ? "" : "and its content matches ",
                         rule_text(policy.rules[static_cast<std::size_t>(d.rule)]));
    add_selections(d.none_of, "but not if ", out);
  }
}

void explain_verdicts(const Policy& policy, std::string& out) {
  out += "\nCounts as\n";
  for (const auto& v : policy.verdicts)
    out += fmt::format("  {} (confidence {}, {})\n    {}\n", v.id, v.confidence, v.level,
                       to_text(v.condition, policy));
}

struct Phase {
  std::string_view name;
  std::vector<ActionKind> kinds;
};

// The engine's order; a policy can leave a phase out but not move it.
const std::vector<Phase>& phases() {
  static const std::vector<Phase> all = {
      {"contain", {ActionKind::kSuspend}},
      {"collect", {ActionKind::kCollect}},
      {"block", {ActionKind::kBlock}},
      {"unpersist", {ActionKind::kDisable, ActionKind::kRemove}},
      {"kill", {ActionKind::kKill}},
      {"quarantine", {ActionKind::kQuarantine, ActionKind::kPurge}},
      {"repair", {ActionKind::kRestoreFromPackage}},
      {"reload", {ActionKind::kRestart}},
  };
  return all;
}

std::string selector_text(const Selector& selector, const Policy& policy) {
  std::vector<std::string> names;
  for (const auto d : selector.detections) names.push_back(policy.detections[d].id);
  switch (selector.kind) {
    case Selector::Kind::kDetections:
      return joined(names, "and");
    case Selector::Kind::kProcessesOf:
      return "the processes running " + joined(names, "or");
    case Selector::Kind::kServicesMapping:
      return "the services that have loaded " + joined(names, "or");
    case Selector::Kind::kAll:
      return "everything found";
    case Selector::Kind::kList:
      return fmt::format("{} addresses", selector.values.size());
  }
  return {};
}

std::string options_text(const Action& action) {
  switch (action.kind) {
    case ActionKind::kSuspend:
    case ActionKind::kKill:
      return action.tree ? ", with their descendants" : "";
    case ActionKind::kCollect:
      return fmt::format(": {}; at most {}", joined(action.what, "and"),
                         human_size(action.bytes_max));
    case ActionKind::kBlock:
      return fmt::format(", {}going, for {}", action.direction, to_human(action.ttl));
    case ActionKind::kRemove:
      return ", the line or unit itself, never a file that holds others";
    case ActionKind::kQuarantine: {
      std::string text = ", into the vault";
      if (!action.clear_flags.empty())
        text += ", after clearing the flags " + joined(action.clear_flags, "and");
      if (action.if_locked == "on-reboot") text += "; at the next reboot if it is locked";
      return text;
    }
    case ActionKind::kRestart:
      return ", only " + joined(action.allow, "or");
    default:
      return "";
  }
}

void explain_response(const Policy& policy, const model::Response& response, std::string& out) {
  std::vector<std::string> verdicts;
  for (const auto v : response.verdicts) verdicts.push_back(policy.verdicts[v].id);
  out += "  on " + joined(verdicts, "or");
  if (response.confidence_min) out += fmt::format(", from confidence {}", response.confidence_min);
  out += "\n";
  std::size_t number = 0;
  for (const auto& phase : phases())
    for (const auto& action : response.actions) {
      if (std::find(phase.kinds.begin(), phase.kinds.end(), action.kind) == phase.kinds.end())
        continue;
      std::vector<std::string> targets;
      for (const auto& selector : action.select) targets.push_back(selector_text(selector, policy));
      out += fmt::format("    {}. {:<10}  {} {}{}\n", ++number, phase.name, name(action.kind),
                         joined(targets, "and"), options_text(action));
    }
  if (number == 0) out += "    nothing but a report\n";
}

void explain_limits(const Policy& policy, std::string& out) {
  const auto& limit = policy.limits;
  out += "\nNever touches\n";
  out += limit.package_owned == model::PackageOwned::kNever
             ? "  files of installed packages\n"
             : "  intact files of installed packages; changed ones are only reported\n";
  for (const auto& path : limit.protect) out += "  " + escaped(path) + "\n";
  out +=
      "  what every agent protects: PID 1, kernel threads, itself, the loader and libc, the\n"
      "  account files, directories and mount points\n";
  out += "\nLimits on one host\n";
  out += fmt::format(
      "  {} objects ({} files, {} processes, {} persistence entries), {}; above that it\n"
      "  touches none\n",
      limit.items, limit.files, limit.processes, limit.persistence, human_size(limit.bytes));
  out += fmt::format("  {} independent signs before anything is changed\n", limit.independent_min);
  out += fmt::format("  {}, {} % of a core, {} operations a second, {} findings\n",
                     to_human(limit.timeout), limit.cpu_percent, limit.iops, limit.rows);
}

void explain_verify(const Policy& policy, std::string& out) {
  const auto& verify = policy.verify;
  if (verify.expect_none_of.empty()) return;
  std::vector<std::string> times, verdicts;
  for (const auto rescan : verify.rescans) times.push_back(to_human(rescan));
  if (verify.after_reboot) times.push_back("a reboot");
  for (const auto v : verify.expect_none_of) verdicts.push_back(policy.verdicts[v].id);
  out += fmt::format("\nDone when\n  the rescans after {} no longer show {}\n",
                     joined(times, "and"), joined(verdicts, "or"));
  for (const auto& check : verify.health) out += "  and still: " + escaped(check) + "\n";
  if (verify.respawn_rounds)
    out += fmt::format("  what comes back is cleaned {} more times, then reported\n",
                       verify.respawn_rounds);
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
  std::string out = escaped(policy.title) + "\n";
  out += fmt::format("  family {}, edition {}, {}, by {}\n", escaped(policy.family),
                     defaults.version, defaults.status, escaped(defaults.author));
  std::vector<std::string> facts;
  for (const auto& p : policy.preconditions)
    facts.push_back(fmt::format("{} {} {}", p.fact, p.operation, p.value));
  out += fmt::format("  for {} hosts{}{}\n", name(policy.platform), facts.empty() ? "" : " with ",
                     joined(facts, "and"));
  out += fmt::format("  on the authority of {} ({}, {})\n", escaped(defaults.authority.issuer),
                     defaults.authority.legal_basis, escaped(defaults.authority.reference));
  explain_detections(policy, out);
  explain_verdicts(policy, out);
  out += "\nDoes, in this order\n";
  for (const auto& response : policy.responses) explain_response(policy, response, out);
  explain_limits(policy, out);
  explain_verify(policy, out);
  explain_orders(policy, out);
  return out;
}

}  // namespace fleetsweep::compiler
