#pragma once

// What stands left of the colon in a selection: `field|modifier|...`.

#include <optional>

#include "policies/compiler/field_table.h"
#include "policies/compiler/source.h"

namespace fleetsweep::compiler {

// Borrows from its entry.
struct PredicateKey {
  model::Field field = model::Field::kFilePath;
  FieldInfo info;
  model::Match match = model::Match::kEquals;
  bool matched = false;  // a modifier that decides the comparison was given
  bool cased = false, caseless = false, all = false;
  bool windash = false, wide = false, base64 = false, in = false;
  std::string_view text;  // the field, as written
  Position at;
};

// Nothing after a mistake, which is in the sink: an unknown field or modifier, a field of another
// object, a comparison that makes no sense for what the field holds.
std::optional<PredicateKey> read_key(const Entry& entry, model::ObjectKind object, Sink& sink);

}  // namespace fleetsweep::compiler
