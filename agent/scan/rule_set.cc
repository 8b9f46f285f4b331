#include "agent/scan/rule_set.h"

#include "protocol/rule_text/gate.h"

namespace fleetsweep::scan {

Result<RuleSet> RuleSet::compile(const model::Policy& policy) {
  RuleSet set;
  std::vector<Literal> literals;
  for (const model::Rule& rule : policy.rules) {
    auto compiled = YaraRules::compile(rule.source);
    if (!compiled) return fail(compiled.error().within("rule " + rule.id));
    const rule_text::Gate gate = rule_text::gate_of(rule.source);
    if (!gate.open) {
      literals.insert(literals.end(), gate.literals.begin(), gate.literals.end());
      set.gate_of_literal_.resize(literals.size(), set.rules_.size());
    }
    set.rules_.push_back({std::move(*compiled), !gate.open});
  }
  if (literals.empty()) return set;
  FS_TRY(set.gates_, LiteralSet::compile(literals));
  return set;
}

// A rule without a gate may match whatever it is shown.
RuleSet::Search RuleSet::begin_search(const std::vector<std::uint16_t>& asked) const {
  Search search;
  search.may_match.resize(rules_.size());
  search.searched.resize(rules_.size());
  for (const std::uint16_t index : asked) {
    if (!rules_[index].is_gated) {
      search.may_match[index] = true;
    } else if (!search.searched[index]) {
      search.searched[index] = true;
      ++search.closed;
    }
  }
  return search;
}

void RuleSet::search(Search& search, BytesView content) const {
  if (search.closed == 0) return;
  gates_->find(content, [&](std::size_t literal) {
    const std::size_t rule = gate_of_literal_[literal];
    if (search.searched[rule] && !search.may_match[rule]) {
      search.may_match[rule] = true;
      --search.closed;
    }
    return search.closed == 0;
  });
}

}  // namespace fleetsweep::scan
