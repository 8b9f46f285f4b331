#include "protocol/trust/order_class.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/trust/order_rules.h"
#include "protocol/trust/root_rules.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using model::ActionKind;
using model::Class;
using model::Field;
using model::Mode;
using ::testing::HasSubstr;

model::Policy with_action(ActionKind kind) {
  model::Policy policy = fixture::hash_policy();
  policy.responses[0].actions[0].kind = kind;
  return policy;
}

model::Policy with_field(Field field) {
  model::Policy policy = fixture::hash_policy();
  policy.detections[0].any_of[0][0].field = field;
  return policy;
}

TEST(OrderClass, OfAnApplyOrderIsItsMostDangerousAction) {
  const std::map<ActionKind, Class> table = {
      {ActionKind::kReport, Class::kObserve},  {ActionKind::kCollect, Class::kRead},
      {ActionKind::kSuspend, Class::kContain}, {ActionKind::kDisable, Class::kContain},
      {ActionKind::kBlock, Class::kContain},   {ActionKind::kRemove, Class::kClean},
      {ActionKind::kKill, Class::kClean},      {ActionKind::kQuarantine, Class::kClean},
      {ActionKind::kRestart, Class::kClean},   {ActionKind::kRestoreFromPackage, Class::kClean},
      {ActionKind::kIsolate, Class::kClean},   {ActionKind::kPurge, Class::kDestroy},
  };
  ASSERT_EQ(table.size(), kCount<ActionKind>);
  for (const auto& [kind, expected] : table) {
    EXPECT_EQ(*class_of(Mode::kApply, with_action(kind)), expected) << name(kind);
    EXPECT_EQ(*class_of(Mode::kDryRun, with_action(kind)), Class::kObserve) << name(kind);
    EXPECT_EQ(*class_of(Mode::kUndo, with_action(kind)), Class::kClean) << name(kind);
  }
  model::Policy policy = with_action(ActionKind::kPurge);
  policy.responses.push_back(with_action(ActionKind::kReport).responses[0]);
  EXPECT_EQ(*class_of(Mode::kApply, policy), Class::kDestroy);
}

TEST(OrderClass, LookingAtContentLinesOrCommandLinesIsRead) {
  const std::set<Field> content = {Field::kFileBytesAt0,           Field::kProcessCommandLine,
                                   Field::kPersistenceEntry,       Field::kPersistenceCommand,
                                   Field::kRegistryValueData,      Field::kProcessParentCommandLine,
                                   Field::kProcessEnvironmentNames};
  for (std::size_t i = 0; i < kCount<Field>; ++i) {
    const auto field = static_cast<Field>(i);
    EXPECT_EQ(*class_of(Mode::kDryRun, with_field(field)),
              content.contains(field) ? Class::kRead : Class::kObserve)
        << name(field);
  }
  model::Policy rule = fixture::hash_policy();
  rule.detections[0].rule = 0;
  EXPECT_EQ(*class_of(Mode::kDryRun, rule), Class::kRead);
  model::Policy persistence = fixture::hash_policy();
  persistence.detections[0].object = model::ObjectKind::kPersistence;
  EXPECT_EQ(*class_of(Mode::kDryRun, persistence), Class::kRead);
  persistence.detections[0].object = model::ObjectKind::kWindowsRegistryKey;
  EXPECT_EQ(*class_of(Mode::kDryRun, persistence), Class::kRead);
  model::Policy archives = fixture::hash_policy();
  archives.detections[0].scope.archives = true;
  EXPECT_EQ(*class_of(Mode::kDryRun, archives), Class::kRead);
  model::Policy none_of = fixture::hash_policy();
  none_of.detections[0].none_of = with_field(Field::kProcessCommandLine).detections[0].any_of;
  EXPECT_EQ(*class_of(Mode::kDryRun, none_of), Class::kRead);
}

TEST(OrderClass, ContentBroughtInByATemplateIsRead) {
  model::Policy policy = fixture::hash_policy();
  auto& value = policy.detections[0].any_of[0][0].values[0];
  value = {"{{loader.process.command_line}}", 0, true};
  EXPECT_EQ(*class_of(Mode::kDryRun, policy), Class::kRead);
  value.text = "{{loader.file.name}}";
  EXPECT_EQ(*class_of(Mode::kDryRun, policy), Class::kObserve);
}

