// Checks that need the whole policy: what would read a whole disk, what would delete on one weak
// sign, what would never be verified. Each costs nothing here and much on ten thousand hosts.

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>

#include "policies/compiler/action_checks.h"
#include "policies/compiler/condition.h"
#include "policies/compiler/cost.h"
#include "policies/compiler/draft.h"
#include "policies/compiler/naming.h"
#include "policies/compiler/strength.h"
#include "protocol/base/limits.h"
#include "protocol/hash_set/hash_set.h"

namespace fleetsweep::compiler {
namespace {

using model::Detection;
using model::Field;
using model::Match;
using model::ObjectKind;

// Of all rule files together; leaves room for the rest of the compiled policy.
constexpr std::size_t kRulesBytes = limits::kPolicyBytes / 4 * 3;

bool has(const model::Selection& selection, bool (*wanted)(const model::Predicate&)) {
  return std::any_of(selection.begin(), selection.end(), wanted);
}

bool cleans(const model::Response& response) {
  return std::any_of(response.actions.begin(), response.actions.end(),
                     [](const model::Action& a) { return changes_host(a.kind); });
}

// --- cost -------------------------------------------------------------------------------------

// Rejects most files before one byte of them is read.
bool narrows(const model::Predicate& p, const Draft& draft) {
  if (!p.parts.empty()) return draft.sized_parts.contains(p.parts.front().digest);
  switch (p.field) {
    case Field::kFileSize:
    case Field::kFileMagic:
    case Field::kFilePath:
    case Field::kFileName:
    case Field::kFileExtension:
    case Field::kFileParentName:
      return !fits_any(p);
    default:
      return false;
  }
}

// Of all bytes of a host, by a detection that hashes.
double share_read(const model::Policy& policy, std::string_view detection) {
  const HostProfile host;
  for (const DetectionCost& one : predict_cost(policy, host).detections)
    if (one.id == detection && one.hashes) return one.bytes_read / static_cast<double>(host.bytes);
  return 0;
}

void check_cost(Draft& draft) {
  for (std::size_t i = 0; i < draft.policy.detections.size(); ++i) {
    const Detection& detection = draft.policy.detections[i];
    const DetectionPlace& place = draft.detections[i];
    if (detection.object != ObjectKind::kFile || detection.for_each >= 0 ||
        !is_whole_disk(detection.scope))
      continue;
    const auto by_hash = [](const model::Selection& selection) {
      return has(selection, [](const auto& p) { return is_hash(p.field); });
    };
    const auto& none_of = detection.none_of;
    const bool hash_excludes = std::any_of(none_of.begin(), none_of.end(), by_hash);
    bool hashes_all = false, all_narrow = true, by_set = false;
    for (const auto& selection : detection.any_of) {
      const bool narrow = std::any_of(selection.begin(), selection.end(),
                                      [&](const auto& p) { return narrows(p, draft); });
      by_set = by_set || has(selection, [](const auto& p) { return !p.parts.empty(); });
      all_narrow = all_narrow && narrow;
      hashes_all = hashes_all || (!narrow && (hash_excludes || by_hash(selection)));
    }
    if (hashes_all)
      draft.sink.error(place.name,
                       fmt::format("'{}' would hash every file of the disk", detection.id),
                       "add file.size, file.magic or scope.paths");
    // How many sizes a hash set has, the prediction does not know.
    else if (const double share = share_read(draft.policy, detection.id);
             share >= kReadsMuch && !by_set)
      draft.sink.warning(
          place.name,
          fmt::format("'{}' would read about {:.0f} % of a disk", detection.id, share * 100),
          "sizes of the files, file.magic or scope.paths leave most of it unread");
    if (detection.rule < 0 || all_narrow) continue;
    const auto& rule = draft.policy.rules[static_cast<std::size_t>(detection.rule)];
    if (rule.magic.empty() && rule.size_max == 0)
      draft.sink.warning(place.rule,
                         fmt::format("'{}' would read every file of the disk", detection.id),
                         "give the rule a magic or max_size, or the detection scope.paths");
  }
}

void check_rules(Draft& draft) {
  std::size_t bytes = 0;
  for (std::size_t r = 0; r < draft.policy.rules.size(); ++r) {
    bytes += draft.policy.rules[r].source.size();
    const bool used =
        std::any_of(draft.policy.detections.begin(), draft.policy.detections.end(),
                    [&](const Detection& d) { return d.rule == static_cast<std::int16_t>(r); });
    if (!used)
      draft.sink.warning(draft.rules[r],
                         fmt::format("no detection uses the rule '{}'", draft.policy.rules[r].id),
                         "write 'yara: <the rule>' in a detection, or take the rule out");
  }
  if (bytes > kRulesBytes)
    draft.sink.error(
        draft.rules.back(),
        fmt::format("the rule files have {} bytes together; at most {}", bytes, kRulesBytes));
}

void check_lists(Draft& draft) {
  for (const auto& [name, list] : draft.lists)
    if (!list.used)
      draft.sink.warning(
          list.at, fmt::format("nothing uses the list '{}'", shown(name)),
          fmt::format("write \"@lists/{}\" in a detection, or take the list out", shown(name)));
}

void check_hash_sets(const Node& root, Draft& draft) {
  const std::size_t parts = hash_set::hash_parts(draft.policy).size();
  if (parts <= limits::kHashParts) return;
  const Node* lists = root.find("lists");
  draft.sink.error(lists ? lists->at : root.at,
                   fmt::format("the lists of hashes have {} MiB together; at most {}",
                               parts * limits::kHashPartBytes >> 20,
                               limits::kHashParts * limits::kHashPartBytes >> 20),
                   "two policies share one walk over a host");
}

// --- verdicts ---------------------------------------------------------------------------------

// The detections that must have findings when this one has: itself and what it is joined to.
std::vector<std::uint16_t> with_bases(const model::Policy& policy, std::uint16_t detection) {
  std::vector<std::uint16_t> chain;
  for (int at = detection; at >= 0; at = policy.detections[static_cast<std::size_t>(at)].for_each)
    chain.push_back(static_cast<std::uint16_t>(at));
  return chain;
}

std::size_t independent_signs(const model::Policy& policy,
                              const std::vector<std::uint16_t>& found) {
  std::set<ObjectKind> objects;
  bool strong = false;
  for (const auto index : found) {
    objects.insert(policy.detections[index].object);
    strong = strong || is_strong(policy.detections[index]);
  }
  return objects.size() + (strong ? 1 : 0);
}

void check_strength(std::uint16_t index, Draft& draft) {
  if (draft.faulty_verdicts.contains(index)) return;
  const model::Policy& policy = draft.policy;
  const model::Verdict& verdict = policy.verdicts[index];
  std::vector<bool> found(policy.detections.size(), false);
  if (holds(verdict.condition, found)) {
    draft.sink.error(
        draft.verdicts[index],
        fmt::format("'{}' is true on a host where nothing was found, and is acted upon",
                    verdict.id),
        "demand at least one finding beside every 'not'");
    return;
  }
  const auto named = evidence_of(verdict.condition);
  const auto errors = draft.sink.errors();
  for (const auto d : named) {
    const auto chain = with_bases(policy, d);
    if (std::any_of(chain.begin(), chain.end(),
                    [&](std::uint16_t one) { return draft.detections[one].faulty; }))
      continue;
    std::fill(found.begin(), found.end(), false);
    for (const auto one : chain) found[one] = true;
    // What a detection is joined to is there as well, but only what the condition names is
    // evidence.
    std::vector<std::uint16_t> evidence;
    std::copy_if(chain.begin(), chain.end(), std::back_inserter(evidence), [&](std::uint16_t one) {
      return std::binary_search(named.begin(), named.end(), one);
    });
    if (independent_signs(policy, evidence) >= policy.limits.independent_min ||
        !holds(verdict.condition, found))
      continue;
    if (evidence.size() == 1)
      draft.sink.error(draft.verdicts[index],
                       fmt::format("'{}' is acted upon, but '{}' alone makes it true", verdict.id,
                                   policy.detections[d].id),
                       "demand a second kind of object (and), an exact hash, or a YARA rule scored "
                       "90 or more");
    else
      draft.sink.warning(
          draft.verdicts[index],
          fmt::format("'{}' with '{}' alone names one kind of object: hosts will not "
                      "act on that",
                      verdict.id, policy.detections[d].id),
          fmt::format("safety.require_independent is {}", policy.limits.independent_min));
  }
  const bool faulty = std::any_of(named.begin(), named.end(),
                                  [&](std::uint16_t d) { return draft.detections[d].faulty; });
  const auto signs = independent_signs(policy, named);
  if (!faulty && draft.sink.errors() == errors && signs < policy.limits.independent_min)
    draft.sink.warning(
        draft.verdicts[index],
        fmt::format("all that '{}' can rest on is {} independent sign{}: hosts will always answer "
                    "not_independent",
                    verdict.id, signs, signs == 1 ? "" : "s"),
        fmt::format("safety.require_independent is {}: name another kind of object, an exact hash, "
                    "or a YARA rule scored 90 or more",
                    policy.limits.independent_min));
}

void check_verdicts(Draft& draft) {
  const model::Policy& policy = draft.policy;
  std::set<std::uint16_t> answered, acted_upon, used;
  for (const auto& response : policy.responses) {
    answered.insert(response.verdicts.begin(), response.verdicts.end());
    if (cleans(response)) acted_upon.insert(response.verdicts.begin(), response.verdicts.end());
    for (const auto& action : response.actions)
      for (const auto& selector : action.select)
        used.insert(selector.detections.begin(), selector.detections.end());
  }
  for (const auto index : acted_upon) check_strength(index, draft);
  const auto& gone = policy.verify.expect_none_of;
  for (const auto index : acted_upon)
    if (!draft.expect_faulty && std::find(gone.begin(), gone.end(), index) == gone.end())
      draft.sink.error(
          draft.verdicts[index],
          fmt::format("'{}' is acted upon, but no rescan expects it to be gone",
                      policy.verdicts[index].id),
          "verify: {rescan: [0s, 10m], expect: {none_of: [" + policy.verdicts[index].id + "]}}");
  for (std::uint16_t v = 0; v < policy.verdicts.size(); ++v) {
    for (const auto d : named_in(policy.verdicts[v].condition))
      for (const auto one : with_bases(policy, d)) used.insert(one);
    if (!answered.contains(v))
      draft.sink.warning(
          draft.verdicts[v], fmt::format("no response answers '{}'", policy.verdicts[v].id),
          fmt::format("- {{on: [{}], actions: [{{action: report}}]}}", policy.verdicts[v].id));
  }
  for (std::uint16_t d = 0; d < policy.detections.size(); ++d)
    // A condition with a mistake may have meant it.
    if (!used.contains(d) && draft.faulty_verdicts.empty())
      draft.sink.warning(draft.detections[d].name,
                         fmt::format("no verdict uses '{}'", policy.detections[d].id),
                         "name it in a condition, or take it out");
}

// Where nobody wrote a baseline everything is outside of it: worth a look, no reason to act.
void check_baseline(Draft& draft) {
  const model::Policy& policy = draft.policy;
  std::set<std::uint16_t> acted_upon;
  for (const auto& response : policy.responses) {
    if (!cleans(response)) continue;
    for (const auto v : response.verdicts)
      for (const auto d : named_in(policy.verdicts[v].condition)) acted_upon.insert(d);
    for (const auto& action : response.actions)
      for (const auto& selector : action.select)
        if (changes_host(action.kind))
          acted_upon.insert(selector.detections.begin(), selector.detections.end());
  }
  const auto asks = [](const model::Selection& selection) {
    return has(selection, [](const auto& p) { return p.field == Field::kPersistenceInBaseline; });
  };
  for (const auto d : acted_upon)
    for (const auto one : with_bases(policy, d)) {
      const Detection& detection = policy.detections[one];
      if (std::ranges::any_of(detection.any_of, asks) ||
          std::ranges::any_of(detection.none_of, asks))
        draft.sink.error(draft.detections[d].name,
                         fmt::format("'{}' is acted upon, and rests on the owner's baseline",
                                     policy.detections[d].id),
                         "persistence.in_baseline is there to report: take it out, or only report");
    }
}

// --- the rest ---------------------------------------------------------------------------------

void check_platform(Draft& draft) {
  const auto platform = draft.policy.platform;
  for (std::size_t i = 0; i < draft.policy.detections.size(); ++i) {
    const Detection& detection = draft.policy.detections[i];
    if (detection.object == ObjectKind::kWindowsRegistryKey &&
        platform != model::Platform::kWindows)
      draft.sink.error(
          draft.detections[i].name,
          fmt::format("'{}' looks for registry keys on {}", detection.id, name(platform)),
          "target: {platform: windows}");
    using model::Platform;
    const bool on_windows = platform == Platform::kWindows;
    if (looks_for_entries_of(detection, on_windows ? Platform::kLinux : Platform::kWindows))
      draft.sink.error(draft.detections[i].name,
                       fmt::format("'{}' looks for entries of {} on {}", detection.id,
                                   on_windows ? "Linux" : "Windows", name(platform)),
                       fmt::format("target: {{platform: {}}}", on_windows ? "linux" : "windows"));
  }
}

// --- scope ------------------------------------------------------------------------------------

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= path.size();) {
    const auto end = std::min(path.find_first_of("/\\", from), path.size());
    parts.push_back(path.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

// Whether a file of this path, or one whose path begins so, may lie in a place of scope.paths. What
// only the host knows may be anywhere.
bool may_lie_in(std::string_view path, bool is_beginning, bool cased, std::string_view place) {
  if (place.starts_with('@') || place.starts_with('%') || place == "/") return true;
  const auto same = [&](std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char one, char other) {
      return one == other || (!cased && std::tolower(static_cast<unsigned char>(one)) ==
                                            std::tolower(static_cast<unsigned char>(other)));
    });
  };
  const auto wanted = components(path), given = components(place);
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (i == wanted.size()) return is_beginning;
    const bool cut = is_beginning && i + 1 == wanted.size();
    if (given[i].empty() && i + 1 == given.size()) return true;  // C:\ and the like
    if (given[i].find_first_of("*?[") != std::string_view::npos) {
      if (given[i] == "**") return true;
      continue;
    }
    if (!same(wanted[i], cut ? given[i].substr(0, wanted[i].size()) : given[i])) return false;
  }
  return true;
}

