#include "cli/order_terms.h"

#include <algorithm>
#include <charconv>

#include "protocol/base/bytes.h"

namespace fleetsweep::cli {
namespace {

constexpr Seconds kLifeDefault{24 * 3600};
// The clock on a wall west of Greenwich is up to so much behind UTC.
constexpr Seconds kWestMost{12 * 3600};

class Terms {
 public:
  Terms(model::Order& order, const DraftOptions& options, const compiler::AuthorDefaults& defaults,
        const model::RootPolicy& limits, Timestamp now)
      : order_(order),
        schedule_(order.schedule),
        options_(options),
        defaults_(defaults),
        life_max_(options.standing
                      ? limits.standing_life_max
                      : limits.order_life_max[static_cast<std::size_t>(order.action_class)]),
        grace_max_(limits.offline_grace_max[static_cast<std::size_t>(order.action_class)]),
        wave1_permille_max_(limits.wave1_permille_max),
        now_(now) {}

  Remarks fill() {
    order_.standing = options_.standing;
    fill_start();
    fill_end();
    fill_rest_of_schedule();
    fill_waves();
    fill_breaker();
    if (!defaults_.labels_all_of.empty() || !defaults_.labels_none_of.empty())
      note("warning: the policy's labels are not in an order; choose hosts with --group or --host");
    return std::move(remarks_);
  }

