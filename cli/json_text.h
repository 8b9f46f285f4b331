#pragma once

// A member of an answer as text for a person: escaped; empty when it is missing or null.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "protocol/base/bytes.h"

namespace fleetsweep::cli {

inline std::string text_of(const nlohmann::json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? escaped(found->get<std::string>()) : found->dump();
}

inline std::uint64_t count_of(const nlohmann::json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

}  // namespace fleetsweep::cli