void check_scope(Draft& draft) {
  for (std::size_t i = 0; i < draft.policy.detections.size(); ++i) {
    const Detection& detection = draft.policy.detections[i];
    const auto& scope = detection.scope;
    if (!draft.detections[i].has_scope || scope.paths.empty() || scope.deleted_exe || scope.memfd)
      continue;
    std::size_t outside = 0;
    std::string_view first;
    for (const auto& selection : detection.any_of)
      for (const auto& p : selection) {
        const bool is_beginning = p.match == Match::kStartsWith;
        if (p.field != Field::kFilePath || (!is_beginning && p.match != Match::kEquals)) continue;
        for (const auto& value : p.values) {
          if (value.templated ||
              std::any_of(scope.paths.begin(), scope.paths.end(), [&](const auto& place) {
                return may_lie_in(value.text, is_beginning, p.cased, place);
              }))
            continue;
          if (outside++ == 0) first = value.text;
        }
      }
    if (outside)
      draft.sink.warning(
          draft.detections[i].scope,
          fmt::format("'{}' looks for {} outside of its scope: {}", detection.id,
                      outside == 1 ? fmt::format("'{}'", shown(first))
                                   : fmt::format("{} paths, such as '{}',", outside, shown(first)),
                      outside == 1 ? "it is never found" : "they are never found"),
          "leave the scope out: whole paths need none; or add their folders to scope.paths");
  }
}

void check_validity(const Node& root, Draft& draft) {
  if (draft.defaults.mode != SafetyMode::kEnforce || draft.defaults.valid_until) return;
  const Node* safety = root.find("safety");
  const Node* mode = safety ? safety->find("mode") : nullptr;
  draft.sink.error(mode ? mode->at : root.at, "'mode: enforce' without 'valid_until'",
                   "say in metadata until when this knowledge holds, or use 'mode: plan'");
}

}  // namespace

void check_policy(const Node& root, Draft& draft) {
  check_cost(draft);
  check_rules(draft);
  check_lists(draft);
  check_hash_sets(root, draft);
  check_verdicts(draft);
  check_baseline(draft);
  check_actions(draft);
  check_platform(draft);
  check_scope(draft);
  check_validity(root, draft);
}

}  // namespace fleetsweep::compiler
