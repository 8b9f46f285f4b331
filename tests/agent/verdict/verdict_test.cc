#include "agent/verdict/verdict.h"

#include <gtest/gtest.h>

namespace fleetsweep {
namespace {

using model::Condition;
using model::Finding;

Condition at_least(std::uint16_t count, std::vector<std::uint16_t> detections) {
  return {Condition::Kind::kAtLeast, count, std::move(detections), {}};
}
Condition one(std::uint16_t detection) {
  return at_least(1, {detection});
}
Condition of(Condition::Kind kind, std::vector<Condition> children) {
  return {kind, 0, {}, std::move(children)};
}

// Detections 0 hash, 1 loader, 2 link (for each loader), 3 process (for each link).
model::Policy emotet_like(Condition condition) {
  model::Policy policy;
  policy.detections.resize(4);
  policy.detections[2].for_each = 1;
  policy.detections[3].for_each = 2;
  policy.verdicts.push_back({.id = "v", .condition = std::move(condition)});
  return policy;
}

Finding finding(std::uint32_t number, std::uint16_t detection,
                std::uint32_t joined = Finding::kNoJoin) {
  Finding result;
  result.number = number;
  result.detection = detection;
  result.joined = joined;
  return result;
}

TEST(Verdict, NothingFoundMakesNothingTrue) {
  EXPECT_TRUE(judge(emotet_like(one(0)), {}).empty());
}

TEST(Verdict, NotOfNothingIsTrueOnAHostWithoutFindings) {
  const auto verdicts = judge(emotet_like(of(Condition::Kind::kNot, {one(0)})), {});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_TRUE(verdicts[0].findings.empty());
}

TEST(Verdict, NOfCountsDetectionsAndNotFindings) {
  const auto policy = emotet_like(at_least(2, {0, 1}));
  EXPECT_TRUE(judge(policy, {finding(0, 0), finding(1, 0)}).empty());
  const auto verdicts = judge(policy, {finding(0, 0), finding(1, 1)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 1}));
}

TEST(Verdict, AnotherLoadersLinkDoesNotConfirmThisLoader) {
  // Loader 0 has a link, loader 1 has only a process that hangs in the air.
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(1), one(2)}));
  const auto verdicts = judge(policy, {finding(0, 1), finding(1, 1), finding(2, 2, 0)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 2}));
}

TEST(Verdict, PartsOfTwoBindingsDoNotAddUpToOne) {
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(2), one(3)}));
  // The process belongs to the link of loader 0, which this list does not hold: bound to nothing.
  EXPECT_TRUE(
      judge(policy, {finding(0, 1), finding(1, 1), finding(2, 2, 0), finding(3, 3, 9)}).empty());
}

TEST(Verdict, ABindingReachesThroughJoins) {
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(1), one(3)}));
  const auto verdicts = judge(policy, {finding(0, 1), finding(1, 2, 0), finding(2, 3, 1)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST(Verdict, AHashElsewhereDoesNotMakeWeakLoadersActionable) {
  const auto policy =
      emotet_like(of(Condition::Kind::kOr, {one(0), of(Condition::Kind::kAnd, {one(1), one(2)})}));
  const auto verdicts =
      judge(policy, {finding(0, 0), finding(1, 1), finding(2, 1), finding(3, 2, 2)});
  ASSERT_EQ(verdicts.size(), 1u);
  // Loader 1 has no link; loader 2 has.
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 2, 3}));
}

TEST(Verdict, AHashAloneIsEnoughWithoutAnyBinding) {
  const auto policy =
      emotet_like(of(Condition::Kind::kOr, {one(0), of(Condition::Kind::kAnd, {one(1), one(2)})}));
  const auto verdicts = judge(policy, {finding(0, 0)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0}));
}

TEST(Verdict, HostFindingAndBindingTogetherNameBoth) {
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(0), one(2)}));
  const auto verdicts =
      judge(policy, {finding(0, 0), finding(1, 1), finding(2, 2, 1), finding(3, 1)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 1, 2}));
}

}  // namespace
}  // namespace fleetsweep
