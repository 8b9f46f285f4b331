// How large each thing may be.

#include <gtest/gtest.h>

#include "tests/protocol/codec/random_model.h"

namespace fleetsweep {
namespace {

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
