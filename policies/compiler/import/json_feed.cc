#include "policies/compiler/import/json_feed.h"

#include "policies/compiler/import/text.h"

namespace fleetsweep::indicators {

Result<Json> parse_json(std::string_view bytes) {
  try {
    return Json::parse(bytes);
  } catch (const Json::exception& error) {
    return fail(Code::kInvalid, "not JSON: {}", shown_note(error.what()));
  }
}

std::string text_in(const Json& object, const char* member) {
  if (!object.is_object()) return {};
  const auto found = object.find(member);
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->is_number() ? found->dump() : std::string();
}

bool is_true(const Json& object, const char* member) {
  if (!object.is_object()) return false;
  const auto found = object.find(member);
  if (found == object.end()) return false;
  if (found->is_boolean()) return found->get<bool>();
  // MISP writes "1" and 1 in older exports.
  return text_in(object, member) == "1" || text_in(object, member) == "true";
}

const Json& list_in(const Json& object, const char* member) {
  static const Json kNone = Json::array();
  if (!object.is_object()) return kNone;
  const auto found = object.find(member);
  return found != object.end() && found->is_array() ? *found : kNone;
}

const Json& object_in(const Json& object, const char* member) {
  static const Json kNone = Json::object();
  if (!object.is_object()) return kNone;
  const auto found = object.find(member);
  return found != object.end() && found->is_object() ? *found : kNone;
}

}  // namespace fleetsweep::indicators
