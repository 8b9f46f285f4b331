// STIX 2.1, parts 4.7 (indicator) and 9 (patterns). A bundle has other objects too; only indicators
// say what to look for.

#include "policies/compiler/import/import.h"
#include "policies/compiler/import/json_feed.h"
#include "policies/compiler/import/stix_pattern.h"
#include "policies/compiler/import/text.h"

namespace fleetsweep::indicators {
namespace {

// STIX 2.1, part 3.6: objects of one id are versions, and the last `modified` counts. One without
// is older than any.
Version version_of(const Json& object) {
  const std::string modified = text_in(object, "modified");
  const auto time = feed_time(modified);
  if (!time) return {};
  const auto dot = modified.find('.');
  std::string digits;
  if (dot != std::string::npos)
    digits = modified.substr(dot, modified.find_first_not_of("0123456789", dot + 1) - dot);
  while (digits.ends_with('0')) digits.pop_back();  // .5 is .500
  return {*time, digits};
}

void import_indicator(const Json& object, Collector& into) {
  const std::string pattern = text_in(object, "pattern");
  const std::string type = text_in(object, "pattern_type");
  const Origin origin = into.origin(0, text_in(object, "name"), text_in(object, "id"));
  const auto refuse = [&](std::string why) { into.refuse(origin, pattern, std::move(why)); };
  if (!into.is_newest(origin.id, version_of(object))) return refuse(std::string(kSuperseded));
  if (is_true(object, "revoked")) return refuse("its author revoked it");
  for (const char* member : {"indicator_types", "labels"})  // in 2.0 the labels
    for (const Json& one : list_in(object, member))
      if (one == "benign") return refuse("its author calls it benign");
  if (!type.empty() && type != "stix")
    return refuse(
        fmt::format("a pattern of '{}'; rules travel as files under 'rules:'", shown_note(type)));
  Indicator like;
  like.origins = {origin};
  for (const auto& [member, target] :
       {std::pair{"valid_from", &like.valid_from}, std::pair{"valid_until", &like.expires}}) {
    const std::string written = text_in(object, member);
    if (written.empty()) continue;
    *target = feed_time(written);
    if (!*target) return refuse(fmt::format("{} '{}' is no time", member, shown_note(written)));
  }
  if (like.valid_from && *like.valid_from > into.context().now)
    return refuse("it is not valid before " + to_rfc3339(*like.valid_from));
  if (const auto confidence = object.find("confidence"); confidence != object.end()) {
    if (!confidence->is_number_integer() || *confidence < 0 || *confidence > 100)
      return refuse("its confidence is not 0 to 100");
    like.confidence = confidence->get<std::uint8_t>();
  }
  const auto formula = parse_stix_pattern(pattern);
  if (!formula) return refuse("not a pattern: " + formula.error().message);
  take_alternatives(*formula, like, pattern, into);
}

}  // namespace

Status import_stix(std::string_view bytes, Collector& into) {
  FS_TRY(const Json bundle, parse_json(bytes));
  std::vector<const Json*> indicators;
  const auto see = [&](const Json& object) {
    if (text_in(object, "type") != "indicator") return;
    into.saw(into.origin(0, "", text_in(object, "id")).id, version_of(object));
    indicators.push_back(&object);
  };
  see(bundle);
  if (indicators.empty() && text_in(bundle, "type") != "bundle")
    return fail(Code::kInvalid, "not a bundle of STIX 2: its 'type' is '{}', expected 'bundle'",
                shown_note(text_in(bundle, "type")));
  for (const Json& object : list_in(bundle, "objects")) see(object);
  for (const Json* object : indicators) import_indicator(*object, into);
  return {};
}

}  // namespace fleetsweep::indicators
