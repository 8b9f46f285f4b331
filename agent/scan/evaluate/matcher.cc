#include "agent/scan/evaluate/matcher.h"

#include <algorithm>

#include "agent/scan/evaluate/predicate.h"
#include "protocol/base/assert.h"
#include "protocol/rule_text/shape.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;
using CompiledSelection = std::vector<CompiledPredicate>;

// Half of a system's files are larger than the one, nine of ten smaller than the other.
constexpr std::uint64_t kSmallBytes = 2048, kLargeBytes = 32 * 1024;

// Cheap questions first: a selection stops at the first no.
int cost(const CompiledPredicate& predicate) {
  switch (predicate.field()) {
    case Field::kFileSha256:
    case Field::kFileSha1:
    case Field::kFileMd5:
    case Field::kProcessExeSha256:
      return 3;
    case Field::kFileMagic:
    case Field::kFileBytesAt0:
    case Field::kFilePackageOwned:
    case Field::kFileExtensionMismatch:
    case Field::kFileIsImmutable:
    case Field::kFileIsAppendOnly:
    case Field::kFileCapabilities:
    case Field::kFileMtimeDeltaToBirth:
      return 2;
    case Field::kFileUid:
    case Field::kFileGid:
    case Field::kFileOwner:
    case Field::kFileIsSetuid:
    case Field::kFileIsSetgid:
    case Field::kFileIsExecutable:
    case Field::kFileMtime:
    case Field::kFileSize:
    case Field::kFileMtimeDeltaToParent:
      return 1;
    default:
      return 0;
  }
}

// A field's full name begins with its object's.
bool belongs_to(Field field, ObjectKind object) {
  return name(field).substr(0, name(field).find('.')) == name(object);
}

Result<CompiledSelection> compile_selection(const model::Selection& selection, ObjectKind object,
                                            const FindDetection& find, const HashParts& parts,
                                            Timestamp now, model::Platform platform) {
  CompiledSelection result;
  for (const model::Predicate& predicate : selection) {
    if (!belongs_to(predicate.field, object))
      return fail(Code::kInvalid, "{} is not a field of a {}", name(predicate.field), name(object));
    FS_TRY(auto compiled, CompiledPredicate::compile(predicate, find, parts, now, platform));
    result.push_back(std::move(compiled));
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return cost(a) < cost(b); });
  return result;
}

void add_needs(const CompiledSelection& selection, Needs& needs) {
  for (const CompiledPredicate& predicate : selection) {
    needs.head_bytes = std::max(needs.head_bytes, predicate.head_bytes());
    needs.stat |= predicate.is_set();
    switch (predicate.field()) {
      case Field::kFileSize:
      case Field::kFileMtime:
      case Field::kFileUid:
      case Field::kFileGid:
      case Field::kFileIsSetuid:
      case Field::kFileIsSetgid:
      case Field::kFileIsExecutable:
        needs.stat = true;
        break;
      case Field::kFileOwner:
        needs.stat = needs.owner = true;
        break;
      case Field::kFileIsImmutable:
      case Field::kFileIsAppendOnly:
      case Field::kFileCapabilities:
      case Field::kFileMtimeDeltaToBirth:
        needs.attributes = true;
        break;
      case Field::kFilePackageOwned:
      case Field::kProcessExePackageOwned:
      case Field::kPersistencePackageOwned:
        needs.stat = needs.package_owned = true;
        break;
      case Field::kFileMtimeDeltaToParent:
        needs.stat = needs.mtime_delta = true;
        break;
      case Field::kFileMagic:
      case Field::kFileExtensionMismatch:
        needs.magic = true;
        break;
      case Field::kFileSha256:
      case Field::kProcessExeSha256:
        needs.sha256 = true;
        break;
      case Field::kFileSha1:
        needs.sha1 = true;
        break;
      case Field::kFileMd5:
        needs.md5 = true;
        break;
      case Field::kProcessParentName:
      case Field::kProcessParentExePath:
        needs.process.parent = true;
        break;
      case Field::kProcessParentCommandLine:
        needs.process.parent = needs.process.command_line = true;
        break;
      case Field::kProcessCommandLine:
        needs.process.command_line = true;
        break;
      case Field::kProcessMappedFiles:
        needs.process.mapped_files = true;
        break;
      case Field::kProcessEnvironmentNames:
        needs.process.environment = true;
        break;
      case Field::kProcessCapabilities:
        needs.process.capabilities = true;
        break;
      case Field::kProcessUser:
        needs.process.user = true;
        break;
      case Field::kProcessCwd:
        needs.process.cwd = true;
        break;
      case Field::kProcessContainerId:
        needs.process.container = true;
        break;
      default:
        break;
    }
  }
}

