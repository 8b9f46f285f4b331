#include "cli/unseal.h"

#include <gtest/gtest.h>

#include "protocol/crypto/digest.h"

namespace fleetsweep::cli {
namespace {

class Unseal : public testing::Test {
 protected:
  SignedReceipt receipt(const std::string& path) const {
    SignedReceipt one;
    one.receipt.seq = 3;
    model::ReceiptItem item;
    item.path_hash = crypto::sha256({salt_.view(), as_bytes(path)});
    item.sealed_path = *crypto::seal(key_.pub, as_bytes(path));
    one.receipt.items = {item, model::ReceiptItem{}};
    return one;
  }
  crypto::BoxKeyPair key_ = crypto::generate_box_key();
  Nonce salt_ = crypto::random_nonce();
};

TEST_F(Unseal, APathComesOutAsAnother) {
  const auto found = unseal_paths({receipt("/tmp/a\n"), receipt("/tmp/b")}, key_, salt_);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].path, "/tmp/a\n");
  EXPECT_EQ((*found)[1].path, "/tmp/b");
  EXPECT_EQ((*found)[1].seq, 3u);
  EXPECT_EQ(parse_evidence_key(to_hex(key_.secret) + "\n")->pub, key_.pub);
  EXPECT_FALSE(parse_evidence_key("key"));
}

TEST_F(Unseal, AnotherKeyOpensIt) {
  EXPECT_EQ(unseal_paths({receipt("/tmp/a")}, crypto::generate_box_key(), salt_).error().code,
            Code::kUntrusted);
}

TEST_F(Unseal, AHostSealsAnotherPathThanItHashes) {
  SignedReceipt one = receipt("/tmp/a");
  one.receipt.items[0].sealed_path = *crypto::seal(key_.pub, as_bytes("/tmp/b"));
  EXPECT_EQ(unseal_paths({one}, key_, salt_).error().code, Code::kUntrusted);
}

}  // namespace
}  // namespace fleetsweep::cli
