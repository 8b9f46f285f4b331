#pragma once

// Findings as they are made, each with the object it was made from, for joins.

#include <deque>
#include <vector>

#include "agent/scan/evaluate/matcher.h"

namespace fleetsweep::scan {

class Collector {
 public:
  explicit Collector(const Matcher& matcher) : matcher_(matcher) {}

  // Also asks the detections that are joined to this one and are about its own object.
  void record(std::uint16_t detection, const Object& object, std::uint32_t joined);

  // What a finding is bound to: itself first, then up its joins. Pointers stay good.
  std::vector<Bound> binding(std::uint32_t finding) const;
  std::vector<std::uint32_t> findings_of(std::uint16_t detection) const;
  const std::vector<model::Finding>& findings() const { return findings_; }
  bool is_full() const;

 private:
  const Matcher& matcher_;
  std::vector<model::Finding> findings_;
  std::deque<Object> objects_;
};

}  // namespace fleetsweep::scan
