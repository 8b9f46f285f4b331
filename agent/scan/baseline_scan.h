#pragma once

// What starts by itself on this host now, as a baseline that its owner can review.

#include "agent/scan/engine.h"

namespace fleetsweep::scan {

struct EntryList {
  std::vector<model::PersistenceIdentity> entries;
  std::uint32_t unread = 0;
  std::vector<std::string> unread_paths;  // the first few, with the reason
};
// kUnavailable: no sandbox. Of the options only the parser's and confine_walker count.
Result<EntryList> list_entries(Root& root, const EngineOptions& options);

struct BaselineScan {
  Baseline baseline;
  std::uint32_t unread = 0;
  std::vector<std::string> unread_paths;  // the first few, with the reason
};
Result<BaselineScan> scan_baseline(Root& root, const EngineOptions& options);

}  // namespace fleetsweep::scan