TEST(OrderClass, WhatIsUnknownIsRefusedAndNeverHarmless) {
  for (Mode mode : {Mode::kDryRun, Mode::kApply}) {
    EXPECT_FALSE(class_of(mode, with_action(static_cast<ActionKind>(99))));
    EXPECT_FALSE(class_of(mode, with_field(static_cast<Field>(999))));
    model::Policy object = fixture::hash_policy();
    object.detections[0].object = static_cast<model::ObjectKind>(77);
    EXPECT_FALSE(class_of(mode, object));
  }
  EXPECT_FALSE(class_of(static_cast<Mode>(9), fixture::hash_policy()));
}

TEST(OrderClass, CapabilitiesAreTheActionsAndTheObjectsOfOnePlatform) {
  model::Policy policy = with_action(ActionKind::kBlock);
  policy.responses[0].actions.push_back({});
  EXPECT_EQ(required_capabilities(Mode::kApply, policy), std::vector<std::string>{"block"});
  EXPECT_TRUE(required_capabilities(Mode::kDryRun, policy).empty());
  policy.detections[0].object = model::ObjectKind::kWindowsRegistryKey;
  EXPECT_EQ(required_capabilities(Mode::kDryRun, policy),
            std::vector<std::string>{"windows-registry-key"});
}

TEST(OrderClass, PolicyFactsAreOfTheVeryBytes) {
  const Bytes bytes = fixture::policy_bytes(fixture::hash_policy());
  const auto facts = policy_facts(bytes);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->size, bytes.size());
  EXPECT_EQ(facts->apply, Class::kClean);
  EXPECT_EQ(facts->dry_run, Class::kObserve);
  EXPECT_FALSE(policy_facts(BytesView(bytes).first(bytes.size() - 8)));
}

TEST(OrderClass, HashSetsAreFactsAndThoseThatNoHostTakesAreRefused) {
  model::Policy policy = fixture::hash_policy();
  std::vector<model::HashPart> parts(limits::kHashParts);
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i] = {crypto::sha256(as_bytes(std::to_string(i))), limits::kHashPartBytes};
  policy.detections[0].any_of = {{{.field = model::Field::kFileSha256, .parts = parts}}};
  const auto facts = policy_facts(fixture::policy_bytes(policy));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->parts, parts);
  EXPECT_EQ(facts->dry_run, Class::kObserve);

  const auto problem = [&](model::HashPart part) {
    policy.detections[0].none_of = {{{.field = model::Field::kFileSha256, .parts = {part}}}};
    return policy_facts(fixture::policy_bytes(policy)).error().reason;
  };
  EXPECT_EQ(problem({crypto::sha256(as_bytes("one more")), 100}), model::Reason::kMalformed);
  policy.detections[0].any_of.clear();
  EXPECT_EQ(problem({parts[0].digest, limits::kHashPartBytes + 1}), model::Reason::kMalformed);
  EXPECT_EQ(problem({parts[0].digest, 0}), model::Reason::kMalformed);
}

TEST(OrderClass, APolicyOfTheFutureIsOfAnotherSchemaAndNotBroken) {
  model::Policy policy = fixture::hash_policy();
  policy.schema = kAgentSchema + 1;
  EXPECT_EQ(policy_facts(fixture::policy_bytes(policy)).error().reason, model::Reason::kSchema);
  EXPECT_EQ(policy_facts(to_bytes("no policy")).error().reason, model::Reason::kMalformed);
}

