#pragma once

// One change of a hive, made in place: nothing moves, nothing grows, and what is taken out is
// overwritten with zeroes. The answer is only given after the new bytes were read again from their
// beginning and differ from the old ones in what was meant and in nothing else. Pure.

#include "agent/hive/hive.h"

namespace fleetsweep::hive {

struct Edit {
  enum class Kind : std::uint8_t { kDeleteValue, kDeleteKey, kSetNumber, kSetData };
  Kind kind = Kind::kDeleteValue;
  std::string key;         // from the root of the hive
  std::string value_name;  // all but kDeleteKey
  std::uint32_t number = 0;
  Bytes data{};  // kSetData: more than are kept in the value's own cell, and no more than before
};

// kInvalid: not a hive; kConflict: dirty or damaged, it is not written to; kNotFound: what the edit
// names is not there; kInternal: the result would not have been what was meant.
Result<Bytes> edited(BytesView before, const std::vector<Edit>& edits);

// kConflict: dirty, or damaged as far as it was looked at.
Status may_write(const Hive& hive);

// Where `after`, of the same size, differs.
struct Patch {
  std::uint64_t at = 0;
  Bytes bytes;
};
std::vector<Patch> difference(BytesView before, BytesView after);

}  // namespace fleetsweep::hive
