#pragma once

// Several policies answered in one walk: their detections and rules as one policy, and what came of
// it apart again, as if each had been scanned for alone. Pure.

#include <bit>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/scan/mount_points.h"
#include "protocol/base/limits.h"
#include "protocol/model/finding.h"
#include "protocol/model/policy.h"

namespace fleetsweep::scan {

// Policies of a sweep, a bit each.
using Policies = std::uint32_t;
static_assert(limits::kSweepPolicies <= 8 * sizeof(Policies));

class Sweep {
 public:
  // At most kSweepPolicies, each decoded: indices are in range. A rule that several bring is there
  // once.
  explicit Sweep(std::span<const model::Policy> policies);

  // Detections, rules, the platform, and the slowest pace that one of them asks for; nothing else.
  const model::Policy& policy() const { return all_; }
  std::size_t size() const { return first_.size(); }
  std::size_t policy_of(std::uint16_t detection) const { return owner_[detection]; }
  Policies bit_of(std::uint16_t detection) const { return Policies{1} << owner_[detection]; }
  Policies everybody() const { return static_cast<Policies>((std::uint64_t{1} << size()) - 1); }
  // More of one policy are too many (max_rows).
  std::size_t findings_max(std::size_t policy) const { return findings_max_[policy]; }
  Policies wanting(model::ObjectKind kind) const;
  Policies wanting_processes() const;  // or connections, or the files of running programs
  // Of one policy, numbered as if nothing else had been found.
  std::vector<model::Finding> findings_of(std::size_t policy,
                                          const std::vector<model::Finding>& all) const;

 private:
  model::Policy all_;
  std::vector<std::uint16_t> owner_;       // per detection
  std::vector<std::uint16_t> first_;       // per policy, its first detection
  std::vector<std::size_t> findings_max_;  // per policy
};

// What one policy's scan has seen.
struct Tally {
  std::uint64_t scanned = 0;
  std::uint64_t scanned_bytes = 0;
  std::uint32_t unscannable = 0;
  std::vector<std::string> unscannable_paths;
  std::uint32_t partial = 0;
  std::vector<std::string> partial_paths;
  void add_unscannable(const std::string& path, std::string_view reason);
  void add_partial(const std::string& path, std::string_view reason);
};

// Of the sweep, whoever asked.
struct SweepCounts {
  std::uint64_t scanned = 0;
  std::uint64_t scanned_bytes = 0;
  std::uint64_t opened = 0;      // files that a walk opened for reading
  std::uint64_t recalled = 0;    // files that the identity table spared from it
  std::uint64_t resumed = 0;     // files that a scan which was stopped had answered
  std::uint64_t operations = 0;  // reads that waited for the disk
};

struct Tallies {
  explicit Tallies(std::size_t policies) : of(policies) {}

  void add_scanned(Policies who) {
    ++all.scanned;
    each(who, [](Tally& tally) { ++tally.scanned; });
  }
  void add_bytes(Policies who, std::uint64_t bytes) {
    all.scanned_bytes += bytes;
    each(who, [bytes](Tally& tally) { tally.scanned_bytes += bytes; });
  }
  void add_unscannable(Policies who, const std::string& path, std::string_view reason) {
    // Several parts of a scan come upon one share.
    if (reason == kInShare) who &= ~std::exchange(told_[path], told_[path] | who);
    each(who, [&](Tally& tally) { tally.add_unscannable(path, reason); });
  }
  void add_partial(Policies who, const std::string& path, std::string_view reason) {
    each(who, [&](Tally& tally) { tally.add_partial(path, reason); });
  }

  std::vector<Tally> of;
  SweepCounts all;

 private:
  std::map<std::string, Policies> told_;  // of shares
  template <class Use>
  void each(Policies who, Use use) {
    for (; who != 0; who &= who - 1) use(of[static_cast<std::size_t>(std::countr_zero(who))]);
  }
};

}  // namespace fleetsweep::scan
