#pragma once

// How much of a controller one tenant may take, unless the configuration or an admin says
// otherwise.

#include <array>

#include "controller/store/records.h"
#include "protocol/base/names.h"

namespace fleetsweep::controller {

using Quotas = std::array<std::uint64_t, kCount<store::QuotaKind>>;  // by kind

// agents: agents_max is the bound of all tenants together. intake_bytes: some 6,000 receipts a
// second.
inline constexpr Quotas kQuotasDefault = {1'000'000, 4ull << 20, 100'000, 256ull << 20};
inline constexpr std::uint64_t kQuotaMost = 1ull << 40;

// New transport keys that one host may offer in a day.
inline constexpr std::size_t kRekeysPerDay = 16;

}  // namespace fleetsweep::controller
