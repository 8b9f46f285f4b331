#pragma once

// One request, one answer: what fleetsweep-act does in its life.

#include <optional>

#include "agent/act/firewall.h"
#include "agent/act/hive_editor.h"
#include "agent/act/image_names.h"
#include "agent/act/service_manager.h"
#include "protocol/base/ids.h"
#include "protocol/base/time.h"
#include "protocol/crypto/seal.h"
#include "protocol/runtime/pipe/pipe.h"

namespace fleetsweep::act {

struct Options {
  std::string root = "/";
  std::string state;       // DIR/act
  std::string local_undo;  // an order as its owner names it (order_name.h); empty: core asks
  std::optional<std::uint64_t> vault_quota;
  // So long a dead act's transaction waits for the next act, while processes are stopped.
  Seconds patience = std::chrono::minutes(10);
  HiveEditor* hives = nullptr;         // where the root is a volume of Windows
  const ImageNames* images = nullptr;  // of a whole host, if it can be read safely
  Firewall* firewall = nullptr;        // borrowed; always there
  ServiceManager* services = nullptr;  // of this host; or why there is none
  std::string no_services;
  std::string proc;  // of the kernel that runs the root; empty where none does
};

// Reads one ActRequest (none with local_undo), sends an ActStep for each step and one ActDone.
// An error is about the pipe only; everything else is in the ActDone.
Status serve(const Options& options, const crypto::MacKey& mac_key, runtime::Pipe& pipe);

}  // namespace fleetsweep::act
