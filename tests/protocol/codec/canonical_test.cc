// Our encoding, judged by the library: canonical, and the same as its own canonical copy.

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/schema.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>

#include "documents.capnp.h"
#include "local.capnp.h"
#include "policy.capnp.h"
#include "tests/protocol/codec/random_model.h"

namespace fleetsweep {
namespace {

template <class T>
class Canonical : public testing::Test {};
using Types = testing::Types<FS_CODEC_TYPES>;
TYPED_TEST_SUITE(Canonical, Types);

TYPED_TEST(Canonical, TheLibraryAgrees) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Bytes bytes = codec::encode(test::Filler(seed).make<TypeParam>());
    std::vector<capnp::word> words(bytes.size() / 8);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    const kj::ArrayPtr<const capnp::word> segments[] = {{words.data(), words.size()}};
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(segments, 1));
    ASSERT_TRUE(message.isCanonical()) << "seed " << seed;
    const auto copy = message.getRoot<capnp::AnyStruct>().canonicalize();
    ASSERT_TRUE(equal(BytesView(copy.asBytes().begin(), copy.asBytes().size()), bytes))
        << "seed " << seed;
  }
}

// Larger than the stack buffer, so that the builder grows into further segments.
TEST(Canonical, LargeMessagesAreOneSegmentToo) {
  model::Receipts receipts;
  for (std::size_t i = 0; i < 100; ++i) receipts.receipts.push_back(Bytes(1000 + i, 0x5a));
  const model::Message message(receipts);
  const Bytes bytes = codec::encode(message);
  const auto back = codec::decode<model::Message>(bytes);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, message);
}

// Schema names are camelCase, ours are as people see them: compared without case and punctuation.
std::string plain(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

template <class S, class E>
void expect_same_names() {
  const auto enumerants = capnp::Schema::from<S>().getEnumerants();
  ASSERT_EQ(enumerants.size(), kCount<E>);
  for (unsigned i = 0; i < enumerants.size(); ++i)
    EXPECT_EQ(plain(enumerants[i].getProto().getName().cStr()), plain(name(static_cast<E>(i))));
}

TEST(Enumerations, HaveTheSameNamesInSchemaAndModel) {
  expect_same_names<schema::Scheme, model::Scheme>();
  expect_same_names<schema::Role, model::Role>();
  expect_same_names<schema::Mode, model::Mode>();
  expect_same_names<schema::Class, model::Class>();
  expect_same_names<schema::Clock, model::Clock>();
  expect_same_names<schema::Gate, model::Gate>();
  expect_same_names<schema::HostState, model::HostState>();
  expect_same_names<schema::ReceiptKind, model::ReceiptKind>();
  expect_same_names<schema::ClockState, model::ClockState>();
  expect_same_names<schema::SandboxLevel, model::SandboxLevel>();
  expect_same_names<schema::Outcome, model::Outcome>();
  expect_same_names<schema::Reason, model::Reason>();
  expect_same_names<schema::Platform, model::Platform>();
  expect_same_names<schema::ObjectKind, model::ObjectKind>();
  expect_same_names<schema::ActionKind, model::ActionKind>();
  expect_same_names<schema::PackageOwned, model::PackageOwned>();
  expect_same_names<schema::Child, model::Child>();
}

// These are spelled by other standards (STIX, Sigma), so only their number can be compared.
TEST(Enumerations, HaveTheSameSizeInSchemaAndModel) {
  const auto size = [](capnp::EnumSchema schema) { return schema.getEnumerants().size(); };
  EXPECT_EQ(size(capnp::Schema::from<schema::Field>()), kCount<model::Field>);
  EXPECT_EQ(size(capnp::Schema::from<schema::Match>()), kCount<model::Match>);
  EXPECT_EQ(size(capnp::Schema::from<schema::PersistenceKind>()), kCount<model::PersistenceKind>);
  EXPECT_EQ(size(capnp::Schema::from<schema::ConditionKind>()),
            test::kValues<model::Condition::Kind>);
  EXPECT_EQ(size(capnp::Schema::from<schema::SelectorKind>()),
            test::kValues<model::Selector::Kind>);
}

}  // namespace
}  // namespace fleetsweep
