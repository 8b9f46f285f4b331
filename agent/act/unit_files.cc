#include "agent/act/unit_files.h"

#include <algorithm>

namespace fleetsweep::act {

namespace {

using IsUnit = bool(std::string_view path);

bool changes_units(const Op& op, IsUnit& is_unit) {
  const bool changes = op.kind == OpKind::kTake || op.kind == OpKind::kUnlink ||
                       op.kind == OpKind::kEdit || op.kind == OpKind::kMode;
  return changes && is_unit(op.file.path);
}

UnitChanges changes_of(const Transaction& transaction, IsUnit& is_unit) {
  UnitChanges changes;
  for (std::uint32_t i = 0; i < transaction.ops.size(); ++i) {
    const OpStage stage = transaction.ops[i].stage;
    if (changes_units(transaction.begin.ops[i], is_unit) && stage != OpStage::kPending &&
        stage != OpStage::kFailed)
      changes.emplace_back(i, stage);
  }
  return changes;
}

}  // namespace

bool is_unit_file(std::string_view path) {
  // "/etc/systemd/system/", and also "system-generators/", "system.control/", "system.conf".
  for (const std::string_view folder :
       {"/etc/systemd/system", "/run/systemd/system", "/run/systemd/transient/",
        "/usr/lib/systemd/system", "/lib/systemd/system", "/usr/local/lib/systemd/system",
        "/etc/init.d", "/etc/rc"})
    if (path.starts_with(folder)) return true;
  return false;
}

bool is_user_unit_file(std::string_view path) {
  // In a home, in /etc, /run and /usr; and "user-generators/", "user.control/", "user.conf".
  for (const std::string_view folder :
       {"/systemd/user/", "/systemd/user.", "/systemd/user-generators/"})
    if (path.find(folder) != std::string_view::npos) return true;
  return path.starts_with("/run/user/") &&
         path.find("/systemd/transient/") != std::string_view::npos;
}

bool may_change_units(const Begin& begin) {
  return std::ranges::any_of(begin.ops,
                             [](const Op& op) { return changes_units(op, is_unit_file); });
}

UnitChanges unit_changes(const Transaction& transaction) {
  return changes_of(transaction, is_unit_file);
}

UnitChanges user_unit_changes(const Transaction& transaction) {
  return changes_of(transaction, is_user_unit_file);
}

}  // namespace fleetsweep::act