// Files of its size are so few that looking first costs less than opening.
bool is_rare(const rule_text::Shape& shape) {
  return shape.size_max <= kSmallBytes || shape.size_min >= kLargeBytes;
}

template <class Facts>
Truth matches_all(const CompiledSelection& selection, const Facts& facts, Binding binding) {
  Truth result = Truth::kYes;
  for (const CompiledPredicate& predicate : selection) {
    const Truth truth = predicate.match(facts, binding);
    if (truth == Truth::kNo) return Truth::kNo;
    if (truth == Truth::kUnknown) result = Truth::kUnknown;
  }
  return result;
}

template <class Facts>
Truth matches_any(const std::vector<CompiledSelection>& selections, const Facts& facts,
                  Binding binding) {
  Truth result = Truth::kNo;
  for (const CompiledSelection& selection : selections) {
    const Truth truth = matches_all(selection, facts, binding);
    if (truth == Truth::kYes) return Truth::kYes;
    if (truth == Truth::kUnknown) result = Truth::kUnknown;
  }
  return result;
}

}  // namespace

struct Matcher::Compiled {
  struct One {
    model::Detection detection;
    std::vector<CompiledSelection> any_of, none_of;
    Needs needs;
    bool about_parent = false;
    // Limits of its rule.
    std::string rule_magic;
    rule_text::Shape shape;
  };
  std::vector<One> all;

  Truth rule_truth(const One& one, const FileFacts& file) const {
    if (one.detection.rule < 0) return Truth::kYes;
    const auto rule = static_cast<std::uint16_t>(one.detection.rule);
    if (file.stage >= FileStage::kStat && !one.shape.takes_size(file.size())) return Truth::kNo;
    if (file.stage >= FileStage::kHead && !one.rule_magic.empty() && file.magic != one.rule_magic)
      return Truth::kNo;
    if (file.stage >= FileStage::kHead && !one.shape.takes_head(file.head)) return Truth::kNo;
    return rule_truth(rule, file.rules, file.rules_done);
  }
  // Of a process its memory is asked; there a rule has no limits.
  Truth rule_truth(const One& one, const Object& object) const {
    const auto* process = std::get_if<ProcessFacts>(&object);
    if (one.detection.rule < 0 || process == nullptr) return Truth::kYes;
    return rule_truth(static_cast<std::uint16_t>(one.detection.rule), process->rules,
                      process->rules_done);
  }
  static Truth rule_truth(std::uint16_t rule,
                          const std::vector<std::pair<std::uint16_t, model::RuleMatch>>& matches,
                          const std::vector<std::uint16_t>& done) {
    for (const auto& [index, match] : matches)
      if (index == rule) return Truth::kYes;
    return std::find(done.begin(), done.end(), rule) != done.end() ? Truth::kNo : Truth::kUnknown;
  }

  template <class Facts>
  Truth match(const One& one, const Facts& facts, Binding binding) const {
    const Truth rule = rule_truth(one, facts);
    if (rule == Truth::kNo) return Truth::kNo;
    const Truth any = one.any_of.empty() ? Truth::kYes : matches_any(one.any_of, facts, binding);
    if (any == Truth::kNo) return Truth::kNo;
    const Truth none = matches_any(one.none_of, facts, binding);
    if (none == Truth::kYes) return Truth::kNo;
    const bool unknown =
        rule == Truth::kUnknown || any == Truth::kUnknown || none == Truth::kUnknown;
    return unknown ? Truth::kUnknown : Truth::kYes;
  }
};

