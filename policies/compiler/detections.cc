// detections: what to look for.

#include <algorithm>
#include <iterator>

#include "policies/compiler/draft.h"
#include "policies/compiler/locations.h"
#include "policies/compiler/predicate.h"
#include "policies/compiler/strength.h"
#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

using model::Field;
using model::Match;
using model::ObjectKind;

// More paths are cheaper to look up than to start from.
constexpr std::size_t kScopedPaths = 64;

// Joins are chains: depth counts detections, so a chain of kJoinDepth has so many below the root.
std::size_t join_depth(const model::Policy& policy, int detection) {
  std::size_t depth = 0;
  for (; detection >= 0;
       detection = policy.detections[static_cast<std::size_t>(detection)].for_each)
    ++depth;
  return depth;
}

class DetectionReader {
 public:
  DetectionReader(const Entry& entry, const std::vector<std::string_view>& names, Draft& draft)
      : entry_(entry),
        names_(names),
        draft_(draft),
        sink_(draft.sink),
        fields_(entry.value, fmt::format("the detection '{}'", shown(entry.key)), draft.sink) {}

  void read() {
    const auto errors = sink_.errors();
    detection_.id = entry_.key;
    place_.name = entry_.at;
    if (!is_name(entry_.key))
      sink_.error(
          entry_.at, fmt::format("'{}' is not a name for a detection", shown(entry_.key)),
          "small letters, digits and _, beginning with a letter; not and, or, not, of, all, "
          "them");
    const auto object = fields_.needed_choice(
        "object", {"file", "process", "persistence", "network-traffic", "windows-registry-key"});
    detection_.object = from_name<ObjectKind>(object).value_or(ObjectKind::kFile);
    const bool known_object = !object.empty();
    fields_.text("description");
    if (const Node* node = fields_.find("for_each")) read_for_each(*node);
    draft_.join_unknown = fields_.has("for_each") && detection_.for_each < 0;
    if (const Node* node = fields_.find("scope")) read_scope(*node);
    if (const Node* node = fields_.find("yara")) read_yara(*node);
    const Node* where = fields_.find("where");
    const Node* excluded = fields_.find("not");
    if (where && known_object) read_selections(*where, detection_.any_of);
    if (excluded && known_object) read_selections(*excluded, detection_.none_of);
    read_score();
    for (const std::string_view key : {"paths", "depth", "deleted_exe", "memfd", "archives"})
      if (fields_.has(key))
        sink_.error(fields_.find(key)->at,
                    fmt::format("'{}' of the detection '{}' stands outside of its scope", key,
                                shown(entry_.key)),
                    fmt::format("scope: {{{}: ...}}", key));
    fields_.finish();
    if (!where && detection_.rule < 0 && !fields_.has("yara"))
      sink_.error(
          entry_.at,
          fmt::format("the detection '{}' has neither 'where' nor 'yara'", shown(entry_.key)),
          "it would match every object");
    place_.faulty = sink_.errors() > errors;
    if (known_object) make_explicit();
    draft_.policy.detections.push_back(std::move(detection_));
    draft_.detections.push_back(place_);
  }

 private:
  void read_for_each(const Node& node) {
    place_.for_each = node.at;
    const auto name = read_text(node, "'for_each'", sink_);
    if (!name) return;
    if (*name == entry_.key)
      return sink_.error(node.at, fmt::format("'{}' is joined to itself", *name));
    const int base = draft_.detection(*name);
    if (base < 0) {
      const bool later = std::find(names_.begin(), names_.end(), *name) != names_.end();
      if (later)
        sink_.error(node.at, fmt::format("'{}' stands further down", *name),
                    "a join only looks up: move that detection above this one");
      else
        sink_.error(node.at, fmt::format("no detection '{}'", shown(*name)),
                    name_hint(*name, draft_.detection_names()));
      return;
    }
    if (join_depth(draft_.policy, base) > limits::kJoinDepth)
      return sink_.error(node.at, fmt::format("joins nest deeper than {}", limits::kJoinDepth),
                         "join to an earlier detection of the chain");
    detection_.for_each = static_cast<std::int16_t>(base);
  }

