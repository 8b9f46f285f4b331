#pragma once

// The results log of a campaign: RFC 9162's tree over the receipts of its orders, in the order in
// which they were stored; a leaf is an encoded receipt envelope. Derived from the store; the leaf
// hashes of the campaigns that were asked for last are kept.

#include <list>
#include <string>
#include <unordered_map>

#include "controller/store/store.h"
#include "protocol/base/ids.h"

namespace fleetsweep::controller {

struct ResultsLog {
  std::vector<Digest> leaves;
  std::unordered_map<DocumentId, std::uint64_t> index;  // of a receipt
};

class ResultsLogs {
 public:
  // As long as the store has it now. The result lives until the next call.
  Result<const ResultsLog*> of(store::Store& store, store::TenantNo tenant,
                               const std::string& campaign);

 private:
  struct Kept {
    store::TenantNo tenant = 0;
    std::string campaign;
    std::uint64_t row = 0;  // of the newest receipt in it
    ResultsLog log;
  };
  std::list<Kept> kept_;  // the one that was asked for last first
};

}  // namespace fleetsweep::controller
