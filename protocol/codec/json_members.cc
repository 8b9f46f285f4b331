#include "protocol/codec/json_members.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"

namespace fleetsweep::codec {

Status no_member_twice(std::string_view json) {
  using Json = nlohmann::json;
  std::vector<std::set<std::string>> open_objects;
  std::string twice;
  const auto look = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key && twice.empty() &&
        !open_objects.back().insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  const Json document = Json::parse(json, look, false);
  if (document.is_discarded() || twice.empty()) return {};
  return fail(Code::kInvalid, "\"{}\" stands twice in one object; expected once", escaped(twice));
}

}  // namespace fleetsweep::codec
