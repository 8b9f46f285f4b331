#pragma once

// The condition of a verdict: `known_hash or (content and 1 of link_*)`.

#include <optional>

#include "policies/compiler/draft.h"

namespace fleetsweep::compiler {

// Names are those of the draft's detections. Mistakes go to its sink, with their column.
std::optional<model::Condition> read_condition(const Node& node, Draft& draft);

// Whether the condition holds when exactly these detections have findings.
bool holds(const model::Condition& condition, const std::vector<bool>& found);

// `known_hash or (content and 1 of link_a, link_b)`, each detection as `shown_as` spells its name.
std::string to_text(const model::Condition& condition, const model::Policy& policy,
                    std::string (*shown_as)(std::string_view));

// All detections that it names, ascending, without repeats; evidence_of leaves out those beneath a
// `not`.
std::vector<std::uint16_t> named_in(const model::Condition& condition);
std::vector<std::uint16_t> evidence_of(const model::Condition& condition);

}  // namespace fleetsweep::compiler
