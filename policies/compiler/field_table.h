#pragma once

// What each field of the language holds, which comparisons make sense for it, and what people call
// it.

#include <span>
#include <string_view>
#include <vector>

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

enum class Holds : std::uint8_t {
  kText,
  kPath,      // absolute on Linux
  kFileName,  // one component of a path
  kSize,
  kSeconds,
  kPort,
  kNumber,     // of 32 bits
  kTimestamp,  // RFC 3339 in UTC; Unix seconds
  kBoolean,
  kWord,  // one of a fixed list
  kHash,
  kHex,
  kAddress,
};

struct FieldInfo {
  Holds holds = Holds::kText;
  std::string_view words;                     // "its path"; kBoolean: what holds when it is true
  std::string_view words_not;                 // kBoolean: what holds when it is false
  std::span<const std::string_view> choices;  // kWord
  std::size_t hash_bytes = 0;                 // kHash
};

FieldInfo field_info(model::Field field);

// The object whose detections may use it.
model::ObjectKind object_of(model::Field field);
std::vector<std::string_view> fields_of(model::ObjectKind object);

constexpr bool is_textual(Holds holds) {
  return holds == Holds::kText || holds == Holds::kPath || holds == Holds::kFileName;
}
constexpr bool is_number(Holds holds) {
  return holds == Holds::kSize || holds == Holds::kSeconds || holds == Holds::kPort ||
         holds == Holds::kNumber || holds == Holds::kTimestamp;
}

// Words of file.magic and file.type.
std::span<const std::string_view> magics();

}  // namespace fleetsweep::compiler
