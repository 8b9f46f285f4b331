#include "agent/scan/pace.h"

#include <algorithm>
#include <charconv>

namespace fleetsweep::scan {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Enough that a small scan is not slowed down, and little against a minute of a large one.
constexpr double kProcessorBurst = 250'000;  // microseconds
constexpr double kOperationSeconds = 1;      // of its rate

constexpr double kPressurePercentMax = 20;
constexpr milliseconds kSlice{500};
constexpr seconds kRestMax{10};  // then work for kWorkMin: a busy host is scanned too
constexpr seconds kWorkMin{1};
constexpr seconds kOwnPressure{10};  // so long we do not suspect others again

double as_seconds(Microseconds time) {
  return duration<double>(time).count();
}

}  // namespace

Pace::Pace(unsigned processor_percent, std::uint64_t operations_per_second) {
  processor_.rate = processor_percent * 1e6 / 100;
  processor_.burst = processor_.credit = kProcessorBurst;
  operations_.rate = static_cast<double>(operations_per_second);
  operations_.burst = operations_.credit = operations_.rate * kOperationSeconds;
}

Microseconds Pace::Bucket::spend(Microseconds elapsed, double units) {
  if (rate <= 0) return {};
  credit = std::min(burst, credit + as_seconds(elapsed) * rate - units);
  if (credit >= 0) return {};
  return duration_cast<Microseconds>(duration<double>(-credit / rate));
}

Microseconds Pace::pause(Microseconds now, const Used& used) {
  const Microseconds elapsed = now - asked_;
  asked_ = now;
  const Microseconds by_processor =
      processor_.spend(elapsed, static_cast<double>((used.processor - used_.processor).count()));
  const Microseconds by_operations =
      operations_.spend(elapsed, static_cast<double>(used.operations - used_.operations));
  used_ = used;
  return std::max(by_processor, by_operations);
}

// some avg10=0.38 avg60=1.46 avg300=2.76 total=545455526
std::optional<Pressure> parse_pressure(std::string_view text) {
  if (!text.starts_with("some ")) return std::nullopt;
  text = text.substr(0, text.find('\n'));
  Pressure result;
  const auto read = [&](std::string_view key, auto& value) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return false;
    const char* first = text.data() + at + key.size();
    return std::from_chars(first, text.data() + text.size(), value).ec == std::errc();
  };
  std::int64_t total = 0;
  if (!read(" avg10=", result.average) || !read(" total=", total)) return std::nullopt;
  result.total = Microseconds(total);
  return result;
}

std::optional<Microseconds> Brake::rest(Microseconds now, const Pressure& pressure) {
  if (!resting_) {
    if (now < next_look_ || pressure.average <= kPressurePercentMax) return std::nullopt;
    resting_ = Rest{now, now, pressure.total};
    return kSlice;
  }
  // While we slept nobody waited because of us.
  const double slept = as_seconds(std::max(now - resting_->slice_began, Microseconds(1)));
  const bool is_ours =
      100 * as_seconds(pressure.total - resting_->total) / slept <= kPressurePercentMax;
  if (is_ours || now - resting_->began >= kRestMax) {
    next_look_ = now + (is_ours ? Microseconds(kOwnPressure) : Microseconds(kWorkMin));
    resting_.reset();
    return std::nullopt;
  }
  resting_->slice_began = now;
  resting_->total = pressure.total;
  return kSlice;
}

}  // namespace fleetsweep::scan
