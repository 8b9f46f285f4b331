#pragma once

// Has systemd read its units anew, once for each change of them.

#include "agent/act/files.h"
#include "agent/act/service_manager.h"
#include "agent/act/unit_files.h"

namespace fleetsweep::act {

class UnitReload {
 public:
  // Borrows both; nullptr: there is no line to systemd.
  UnitReload(const Tree& tree, ServiceManager* services) : tree_(tree), services_(services) {}

  // If units have changed since the last time. What a crash left counts as changed.
  void tell(const Transaction& transaction);

  // Of the last time: `detail` is what a person has to do; empty: nothing. Where there is no line
  // the reason is kNone: nothing has failed.
  const Refusal& untold() const { return untold_; }
  // What a person has to do about units of users that have changed; empty: nothing.
  std::string untold_to_users(const Transaction& transaction) const;

 private:
  const Tree& tree_;
  ServiceManager* services_;
  UnitChanges told_;
  Refusal untold_;
};

}  // namespace fleetsweep::act
