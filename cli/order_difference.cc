#include "cli/order_difference.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bitset>
#include <set>

#include "cli/order_words.h"

namespace fleetsweep::cli {
namespace {

using model::Order;

constexpr std::size_t kMinutesADay = 1440;
using Week = std::bitset<7 * kMinutesADay>;

Week week_of(const std::vector<model::Window>& windows) {
  Week week;
  if (windows.empty()) return week.set();
  for (const model::Window& window : windows)
    for (std::size_t day = 0; day < 7; ++day)
      if (window.days >> day & 1)
        for (std::size_t minute = window.from_minute;
             minute < std::min<std::size_t>(window.to_minute, kMinutesADay); ++minute)
          week.set(day * kMinutesADay + minute);
  return week;
}

Effect of_inclusion(bool has_all_before, bool had_all_after) {
  if (has_all_before == had_all_after) return Effect::kOther;
  return has_all_before ? Effect::kWidens : Effect::kNarrows;
}

Effect reversed(Effect effect) {
  if (effect == Effect::kOther) return effect;
  return effect == Effect::kWidens ? Effect::kNarrows : Effect::kWidens;
}

template <class T>
Effect by_size(const T& before, const T& after) {
  return of_inclusion(after > before, before > after);
}

// 0 stands for no bound of the order's own.
template <class T>
Effect by_bound(const T& before, const T& after) {
  if (before == T{} || after == T{}) return of_inclusion(after == T{}, before == T{});
  return by_size(before, after);
}

template <class T>
Effect of_sets(const std::vector<T>& before, const std::vector<T>& after, bool empty_is_all) {
  const std::set<T> old(before.begin(), before.end()), now(after.begin(), after.end());
  if (empty_is_all && old.empty() != now.empty()) return of_inclusion(now.empty(), old.empty());
  return of_inclusion(std::ranges::includes(now, old), std::ranges::includes(old, now));
}

// Wave by wave: nobody may go sooner or in larger number, and no gate opens more easily.
Effect of_waves(const std::vector<model::Wave>& before, const std::vector<model::Wave>& after) {
  if (before.size() != after.size()) return Effect::kOther;
  bool is_wider = false, is_narrower = false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const model::Wave &old = before[i], &now = after[i];
    is_wider |= now.permille > old.permille || now.delay_min < old.delay_min || now.gate < old.gate;
    is_narrower |=
        now.permille < old.permille || now.delay_min > old.delay_min || now.gate > old.gate;
  }
  return of_inclusion(is_wider, is_narrower);
}

std::string waves_text(const std::vector<model::Wave>& waves) {
  std::vector<std::string> parts;
  for (const model::Wave& wave : waves) parts.push_back(text_of(wave));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string windows_text(const std::vector<model::Window>& windows) {
  if (windows.empty()) return "always";
  std::vector<std::string> parts;
  for (const model::Window& window : windows) parts.push_back(text_of(window));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string hosts_text(const std::vector<AgentId>& ids, std::string_view when_empty) {
  std::vector<std::string> names;
  for (const AgentId& id : ids) names.push_back(id.hex().substr(0, 12));
  return list_text(names, when_empty);
}

std::string or_none(Seconds length, std::string_view none) {
  return length > Seconds{0} ? exactly(length) : std::string(none);
}

class Comparison {
 public:
  Comparison(const Order& before, const Order& after) : before_(before), after_(after) {}

  std::vector<Difference> compare() {
    compare_matter();
    compare_scope();
    compare_schedule();
    add("waves", waves_text(before_.waves), waves_text(after_.waves),
        of_waves(before_.waves, after_.waves));
    compare_limits();
    compare_authority();
    return std::move(found_);
  }

 private:
  void add(std::string field, std::string before, std::string after,
           Effect effect = Effect::kOther) {
    if (before != after)
      found_.push_back({std::move(field), std::move(before), std::move(after), effect});
  }

  void compare_matter() {
    add("title", escaped(before_.title), escaped(after_.title));
    add("mode", mode_text(before_.mode), mode_text(after_.mode),
        after_.mode == model::Mode::kApply    ? Effect::kWidens
        : before_.mode == model::Mode::kApply ? Effect::kNarrows
                                              : Effect::kOther);
    add("class", std::string(name(before_.action_class)), std::string(name(after_.action_class)),
        by_size(before_.action_class, after_.action_class));
    add("policy", before_.policy.hex(), after_.policy.hex());
    add("standing", before_.standing ? "yes" : "no", after_.standing ? "yes" : "no");
  }

  void compare_scope() {
    const model::Scope &old = before_.scope, &now = after_.scope;
    add("countries", list_text(old.jurisdictions, "none"), list_text(now.jurisdictions, "none"),
        of_sets(old.jurisdictions, now.jurisdictions, false));
    add("groups", list_text(old.groups, "all"), list_text(now.groups, "all"),
        of_sets(old.groups, now.groups, true));
    add("only hosts", hosts_text(old.include, "all"), hosts_text(now.include, "all"),
        of_sets(old.include, now.include, true));
    add("except hosts", hosts_text(old.exclude, "none"), hosts_text(now.exclude, "none"),
        reversed(of_sets(old.exclude, now.exclude, false)));
  }

  void compare_schedule() {
    const model::Schedule &old = before_.schedule, &now = after_.schedule;
    add("from", to_rfc3339(old.not_before), to_rfc3339(now.not_before));
    add("until", to_rfc3339(old.not_after), to_rfc3339(now.not_after));
    const Seconds old_life = old.not_after - old.not_before;
    const Seconds new_life = now.not_after - now.not_before;
    add("valid for", exactly(old_life), exactly(new_life), by_size(old_life, new_life));
    add("clock", std::string(name(old.clock)), std::string(name(now.clock)));
    const Week old_week = week_of(old.windows), new_week = week_of(now.windows);
    add("windows", windows_text(old.windows), windows_text(now.windows),
        of_inclusion((old_week & ~new_week).none(), (new_week & ~old_week).none()));
    add("spread over", or_none(old.jitter, "nothing"), or_none(now.jitter, "nothing"));
    add("again every", or_none(old.repeat, "never"), or_none(now.repeat, "never"),
        reversed(by_bound(old.repeat, now.repeat)));
    add("looks ahead", old.scan_ahead ? "yes" : "no", now.scan_ahead ? "yes" : "no");
    add("offline grace", or_none(old.offline_grace, "none"), or_none(now.offline_grace, "none"),
        by_size(old.offline_grace, now.offline_grace));
  }

  void compare_limits() {
    const model::OrderLimits &old = before_.limits, &now = after_.limits;
    const auto bound = [&](const char* field, auto old_value, auto new_value, const auto& text) {
      const auto words = [&](auto value) {
        return value == decltype(value){} ? std::string("the policy's") : text(value);
      };
      add(field, words(old_value), words(new_value), by_bound(old_value, new_value));
    };
    const auto number = [](auto value) { return fmt::format("{}", value); };
    bound("objects a host", old.items, now.items, number);
    bound("bytes a host", old.bytes, now.bytes, number);
    bound("of what was scanned", old.permille_of_scanned, now.permille_of_scanned,
          [](unsigned value) { return percent(value); });
    bound("time on a host", old.runtime, now.runtime, [](Seconds value) { return exactly(value); });
    bound("CPU on a host", unsigned{old.cpu_percent}, unsigned{now.cpu_percent},
          [](unsigned value) { return fmt::format("{} %", value); });
    // It opens when both are reached: a higher number of either tolerates more.
    const Effect failures = by_size(before_.breaker.failures, after_.breaker.failures);
    const Effect ratio = by_size(before_.breaker.failed_permille, after_.breaker.failed_permille);
    add("breaker", text_of(before_.breaker), text_of(after_.breaker),
        failures == reversed(ratio)  ? Effect::kOther
        : failures == Effect::kOther ? ratio
                                     : failures);
  }

  void compare_authority() {
    const auto text = [](const model::Authority& authority) {
      return escaped(fmt::format("{}; {}; {}; {}", authority.legal_basis, authority.issuer,
                                 authority.reference, authority.contact));
    };
    add("authority", text(before_.authority), text(after_.authority));
    add("root at least", std::to_string(before_.root_version_min),
        std::to_string(after_.root_version_min));
  }

  const Order& before_;
  const Order& after_;
  std::vector<Difference> found_;
};

}  // namespace

std::vector<Difference> differences(const Order& before, const Order& after) {
  return Comparison(before, after).compare();
}

}  // namespace fleetsweep::cli
