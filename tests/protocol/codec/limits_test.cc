// How large each thing may be. The numbers are those of protocol/README.md.

#include <gmock/gmock.h>

#include "tests/protocol/codec/random_model.h"

namespace fleetsweep {
namespace {

constexpr std::size_t kKiB = 1024;

template <class T>
constexpr std::size_t kSizeMax = 0;
template <>
constexpr std::size_t kSizeMax<model::Root> = 48 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Order> = 32 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Release> = 4 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Stop> = 32 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Resume> = 4 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Endpoints> = 16 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::EnrolBatch> = 48 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::AgentKey> = 4 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::TimeStatement> = 1 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Close> = 4 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Receipt> = 32 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Policy> = 4096 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Envelope> = 60 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Finding> = 96 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::Message> = 260 * 60 * kKiB;
template <>
constexpr std::size_t kSizeMax<model::LocalMessage> = 64 * kKiB* kKiB;

template <class T>
class SizeLimit : public testing::Test {};
using Types = testing::Types<FS_CODEC_TYPES>;
TYPED_TEST_SUITE(SizeLimit, Types);

TYPED_TEST(SizeLimit, OneWordMoreIsRefusedForItsSizeAndTheLimitItselfIsNot) {
  const auto message_of = [](std::size_t size) {
    const auto decoded = codec::decode<TypeParam>(Bytes(size));
    return decoded ? std::string() : decoded.error().message;
  };
  const std::size_t size_max = kSizeMax<TypeParam>;
  EXPECT_THAT(message_of(size_max + 8),
              testing::EndsWith(fmt::format(": {} bytes where at most {} were expected",
                                            size_max + 8, size_max)));
  EXPECT_THAT(message_of(size_max), testing::Not(testing::HasSubstr("at most")));
}

template <class Message, class T>
std::string trouble_with(const T& value) {
  const Message message(value);
  const auto back = codec::decode<Message>(codec::encode(message));
  if (!back) return back.error().message;
  return *back == message ? "" : "another value came back";
}

TEST(LargestMessage, AnEnrolReplyHoldsTheLongestRootChain) {
  const Bytes entry(limits::kLogEntryBytes, 1);
  const model::EnrolReply reply{"", std::vector<Bytes>(limits::kRootChain, entry), entry, entry};
  EXPECT_EQ(trouble_with<model::Message>(reply), "");
}

TEST(LargestMessage, AnActRequestHoldsAllThatActVerifies) {
  const Bytes entry(limits::kLogEntryBytes, 1);
  model::ActRequest request;
  request.order = entry;
  request.root_chain.assign(limits::kRootChain, entry);
  request.stops.assign(limits::kStopsActive, entry);
  request.stops.insert(request.stops.end(), limits::kResumesKept,
                       Bytes(2 * limits::kResumeBytes, 1));
  request.policy.assign(limits::kPolicyBytes, 1);
  const Bytes finding(limits::kSealedFindingsBytes / limits::kFindings, 1);
  request.findings.assign(limits::kFindings, {finding, {}});
  request.dry_run = request.findings;
  request.checkpoint.assign(limits::kNoteBytes, 'x');
  EXPECT_EQ(trouble_with<model::LocalMessage>(request), "");
}

}  // namespace
}  // namespace fleetsweep
