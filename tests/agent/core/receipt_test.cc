#include "agent/report/receipt.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::agent {
namespace {

// As crypto::seal: longer than what is sealed.
Bytes seal(const CurveKey&, BytesView plain) {
  Bytes sealed(crypto::kSealOverheadBytes);
  sealed.insert(sealed.end(), plain.begin(), plain.end());
  return sealed;
}

TEST(Receipt, AReceiptWithMuchToSayOfALongPathIsRefused) {
  std::vector<model::ReceiptItem> items(1);
  const std::string path(limits::kPathBytes, 'p');
  hide_paths(items, {path + ": in a layer of a container image" + std::string(200, 'n')},
             model::Root(), seal);
  const auto hidden = [&](const std::string& other) {
    std::vector<model::ReceiptItem> one(1);
    hide_paths(one, {other}, model::Root(), seal);
    return one[0].path_hash;
  };
  model::Receipt receipt;
  receipt.items = items;
  const auto read = codec::decode<model::Receipt>(codec::encode(receipt));
  ASSERT_TRUE(read) << read.error().message;
  const std::string told(
      as_text(BytesView(items[0].sealed_path).subspan(crypto::kSealOverheadBytes)));
  EXPECT_TRUE(told.starts_with(path + ": in a layer"));
  EXPECT_EQ(items[0].path_hash, hidden(told)) << "whoever opens it checks it against its hash";
}

}  // namespace
}  // namespace fleetsweep::agent
