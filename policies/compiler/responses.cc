// verdicts and responses: what counts, and what is done about it.

#include <algorithm>

#include "policies/compiler/action_checks.h"
#include "policies/compiler/condition.h"
#include "policies/compiler/draft.h"
#include "policies/compiler/engine.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/model/service_units.h"

namespace fleetsweep::compiler {
namespace {

using model::ActionKind;
using model::ObjectKind;
using model::Selector;

constexpr std::uint8_t kDestructiveConfidence = 80;

bool contains(const std::vector<ObjectKind>& kinds, ObjectKind kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// What an action may select.
struct Shape {
  std::vector<ObjectKind> objects;
  bool processes_of = false;
  bool services_mapping = false;
  bool all = false;
  bool list = false;
  std::string_view instead;  // hint when the object is another
};

Shape shape_of(ActionKind kind) {
  constexpr auto kFile = ObjectKind::kFile;
  constexpr auto kProcess = ObjectKind::kProcess;
  constexpr auto kPersistence = ObjectKind::kPersistence;
  constexpr auto kNetwork = ObjectKind::kNetworkTraffic;
  constexpr auto kRegistry = ObjectKind::kWindowsRegistryKey;
  switch (kind) {
    case ActionKind::kReport:
    case ActionKind::kCollect:
      return {{kFile, kProcess, kPersistence, kNetwork, kRegistry}, true, false, true, false, ""};
    case ActionKind::kSuspend:
    case ActionKind::kKill:
      return {{kProcess}, true, false, false, false, "processes_of(<a file detection>)"};
    case ActionKind::kDisable:
      return {{kPersistence}, false, false, false, false, ""};
    case ActionKind::kRemove:
      return {{kPersistence, kRegistry},
              false,
              false,
              false,
              false,
              "files are quarantined, processes killed"};
    case ActionKind::kQuarantine:
      return {{kFile}, false, false, false, false, "entries are removed, processes killed"};
    case ActionKind::kRestoreFromPackage:
    case ActionKind::kPurge:
      return {{kFile}, false, false, false, false, "it acts on files"};
    case ActionKind::kBlock:
      return {{kNetwork}, false, false,
              false,      true,  "\"@lists/<name>\" or a network-traffic detection"};
    case ActionKind::kRestart:
      return {{}, false, true, false, false, "services_mapping(<a file detection>)"};
    case ActionKind::kIsolate:
      return {{kFile, kProcess, kPersistence, kNetwork, kRegistry}, true, false, true, false, ""};
  }
  return {};
}

class ActionReader {
 public:
  ActionReader(const Node& node, Draft& draft)
      : draft_(draft), sink_(draft.sink), fields_(node, "an action", draft.sink) {
    place_.at = node.at;
    place_.select = node.at;
  }

  // Nothing when the verb itself is unknown.
  std::optional<std::pair<model::Action, ActionPlace>> read() {
    const auto verb = fields_.needed_choice(
        "action", {"report", "collect", "suspend", "disable", "block", "remove", "kill",
                   "quarantine", "restart", "restore-from-package", "purge", "isolate"});
    const auto kind = from_name<ActionKind>(verb);
    if (!kind) return std::nullopt;
    action_.kind = *kind;
    if (const Node* select = fields_.find("select"))
      read_select(*select);
    else if (*kind != ActionKind::kReport)
      sink_.error(fields_.at(), fmt::format("'{}' does not say on what", verb),
                  "select: a detection, a list of them" +
                      std::string(shape_of(*kind).all ? ", or all" : ""));
    read_options();
    fields_.finish();
    return std::pair(std::move(action_), place_);
  }

 private:
  void read_options() {
    switch (action_.kind) {
      case ActionKind::kCollect:
        read_what();
        action_.bytes_max = fields_.size("max_bytes", 64ull << 20);
        break;
      case ActionKind::kSuspend:
      case ActionKind::kKill:
        action_.tree = fields_.boolean("tree", false);
        break;
      case ActionKind::kRemove:
        action_.by_line = fields_.choice("granularity", {"line", "entry"}, "line") == "line";
        read_clear_flags();
        break;
      case ActionKind::kDisable:
        read_clear_flags();
        break;
      case ActionKind::kQuarantine:
        action_.if_locked = fields_.choice("if_locked", {"on-reboot", "report"}, "");
        [[fallthrough]];
      case ActionKind::kPurge:
        read_clear_flags();
        break;
      case ActionKind::kBlock:
        action_.direction = fields_.choice("direction", {"in", "out"}, "out");
        read_ttl(std::chrono::hours(24 * 7));
        break;
      case ActionKind::kIsolate:
        read_ttl(std::chrono::hours(24));
        break;
      case ActionKind::kRestart:
        read_allow();
        fields_.choice("else", {"report"}, "report");
        break;
      default:
        break;
    }
    // All we do but purge is undone from the vault; the word is there for people.
    if (action_.kind == ActionKind::kReport || action_.kind == ActionKind::kCollect) return;
    const bool is_undone = action_.kind != ActionKind::kPurge;
    if (fields_.boolean("undo", is_undone) != is_undone)
      sink_.error(
          fields_.find("undo")->at,
          fmt::format("'undo: {}' is not possible with '{}'", !is_undone, name(action_.kind)),
          is_undone ? "what is removed is always kept in the vault; leave the field out"
                    : "what is purged is gone for good; quarantine keeps it");
  }

  void read_allow() {
    action_.allow = fields_.texts("allow");
    if (action_.allow.empty())
      sink_.error(fields_.at(), "'restart' has no 'allow'",
                  "name every service that may be restarted: allow: [cron.service]");
    else if (action_.allow.size() > limits::kServicesRestarted)
      sink_.error(
          fields_.find("allow")->at,
          fmt::format("'allow' names {} services, an order restarts {} at most",
                      action_.allow.size(), limits::kServicesRestarted),
          "leave those out that matter least: who has the file loaded is named in any case");
    for (const auto& unit : action_.allow)
      if (!model::is_service_name(unit))
        sink_.error(fields_.find("allow")->at, fmt::format("'{}' is no service", escaped(unit)),
                    "name it as systemctl does, in full: cron.service");
      else if (const auto why = model::why_kept_running(unit); !why.empty())
        sink_.error(fields_.find("allow")->at, fmt::format("no agent restarts '{}': {}", unit, why),
                    "leave it out: who has the file loaded is named in any case");
  }

  void read_ttl(Seconds fallback) {
    action_.ttl = fields_.duration("ttl", fallback);
    if (action_.ttl <= Seconds{0} || action_.ttl > kNetworkTtlMax)
      sink_.error(fields_.find("ttl")->at,
                  fmt::format("'ttl' of '{}' is longer than {} or nothing", name(action_.kind),
                              to_human(kNetworkTtlMax)),
                  "the kernel lifts it after this time by itself: ttl: 24h");
  }

  void read_what() {
    read_words(
        "what",
        {"exe", "command_line", "environ", "maps", "connections", "entry_preimage", "reg_export"},
        action_.what);
    if (action_.what.empty()) action_.what = {"exe", "command_line", "entry_preimage"};
  }

  void read_clear_flags() {
    read_words("clear_inode_flags", {"immutable", "append-only"}, action_.clear_flags);
  }

  void read_words(std::string_view key, const std::vector<std::string_view>& known,
                  std::vector<std::string>& target) {
    const Node* node = fields_.find(key);
    if (!node) return;
    for (const Node* word : read_scalars(*node, fmt::format("'{}'", key), sink_)) {
      if (std::find(known.begin(), known.end(), word->text) == known.end())
        sink_.error(word->at, fmt::format("'{}' does not know '{}'", key, shown(word->text)),
                    name_hint(word->text, known));
      else
        target.push_back(word->text);
    }
  }

  // Plain detections of one action become one selector, functions one each.
  void read_select(const Node& node) {
    place_.select = node.at;
    Selector plain;
    for (const Node* item : read_scalars(node, "'select'", sink_)) {
      if (item->text.find('(') != std::string::npos)
        read_function(*item);
      else if (item->text.starts_with("@lists/"))
        read_list(*item);
      else if (item->text == "all")
        read_all(*item);
      else
        read_names(*item, item->text, shape_of(action_.kind).objects, plain.detections);
    }
    if (!plain.detections.empty()) action_.select.insert(action_.select.begin(), std::move(plain));
  }

  void refuse(const Node& item, std::string_view what) {
    const Shape shape = shape_of(action_.kind);
    sink_.error(item.at, fmt::format("'{}' cannot act on {}", name(action_.kind), what),
                std::string(shape.instead));
  }

  void read_names(const Node& item, std::string_view text, const std::vector<ObjectKind>& objects,
                  std::vector<std::uint16_t>& target) {
    const auto indices = expand_pattern(text, draft_);
    if (indices.empty())
      sink_.error(item.at, fmt::format("no detection '{}'", shown(text)),
                  name_hint(text, draft_.detection_names()));
    for (const auto index : indices) {
      const auto& detection = draft_.policy.detections[index];
      if (draft_.detections[index].faulty) continue;
      if (!contains(objects, detection.object))
        refuse(item, fmt::format("'{}', which is a {}", detection.id, name(detection.object)));
      else if (std::find(target.begin(), target.end(), index) == target.end())
        target.push_back(index);
    }
  }

  void read_function(const Node& item) {
    const std::string_view text = item.text;
    const auto open = text.find('(');
    const auto function = text.substr(0, open);
    const std::vector<std::string_view> known = {"processes_of", "services_mapping"};
    const Shape shape = shape_of(action_.kind);
    const bool processes = function == "processes_of";
    if (std::find(known.begin(), known.end(), function) == known.end() || !text.ends_with(')'))
      return sink_.error(
          item.at, fmt::format("'{}' is not a selector", shown(text)),
          "processes_of(...), services_mapping(...), a detection, @lists/<name> or all");
    if (processes ? !shape.processes_of : !shape.services_mapping)
      return refuse(item, processes ? "processes" : "services");
    Selector selector{.kind = processes ? Selector::Kind::kProcessesOf
                                        : Selector::Kind::kServicesMapping};
    std::string_view inside = text.substr(open + 1, text.size() - open - 2);
    while (true) {
      const auto comma = inside.find(',');
      std::string_view one = inside.substr(0, comma);
      while (one.starts_with(' ')) one.remove_prefix(1);
      while (one.ends_with(' ')) one.remove_suffix(1);
      read_names(item, one, {ObjectKind::kFile}, selector.detections);
      if (comma == std::string_view::npos) break;
      inside.remove_prefix(comma + 1);
    }
    if (!selector.detections.empty()) action_.select.push_back(std::move(selector));
  }

  void read_list(const Node& item) {
    if (!shape_of(action_.kind).list) return refuse(item, "a list");
    const auto list = draft_.lists.find(std::string_view(item.text).substr(7));
    if (list == draft_.lists.end())
      return sink_.error(item.at, fmt::format("no list '{}'", shown(item.text.substr(7))),
                         "define it under 'lists:'");
    list->second.used = true;
    if (!list->second.type.starts_with("ipv"))
      return sink_.error(item.at, fmt::format("'{}' holds no addresses", item.text),
                         "only ipv4-addr and ipv6-addr can be blocked");
    check_count(item, list->second.values.size(), limits::kActionNames, "addresses to block",
                sink_);
    Selector selector{.kind = Selector::Kind::kList, .expires = list->second.expires};
    for (const Node* value : list->second.values) {
      check_width(*value, item);
      selector.values.push_back(value->text);
    }
    action_.select.push_back(std::move(selector));
  }

  void check_width(const Node& value, const Node& item) {
    const auto slash = value.text.find('/');
    if (slash == std::string::npos) return;
    const unsigned least =
        value.text.find(':') == std::string::npos ? kBlockPrefixMinV4 : kBlockPrefixMinV6;
    const auto prefix = parse_whole(std::string_view(value.text).substr(slash + 1));
    if (prefix && *prefix < static_cast<std::int64_t>(least))
      sink_.error(
          item.at, fmt::format("'{}' is too wide to be blocked", shown(value.text)),
          fmt::format("a prefix of /{} or longer; to cut a host off altogether: isolate", least));
  }

  void read_all(const Node& item) {
    if (!shape_of(action_.kind).all)
      return sink_.error(item.at, fmt::format("'{}' must name what it acts on", name(action_.kind)),
                         "'all' goes with collect and report only");
    action_.select.push_back(Selector{.kind = Selector::Kind::kAll});
  }

  Draft& draft_;
  Sink& sink_;
  Fields fields_;
  model::Action action_;
  ActionPlace place_;
};

void read_verdict(const Entry& entry, Draft& draft) {
  Fields fields(entry.value, fmt::format("the verdict '{}'", shown(entry.key)), draft.sink);
  model::Verdict verdict;
  verdict.id = entry.key;
  if (!is_name(entry.key))
    draft.sink.error(entry.at, fmt::format("'{}' is not a name for a verdict", shown(entry.key)),
                     "small letters, digits and _, beginning with a letter");
  if (const Node* condition = fields.need("condition", "such as: content and 1 of link_*")) {
    auto parsed = read_condition(*condition, draft);
    if (!parsed)
      draft.faulty_verdicts.insert(static_cast<std::uint16_t>(draft.policy.verdicts.size()));
    else
      verdict.condition = std::move(*parsed);
  }
  fields.need("confidence", "0 to 100: how sure the verdict is");
  verdict.confidence = static_cast<std::uint8_t>(fields.number("confidence", 0, 100, 0));
  verdict.level =
      fields.choice("level", {"informational", "low", "medium", "high", "critical"}, "medium");
  fields.text("description");
  fields.finish();
  draft.policy.verdicts.push_back(std::move(verdict));
  draft.verdicts.push_back(entry.at);
}

void read_on(const Node& node, model::Response& response, Draft& draft) {
  for (const Node* item : read_scalars(node, "'on'", draft.sink)) {
    const int verdict = draft.verdict(item->text);
    if (verdict < 0) {
      draft.sink.error(item->at, fmt::format("no verdict '{}'", shown(item->text)),
                       name_hint(item->text, draft.verdict_names()));
      continue;
    }
    response.verdicts.push_back(static_cast<std::uint16_t>(verdict));
    const auto confidence = draft.policy.verdicts[static_cast<std::size_t>(verdict)].confidence;
    if (confidence < response.confidence_min)
      draft.sink.error(item->at,
                       fmt::format("'{}' has confidence {} and never reaches {}", item->text,
                                   confidence, response.confidence_min),
                       "lower min_confidence, raise the verdict's confidence if you are that sure, "
                       "or only report it");
  }
}

void read_response(const Node& node, Draft& draft) {
  Fields fields(node, "a response", draft.sink);
  model::Response response;
  std::vector<ActionPlace> places;
  if (const Node* actions = fields.need("actions", "actions: [{action: report}]")) {
    if (actions->kind != Node::Kind::kSequence || actions->items.empty())
      draft.sink.error(actions->at, "'actions' is a list with at least one action");
    else if (actions->items.size() > limits::kActions)
      draft.sink.error(actions->at, fmt::format("more than {} actions", limits::kActions));
    else
      for (const auto& item : actions->items)
        if (auto action = ActionReader(item, draft).read()) {
          response.actions.push_back(std::move(action->first));
          places.push_back(action->second);
        }
  }
  const bool cleans = std::any_of(response.actions.begin(), response.actions.end(),
                                  [](const model::Action& a) { return changes_host(a.kind); });
  response.confidence_min = static_cast<std::uint8_t>(
      fields.number("min_confidence", 0, 100, cleans ? kDestructiveConfidence : 0));
  if (const Node* on = fields.need("on", "on: [the verdicts it answers]"))
    read_on(*on, response, draft);
  fields.finish();
  draft.policy.responses.push_back(std::move(response));
  draft.responses.push_back(node.at);
  draft.actions.push_back(std::move(places));
}

}  // namespace

void read_verdicts(const Node& node, Draft& draft) {
  const Node* map = read_map(node, "'verdicts'", draft.sink);
  if (!map) return;
  if (map->entries.empty()) draft.sink.error(node.at, "'verdicts' is empty");
  if (map->entries.size() > limits::kVerdicts) {
    draft.sink.error(node.at, fmt::format("more than {} verdicts", limits::kVerdicts));
    return;
  }
  for (const auto& entry : map->entries) read_verdict(entry, draft);
}

void read_responses(const Node& node, Draft& draft) {
  if (node.kind != Node::Kind::kSequence || node.items.empty()) {
    draft.sink.error(node.at, "'responses' is a list with at least one response",
                     "- {on: [verdict], actions: [{action: report}]}");
    return;
  }
  if (node.items.size() > limits::kResponses) {
    draft.sink.error(node.at, fmt::format("more than {} responses", limits::kResponses));
    return;
  }
  for (const auto& item : node.items) read_response(item, draft);
}

}  // namespace fleetsweep::compiler
