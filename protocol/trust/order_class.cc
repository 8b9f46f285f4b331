#include "protocol/trust/order_class.h"

#include <algorithm>
#include <optional>
#include <set>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::trust {

using model::ActionKind;
using model::Class;
using model::Field;
using model::Mode;
using model::ObjectKind;
using model::Policy;
using model::Reason;

namespace {

// Fields whose answer tells what stands inside a file, a line or a command line. A hash or the kind
// of a file tells only whether it is the one that is looked for.
bool reads_content(Field field) {
  switch (field) {
    case Field::kFileBytesAt0:
    case Field::kProcessCommandLine:
    case Field::kProcessParentCommandLine:
    case Field::kProcessEnvironmentNames:
    case Field::kPersistenceEntry:
    case Field::kPersistenceCommand:
    case Field::kRegistryValueData:
      return true;
    default:
      return false;
  }
}

// "{{loader.process.command_line}}" brings another object's content into a comparison.
bool names_content(std::string_view text) {
  for (std::size_t i = 0; i < kCount<Field>; ++i)
    if (const auto field = static_cast<Field>(i);
        reads_content(field) && text.find(name(field)) != std::string_view::npos)
      return true;
  return false;
}

Checked<Class> class_of_selection(const model::Selection& selection) {
  Class result = Class::kObserve;
  for (const model::Predicate& predicate : selection) {
    if (static_cast<std::size_t>(predicate.field) >= kCount<Field>)
      return refuse(Reason::kMalformed, "policy: unknown field {}",
                    static_cast<unsigned>(predicate.field));
    if (reads_content(predicate.field)) result = Class::kRead;
    for (const model::Value& value : predicate.values)
      if (value.templated && names_content(value.text)) result = Class::kRead;
  }
  return result;
}

Checked<Class> class_of_detection(const model::Detection& detection) {
  if (static_cast<std::size_t>(detection.object) >= kCount<ObjectKind>)
    return refuse(Reason::kMalformed, "policy: detection {}: unknown object {}",
                  escaped(detection.id), static_cast<unsigned>(detection.object));
  // Finding an entry means reading the lines of other people's crontabs, units and registries.
  Class result = detection.rule >= 0 || detection.scope.archives ||
                         detection.object == ObjectKind::kPersistence ||
                         detection.object == ObjectKind::kWindowsRegistryKey
                     ? Class::kRead
                     : Class::kObserve;
  for (const auto* selections : {&detection.any_of, &detection.none_of})
    for (const auto& selection : *selections) {
      FS_TRY(const Class needed, class_of_selection(selection));
      result = std::max(result, needed);
    }
  return result;
}

Checked<Class> class_of_action(ActionKind kind) {
  switch (kind) {
    case ActionKind::kReport:
      return Class::kObserve;
    case ActionKind::kCollect:
      return Class::kRead;
    case ActionKind::kSuspend:
    case ActionKind::kDisable:
    case ActionKind::kBlock:
      return Class::kContain;
    case ActionKind::kRemove:
    case ActionKind::kKill:
    case ActionKind::kQuarantine:
    case ActionKind::kRestart:
    case ActionKind::kRestoreFromPackage:
    case ActionKind::kIsolate:
      return Class::kClean;
    case ActionKind::kPurge:
      return Class::kDestroy;
  }
  return refuse(Reason::kMalformed, "policy: unknown action {}", static_cast<unsigned>(kind));
}

Checked<void> check_parts(const std::vector<model::HashPart>& parts) {
  if (parts.size() > limits::kHashParts)
    return refuse(Reason::kMalformed, "policy: hash sets of {} parts, at most {}", parts.size(),
                  limits::kHashParts);
  for (const model::HashPart& part : parts)
    if (part.bytes == 0 || part.bytes > limits::kHashPartBytes)
      return refuse(Reason::kMalformed, "policy: part {} of a hash set: {} bytes, at most {}",
                    part.digest.hex(), part.bytes, limits::kHashPartBytes);
  return {};
}

}  // namespace

Checked<Class> class_of(Mode mode, const Policy& policy) {
  if (mode == Mode::kUndo) return Class::kClean;
  if (mode != Mode::kDryRun && mode != Mode::kApply)
    return refuse(Reason::kMalformed, "order: unknown mode {}", static_cast<unsigned>(mode));
  Class result = Class::kObserve;
  for (const auto& detection : policy.detections) {
    FS_TRY(const Class needed, class_of_detection(detection));
    result = std::max(result, needed);
  }
  // Actions are looked at in a dry run too: an agent that does not know one must not accept the
  // policy at all.
  for (const auto& response : policy.responses)
    for (const auto& action : response.actions) {
      FS_TRY(const Class needed, class_of_action(action.kind));
      if (mode == Mode::kApply) result = std::max(result, needed);
    }
  return result;
}

std::vector<std::string> required_capabilities(Mode mode, const Policy& policy) {
  std::set<std::string> names;
  if (mode == Mode::kUndo) return {};
  for (const auto& detection : policy.detections)
    if (detection.object == ObjectKind::kWindowsRegistryKey) names.emplace(name(detection.object));
  if (mode == Mode::kApply)
    for (const auto& response : policy.responses)
      for (const auto& action : response.actions)
        if (action.kind != ActionKind::kReport) names.emplace(name(action.kind));
  return {names.begin(), names.end()};
}

Checked<PolicyFacts> policy_facts(BytesView policy_bytes) {
  FS_CHECK(check_schema(policy_bytes));
  auto policy = codec::decode<Policy>(policy_bytes);
  if (!policy) return refuse(Reason::kMalformed, "policy: {}", policy.error().message);
  PolicyFacts facts;
  facts.digest = crypto::sha256(policy_bytes);
  facts.size = policy_bytes.size();
  facts.platform = policy->platform;
  FS_TRY(facts.dry_run, class_of(Mode::kDryRun, *policy));
  FS_TRY(facts.apply, class_of(Mode::kApply, *policy));
  facts.dry_run_needs = required_capabilities(Mode::kDryRun, *policy);
  facts.apply_needs = required_capabilities(Mode::kApply, *policy);
  facts.parts = hash_set::hash_parts(*policy);
  FS_CHECK(check_parts(facts.parts));
  return facts;
}

}  // namespace fleetsweep::trust
