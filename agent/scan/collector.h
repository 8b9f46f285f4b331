#pragma once

// Findings as they are made, each with the object it was made from, for joins.

#include <deque>
#include <vector>

#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/sweep.h"

namespace fleetsweep::scan {

class Collector {
 public:
  // Both outlive it.
  Collector(const Matcher& matcher, const Sweep& sweep)
      : matcher_(matcher), sweep_(sweep), found_(sweep.size()) {}

  // Also asks the detections that are joined to this one and are about its own object.
  void record(std::uint16_t detection, const Object& object, std::uint32_t joined);

  // What a finding is bound to: itself first, then up its joins. Pointers stay good.
  std::vector<Bound> binding(std::uint32_t finding) const;
  std::vector<std::uint32_t> findings_of(std::uint16_t detection) const;
  const std::vector<model::Finding>& findings() const { return findings_; }
  // It matches too much: more was found than its limit, and nothing more is taken.
  bool is_full(std::size_t policy) const;

 private:
  const Matcher& matcher_;
  const Sweep& sweep_;
  std::vector<std::size_t> found_;  // per policy
  std::vector<model::Finding> findings_;
  std::deque<Object> objects_;
};

}  // namespace fleetsweep::scan
