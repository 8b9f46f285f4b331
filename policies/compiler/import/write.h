#pragma once

// Indicators -> the YAML of a policy that only reports, for a person to review: each value with
// where it came from, what nobody but its author can say marked TODO.

#include <array>
#include <string>
#include <vector>

#include "policies/compiler/import/indicator.h"

namespace fleetsweep::indicators {

struct PolicyHead {
  std::string title;
  std::string family;
  std::string author;
  std::string license;  // of the feeds; empty: unknown
  std::string legal_basis = "owner-consent";
  std::string issuer = "TODO";
  std::string reference = "TODO";
  model::Platform platform = model::Platform::kLinux;
  std::uint8_t confidence = 50;      // of what no feed says
  std::vector<std::string> scope;    // where files are looked for; empty: everywhere
  std::vector<std::string> sources;  // the files
  std::vector<HashFile> hash_files;  // those of them that stay files beside the policy
  Timestamp now{};
};

struct WrittenPolicy {
  std::string yaml;
  std::array<std::size_t, kCount<Kind>> taken{};
  std::vector<NotTaken> not_taken;  // for which a policy has no room
};

// `indicators` are merged() ones. The same indicators and head always give the same text.
WrittenPolicy write_policy(const std::vector<Indicator>& indicators, const PolicyHead& head);

}  // namespace fleetsweep::indicators