  void read_scope(const Node& node) {
    place_.scope = node.at;
    place_.has_scope = true;
    Fields scope(node, "scope", sink_);
    if (detection_.object != ObjectKind::kFile)
      sink_.error(node.at,
                  fmt::format("'scope' is for files; this detection looks for a {}",
                              name(detection_.object)),
                  "leave it out");
    if (const Node* paths = scope.find("paths")) {
      for (const Node* path : read_scalars(*paths, "'paths'", sink_)) read_path(*path);
      check_count(*paths, detection_.scope.paths.size(), limits::kScopePaths, "paths", sink_);
    }
    detection_.scope.depth = static_cast<std::uint16_t>(scope.number("depth", 0, 64, 0));
    detection_.scope.deleted_exe = scope.boolean("deleted_exe", false);
    detection_.scope.memfd = scope.boolean("memfd", false);
    detection_.scope.archives = scope.boolean("archives", false);
    scope.finish();
  }

  void read_path(const Node& node) {
    const std::string& path = node.text;
    const bool windows = draft_.policy.platform == model::Platform::kWindows;
    if (windows && path.starts_with('@'))
      return sink_.error(node.at, fmt::format("'{}' is a location on Linux", shown(path)),
                         "such as %LOCALAPPDATA% or C:\\Windows");
    // Homes are the host's to know; it reads them from its passwd file.
    if (path == "@home" || path.starts_with("@home/")) return add_path(path);
    if (path.starts_with('@')) {
      const auto paths = location_paths(path);
      for (const auto one : paths) add_path(std::string(one));
      if (paths.empty())
        sink_.error(node.at, fmt::format("no location '{}'", shown(path)),
                    name_hint(path, location_names()));
      return;
    }
    if (windows && !begins_on_windows(path, node.at, sink_)) return;
    if (!windows && !path.starts_with('/'))
      return sink_.error(node.at, fmt::format("'{}' is not an absolute path", shown(path)),
                         "start with / or a @Location");
    const std::string_view separator = windows ? "\\" : "/";
    for (const std::string_view part : {"..", "."})
      if (path.ends_with(std::string(separator) + std::string(part)) ||
          path.find(std::string(separator) + std::string(part) + std::string(separator)) !=
              std::string::npos)
        return sink_.error(node.at, fmt::format("'{}' holds '{}'", shown(path), part),
                           "write the path as it is");
    add_path(path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path);
  }

  void add_path(std::string path) {
    auto& paths = detection_.scope.paths;
    if (std::find(paths.begin(), paths.end(), path) == paths.end())
      paths.push_back(std::move(path));
  }

  void read_yara(const Node& node) {
    place_.rule = node.at;
    const auto id = read_text(node, "'yara'", sink_);
    if (!id) return;
    const int rule = draft_.rule(*id);
    if (rule < 0) {
      std::vector<std::string_view> known;
      for (const auto& one : draft_.policy.rules) known.push_back(one.id);
      return sink_.error(node.at, fmt::format("no rule '{}'", shown(*id)),
                         known.empty() ? "define it under 'rules:'" : name_hint(*id, known));
    }
    if (detection_.object != ObjectKind::kFile && detection_.object != ObjectKind::kProcess)
      return sink_.error(node.at,
                         fmt::format("'yara' reads files and the memory of processes; this "
                                     "detection looks for a {}",
                                     name(detection_.object)),
                         "use 'object: file', and join the other to it with for_each");
    if (detection_.object == ObjectKind::kProcess && !fields_.has("where"))
      return sink_.error(node.at,
                         fmt::format("'{}' would read the memory of every process", entry_.key),
                         "say in 'where' which processes are candidates");
    detection_.rule = static_cast<std::int16_t>(rule);
  }

  // A map is one selection, a list of maps is any of them.
  void read_selections(const Node& node, std::vector<model::Selection>& target) {
    if (node.kind == Node::Kind::kSequence) {
      if (node.items.empty()) sink_.error(node.at, "the list of selections is empty");
      check_count(node, node.items.size(), limits::kSelections, "alternatives", sink_);
      for (const auto& item : node.items) read_selection(item, target);
    } else {
      read_selection(node, target);
    }
  }

  void read_selection(const Node& node, std::vector<model::Selection>& target) {
    const Node* map = read_map(node, "a selection", sink_);
    if (!map) return;
    if (map->entries.empty()) return sink_.error(node.at, "the selection is empty");
    const bool excludes = &target == &detection_.none_of;
    model::Selection selection;
    for (const auto& entry : map->entries)
      for (auto& predicate : read_predicates(entry, detection_, excludes, draft_))
        selection.push_back(std::move(predicate));
    if (selection.size() > limits::kPredicates)
      return sink_.error(node.at,
                         fmt::format("more than {} fields in one selection", limits::kPredicates));
    target.push_back(std::move(selection));
  }

