#include "tests/host/planted.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace fleetsweep::host {

void put(const act::ActHost& host, const std::string& path, const std::string& content,
         unsigned mode) {
  act::write_text(host.at(path), content);
  ASSERT_EQ(::chmod(host.at(path).c_str(), mode), 0) << path;
}

model::Policy marked() {
  model::Policy policy;
  policy.id = "policy--00000000-0000-4000-8000-000000000003";
  policy.title = "Harmless look-alike";
  policy.family = "lookalike";
  policy.platform = model::Platform::kLinux;
  model::Detection detection;
  detection.id = "marked";
  detection.object = model::ObjectKind::kPersistence;
  // Not by its line: that may hold others.
  for (const auto field : {model::Field::kPersistenceCommand, model::Field::kPersistenceName}) {
    model::Predicate evil{.field = field, .match = model::Match::kContains};
    evil.values.push_back({"evil", 0, false});
    detection.any_of.push_back({evil});
  }
  policy.detections.push_back(detection);
  model::Verdict verdict;
  verdict.id = "confirmed";
  verdict.condition.detections = {0};
  verdict.confidence = 95;
  verdict.level = "critical";
  policy.verdicts.push_back(verdict);
  model::Action remove;
  remove.kind = model::ActionKind::kRemove;
  remove.select.push_back({model::Selector::Kind::kDetections, {0}, {}});
  policy.responses.push_back({{0}, 90, {remove}});
  policy.limits.independent_min = 1;
  return policy;
}

}  // namespace fleetsweep::host
