#include "agent/act/unit_files.h"

#include <algorithm>

namespace fleetsweep::act {

namespace {

bool changes_units(const Op& op) {
  const bool changes = op.kind == OpKind::kTake || op.kind == OpKind::kUnlink ||
                       op.kind == OpKind::kEdit || op.kind == OpKind::kMode;
  return changes && is_unit_file(op.file.path);
}

}  // namespace

bool is_unit_file(std::string_view path) {
  // "/etc/systemd/system/", and also "system-generators/", "system.control/", "system.conf".
  for (const std::string_view folder :
       {"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system",
        "/lib/systemd/system", "/usr/local/lib/systemd/system", "/etc/init.d", "/etc/rc"})
    if (path.starts_with(folder)) return true;
  return false;
}

bool may_change_units(const Begin& begin) {
  return std::any_of(begin.ops.begin(), begin.ops.end(), changes_units);
}

UnitChanges unit_changes(const Transaction& transaction) {
  UnitChanges changes;
  for (std::uint32_t i = 0; i < transaction.ops.size(); ++i) {
    const OpStage stage = transaction.ops[i].stage;
    if (changes_units(transaction.begin.ops[i]) && stage != OpStage::kPending &&
        stage != OpStage::kFailed)
      changes.emplace_back(i, stage);
  }
  return changes;
}

}  // namespace fleetsweep::act