  void read_score() {
    detection_.score = static_cast<std::uint8_t>(
        fields_.number("score", 0, 100, is_exact_hash(detection_) ? 100 : 50));
    // Agents know the score only.
    if (draft_.weak_rules.contains(detection_.rule) && detection_.score >= kStrongScore)
      sink_.error(place_.rule,
                  fmt::format("'{}' has the score {}, and its rule is true whatever a file holds",
                              detection_.id, detection_.score),
                  fmt::format("from {} on it counts as two signs: demand a string in the rule, or "
                              "score it lower",
                              kStrongScore));
  }

  static bool uses(const model::Selection& selection, Field field) {
    return std::any_of(selection.begin(), selection.end(),
                       [&](const model::Predicate& p) { return p.field == field; });
  }

  // A set of installed names is filled in too, but says nothing of what the detection is joined to.
  static bool names_base(const model::Selection& selection) {
    for (const auto& p : selection)
      for (const auto& value : p.values)
        if (value.templated && !value.text.starts_with("{{@")) return true;
    return false;
  }

  // What the author may leave unsaid, said.
  void make_explicit() {
    auto& any_of = detection_.any_of;
    if (detection_.for_each >= 0 && !place_.faulty) check_join();
    if (detection_.object != ObjectKind::kFile || place_.same_object) return;
    // A directory or a symlink that bears the name is another thing, and is looked at by no agent.
    if (any_of.empty()) any_of.emplace_back();
    for (auto& selection : any_of) {
      if (uses(selection, Field::kFileType)) continue;
      model::Predicate regular{.field = Field::kFileType, .match = Match::kEquals};
      regular.values.push_back({.text = "regular"});
      selection.push_back(std::move(regular));
    }
    if (detection_.for_each < 0 && detection_.scope.paths.empty()) scope_from_paths();
  }

  // Without a word of what it is joined to: about that very object, or a mistake. One alternative
  // without a word, or a word under 'not' only, would still pair everything with everything.
  void check_join() {
    const auto& base = draft_.policy.detections[static_cast<std::size_t>(detection_.for_each)];
    const auto& any_of = detection_.any_of;
    const auto& none_of = detection_.none_of;
    const auto naming = std::count_if(any_of.begin(), any_of.end(), names_base);
    if (naming > 0 && naming == std::ssize(any_of)) return;
    const bool silent = naming == 0 && std::none_of(none_of.begin(), none_of.end(), names_base);
    place_.same_object = silent && base.object == detection_.object && !place_.has_scope;
    if (place_.same_object) return;
    sink_.error(
        place_.for_each,
        fmt::format("'{}' is joined to '{}' but {}names nothing of it", shown(detection_.id),
                    base.id, naming > 0 ? "one alternative of 'where' " : ""),
        fmt::format("every pair would match: compare a field with {{{{{}.<field>}}}}", base.id));
  }

  // A detection of whole paths needs no walk over the disk.
  void scope_from_paths() {
    std::vector<std::string> paths;
    for (const auto& selection : detection_.any_of) {
      const auto path = std::find_if(selection.begin(), selection.end(), [](const auto& p) {
        return p.field == Field::kFilePath && p.match == Match::kEquals && p.cased;
      });
      if (path == selection.end()) return;
      for (const auto& value : path->values) paths.push_back(value.text);
    }
    if (paths.size() > kScopedPaths) return;
    for (auto& path : paths) add_path(std::move(path));
  }

  const Entry& entry_;
  const std::vector<std::string_view>& names_;
  Draft& draft_;
  Sink& sink_;
  Fields fields_;
  model::Detection detection_;
  DetectionPlace place_;
};

}  // namespace

void read_detections(const Node& node, Draft& draft) {
  const Node* map = read_map(node, "'detections'", draft.sink);
  if (!map) return;
  if (map->entries.empty()) draft.sink.error(node.at, "'detections' is empty");
  if (map->entries.size() > limits::kDetections) {
    draft.sink.error(node.at, fmt::format("more than {} detections", limits::kDetections));
    return;
  }
  std::vector<std::string_view> names;
  for (const auto& entry : map->entries) names.push_back(entry.key);
  for (const auto& entry : map->entries) DetectionReader(entry, names, draft).read();
}

}  // namespace fleetsweep::compiler
