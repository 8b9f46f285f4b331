#pragma once

// What both sets share: a compiled Hyperscan database with its scratch space. Private to this
// folder.

#include <hs/hs.h>

#include "protocol/base/result.h"

namespace fleetsweep::scan {

struct HyperscanDatabase {
  hs_database_t* database = nullptr;
  hs_scratch_t* scratch = nullptr;

  HyperscanDatabase() = default;
  HyperscanDatabase(const HyperscanDatabase&) = delete;
  HyperscanDatabase& operator=(const HyperscanDatabase&) = delete;
  ~HyperscanDatabase() {
    hs_free_scratch(scratch);
    hs_free_database(database);
  }
};

}  // namespace fleetsweep::scan
