#include "agent/act/unit_files.h"

#include <algorithm>

namespace fleetsweep::act {

namespace {

bool changes_units(const Op& op) {
  return (op.kind == OpKind::kTake || op.kind == OpKind::kUnlink || op.kind == OpKind::kEdit) &&
         is_unit_file(op.file.path);
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

std::optional<std::uint32_t> last_unit_step(const Begin& begin) {
  std::optional<std::uint32_t> last;
  for (const Op& op : begin.ops)
    if (changes_units(op)) last = std::max(last.value_or(0), op.step);
  return last;
}

bool has_touched_units(const Transaction& transaction) {
  for (std::size_t i = 0; i < transaction.ops.size(); ++i)
    if (changes_units(transaction.begin.ops[i]) && transaction.ops[i].stage != OpStage::kPending &&
        transaction.ops[i].stage != OpStage::kFailed)
      return true;
  return false;
}

}  // namespace fleetsweep::act
