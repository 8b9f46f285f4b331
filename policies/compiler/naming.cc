#include "policies/compiler/naming.h"

#include <algorithm>

#include "policies/compiler/condition.h"
#include "policies/compiler/field_table.h"
#include "policies/compiler/regex.h"
#include "policies/compiler/strength.h"
#include "policies/compiler/template_text.h"
#include "protocol/model/finding.h"

namespace fleetsweep::compiler {
namespace {

using model::Condition;
using model::Detection;
using model::Field;
using model::Match;
using model::Predicate;
using model::Selection;

constexpr std::size_t kPartBytes = 2;  // one letter is in every name

// Name and path are those of the one thing only in these; in a crontab it is the user of every
// line.
bool is_of_units(const Selection& selection) {
  const auto kind = std::find_if(selection.begin(), selection.end(), [](const Predicate& p) {
    return p.field == Field::kPersistenceKind && p.match == Match::kEquals;
  });
  using Kind = model::PersistenceKind;
  constexpr Kind kNamed[] = {Kind::kSystemdUnit,
                             Kind::kSystemdTimer,
                             Kind::kSystemdSocket,
                             Kind::kSystemdPath,
                             Kind::kInitScript,
                             Kind::kWindowsService,
                             Kind::kWindowsTask,
                             Kind::kWindowsRun,
                             Kind::kXdgAutostart,
                             Kind::kSystemdGenerator,
                             Kind::kDbusService,
                             Kind::kMotdScript,
                             Kind::kNetworkmanagerDispatcher,
                             Kind::kPolkitRule,
                             Kind::kPamModule,
                             Kind::kKernelModule,
                             Kind::kModprobeHook,
                             Kind::kBinfmt,
                             Kind::kSetuidProgram,
                             Kind::kFileCapability,
                             Kind::kPathShadow,
                             Kind::kWebScript};
  return kind != selection.end() &&
         std::all_of(kind->values.begin(), kind->values.end(), [&](const model::Value& value) {
           return std::any_of(std::begin(kNamed), std::end(kNamed),
                              [&](auto known) { return value.text == name(known); });
         });
}

// Everything below it.
bool is_folder(const Predicate& p) {
  return p.match == Match::kStartsWith &&
         std::any_of(p.values.begin(), p.values.end(), [](const model::Value& value) {
           return value.text.ends_with('/') || value.text.ends_with('\\');
         });
}

bool names(const Predicate& p, const Selection& selection) {
  const bool whole = p.match == Match::kEquals;
  switch (p.field) {
    case Field::kFilePath:
    case Field::kFileName:
    case Field::kFileMtimeDeltaToParent:
      return whole;
    case Field::kFileBytesAt0:
      return std::all_of(p.values.begin(), p.values.end(), [](const model::Value& value) {
        return value.text.size() >= kBytesAtZero * 2;  // hex
      });
    case Field::kPersistenceName:
      return is_of_units(selection) && !fits_any(p);
    case Field::kProcessLooksLikeKernelThread:
      return whole && p.values[0].number != 0;
    case Field::kPersistencePath:
      return whole && is_of_units(selection);
    case Field::kProcessExePath:
      return !is_folder(p) && !fits_any(p);
    case Field::kFileExtension:
    case Field::kFileParentName:
    // Whose it is, where it runs and what started it: true of many that are not meant.
    case Field::kFileOwner:
    case Field::kFileCapabilities:
    case Field::kProcessUser:
    case Field::kProcessCwd:
    case Field::kProcessCapabilities:
    case Field::kProcessEnvironmentNames:
    case Field::kProcessContainerId:
    case Field::kProcessParentName:
    case Field::kProcessParentExePath:
    case Field::kProcessParentCommandLine:
    case Field::kPersistenceUser:
    case Field::kNetworkSrcRef:
      return false;
    default: {
      // Numbers, words of a fixed list and yes or no are true of many.
      const Holds holds = field_info(p.field).holds;
      return !is_number(holds) && holds != Holds::kBoolean && holds != Holds::kWord && !fits_any(p);
    }
  }
}

// By its own words, without what it is joined to.
bool names_by_itself(const Detection& detection, const Draft& draft) {
  if (detection.rule >= 0 && !draft.weak_rules.contains(detection.rule)) return true;
  return !detection.any_of.empty() &&
         std::all_of(detection.any_of.begin(), detection.any_of.end(), [](const Selection& one) {
           return std::any_of(one.begin(), one.end(),
                              [&](const Predicate& p) { return names(p, one); });
         });
}

std::uint16_t root_of(const model::Policy& policy, std::uint16_t detection) {
  while (policy.detections[detection].for_each >= 0)
    detection = static_cast<std::uint16_t>(policy.detections[detection].for_each);
  return detection;
}

// What a condition comes to when an object has no finding joined to it that says more.
struct Left {
  bool can_hold = false;
  bool asks_for_object = false;
};

Left left_of(const Condition& condition, const std::vector<bool>& says_more,
             const std::vector<bool>& of_object) {
  if (condition.kind == Condition::Kind::kAtLeast) {
    std::size_t possible = 0;
    bool asks = false;
    for (const auto d : condition.detections) {
      if (says_more[d]) continue;
      ++possible;
      asks = asks || of_object[d];
    }
    return {possible >= condition.count, asks};
  }
  const bool is_and = condition.kind == Condition::Kind::kAnd;
  Left left{is_and, false};
  for (const auto& child : condition.children) {
    const Left one = left_of(child, says_more, of_object);
    if (condition.kind == Condition::Kind::kNot) return {true, one.asks_for_object};
    left.can_hold = is_and ? left.can_hold && one.can_hold : left.can_hold || one.can_hold;
    left.asks_for_object = left.asks_for_object || (one.can_hold && one.asks_for_object);
  }
  return left;
}

}  // namespace

bool fits_any(const Predicate& p) {
  if (p.match == Match::kExists) return true;
  const Holds holds = field_info(p.field).holds;
  const auto fits = [&](const model::Value& value) {
    switch (p.match) {
      case Match::kContains:
      case Match::kStartsWith:
      case Match::kEndsWith:
        return value.text.size() < kPartBytes;
      case Match::kRegex:
        return fits_any_text(fill_templates(value.text, "filled in"), p.cased);
      case Match::kGreater:
        return holds == Holds::kSize && value.number <= 0;
      default:
        return false;
    }
  };
  return p.all ? std::all_of(p.values.begin(), p.values.end(), fits)
               : std::any_of(p.values.begin(), p.values.end(), fits);
}

bool names_object(std::uint16_t detection, const Draft& draft) {
  const Detection& d = draft.policy.detections[detection];
  if (names_by_itself(d, draft)) return true;
  if (d.for_each < 0) return false;
  return !draft.detections[detection].same_object ||
         names_object(static_cast<std::uint16_t>(d.for_each), draft);
}

bool needs_join(const model::Verdict& verdict, std::uint16_t detection, const Draft& draft) {
  const model::Policy& policy = draft.policy;
  const auto root = root_of(policy, detection);
  std::vector<bool> says_more(policy.detections.size()), of_object(policy.detections.size());
  // A join only looks up, so what a detection is joined to is known here before it.
  for (std::uint16_t d = 0; d < policy.detections.size(); ++d) {
    if (root_of(policy, d) != root) continue;
    const auto base = policy.detections[d].for_each;
    says_more[d] = base >= 0 &&
                   (says_more[static_cast<std::size_t>(base)] || !draft.detections[d].same_object ||
                    names_by_itself(policy.detections[d], draft));
    of_object[d] = !says_more[d];
  }
  const auto named = named_in(verdict.condition);
  // Without a joined finding the condition is about the host, and then so is what is selected.
  if (std::none_of(named.begin(), named.end(), [&](auto d) { return says_more[d]; })) return false;
  const Left left = left_of(verdict.condition, says_more, of_object);
  return !(left.can_hold && left.asks_for_object);
}

}  // namespace fleetsweep::compiler
