#pragma once

// The YARA rules of a policy, and which of them a content may match at all: those whose literals
// occur in it. One search is for all rules, and YARA itself runs for few.

#include <optional>
#include <vector>

#include "agent/scan/literal/literal_set.h"
#include "agent/scan/yara/yara_rules.h"
#include "protocol/model/policy.h"

namespace fleetsweep::scan {

class RuleSet {
 public:
  // kInvalid: a rule does not compile.
  static Result<RuleSet> compile(const model::Policy& policy);

  std::size_t size() const { return rules_.size(); }
  const YaraRules& operator[](std::size_t rule) const { return rules_[rule].rules; }

  // What one content has shown.
  struct Search {
    std::vector<bool> may_match;  // by rule: what it needs to see was seen
    std::vector<bool> searched;   // by rule: it is asked and gated
    std::size_t closed = 0;       // of the searched ones, those that may not match yet
  };
  Search begin_search(const std::vector<std::uint16_t>& asked) const;
  void search(Search& search, BytesView content) const;

 private:
  struct Rule {
    YaraRules rules;
    bool is_gated = false;
  };
  std::vector<Rule> rules_;
  std::optional<LiteralSet> gates_;
  std::vector<std::size_t> gate_of_literal_;  // which literal opens which rule
};

}  // namespace fleetsweep::scan
