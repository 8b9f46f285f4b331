// What an action would do to a host: to whatever there is, or nothing at all because no agent has
// it.

#include "policies/compiler/action_checks.h"

#include <strings.h>

#include <algorithm>
#include <set>

#include "policies/compiler/condition.h"
#include "policies/compiler/naming.h"
#include "protocol/model/disabling.h"

namespace fleetsweep::compiler {
namespace {

using model::ActionKind;
using model::Detection;
using model::Field;
using model::Match;
using model::ObjectKind;

std::string_view naming_hint(ObjectKind object) {
  switch (object) {
    case ObjectKind::kFile:
      return "add the content (yara or a hash) or whole names, or demand in the verdict something "
             "that is joined to the file";
    case ObjectKind::kProcess:
      return "add a name, a program or a command line that only the family has";
    case ObjectKind::kPersistence:
      return "add the entry, its command, or the name of a unit";
    case ObjectKind::kNetworkTraffic:
      return "add the address, or the program that talks";
    case ObjectKind::kWindowsRegistryKey:
      return "add the key, or the value's name or data";
  }
  return {};
}

void check_named(const model::Response& response, ActionKind kind, std::uint16_t index, Position at,
                 Draft& draft) {
  const auto& verdicts = response.verdicts;
  if (draft.detections[index].faulty || names_object(index, draft) ||
      std::all_of(verdicts.begin(), verdicts.end(), [&](std::uint16_t v) {
        return needs_join(draft.policy.verdicts[v], index, draft);
      }))
    return;
  const Detection& detection = draft.policy.detections[index];
  draft.sink.error(
      at,
      fmt::format("'{}' fits whatever is there: it would {} all of it", detection.id, name(kind)),
      std::string(naming_hint(detection.object)));
}

// The kinds of entry that an alternative asks for; nothing if it takes any.
std::optional<std::vector<model::PersistenceKind>> kinds_of(const model::Selection& selection) {
  for (const auto& p : selection) {
    if (p.field != Field::kPersistenceKind || p.match != Match::kEquals) continue;
    std::vector<model::PersistenceKind> kinds;
    for (const auto& value : p.values)
      kinds.push_back(*from_name<model::PersistenceKind>(value.text));
    return kinds;
  }
  return std::nullopt;
}

bool is_unit(model::PersistenceKind kind) {
  return model::disabling_of(kind, false) == model::Disabling::kLinks &&
         kind != model::PersistenceKind::kInitScript;
}

// What ends with it may end with .conf.
bool is_end_of_conf(const model::Value& value) {
  constexpr std::string_view kConf = ".conf";
  const std::size_t common = std::min(value.text.size(), kConf.size());
  return value.templated || ::strncasecmp(value.text.data() + value.text.size() - common,
                                          kConf.data() + kConf.size() - common, common) == 0;
}

// A drop-in (x.service.d/y.conf) is of its unit's kind, and no link enables it.
bool may_be_drop_in(const model::Selection& selection) {
  return std::none_of(selection.begin(), selection.end(), [](const model::Predicate& p) {
    return p.field == Field::kPersistencePath &&
           (p.match == Match::kEquals || p.match == Match::kEndsWith) &&
           std::none_of(p.values.begin(), p.values.end(), is_end_of_conf);
  });
}

bool disables_all(const model::Selection& selection) {
  const auto kinds = kinds_of(selection);
  return kinds && std::all_of(kinds->begin(), kinds->end(), model::can_be_disabled) &&
         !(std::any_of(kinds->begin(), kinds->end(), is_unit) && may_be_drop_in(selection));
}

void check_engine(const model::Action& action, Position at, Draft& draft) {
  if (draft.policy.platform == model::Platform::kMacos || action.kind != ActionKind::kDisable)
    return;
  for (const auto& selector : action.select)
    for (const auto d : selector.detections) {
      const Detection& detection = draft.policy.detections[d];
      if (std::all_of(detection.any_of.begin(), detection.any_of.end(), disables_all)) continue;
      draft.sink.warning(
          at,
          fmt::format("'{}' may be something that only removing turns off: agents "
                      "refuse to disable that",
                      detection.id),
          "remove it, or name what can be disabled, such as persistence.kind: cron; of units also "
          "persistence.path|endswith: .service, for a drop-in cannot be");
    }
}

bool selects(const model::Action& action, std::uint16_t detection) {
  return std::any_of(action.select.begin(), action.select.end(), [&](const auto& selector) {
    const auto& named = selector.detections;
    return selector.kind == model::Selector::Kind::kAll ||
           (selector.kind == model::Selector::Kind::kDetections &&
            std::find(named.begin(), named.end(), detection) != named.end());
  });
}

// What another action of the same response keeps would be gone for good on paper alone.
void check_kept(const model::Response& response, std::uint16_t purged, Position at, Draft& draft) {
  const std::string& id = draft.policy.detections[purged].id;
  for (const auto& action : response.actions) {
    if (!selects(action, purged)) continue;
    if (action.kind == ActionKind::kQuarantine)
      draft.sink.error(at, fmt::format("'{}' is to be purged, and quarantined as well", id),
                       "take it out of one of them: agents would quarantine it");
    if (action.kind == ActionKind::kCollect)
      draft.sink.warning(at, fmt::format("'{}' is to be purged, and collect keeps its content", id),
                         "name what collect takes, without it");
  }
}

// On a host with the verdict all of it goes, and nothing of the verdict rests on it.
void check_evidence(const model::Response& response, ActionKind kind, std::uint16_t selected,
                    Position at, Draft& draft) {
  const model::Policy& policy = draft.policy;
  std::set<std::uint16_t> evidence;
  for (const auto verdict : response.verdicts)
    for (const auto detection : evidence_of(policy.verdicts[verdict].condition))
      evidence.insert(detection);
  if (evidence.empty()) return;  // the condition has a mistake
  for (int one = selected; one >= 0; one = policy.detections[one].for_each)
    if (evidence.contains(static_cast<std::uint16_t>(one))) return;
  draft.sink.warning(
      at,
      fmt::format("it would {} all that '{}' finds on a host with the verdict, which does not rest "
                  "on that",
                  name(kind), policy.detections[selected].id),
      "name it in the condition, or give its objects a verdict of their own");
}

}  // namespace

bool changes_host(ActionKind kind) {
  return kind != ActionKind::kReport && kind != ActionKind::kCollect &&
         kind != ActionKind::kRestoreFromPackage;
}

bool looks_for_entries_of(const Detection& detection, model::Platform platform) {
  const bool windows = platform == model::Platform::kWindows;
  const auto is_of = [&](model::PersistenceKind kind) {
    return name(kind).starts_with("win_") == windows;
  };
  return std::any_of(detection.any_of.begin(), detection.any_of.end(),
                     [&](const model::Selection& selection) {
                       const auto kinds = kinds_of(selection);
                       return kinds && std::all_of(kinds->begin(), kinds->end(), is_of);
                     });
}

void check_actions(Draft& draft) {
  const auto& responses = draft.policy.responses;
  for (std::size_t r = 0; r < responses.size(); ++r)
    for (std::size_t a = 0; a < responses[r].actions.size(); ++a) {
      const model::Action& action = responses[r].actions[a];
      if (!changes_host(action.kind)) continue;
      const Position at = draft.actions[r][a].select;
      check_engine(action, draft.actions[r][a].at, draft);
      for (const auto& selector : action.select)
        for (const auto d : selector.detections) {
          check_named(responses[r], action.kind, d, at, draft);
          check_evidence(responses[r], action.kind, d, at, draft);
          if (action.kind == ActionKind::kPurge) check_kept(responses[r], d, at, draft);
        }
    }
}

}  // namespace fleetsweep::compiler
