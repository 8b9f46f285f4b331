#include "cli/progress_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/json_text.h"
#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::cli {
namespace {

using model::HostState;
using nlohmann::json;

constexpr double kEtaMost = 10.0 * 365 * 24 * 3600;  // a pace of next to nothing says no more

bool is_moving(HostState state) {
  switch (state) {
    case HostState::kPending:
    case HostState::kOffered:
    case HostState::kScanning:
    case HostState::kWaiting:
    case HostState::kCleaning:
    case HostState::kCleaned:
      return true;
    default:
      return false;
  }
}

Colour colour_of(HostState state) {
  switch (state) {
    case HostState::kClean:
    case HostState::kVerified:
      return Colour::kGreen;
    case HostState::kResidual:
    case HostState::kRespawned:
    case HostState::kFailed:
    case HostState::kUntrusted:
      return Colour::kRed;
    case HostState::kFound:
    case HostState::kRefused:
    case HostState::kUnreachable:
    case HostState::kExpired:
      return Colour::kYellow;
    default:
      return Colour::kPlain;
  }
}

struct Counts {
  std::uint64_t targeted = 0;
  std::uint64_t settled = 0;
  std::string text;        // "3 verified, 2 clean"
  std::string plain_text;  // the same without colours
};

Counts count(const json& part, const Console* console) {
  Counts counts{.targeted = part.value("targeted", std::uint64_t{0})};
  const json states = part.value("states", json::object());
  for (std::size_t i = 0; i < kCount<HostState>; ++i) {
    const auto state = static_cast<HostState>(i);
    const auto hosts = states.value(std::string(name(state)), std::uint64_t{0});
    if (hosts == 0) continue;
    if (!is_moving(state)) counts.settled += hosts;
    const std::string word = fmt::format("{} {}", hosts, name(state));
    const std::string_view comma = counts.text.empty() ? "" : ", ";
    counts.text +=
        fmt::format("{}{}", comma, console ? console->paint(colour_of(state), word) : word);
    counts.plain_text += fmt::format("{}{}", comma, word);
  }
  return counts;
}

double share(const Counts& counts) {
  return counts.targeted == 0
             ? 0.0
             : static_cast<double>(counts.settled) / static_cast<double>(counts.targeted);
}

std::string mode_of(const json& campaign) {
  const std::string text = campaign.value("mode", "");
  const auto mode = from_name<model::Mode>(text);
  return mode ? mode_text(*mode) : escaped(text);
}

std::string pace(const json& campaign) {
  if (is_settled(campaign)) return "every host is settled";
  std::string text;
  if (campaign.contains("rate") && campaign["rate"].is_number())
    text += fmt::format("{:.1f} hosts/s", campaign["rate"].get<double>());
  if (campaign.contains("eta_seconds") && campaign["eta_seconds"].is_number())
    text += fmt::format(", about {} left",
                        to_human(Seconds(static_cast<std::int64_t>(
                            std::clamp(campaign["eta_seconds"].get<double>(), 0.0, kEtaMost)))));
  return text;
}

}  // namespace

std::string progress_view(const json& campaign, const Console& console) {
  const Counts all = count(campaign, &console);
  std::string text = fmt::format(
      "{}  {} {}\n", console.paint(Colour::kBold, escaped(campaign.value("campaign", ""))),
      escaped(campaign.value("family", "")), mode_of(campaign));
  std::size_t number = 0;
  for (const json& wave : campaign.value("waves", json::array())) {
    const Counts counts = count(wave, &console);
    text += fmt::format("wave {} {} {}/{}  {}\n", ++number, bar(share(counts), 24), counts.settled,
                        counts.targeted, counts.text);
  }
  text += fmt::format("all    {} {}/{}  {}\n", bar(share(all), 24), all.settled, all.targeted,
                      all.text);
  text += fmt::format(
      "       {}{}",
      campaign.value("breaker", "") == "open" ? console.paint(Colour::kRed, "BREAKER OPEN  ") : "",
      pace(campaign));
  for (const json& order : campaign.value("orders", json::array())) {
    std::size_t wave = 0;
    for (const json& one : order.value("waves", json::array()))
      if (++wave; !one.value("release_refused", "").empty())
        text += fmt::format("\n       wave {} waits, the controller may not open it: {}", wave,
                            escaped(one.value("release_refused", "")));
  }
  if (const std::uint64_t forked = campaign.value("forked", std::uint64_t{0}); forked > 0)
    text += "\n       " +
            console.paint(Colour::kRed, fmt::format("{} FORKED: two of them, or a stolen key; each "
                                                    "counts once; `fleetsweep agent list`",
                                                    counted(forked, "host")));
  if (const auto unread = campaign.value("unscannable", std::uint64_t{0}); unread > 0)
    text += "\n       " +
            console.paint(Colour::kYellow,
                          fmt::format("{} not read in full: nothing found is not all clean there; "
                                      "`fleetsweep campaign hosts`",
                                      counted(unread, "host")));
  for (const json& failure : campaign.value("failures", json::array()))
    text += fmt::format("\n       {} {}: {}", text_of(failure, "hostname"),
                        text_of(failure, "state"), text_of(failure, "reason"));
  return text;
}

std::string progress_line(const json& campaign) {
  const Counts all = count(campaign, nullptr);
  return fmt::format("{} {} {}/{} {}", escaped(campaign.value("campaign", "")), mode_of(campaign),
                     all.settled, all.targeted, all.plain_text);
}

bool is_settled(const json& campaign) {
  const Counts all = count(campaign, nullptr);
  return all.targeted > 0 && all.settled == all.targeted;
}

std::uint64_t pending_hosts(const json& campaign) {
  const json states = campaign.value("states", json::object());
  std::uint64_t hosts = 0;
  for (std::size_t i = 0; i < kCount<HostState>; ++i) {
    const auto state = static_cast<HostState>(i);
    if (is_moving(state) || state == HostState::kUnreachable)
      hosts += states.value(std::string(name(state)), std::uint64_t{0});
  }
  return hosts;
}

bool has_unwell(const json& campaign) {
  const json states = campaign.value("states", json::object());
  for (std::size_t i = 0; i < kCount<HostState>; ++i) {
    const auto state = static_cast<HostState>(i);
    const bool is_unwell = colour_of(state) == Colour::kRed ||
                           (colour_of(state) == Colour::kYellow && state != HostState::kFound);
    if (is_unwell && states.value(std::string(name(state)), std::uint64_t{0}) > 0) return true;
  }
  return false;
}

}  // namespace fleetsweep::cli
