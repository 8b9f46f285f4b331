#pragma once

// What the feeds in JSON share: members of any type, read without trust.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace fleetsweep::indicators {

using Json = nlohmann::json;

// Fails with the byte at which it is no JSON.
Result<Json> parse_json(std::string_view bytes);

// The text of a member; a number as it is written. Empty if there is none.
std::string text_in(const Json& object, const char* member);
bool is_true(const Json& object, const char* member);
// A member that is a list or an object, or an empty one.
const Json& list_in(const Json& object, const char* member);
const Json& object_in(const Json& object, const char* member);

}  // namespace fleetsweep::indicators
