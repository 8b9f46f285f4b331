#pragma once

// Which signs are so sure that one of them counts as two.

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

bool is_hash(model::Field field);

// In every way to match.
bool is_exact_hash(const model::Detection& detection);

// A YARA rule scored 90 or more, or an exact hash in every way to match. Agents count the same way
// (agent/plan) and refuse what rests on fewer signs than the policy demands.
// A YARA rule scored so high is one; agents count alike.
inline constexpr std::uint8_t kStrongScore = 90;
bool is_strong(const model::Detection& detection);

// Fewer with which a file begins are the mark of a format: 7f454c46.
inline constexpr std::size_t kBytesAtZero = 8;

}  // namespace fleetsweep::compiler