TEST(OrderRules, AStandingOrderIsMildNarrowAndAsleepUntilItsRelease) {
  DocumentId dry;
  dry.value.fill(3);
  model::Order good = fixture::apply(fixture::hash_policy(), dry);
  good.standing = true;
  good.action_class = model::Class::kContain;
  good.waves[0].gate = model::Gate::kManual;
  good.scope.groups = {"web"};
  EXPECT_THAT(mistakes(good), ::testing::IsEmpty());
  const std::vector<std::pair<const char*, std::function<void(model::Order&)>>> table = {
      {"standing: class clean, at most contain",
       [](auto& o) { o.action_class = model::Class::kClean; }},
      {"standing: the first wave's gate is none",
       [](auto& o) { o.waves[0].gate = model::Gate::kNone; }},
      {"standing: the first wave's gate is auto",
       [](auto& o) { o.waves[0].gate = model::Gate::kAuto; }},
      {"standing: for every host", [](auto& o) { o.scope.groups.clear(); }},
      {"standing: repeated every 1m", [](auto& o) { o.schedule.repeat = Seconds{60}; }},
      {"standing: offline grace 1m", [](auto& o) { o.schedule.offline_grace = Seconds{60}; }},
      {"standing: an undo", [](auto& o) { o.mode = Mode::kUndo; }},
  };
  for (const auto& [text, make] : table) {
    model::Order order = good;
    make(order);
    EXPECT_THAT(mistakes(order), ::testing::Contains(HasSubstr(text))) << text;
  }
  good.scope.groups.clear();
  good.scope.include = {AgentId{}};
  EXPECT_THAT(mistakes(good), ::testing::IsEmpty());
}

TEST(OrderRules, EachMistakeIsSeen) {
  struct Mistake {
    const char* text;
    std::function<void(model::Order&)> make;
  };
  const std::vector<Mistake> table = {
      {"campaign", [](auto& o) { o.campaign = "No Spaces"; }},
      {"limits: 501 items", [](auto& o) { o.limits.items = 501; }},
      {"bytes, the ceiling", [](auto& o) { o.limits.bytes = ~0ull; }},
      {"is not after notBefore", [](auto& o) { o.schedule.not_after = o.schedule.not_before; }},
      {"is negative", [](auto& o) { o.schedule.jitter = Seconds{-1}; }},
      {"longer than repeat",
       [](auto& o) { o.schedule.jitter = Seconds{2}, o.schedule.repeat = Seconds{1}; }},
      {"only a dry run can be repeated", [](auto& o) { o.schedule.repeat = Seconds{60}; }},
      {"name no weekday",
       [](auto& o) {
         o.schedule.windows = {{0, 0, 60}};
       }},
      {"from minute 60 to 60",
       [](auto& o) {
         o.schedule.windows = {{1, 60, 60}};
       }},
      {"the last must hold 1000", [](auto& o) { o.waves.clear(); }},
      {"the last must hold 1000", [](auto& o) { o.waves[0].permille = 999; }},
      {"do not go beyond", [](auto& o) { o.waves.push_back(o.waves[0]); }},
      {"waves[0]: a length", [](auto& o) { o.waves[0].delay_min = Seconds{-5}; }},
      {"names a policy", [](auto& o) { o.policy = {}; }},
      {"policy: 9999999999 bytes", [](auto& o) { o.policy_size = 9999999999; }},
      {"names its dry run", [](auto& o) { o.dry_run_order = {}; }},
      {"names the apply order", [](auto& o) { o.mode = Mode::kUndo; }},
      {"only an undo order", [](auto& o) { o.undoes.value[0] = 1; }},
      {"never more than read", [](auto& o) { o.mode = Mode::kDryRun; }},
      {"alpha-2", [](auto& o) { o.scope.jurisdictions = {"Germany"}; }},
      {"legal basis", [](auto& o) { o.authority.legal_basis = ""; }},
      {"issuer is empty", [](auto& o) { o.authority.issuer = ""; }},
      {"reference is empty", [](auto& o) { o.authority.reference = ""; }},
  };
  DocumentId dry;
  dry.value.fill(3);
  const model::Order good = fixture::apply(fixture::hash_policy(), dry);
  EXPECT_THAT(mistakes(good), ::testing::IsEmpty());
  for (const auto& [text, make] : table) {
    model::Order order = good;
    make(order);
    EXPECT_THAT(mistakes(order), ::testing::Contains(HasSubstr(text))) << text;
  }
}

}  // namespace
}  // namespace fleetsweep::trust
