#pragma once

// What agents of this version have on Linux, as far as a policy can ask for more: the one table of
// the compiler. Its source is agent/plan (is_available, check_capability) and agent/act/expand.cc;
// nobody here may include those, so tests/policies/engine_test.cc compares.

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

// A policy that asks for another one is refused whole, by the reason `capability`.
bool agents_do(model::ActionKind kind);
bool agents_take(model::ActionKind action, model::Selector::Kind kind);

// How long `block` and `isolate` last at most, and how wide a blocked prefix may be.
inline constexpr Seconds kNetworkTtlMax = std::chrono::hours(90 * 24);
inline constexpr unsigned kBlockPrefixMinV4 = 8;
inline constexpr unsigned kBlockPrefixMinV6 = 16;

}  // namespace fleetsweep::compiler
