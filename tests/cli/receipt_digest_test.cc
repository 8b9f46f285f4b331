#include "cli/receipt_digest.h"

#include <gtest/gtest.h>

#include "tests/cli/campaign_evidence.h"

namespace fleetsweep::cli {
namespace {

class ReceiptDigest : public testing::Test {
 protected:
  ReceiptDigest() { world_.report("web-2", 2, model::HostState::kClean, 0); }
  std::optional<std::size_t> named(const Digest& digest) const {
    return receipts_named(receipts_, world_.dry_run, digest);
  }

  test::CampaignEvidence world_;
  std::vector<SignedReceipt>& receipts_ = world_.evidence.receipts;
};

TEST_F(ReceiptDigest, ReceiptsThatCameLaterAreNotToldFromThoseThatWereSigned) {
  const Digest all = report_digest(receipts_, world_.dry_run);
  EXPECT_EQ(named(all), 3u);
  EXPECT_EQ(named(world_.clean.dry_run_report), 2u) << "as they were when it was drafted";
  std::swap(receipts_[0], receipts_[1]);
  EXPECT_EQ(report_digest(receipts_, world_.dry_run), all) << "it is over their ids in order";
  receipts_.erase(receipts_.begin());
  EXPECT_EQ(named(world_.clean.dry_run_report), std::nullopt);
  EXPECT_EQ(named(report_digest({}, world_.dry_run)), 0u);
}

TEST_F(ReceiptDigest, AReceiptThatIsGivenTwiceCountsTwice) {
  const Digest all = report_digest(receipts_, world_.dry_run);
  receipts_.insert(receipts_.begin(), receipts_[0]);
  EXPECT_EQ(report_digest(receipts_, world_.dry_run), all);
  EXPECT_EQ(named(world_.clean.dry_run_report), 3u) << "the first three hold them";
}

TEST_F(ReceiptDigest, AnotherOrdersReceiptsAreCounted) {
  const DocumentId other{};
  EXPECT_EQ(receipts_named(receipts_, other, report_digest(receipts_, other)), 0u);
  EXPECT_EQ(receipts_named(receipts_, other, world_.clean.dry_run_report), std::nullopt);
}

}  // namespace
}  // namespace fleetsweep::cli
