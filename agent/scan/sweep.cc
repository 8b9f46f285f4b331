#include "agent/scan/sweep.h"

#include <algorithm>
#include <map>

#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::scan {

namespace {

// 0: no limit.
template <class Number>
Number slower(Number a, Number b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

}  // namespace

Sweep::Sweep(std::span<const model::Policy> policies) {
  FS_ASSERT(policies.size() <= limits::kSweepPolicies);
  for (const model::Policy& policy : policies) {
    const auto first = static_cast<std::int16_t>(all_.detections.size());
    first_.push_back(static_cast<std::uint16_t>(first));
    findings_max_.push_back(policy.limits.rows == 0
                                ? limits::kFindings
                                : std::min<std::size_t>(policy.limits.rows, limits::kFindings));
    all_.platform = policy.platform;
    model::PolicyLimits& limits = all_.limits;
    limits.cpu_percent = slower(limits.cpu_percent, policy.limits.cpu_percent);
    limits.iops = slower(limits.iops, policy.limits.iops);
    std::vector<std::int16_t> rules;  // where each of the policy's stands now
    for (const model::Rule& rule : policy.rules) {
      auto found = std::find(all_.rules.begin(), all_.rules.end(), rule);
      if (found == all_.rules.end()) found = all_.rules.insert(found, rule);
      rules.push_back(static_cast<std::int16_t>(found - all_.rules.begin()));
    }
    for (model::Detection detection : policy.detections) {
      // An index that names nothing stays one: compiling refuses it.
      if (detection.for_each >= 0)
        detection.for_each = static_cast<std::int16_t>(detection.for_each + first);
      if (detection.rule >= 0)
        detection.rule = static_cast<std::size_t>(detection.rule) < rules.size()
                             ? rules[static_cast<std::size_t>(detection.rule)]
                             : std::int16_t{0x7fff};
      all_.detections.push_back(std::move(detection));
      owner_.push_back(static_cast<std::uint16_t>(first_.size() - 1));
    }
  }
}

Policies Sweep::wanting(model::ObjectKind kind) const {
  Policies who = 0;
  for (std::uint16_t d = 0; d < owner_.size(); ++d)
    if (all_.detections[d].object == kind) who |= bit_of(d);
  return who;
}

Policies Sweep::wanting_processes() const {
  Policies who = wanting(model::ObjectKind::kProcess) | wanting(model::ObjectKind::kNetworkTraffic);
  for (std::uint16_t d = 0; d < owner_.size(); ++d)
    if (all_.detections[d].scope.deleted_exe || all_.detections[d].scope.memfd) who |= bit_of(d);
  return who;
}

std::vector<model::Finding> Sweep::findings_of(std::size_t policy,
                                               const std::vector<model::Finding>& all) const {
  std::vector<model::Finding> result;
  std::map<std::uint32_t, std::uint32_t> numbers;  // a finding is joined to one of its own policy
  for (const model::Finding& finding : all) {
    if (owner_[finding.detection] != policy) continue;
    model::Finding own = finding;
    own.detection = static_cast<std::uint16_t>(finding.detection - first_[policy]);
    own.number = static_cast<std::uint32_t>(result.size());
    if (finding.joined != model::Finding::kNoJoin) own.joined = numbers.at(finding.joined);
    numbers.emplace(finding.number, own.number);
    result.push_back(std::move(own));
  }
  return result;
}

void Tally::add_unscannable(const std::string& path, std::string_view reason) {
  ++unscannable;
  if (unscannable_paths.size() < limits::kUnscannablePaths)
    unscannable_paths.push_back(escaped(path) + ": " + std::string(reason));
}

void Tally::add_partial(const std::string& path, std::string_view reason) {
  ++partial;
  if (partial_paths.size() < limits::kPartialPaths)
    partial_paths.push_back(escaped(path) + ": " + std::string(reason));
}

}  // namespace fleetsweep::scan
