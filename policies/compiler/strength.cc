#include "policies/compiler/strength.h"

#include <algorithm>

namespace fleetsweep::compiler {
bool is_hash(model::Field field) {
  using model::Field;
  return field == Field::kFileSha256 || field == Field::kFileSha1 || field == Field::kFileMd5 ||
         field == Field::kProcessExeSha256;
}

bool is_exact_hash(const model::Detection& detection) {
  const auto hashed = [](const model::Selection& selection) {
    return std::any_of(selection.begin(), selection.end(), [](const model::Predicate& p) {
      return p.match == model::Match::kEquals && is_hash(p.field);
    });
  };
  return !detection.any_of.empty() &&
         std::all_of(detection.any_of.begin(), detection.any_of.end(), hashed);
}

bool is_strong(const model::Detection& detection) {
  return (detection.rule >= 0 && detection.score >= kStrongScore) || is_exact_hash(detection);
}

}  // namespace fleetsweep::compiler
