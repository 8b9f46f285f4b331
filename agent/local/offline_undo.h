#pragma once

// The owner's undo where no agent runs, or none can: act goes by its own journal and vault.

#include <string>

#include "protocol/model/local.h"

namespace fleetsweep::agent {

struct OfflineUndo {
  std::string state;
  std::string root;     // the tree in which the order was carried out
  std::string libexec;  // where fleetsweep-act is
  std::string order;    // its whole id, in hex
};

// What a running agent answers to `undo`. Nobody makes a receipt of it. kConflict: an agent runs;
// kNotFound: nothing was ever done with this state.
Result<model::LocalReply> undo_offline(const OfflineUndo& undo);

}  // namespace fleetsweep::agent