 private:
  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    remarks_.notes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void mistake(fmt::format_string<Args...> format, Args&&... args) {
    remarks_.mistakes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  Seconds length(std::string_view flag, const std::string& text, Seconds otherwise) {
    if (text.empty()) return otherwise;
    const auto value = parse_seconds(text);
    if (!value) mistake("{}: {}", flag, value.error().message);
    return value.value_or(otherwise);
  }

  std::optional<Timestamp> time(std::string_view flag, const std::string& text) {
    const auto value = from_rfc3339(text);
    if (!value) mistake("{}: {}", flag, value.error().message);
    return value ? std::optional(*value) : std::nullopt;
  }

  // The earliest that any host's clock can say now.
  Timestamp at_once() const {
    return schedule_.clock == model::Clock::kHostLocal ? now_ - kWestMost : now_;
  }

  void fill_start() {
    schedule_.clock = defaults_.clock;
    start_ = defaults_.not_before;
    const std::string& text = options_.not_before;
    if (!text.empty()) {
      const bool is_utc = text.ends_with("Z");
      schedule_.clock = is_utc ? model::Clock::kUtc : model::Clock::kHostLocal;
      start_ = time("--not-before", is_utc ? text : text + "Z");
      if (!defaults_.windows.empty() && schedule_.clock != defaults_.clock)
        note("the policy's windows are now read {}", is_utc ? "in UTC" : "on each host's clock");
    }
    schedule_.not_before = start_.value_or(at_once());
  }

  void fill_end() {
    if (!options_.not_after.empty()) {
      schedule_.not_after = time("--not-after", options_.not_after).value_or(now_ + kLifeDefault);
      if (schedule_.not_after <= now_) mistake("--not-after: {} is past", options_.not_after);
    } else {
      const Seconds life = life_of();
      if (start_ && *start_ + life <= now_) {
        note("{} is past, and so is its end: the order runs at once", to_rfc3339(*start_));
        schedule_.not_before = at_once();
      }
      schedule_.not_after = schedule_.not_before + life;
    }
    const Seconds life = schedule_.not_after - schedule_.not_before;
    if (life > life_max_)
      mistake("schedule: valid for {}, the root allows {} {}", to_human(life), what(),
              to_human(life_max_));
    if (schedule_.clock == model::Clock::kHostLocal && start_ && life < 2 * kWestMost)
      note(
          "warning: on a host's own clock the start is up to {} after UTC; some hosts may find the "
          "order ended",
          to_human(kWestMost));
  }

  // A flag says it and is held to it; what the author suggests is cut to what the root allows.
  Seconds life_of() {
    if (!options_.life.empty()) return length("--life", options_.life, kLifeDefault);
    if (order_.standing && life_max_ > Seconds{0}) return life_max_;
    const bool is_authors = defaults_.deadline > Seconds{0};
    const Seconds life = is_authors ? defaults_.deadline : kLifeDefault;
    if (life <= life_max_) return life;
    note("valid for {} instead of {}{}: the root allows {} no more", to_human(life_max_),
         is_authors ? "the policy's " : "", to_human(life), what());
    return life_max_;
  }

  std::string what() const {
    return order_.standing ? "standing orders" : fmt::format("class {}", name(order_.action_class));
  }

  void fill_rest_of_schedule() {
    schedule_.windows = defaults_.windows;
    schedule_.jitter = length("--jitter", options_.jitter, defaults_.jitter);
    const bool is_dry_run = order_.mode == model::Mode::kDryRun && !order_.standing;
    schedule_.repeat =
        length("--repeat", options_.repeat, is_dry_run ? defaults_.repeat : Seconds{0});
    if (!is_dry_run && defaults_.repeat > Seconds{0} && options_.repeat.empty())
      note("runs once: the policy's repeat of {} is for dry runs", to_human(defaults_.repeat));
    schedule_.scan_ahead = options_.scan_ahead.value_or(!is_dry_run && defaults_.scan_ahead);
    if (schedule_.scan_ahead && is_dry_run)
      mistake("--scan-ahead: a dry run is the look itself; give it with the apply order");
    schedule_.offline_grace = length("--offline-grace", options_.offline_grace, Seconds{0});
    if (schedule_.offline_grace > grace_max_)
      mistake("--offline-grace: {}, the root allows class {} {}", to_human(schedule_.offline_grace),
              name(order_.action_class), to_human(grace_max_));
  }

  void fill_waves() {
    order_.waves.clear();
    for (const std::string& text : options_.waves) order_.waves.push_back(wave(text));
    if (order_.waves.empty()) order_.waves.push_back({});
    if (options_.standing && options_.waves.size() < 2)
      order_.waves.front().gate = model::Gate::kManual;  // what releases it fires it
    const std::uint16_t first = order_.waves.front().permille;
    if (order_.mode == model::Mode::kApply && wave1_permille_max_ != 0 &&
        first > wave1_permille_max_)
      mistake("waves[0]: {} permille, the root allows the first wave {}", first,
              wave1_permille_max_);
    if (!options_.canary.empty() && order_.waves.size() < 2)
      mistake("--canary: needs a second wave for everybody else; give --wave twice");
    note_what_nothing_holds();
  }

  void note_what_nothing_holds() {
    if (order_.mode != model::Mode::kApply) return;
    if (order_.waves.size() == 1)
      note("the breaker cannot hold anything: one wave; try --wave 50 --wave 1000,10m,auto");
    else if (std::ranges::all_of(order_.waves,
                                 [](const auto& wave) { return wave.gate == model::Gate::kNone; }))
      note("the breaker cannot hold anything: every gate is none; try --wave 1000,10m,auto");
  }

  model::Wave wave(const std::string& text) {
    model::Wave wave;
    const auto comma = text.find(',');
    const std::string permille = text.substr(0, comma);
    const auto [end, error] =
        std::from_chars(permille.data(), permille.data() + permille.size(), wave.permille);
    if (error != std::errc() || end != permille.data() + permille.size() || wave.permille == 0 ||
        wave.permille > 1000)
      mistake(
          "--wave {}: expected PERMILLE from 1 to 1000, then optionally ,DELAY and "
          ",none|auto|manual",
          escaped(text));
    if (comma == std::string::npos) return wave;
    const auto second = text.find(',', comma + 1);
    const std::string delay =
        text.substr(comma + 1, second == std::string::npos ? second : second - comma - 1);
    wave.delay_min = length("--wave " + escaped(text), delay, Seconds{0});
    if (second == std::string::npos) return wave;
    const auto gate = from_name<model::Gate>(text.substr(second + 1));
    if (!gate) mistake("--wave {}: the gate is none, auto or manual", escaped(text));
    wave.gate = gate.value_or(model::Gate::kNone);
    return wave;
  }

  void fill_breaker() {
    const compiler::FleetStop& author = defaults_.fleet_stop;
    order_.breaker.failures = options_.failures.value_or(order_.breaker.failures);
    order_.breaker.failed_permille = options_.failed_permille.value_or(
        author.failed_permille != 0 ? author.failed_permille : order_.breaker.failed_permille);
    if (author.hosts_hit_permille || author.respawned_permille || author.silent_after_permille)
      note(
          "of the policy's fleet_stop only failed_pct is in an order: watch hosts hit, respawned "
          "and silent yourself");
  }

  model::Order& order_;
  model::Schedule& schedule_;
  const DraftOptions& options_;
  const compiler::AuthorDefaults& defaults_;
  const Seconds life_max_;
  const Seconds grace_max_;
  const std::uint16_t wave1_permille_max_;
  const Timestamp now_;
  std::optional<Timestamp> start_;  // said by the flag or the author
  Remarks remarks_;
};

}  // namespace

model::Mode mode_of(const DraftOptions& options, const compiler::AuthorDefaults& defaults) {
  if (options.mode == "undo") return model::Mode::kUndo;
  const bool apply = options.mode.empty() ? defaults.mode == compiler::SafetyMode::kEnforce
                                          : options.mode == "apply";
  return apply ? model::Mode::kApply : model::Mode::kDryRun;
}

Remarks fill_terms(model::Order& order, const DraftOptions& options,
                   const compiler::AuthorDefaults& defaults, const model::RootPolicy& limits,
                   Timestamp now) {
  return Terms(order, options, defaults, limits, now).fill();
}

}  // namespace fleetsweep::cli
