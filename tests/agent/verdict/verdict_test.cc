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

std::vector<TrueVerdict> judged(const model::Policy& policy, const std::vector<Finding>& findings) {
  const auto verdicts = judge(policy, findings);
  EXPECT_TRUE(verdicts.has_value()) << verdicts.error().message;
  return verdicts.value_or(std::vector<TrueVerdict>());
}

TEST(Verdict, NothingFoundMakesNothingTrue) {
  EXPECT_TRUE(judged(emotet_like(one(0)), {}).empty());
}

TEST(Verdict, NotOfNothingIsTrueOnAHostWithoutFindings) {
  const auto verdicts = judged(emotet_like(of(Condition::Kind::kNot, {one(0)})), {});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_TRUE(verdicts[0].findings.empty());
}

TEST(Verdict, NOfCountsDetectionsAndNotFindings) {
  const auto policy = emotet_like(at_least(2, {0, 1}));
  EXPECT_TRUE(judged(policy, {finding(0, 0), finding(1, 0)}).empty());
  const auto verdicts = judged(policy, {finding(0, 0), finding(1, 1)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 1}));
}

TEST(Verdict, AnotherLoadersLinkDoesNotConfirmThisLoader) {
  // Loader 0 has a link, loader 1 has only a process that hangs in the air.
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(1), one(2)}));
  const auto verdicts = judged(policy, {finding(0, 1), finding(1, 1), finding(2, 2, 0)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 2}));
}

TEST(Verdict, PartsOfTwoBindingsDoNotAddUpToOne) {
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(2), one(3)}));
  // The process belongs to the link of loader 0, which this list does not hold: bound to nothing.
  EXPECT_TRUE(
      judged(policy, {finding(0, 1), finding(1, 1), finding(2, 2, 0), finding(3, 3, 9)}).empty());
}

TEST(Verdict, ABindingReachesThroughJoins) {
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(1), one(3)}));
  const auto verdicts = judged(policy, {finding(0, 1), finding(1, 2, 0), finding(2, 3, 1)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST(Verdict, AHashElsewhereDoesNotMakeWeakLoadersActionable) {
  const auto policy =
      emotet_like(of(Condition::Kind::kOr, {one(0), of(Condition::Kind::kAnd, {one(1), one(2)})}));
  const auto verdicts =
      judged(policy, {finding(0, 0), finding(1, 1), finding(2, 1), finding(3, 2, 2)});
  ASSERT_EQ(verdicts.size(), 1u);
  // Loader 1 has no link; loader 2 has.
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 2, 3}));
}

TEST(Verdict, AHashAloneIsEnoughWithoutAnyBinding) {
  const auto policy =
      emotet_like(of(Condition::Kind::kOr, {one(0), of(Condition::Kind::kAnd, {one(1), one(2)})}));
  const auto verdicts = judged(policy, {finding(0, 0)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0}));
}

TEST(Verdict, HostFindingAndBindingTogetherNameBoth) {
  const auto policy = emotet_like(of(Condition::Kind::kAnd, {one(0), one(2)}));
  const auto verdicts =
      judged(policy, {finding(0, 0), finding(1, 1), finding(2, 2, 1), finding(3, 1)});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].findings, (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST(Verdict, WhatTheConditionDoesNotNameLooksAsIfItHadMadeIt) {
  const std::vector<Finding> all = {finding(0, 0), finding(1, 1), finding(2, 2, 1),
                                    finding(3, 3, 2)};
  const auto signs = [&](Condition condition) {
    const auto verdicts = judged(emotet_like(std::move(condition)), all);
    return verdicts.empty() ? std::vector<std::uint32_t>() : verdicts[0].signs;
  };
  using Numbers = std::vector<std::uint32_t>;
  EXPECT_EQ(signs(one(0)), Numbers{0});
  EXPECT_EQ(signs(at_least(2, {0, 1, 2})), (Numbers{0, 1, 2}));
  EXPECT_EQ(signs(one(2)), (Numbers{1, 2})) << "its loader, and not what is joined to it";
  const Condition without_process = of(Condition::Kind::kNot, {one(3)});
  EXPECT_EQ(signs(of(Condition::Kind::kOr, {one(0), without_process})), Numbers{0});
  const Condition both = of(Condition::Kind::kAnd, {one(1), without_process});
  EXPECT_EQ(signs(of(Condition::Kind::kOr, {one(0), both})), Numbers{0});
}

// Two joins: `count` findings of detection 0 and as many of 2; the last of each has its link.
std::pair<model::Policy, std::vector<Finding>> two_joins(std::uint32_t count) {
  model::Policy policy;
  policy.detections.resize(4);
  policy.detections[1].for_each = 0;
  policy.detections[3].for_each = 2;
  policy.verdicts.push_back({.id = "v", .condition = of(Condition::Kind::kAnd, {one(1), one(3)})});
  std::vector<Finding> findings;
  for (std::uint32_t i = 0; i < count; ++i) findings.push_back(finding(i, 0));
  for (std::uint32_t i = 0; i < count; ++i) findings.push_back(finding(count + i, 2));
  findings.push_back(finding(2 * count, 1, count - 1));
  findings.push_back(finding(2 * count + 1, 3, 2 * count - 1));
  return {policy, findings};
}

TEST(Verdict, RunningOutOfBindingsIsSaid) {
  const auto [policy, few] = two_joins(316);  // 99,856 combinations
  EXPECT_EQ(judged(policy, few).size(), 1u);
  const auto verdicts = judge(policy, two_joins(317).second);
  ASSERT_FALSE(verdicts.has_value());
  EXPECT_EQ(verdicts.error().message,
            "verdict v: more than 100000 combinations of what its joined detections found: the "
            "policy matches too much");
}

}  // namespace
}  // namespace fleetsweep
