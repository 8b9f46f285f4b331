// JSON exports of MISP: one event, a list of events under "response", or attributes alone. Only
// attributes that are marked for detection (to_ids) are taken.

#include "policies/compiler/import/formula.h"
#include "policies/compiler/import/import.h"
#include "policies/compiler/import/json_feed.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

using model::Field;
using model::Match;

// misp-taxonomies, misp: confidence-level
std::optional<std::uint8_t> confidence_of(const Json& attribute) {
  constexpr std::pair<std::string_view, std::uint8_t> kLevels[] = {{"completely-confident", 100},
                                                                   {"usually-confident", 75},
                                                                   {"fairly-confident", 50},
                                                                   {"rarely-confident", 25},
                                                                   {"unconfident", 0}};
  for (const Json& tag : list_in(attribute, "Tag"))
    for (const auto& [level, percent] : kLevels)
      if (text_in(tag, "name") == fmt::format("misp:confidence-level=\"{}\"", level))
        return percent;
  return std::nullopt;
}

// misp-taxonomies, false-positive: confirmed, alone or with the value "true".
bool is_false_positive(const Json& tagged) {
  constexpr std::string_view kConfirmed = "false-positive:confirmed";
  for (const Json& tag : list_in(tagged, "Tag")) {
    const std::string name = in_small_letters(text_in(tag, "name"));
    if (name == kConfirmed || name == fmt::format("{}=\"true\"", kConfirmed)) return true;
  }
  return false;
}

struct Simple {
  std::string_view type;
  Subject subject;
};
constexpr Simple kSimple[] = {
    {"md5", {Field::kFileMd5}},
    {"sha1", {Field::kFileSha1}},
    {"sha256", {Field::kFileSha256}},
    {"filename", {Field::kFileName}},
    {"ip-dst", {Field::kNetworkDstRef}},
    {"ip-src", {Field::kNetworkDstRef}},  // who came in is whom we talk to
    {"domain", {Field::kPersistenceCommand, Kind::kDomain}},
    {"hostname", {Field::kPersistenceCommand, Kind::kDomain}},
    {"url", {Field::kPersistenceCommand, Kind::kUrl}},
};

std::optional<Leaf> simple(std::string_view type, std::string_view value) {
  for (const Simple& one : kSimple)
    if (one.type == type) {
      const bool range =
          one.subject.field == Field::kNetworkDstRef && value.find('/') != std::string_view::npos;
      return compared(one.subject, range ? Match::kCidr : Match::kEquals, value);
    }
  return std::nullopt;
}

// What an attribute says: its parts on both sides of | each for itself, or together.
std::optional<Formula> formula_of(std::string_view type, std::string_view value) {
  if (auto leaf = simple(type, value)) return Formula::of(std::move(*leaf));
  if (type == "regkey") return compared_registry_path(value);
  const auto bar = value.find('|');
  const std::string_view left = value.substr(0, bar);
  const std::string_view right = bar == std::string_view::npos ? "" : value.substr(bar + 1);
  const auto both = [](Formula::Part part, Leaf a, Leaf b) {
    return Formula{part, {}, {Formula::of(std::move(a)), Formula::of(std::move(b))}};
  };
  const auto name_type = type.find('|');
  const std::string_view second =
      name_type == std::string_view::npos ? "" : type.substr(name_type + 1);
  // The hash says which file it is, whatever it is called on another host.
  if (type.starts_with("filename|") && (second == "md5" || second == "sha1" || second == "sha256"))
    return Formula::of(*simple(second, right));
  if (type == "malware-sample") return Formula::of(*simple("md5", right));
  if (type == "ip-dst|port" || type == "ip-src|port")
    return both(Formula::Part::kAnd, *simple("ip-dst", left),
                compared({Field::kNetworkDstPort}, Match::kEquals, right));
  if (type == "domain|ip")
    return both(Formula::Part::kOr, *simple("domain", left), *simple("ip-dst", right));
  if (type == "hostname|port") return Formula::of(*simple("hostname", left));
  if (type == "regkey|value")
    return Formula{Formula::Part::kAnd,
                   {},
                   {compared_registry_path(left),
                    Formula::of(compared({Field::kRegistryValueData}, Match::kEquals, right))}};
  return std::nullopt;
}

// Of attributes that have the type of a sign and are none: what it is about. Empty: it may be a
// sign. misp-objects: pe, process and the sections of programs.
std::string_view context_of(const Json& attribute, const Json& object) {
  constexpr std::pair<std::string_view, std::string_view> kObjects[] = {
      {"pe-section", "a section of a program, not a whole file"},
      {"elf-section", "a section of a program, not a whole file"},
      {"macho-section", "a section of a program, not a whole file"}};
  constexpr std::pair<std::string_view, std::string_view> kRelations[] = {
      {"original-filename", "a name in the resources of a program, not that of a file"},
      {"internal-filename", "a name in the resources of a program, not that of a file"},
      {"richpe", "the hash of a header, not of a whole file"},
      {"parent-image", "the program that started the process"}};
  const std::string of_object = text_in(object, "name");
  for (const auto& [name, what] : kObjects)
    if (of_object == name) return what;
  const std::string relation = text_in(attribute, "object_relation");
  for (const auto& [name, what] : kRelations)
    if (relation == name) return what;
  return {};
}

// What stands around an attribute; empty where there is nothing. Borrows.
struct Place {
  const Json& event;
  const Json& object;
  std::string size;  // of the file, if the object describes one
};

Origin origin_of(const Json& attribute, const Json& event, const Collector& into) {
  std::string note;
  for (const std::string& part : {text_in(attribute, "comment"), text_in(event, "info"),
                                  text_in(object_in(event, "Orgc"), "name")})
    if (!part.empty()) note += (note.empty() ? "" : "; ") + part;
  const std::string id = text_in(attribute, "uuid"), of_event = text_in(event, "uuid");
  return into.origin(0, note, of_event.empty() ? id : of_event + "/" + id);
}

