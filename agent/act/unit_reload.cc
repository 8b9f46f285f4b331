#include "agent/act/unit_reload.h"

namespace fleetsweep::act {

namespace {

// As sd_booted(3): systemd runs the host, whether or not it can be reached from here.
bool is_run_by_systemd(const Tree& tree) {
  return tree.parent("/run/systemd/system/x").has_value();
}

}  // namespace

void UnitReload::tell(const Transaction& transaction) {
  constexpr std::string_view kAdvice = "run systemctl daemon-reload";
  UnitChanges changes = unit_changes(transaction);
  if (changes == told_) return;
  told_ = std::move(changes);
  untold_ = {};
  if (services_ == nullptr) {
    if (is_run_by_systemd(tree_)) untold_.detail = fmt::format("units have changed: {}", kAdvice);
  } else if (const auto told = services_->reload(); !told) {
    untold_ = {told.error().reason, fmt::format("{}: {}", told.error().detail, kAdvice)};
  }
}

std::string UnitReload::untold_to_users(const Transaction& transaction) const {
  if (user_unit_changes(transaction).empty() || !is_run_by_systemd(tree_)) return {};
  return "units of users have changed: their managers were not told, and go by what they have in "
         "memory until each user runs systemctl --user daemon-reload or logs out";
}

}  // namespace fleetsweep::act
