// apiVersion's neighbours: metadata, target and schedule. What an author says about the policy and
// suggests for an order.

#include <algorithm>
#include <charconv>

#include "policies/compiler/draft.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

constexpr std::size_t kFamilyBytes = 64;

bool is_policy_id(std::string_view text) {
  if (!text.starts_with("policy--")) return false;
  text.remove_prefix(8);
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

void read_malware(const Node& node, Draft& draft) {
  Fields fields(node, "malware", draft.sink);
  draft.policy.family = fields.needed_text("family", "the family's name, such as Kinsing");
  if (draft.policy.family.size() > kFamilyBytes)
    draft.sink.error(node.at, fmt::format("'family' is longer than {} bytes", kFamilyBytes));
  draft.defaults.aliases = fields.texts("aliases");
  draft.defaults.malware_types = fields.texts("malware_types");
  fields.finish();
}

void read_references(const Node& node, Draft& draft) {
  if (node.kind != Node::Kind::kSequence) {
    draft.sink.error(node.at, fmt::format("'references' is a list, not {}", describe(node.kind)),
                     "- {source_name: who, url: where}");
    return;
  }
  for (const auto& item : node.items) {
    if (item.kind == Node::Kind::kScalar) {
      draft.defaults.references.push_back(item.text);
      continue;
    }
    Fields fields(item, "a reference", draft.sink);
    std::string line = fields.needed_text("source_name");
    for (const auto& more :
         {fields.text("url"), fields.text("description"), fields.text("external_id")})
      if (!more.empty()) line += ": " + more;
    fields.finish();
    draft.defaults.references.push_back(std::move(line));
  }
}

// What an import leaves for the author; an order must not go out with it.
void check_said(Fields& fields, std::string_view key, std::string_view hint, Draft& draft) {
  const Node* node = fields.find(key);
  if (node && node->text == "TODO")
    draft.sink.error(node->at, fmt::format("'{}' still says TODO", key), std::string(hint));
}

void read_authority(const Node& node, Draft& draft) {
  Fields fields(node, "authority", draft.sink);
  auto& authority = draft.defaults.authority;
  authority.legal_basis = fields.needed_choice(
      "legal_basis", {"owner-consent", "contract", "court-order", "statutory"});
  constexpr const char* kIssuer = "who orders it, such as 'Example Org, head of IT'";
  constexpr const char* kReference = "a ticket or file number";
  authority.issuer = fields.needed_text("issuer", kIssuer);
  authority.reference = fields.needed_text("reference", kReference);
  check_said(fields, "issuer", kIssuer, draft);
  check_said(fields, "reference", kReference, draft);
  authority.contact = fields.text("contact");
  draft.defaults.authority_scope = fields.text("scope");
  draft.defaults.approvals_required =
      static_cast<std::uint8_t>(fields.number("approvals_required", 1, 64, 2));
  fields.finish();
}

void check_validity(Fields& fields, Draft& draft) {
  auto& d = draft.defaults;
  d.valid_from = fields.time("valid_from");
  d.valid_until = fields.time("valid_until");
  const auto at = [&](std::string_view key) { return fields.find(key)->at; };
  if (d.valid_from && d.valid_until && *d.valid_until <= *d.valid_from)
    draft.sink.error(at("valid_until"), "'valid_until' is not after 'valid_from'");
  else if (d.valid_until && *d.valid_until <= draft.now)
    draft.sink.warning(at("valid_until"),
                       fmt::format("the policy was valid until {}", to_rfc3339(*d.valid_until)),
                       "review it and set a later valid_until");
  if (d.valid_from && *d.valid_from > draft.now)
    draft.sink.warning(at("valid_from"),
                       fmt::format("the policy is not valid before {}", to_rfc3339(*d.valid_from)));
}

std::optional<model::Precondition> parse_precondition(const Node& node, Draft& draft) {
  const std::vector<std::string_view> facts = {"os.version", "kernel.version", "os.id", "arch"};
  const auto text = read_text(node, "'precondition'", draft.sink);
  if (!text) return std::nullopt;
  constexpr std::string_view kHint = "a fact, a comparison and a value: kernel.version >= 5.4";
  const std::string_view whole = *text;
  const auto first = whole.find(' ');
  const auto second = first == std::string_view::npos ? first : whole.find(' ', first + 1);
  if (second == std::string_view::npos || whole.find(' ', second + 1) != std::string_view::npos) {
    draft.sink.error(node.at, fmt::format("'{}' is not a precondition", shown(whole)),
                     std::string(kHint));
    return std::nullopt;
  }
  model::Precondition condition{std::string(whole.substr(0, first)),
                                std::string(whole.substr(first + 1, second - first - 1)),
                                std::string(whole.substr(second + 1))};
  if (std::find(facts.begin(), facts.end(), condition.fact) == facts.end()) {
    draft.sink.error(node.at, fmt::format("no fact '{}'", shown(condition.fact)),
                     name_hint(condition.fact, facts));
    return std::nullopt;
  }
  const bool ordered = condition.fact.ends_with("version");
  const std::vector<std::string_view> operations =
      ordered ? std::vector<std::string_view>{">=", "<=", ">", "<", "==", "!="}
              : std::vector<std::string_view>{"==", "!="};
  if (std::find(operations.begin(), operations.end(), condition.operation) == operations.end()) {
    draft.sink.error(
        node.inside(first + 1),
        fmt::format("{} cannot be compared with '{}'", condition.fact, shown(condition.operation)),
        name_hint("", operations));
    return std::nullopt;
  }
  if (ordered && (condition.value.empty() ||
                  condition.value.find_first_not_of("0123456789.") != std::string::npos)) {
    draft.sink.error(node.inside(second + 1),
                     fmt::format("'{}' is not a version", shown(condition.value)),
                     "numbers and dots, such as 5.4");
    return std::nullopt;
  }
  return condition;
}

std::optional<std::uint16_t> minute_of_day(const Node& node, std::string_view what, Sink& sink) {
  const auto text = read_text(node, what, sink);
  if (!text) return std::nullopt;
  const std::string_view t = *text;
  int hour = 0, minute = 0;
  if (t.size() == 5 && t[2] == ':' &&
      std::from_chars(t.data(), t.data() + 2, hour).ptr == t.data() + 2 &&
      std::from_chars(t.data() + 3, t.data() + 5, minute).ptr == t.data() + 5 && hour >= 0 &&
      minute >= 0 && minute < 60 && hour * 60 + minute <= 1440)
    return static_cast<std::uint16_t>(hour * 60 + minute);
  sink.error(node.at, fmt::format("{} is a time of day, not '{}'", what, shown(t)),
             "write it in quotes: \"22:30\"; the end of the day is \"24:00\"");
  return std::nullopt;
}

void add_window(const model::Window& window, const Node& node, Draft& draft) {
  if (draft.defaults.windows.size() < limits::kWindows)
    draft.defaults.windows.push_back(window);
  else
    draft.sink.error(node.at, fmt::format("more than {} windows", limits::kWindows));
}

// An order's windows end at midnight; one that goes on behind it becomes two.
void add_over_midnight(model::Window window, const Node& node, Draft& draft) {
  const auto next_days = static_cast<std::uint8_t>((window.days << 1 | window.days >> 6) & 0x7f);
  const model::Window morning{.days = next_days, .from_minute = 0, .to_minute = window.to_minute};
  window.to_minute = 1440;
  add_window(window, node, draft);
  if (morning.to_minute > 0) add_window(morning, node, draft);
}

void read_window(const Node& node, Draft& draft) {
  constexpr std::string_view kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  Fields fields(node, "window", draft.sink);
  model::Window window;
  if (const Node* days = fields.find("days")) {
    window.days = 0;
    for (const Node* day : read_scalars(*days, "'days'", draft.sink)) {
      const auto known = std::find(std::begin(kDays), std::end(kDays), day->text);
      if (known == std::end(kDays))
        draft.sink.error(day->at, fmt::format("no day '{}'", shown(day->text)),
                         name_hint(day->text, {std::begin(kDays), std::end(kDays)}));
      else
        window.days |= static_cast<std::uint8_t>(1 << (known - std::begin(kDays)));
    }
  }
  const Node* from = fields.find("from");
  const Node* to = fields.find("to");
  if (from) window.from_minute = minute_of_day(*from, "'from'", draft.sink).value_or(0);
  if (to) window.to_minute = minute_of_day(*to, "'to'", draft.sink).value_or(1440);
  fields.finish();
  if (window.from_minute == window.to_minute)
    draft.sink.error(node.at, "the window is empty: 'from' and 'to' are the same");
  else if (window.from_minute > window.to_minute)
    add_over_midnight(window, node, draft);
  else
    add_window(window, node, draft);
}

void read_not_before(const Node& node, Draft& draft) {
  const bool local = draft.defaults.clock == model::Clock::kHostLocal;
  if (node.kind == Node::Kind::kScalar && local && !node.text.ends_with("Z")) {
    if (const auto time = from_rfc3339(node.text + "Z")) {
      draft.defaults.not_before = *time;
      return;
    }
  }
  if (node.kind == Node::Kind::kScalar && local && node.text.ends_with("Z")) {
    draft.sink.error(node.at, "'not_before' is in UTC, but 'clock' is host-local",
                     "leave the Z out: 2026-11-23T12:00:00 is noon where the host is");
    return;
  }
  draft.defaults.not_before = read_time(node, "'not_before'", draft.sink);
}

}  // namespace

