#include "controller/driver/results_log.h"

#include <algorithm>

#include "protocol/log/merkle.h"

namespace fleetsweep::controller {
namespace {

constexpr std::size_t kCampaignsKept = 8;
constexpr std::size_t kReceiptsPerPage = 500;  // read at once

}  // namespace

Result<const ResultsLog*> ResultsLogs::of(store::Store& store, store::TenantNo tenant,
                                          const std::string& campaign) {
  const auto found = std::ranges::find_if(
      kept_, [&](const Kept& kept) { return kept.tenant == tenant && kept.campaign == campaign; });
  if (found == kept_.end())
    kept_.push_front({tenant, campaign, 0, {}});
  else
    kept_.splice(kept_.begin(), kept_, found);
  if (kept_.size() > kCampaignsKept) kept_.pop_back();
  Kept& kept = kept_.front();
  for (;;) {
    FS_TRY(const std::vector<store::NumberedReceipt> page,
           store.receipts(tenant, campaign, kept.row, kReceiptsPerPage));
    for (const auto& [row, receipt] : page) {
      kept.log.index.emplace(receipt.id, kept.log.leaves.size());
      kept.log.leaves.push_back(log::leaf_hash(receipt.envelope));
      kept.row = row;
    }
    if (page.size() < kReceiptsPerPage) return &kept.log;
  }
}

}  // namespace fleetsweep::controller