std::optional<Timestamp> seconds_in(const Json& object, const char* member) {
  const auto seconds = compiler::parse_whole(text_in(object, member));
  if (seconds && *seconds > 0 && *seconds <= limits::kTimeMax) return timestamp(*seconds);
  return std::nullopt;
}

// When somebody last touched it, where nobody says when it was last seen.
std::optional<Timestamp> changed(const Json& attribute, const Json& event) {
  const auto time = seconds_in(attribute, "timestamp");
  return time ? time : feed_time(text_in(event, "date"));
}

// What people saw of it since, each at its latest. Nothing: after that it was seen as a sign again.
struct Sightings {
  std::optional<Timestamp> harmless;
  std::optional<Timestamp> end;
};

Sightings sightings_of(const Json& attribute) {
  std::optional<Timestamp> latest[3];  // by type: a sign, a false positive, its expiration
  for (const Json& one : list_in(attribute, "Sighting")) {
    const auto type = compiler::parse_whole(text_in(one, "type"));
    if (!type || *type < 0 || *type > 2) continue;
    auto& time = latest[*type];
    time = std::max(time, seconds_in(one, "date_sighting"));
  }
  for (auto* time : {&latest[1], &latest[2]})
    if (*time < latest[0]) time->reset();
  return {latest[1], latest[2]};
}

void import_attribute(const Json& attribute, const Place& place, Collector& into) {
  // An export of attributes alone names the event in each.
  const Json& own = object_in(attribute, "Event");
  const Json& event = own.empty() ? place.event : own;
  const std::string type = text_in(attribute, "type");
  const std::string value = text_in(attribute, "value");
  const Origin origin = origin_of(attribute, event, into);
  const auto refuse = [&](std::string why) {
    into.refuse(origin, type + " " + value, std::move(why));
  };
  if (is_true(attribute, "deleted") || is_true(place.object, "deleted"))
    return refuse("it was deleted");
  if (!is_true(attribute, "to_ids")) return refuse("to_ids is not set: it is context, no sign");
  if (const auto what = context_of(attribute, place.object); !what.empty())
    return refuse(fmt::format("it is about {}: it is context, no sign", what));
  const Sightings sightings = sightings_of(attribute);
  if (sightings.harmless)
    return refuse("somebody saw it where it is harmless, on " + to_rfc3339(*sightings.harmless));
  if (is_false_positive(attribute) || is_false_positive(event))
    return refuse("it is tagged as a false positive");
  auto formula = formula_of(type, value);
  if (!formula)
    return refuse(
        fmt::format("no field of the policy language for the type '{}'", shown_note(type)));
  Indicator like;
  like.origins = {origin};
  like.expires = sightings.end;
  like.confidence = confidence_of(attribute);
  if (!like.confidence) like.confidence = confidence_of(event);
  for (const auto& [member, target] :
       {std::pair{"first_seen", &like.valid_from}, std::pair{"last_seen", &like.last_seen}}) {
    std::string written = text_in(attribute, member);
    if (written.empty()) written = text_in(place.object, member);
    if (written.empty()) continue;
    *target = feed_time(written);
    if (!*target) return refuse(fmt::format("{} '{}' is no time", member, shown_note(written)));
  }
  if (!like.last_seen) like.last_seen = changed(attribute, event);
  const bool is_hash = formula->part == Formula::Part::kLeaf && formula->leaf.problem.empty() &&
                       kind_of({formula->leaf.term}) == Kind::kHash;
  if (is_hash && !place.size.empty())
    formula = Formula{Formula::Part::kAnd,
                      {},
                      {std::move(*formula),
                       Formula::of(compared({Field::kFileSize}, Match::kEquals, place.size))}};
  take_alternatives(*formula, like, type + " " + value, into);
}

void import_object(const Json& event, const Json& object, Collector& into) {
  Place place{event, object, {}};
  const Json& attributes = list_in(object, "Attribute");
  for (const Json& attribute : attributes)
    if (text_in(object, "name") == "file" && text_in(attribute, "type") == "size-in-bytes" &&
        !is_true(attribute, "deleted"))
      place.size = text_in(attribute, "value");
  for (const Json& attribute : attributes)
    if (text_in(attribute, "type") != "size-in-bytes") import_attribute(attribute, place, into);
}

void import_event(const Json& event, Collector& into) {
  const Json none = Json::object();
  for (const Json& attribute : list_in(event, "Attribute"))
    import_attribute(attribute, {event, none, {}}, into);
  for (const Json& object : list_in(event, "Object")) import_object(event, object, into);
}

// {"Event": ...}, or the event itself.
bool import_one(const Json& wrapped, Collector& into) {
  if (!wrapped.is_object()) return false;
  const auto event = wrapped.find("Event");
  const Json& inside = event != wrapped.end() ? *event : wrapped;
  if (!inside.is_object() || !(inside.contains("Attribute") || inside.contains("Object")))
    return false;
  import_event(inside, into);
  return true;
}

}  // namespace

Status import_misp(std::string_view bytes, Collector& into) {
  FS_TRY(const Json document, parse_json(bytes));
  const Json& events = document.is_array() ? document : list_in(document, "response");
  bool any = false;
  for (const Json& one : events) any = import_one(one, into) || any;
  if (!any && document.is_object()) {
    const auto response = document.find("response");
    any = import_one(response != document.end() ? *response : document, into);
  }
  if (!any && !(document.is_object() && document.contains("response")))
    return fail(Code::kInvalid, "not an export of MISP: no Event with Attribute in it");
  return {};
}

}  // namespace fleetsweep::indicators
