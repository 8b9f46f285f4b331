#include "agent/scan/collector.h"

namespace fleetsweep::scan {
namespace {

model::Identity identity_of_object(const Object& object) {
  return std::visit([](const auto& facts) { return model::Identity(facts.identity); }, object);
}

}  // namespace

bool Collector::is_full(std::size_t policy) const {
  return found_[policy] > sweep_.findings_max(policy);
}

void Collector::record(std::uint16_t detection, const Object& object, std::uint32_t joined) {
  const std::size_t policy = sweep_.policy_of(detection);
  if (is_full(policy)) return;
  ++found_[policy];
  if (is_full(policy)) return;
  const auto number = static_cast<std::uint32_t>(findings_.size());
  model::Finding finding;
  finding.detection = detection;
  finding.number = number;
  finding.joined = joined;
  finding.identity = identity_of_object(object);
  const auto name_rule = [&](const auto& facts) {
    const int rule = matcher_.detection(detection).rule;
    for (const auto& [index, match] : facts.rules)
      if (rule == index && finding.rule.name.empty()) finding.rule = match;
  };
  if (const auto* file = std::get_if<FileFacts>(&object)) {
    finding.partial = file->partial;
    if (!file->member_path.empty())
      finding.member = file->member_path.substr(file->identity.path.size() + 1);
    name_rule(*file);
  }
  if (const auto* process = std::get_if<ProcessFacts>(&object)) name_rule(*process);
  findings_.push_back(std::move(finding));
  objects_.push_back(object);

  for (std::uint16_t child = 0; child < matcher_.detections(); ++child) {
    if (matcher_.detection(child).for_each != detection || !matcher_.is_about_parent(child))
      continue;
    if (matcher_.match(child, objects_[number], binding(number)) == Truth::kYes)
      record(child, objects_[number], number);
  }
}

std::vector<Bound> Collector::binding(std::uint32_t finding) const {
  std::vector<Bound> result;
  while (finding != model::Finding::kNoJoin) {
    result.push_back({findings_[finding].detection, &objects_[finding]});
    finding = findings_[finding].joined;
  }
  return result;
}

std::vector<std::uint32_t> Collector::findings_of(std::uint16_t detection) const {
  std::vector<std::uint32_t> result;
  for (const model::Finding& finding : findings_)
    if (finding.detection == detection) result.push_back(finding.number);
  return result;
}

}  // namespace fleetsweep::scan