void read_metadata(const Node& node, Draft& draft) {
  Fields fields(node, "metadata", draft.sink);
  auto& d = draft.defaults;
  if (const Node* id = fields.need("id", "id: policy--<a new random UUID>; it never changes")) {
    if (auto text = read_text(*id, "'id'", draft.sink)) {
      if (!is_policy_id(*text))
        draft.sink.error(id->at, fmt::format("'{}' is not a policy id", shown(*text)),
                         "policy-- and a lower-case UUID; `uuidgen -r` makes one");
      draft.policy.id = std::move(*text);
    }
  }
  draft.policy.title = fields.needed_text("title");
  fields.need("version", "a whole number that rises with every edition");
  d.version = fields.number("version", 1, 1'000'000'000, 1);
  d.status = fields.choice(
      "status", {"stable", "test", "experimental", "deprecated", "unsupported"}, "experimental");
  d.description = fields.text("description");
  d.author = fields.needed_text("author");
  d.created = fields.time("created");
  d.modified = fields.time("modified");
  check_validity(fields, draft);
  d.revoked = fields.boolean("revoked", false);
  if (d.revoked)
    draft.sink.warning(fields.find("revoked")->at, "the policy is revoked by its author");
  d.tlp = fields.choice("tlp", {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}, "CLEAR");
  fields.texts("playbook_types");
  fields.texts("playbook_activities");
  d.impact = static_cast<std::uint8_t>(fields.number("impact", 0, 100, 0));
  fields.choice("level", {"informational", "low", "medium", "high", "critical"}, "");
  if (const Node* malware = fields.need("malware", "malware: {family: Name}"))
    read_malware(*malware, draft);
  d.tags = fields.texts("tags");
  if (const Node* references = fields.find("references")) read_references(*references, draft);
  d.falsepositives = fields.texts("falsepositives");
  if (const Node* authority = fields.need(
          "authority", "authority: {legal_basis: owner-consent, issuer: who, reference: ticket}"))
    read_authority(*authority, draft);
  fields.finish();
}

void read_target(const Node& node, Draft& draft) {
  Fields fields(node, "target", draft.sink);
  const auto platform = fields.needed_choice("platform", {"any", "linux", "windows", "macos"});
  draft.policy.platform = from_name<model::Platform>(platform).value_or(model::Platform::kAny);
  if (const Node* precondition = fields.find("precondition")) {
    if (precondition->kind == Node::Kind::kSequence) {
      check_count(*precondition, precondition->items.size(), limits::kPreconditions,
                  "preconditions", draft.sink);
      for (const auto& item : precondition->items)
        if (auto parsed = parse_precondition(item, draft))
          draft.policy.preconditions.push_back(std::move(*parsed));
    } else if (auto parsed = parse_precondition(*precondition, draft)) {
      draft.policy.preconditions.push_back(std::move(*parsed));
    }
  }
  if (const Node* labels = fields.find("labels")) {
    Fields sets(*labels, "labels", draft.sink);
    draft.defaults.labels_all_of = sets.texts("all_of");
    draft.defaults.labels_none_of = sets.texts("none_of");
    sets.finish();
  }
  fields.finish();
}

void read_schedule(const Node& node, Draft& draft) {
  Fields fields(node, "schedule", draft.sink);
  auto& d = draft.defaults;
  d.clock = from_name<model::Clock>(fields.choice("clock", {"utc", "host-local"}, "utc"))
                .value_or(model::Clock::kUtc);
  if (const Node* not_before = fields.find("not_before")) read_not_before(*not_before, draft);
  fields.choice("if_past", {"run-now"}, "run-now");
  fields.choice("if_future", {"wait"}, "wait");
  d.jitter = fields.duration("jitter", Seconds(0));
  d.repeat = fields.duration("repeat", Seconds(0));
  d.deadline = fields.duration("deadline", Seconds(0));
  const Seconds until = fields.duration("until", Seconds(0));
  if (until.count() && d.deadline.count())
    draft.sink.error(fields.find("until")->at, "'until' and 'deadline' say the same thing",
                     "keep one of them");
  if (until.count()) d.deadline = until;
  if (const Node* window = fields.find("window")) {
    if (window->kind == Node::Kind::kSequence)
      for (const auto& item : window->items) read_window(item, draft);
    else
      read_window(*window, draft);
  }
  d.scan_ahead = fields.boolean("scan_ahead", false);
  fields.finish();
  if (d.repeat.count() && d.deadline.count() && d.repeat > d.deadline)
    draft.sink.error(fields.find("repeat")->at, "'repeat' is longer than the order lives");
}

}  // namespace fleetsweep::compiler
