#include "protocol/trust/order_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocol/base/limits.h"

namespace fleetsweep::trust {

using model::Class;
using model::Mode;
using model::Order;

namespace {

using Mistakes = std::vector<std::string>;

template <class... Args>
void add(Mistakes& mistakes, fmt::format_string<Args...> format, Args&&... args) {
  mistakes.push_back(fmt::format(format, std::forward<Args>(args)...));
}

constexpr std::array<std::string_view, 4> kLegalBases = {"owner-consent", "contract", "court-order",
                                                         "statutory"};

bool is_campaign(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.size() <= limits::kCampaignIdBytes &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

void check_schedule(const Order& order, Mistakes& mistakes) {
  const model::Schedule& schedule = order.schedule;
  if (schedule.not_after <= schedule.not_before)
    add(mistakes, "schedule: notAfter {} is not after notBefore {}", to_rfc3339(schedule.not_after),
        to_rfc3339(schedule.not_before));
  if (schedule.jitter < Seconds{0} || schedule.repeat < Seconds{0} ||
      schedule.offline_grace < Seconds{0})
    add(mistakes, "schedule: a length of time is negative");
  if (schedule.repeat > Seconds{0} && schedule.jitter > schedule.repeat)
    add(mistakes, "schedule: jitter {} is longer than repeat {}", to_human(schedule.jitter),
        to_human(schedule.repeat));
  if (schedule.repeat > Seconds{0} && order.mode != Mode::kDryRun)
    add(mistakes, "schedule: only a dry run can be repeated");
  for (std::size_t i = 0; i < schedule.windows.size(); ++i) {
    const model::Window& window = schedule.windows[i];
    if ((window.days & 0x7f) == 0 || window.days > 0x7f)
      add(mistakes, "schedule: windows[{}]: days {:#x} name no weekday", i, window.days);
    if (window.from_minute >= window.to_minute || window.to_minute > 1440)
      add(mistakes, "schedule: windows[{}]: from minute {} to {} of 1440", i, window.from_minute,
          window.to_minute);
  }
}

void check_waves(const Order& order, Mistakes& mistakes) {
  if (order.waves.empty() || order.waves.back().permille != 1000)
    add(mistakes, "waves: the last must hold 1000 permille");
  for (std::size_t i = 0; i < order.waves.size(); ++i) {
    if (order.waves[i].permille <= (i ? order.waves[i - 1].permille : 0))
      add(mistakes, "waves[{}]: {} permille do not go beyond the wave before", i,
          order.waves[i].permille);
    if (order.waves[i].delay_min < Seconds{0} || order.waves[i].deadline < Seconds{0})
      add(mistakes, "waves[{}]: a length of time is negative", i);
  }
}

void check_references(const Order& order, Mistakes& mistakes) {
  const bool clean = order.action_class >= Class::kContain && order.action_class <= Class::kClean;
  if (order.mode != Mode::kUndo && order.policy.is_zero())
    add(mistakes, "policy: an order that looks for something names a policy");
  if (order.policy_size > limits::kPolicyBytes)
    add(mistakes, "policy: {} bytes, at most {}", order.policy_size, limits::kPolicyBytes);
  if (order.mode == Mode::kApply && clean && order.dry_run_order.is_zero())
    add(mistakes, "dryRunOrder: an apply order of class {} names its dry run",
        name(order.action_class));
  if (order.mode == Mode::kUndo && order.undoes.is_zero())
    add(mistakes, "undoes: an undo order names the apply order");
  if (order.mode != Mode::kUndo && !order.undoes.is_zero())
    add(mistakes, "undoes: only an undo order has it");
  if (order.mode == Mode::kDryRun && order.action_class > Class::kRead)
    add(mistakes, "class: a dry run is never more than read, this says {}",
        name(order.action_class));
}

// Approved ahead for an emergency: mild, narrow, and asleep until somebody releases it.
void check_standing(const Order& order, Mistakes& mistakes) {
  if (!order.standing) return;
  if (order.mode == Mode::kUndo)
    add(mistakes, "standing: an undo is ordered when it is needed, at once");
  if (order.action_class > Class::kContain)
    add(mistakes, "standing: class {}, at most contain", name(order.action_class));
  if (!order.waves.empty() && order.waves.front().gate != model::Gate::kManual)
    add(mistakes,
        "standing: the first wave's gate is {}; it must be manual, whose release fires it",
        name(order.waves.front().gate));
  if (order.scope.groups.empty() && order.scope.include.empty())
    add(mistakes, "standing: for every host; it must name a group or hosts");
  if (order.schedule.repeat != Seconds{0})
    add(mistakes, "standing: repeated every {}; it fires once", to_human(order.schedule.repeat));
  if (order.schedule.offline_grace != Seconds{0})
    add(mistakes, "standing: offline grace {}; without contact nobody hears of its Stop",
        to_human(order.schedule.offline_grace));
}

void check_country(std::string_view place, std::string_view country, Mistakes& mistakes) {
  if (!is_country(country))
    add(mistakes, "{}jurisdiction '{}' is not an ISO 3166-1 alpha-2 code", place, escaped(country));
}

void check_scope(const Order& order, Mistakes& mistakes) {
  for (const auto& jurisdiction : order.scope.jurisdictions)
    check_country("scope: ", jurisdiction, mistakes);
}

void check_authority(const Order& order, Mistakes& mistakes) {
  const model::Authority& authority = order.authority;
  if (std::find(kLegalBases.begin(), kLegalBases.end(), authority.legal_basis) == kLegalBases.end())
    add(mistakes, "authority: legal basis '{}' is not one of {}", escaped(authority.legal_basis),
        "owner-consent, contract, court-order, statutory");
  if (authority.issuer.empty()) add(mistakes, "authority: issuer is empty");
  if (authority.reference.empty()) add(mistakes, "authority: reference is empty");
}

}  // namespace

std::vector<std::string> mistakes(const Order& order) {
  Mistakes result;
  if (!is_campaign(order.campaign))
    add(result, "campaign: '{}' is not [a-z0-9-]{{1,64}}", escaped(order.campaign));
  if (order.limits.items > limits::kItemsMax)
    add(result, "limits: {} items, the ceiling is {}", order.limits.items, limits::kItemsMax);
  if (order.limits.bytes > limits::kItemBytesMax)
    add(result, "limits: {} bytes, the ceiling is {}", order.limits.bytes, limits::kItemBytesMax);
  check_schedule(order, result);
  check_waves(order, result);
  check_references(order, result);
  check_standing(order, result);
  check_scope(order, result);
  check_authority(order, result);
  return result;
}

std::vector<std::string> mistakes(const model::EnrolBatch& batch) {
  Mistakes result;
  check_country("", batch.jurisdiction, result);
  return result;
}

bool is_country(std::string_view text) {
  return text.size() == 2 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace fleetsweep::trust
