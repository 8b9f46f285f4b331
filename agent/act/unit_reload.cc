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

}  // namespace fleetsweep::act