Matcher::Matcher(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

Result<Matcher> Matcher::compile(const model::Policy& policy, const HashParts& parts,
                                 Timestamp now) {
  auto compiled = std::make_unique<Compiled>();
  for (std::size_t i = 0; i < policy.detections.size(); ++i) {
    const model::Detection& detection = policy.detections[i];
    const bool takes_rule = detection.object == ObjectKind::kFile ||
                            (detection.object == ObjectKind::kProcess && !detection.any_of.empty());
    if (detection.for_each >= static_cast<int>(i) ||
        detection.rule >= static_cast<int>(policy.rules.size()) ||
        (detection.rule >= 0 && !takes_rule))
      return fail(Code::kInvalid, "detection {}: for_each or rule names nothing it may name",
                  detection.id);
    // A template may name the detections of its own chain, and no others.
    const FindDetection find = [&](std::string_view id) -> std::optional<std::uint16_t> {
      for (int at = detection.for_each; at >= 0; at = policy.detections[at].for_each)
        if (policy.detections[at].id == id) return static_cast<std::uint16_t>(at);
      return std::nullopt;
    };
    Compiled::One one;
    one.detection = detection;
    bool templated = false;
    const auto compile_list = [&](const std::vector<model::Selection>& list,
                                  std::vector<CompiledSelection>& target) -> Status {
      for (const model::Selection& selection : list) {
        auto result =
            compile_selection(selection, detection.object, find, parts, now, policy.platform);
        if (!result) return fail(result.error().within("detection " + detection.id));
        add_needs(*result, one.needs);
        templated |= std::any_of(result->begin(), result->end(),
                                 [](const auto& predicate) { return predicate.is_templated(); });
        target.push_back(std::move(*result));
      }
      return {};
    };
    FS_CHECK(compile_list(detection.any_of, one.any_of));
    FS_CHECK(compile_list(detection.none_of, one.none_of));
    if (detection.rule >= 0) {
      const model::Rule& rule = policy.rules[detection.rule];
      one.shape = rule_text::shape_of(rule.source);
      one.shape.size_min = std::max(one.shape.size_min, rule.size_min);
      if (rule.size_max != 0) one.shape.size_max = std::min(one.shape.size_max, rule.size_max);
      one.rule_magic = rule.magic;
      one.needs.rule = true;
      one.needs.stat |= rule.size_min != 0 || rule.size_max != 0 || is_rare(one.shape);
      one.needs.magic |= !rule.magic.empty();
      one.needs.head_bytes = std::max(one.needs.head_bytes, one.shape.head_bytes());
    }
    one.about_parent = detection.for_each >= 0 && !templated &&
                       policy.detections[detection.for_each].object == detection.object;
    compiled->all.push_back(std::move(one));
  }
  return Matcher(std::move(compiled));
}

Truth Matcher::match(std::uint16_t detection, const FileFacts& file, Binding binding) const {
  FS_ASSERT(detection < compiled_->all.size());
  return compiled_->match(compiled_->all[detection], file, binding);
}

Truth Matcher::match(std::uint16_t detection, const Object& object, Binding binding) const {
  if (const auto* file = std::get_if<FileFacts>(&object)) return match(detection, *file, binding);
  FS_ASSERT(detection < compiled_->all.size());
  return compiled_->match(compiled_->all[detection], object, binding);
}

const model::Detection& Matcher::detection(std::uint16_t index) const {
  return compiled_->all[index].detection;
}
std::uint16_t Matcher::detections() const {
  return static_cast<std::uint16_t>(compiled_->all.size());
}
const Needs& Matcher::needs(std::uint16_t detection) const {
  return compiled_->all[detection].needs;
}
ProcessNeeds Matcher::process_needs() const {
  ProcessNeeds all;
  for (const auto& one : compiled_->all) {
    const ProcessNeeds& needs = one.needs.process;
    all.parent |= needs.parent;
    all.mapped_files |= needs.mapped_files;
    all.environment |= needs.environment;
    all.capabilities |= needs.capabilities;
    all.user |= needs.user;
    all.cwd |= needs.cwd;
    all.container |= needs.container;
    all.command_line |= needs.command_line;
  }
  return all;
}
bool Matcher::has_rules() const {
  return std::any_of(compiled_->all.begin(), compiled_->all.end(),
                     [](const auto& one) { return one.needs.rule; });
}
bool Matcher::is_about_parent(std::uint16_t detection) const {
  return compiled_->all[detection].about_parent;
}

}  // namespace fleetsweep::scan
