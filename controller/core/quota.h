#pragma once

// How much of a controller one tenant may take, unless the configuration or an admin says
// otherwise.

#include <array>

#include "controller/store/records.h"
#include "protocol/base/limits.h"
#include "protocol/base/names.h"

namespace fleetsweep::controller {

using Quotas = std::array<std::uint64_t, kCount<store::QuotaKind>>;  // by kind

// agents: agents_max is the bound of all tenants together. intake_bytes: some 6,000 receipts a
// second. log_bytes: an eighth of what a host reads in a day.
inline constexpr Quotas kQuotasDefault = {1'000'000, 4ull << 20, 100'000, 256ull << 20,
                                          limits::kIntakeBytesPerDay / 8};
inline constexpr std::uint64_t kQuotaMost = 1ull << 40;

// A small document counts as so many bytes, or hosts would have read their number of a day before
// their bytes. After an idle day the quota of two days fits into one.
inline constexpr std::size_t kDocumentBytesLeast = 4096;
static_assert(2 * kQuotasDefault[static_cast<std::size_t>(store::QuotaKind::kLogBytes)] /
                  kDocumentBytesLeast <
              limits::kIntakeEntriesPerDay / 2);
// Stops, Resumes, Roots and Releases are in no quota: nobody who fills the log may keep a Stop from
// it. So many of them a day with one key's signature, so that one stolen key does not fill it.
inline constexpr std::size_t kSteeringPerKeyDay = 256;

// New transport keys that one host may offer in a day.
inline constexpr std::size_t kRekeysPerDay = 16;

}  // namespace fleetsweep::controller
