#include "cli/checks.h"

#include <fmt/ranges.h>

#include <string_view>

#include "protocol/base/limits.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::cli {
namespace {

bool is_made_of(std::string_view text, std::string_view allowed, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         text.find_first_not_of(allowed) == std::string_view::npos;
}

std::string expected(std::string_view what, const std::string& instead) {
  return fmt::format("'{}': expected {}", instead, what);
}

}  // namespace

std::string check_campaign(const std::string& text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  if (is_made_of(text, kAllowed, limits::kCampaignIdBytes)) return {};
  return expected("a campaign, [a-z0-9-]{1,64}", text);
}

std::string check_country(const std::string& text) {
  if (text.size() == 2 && is_made_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2)) return {};
  return expected("two capital letters (ISO 3166-1 alpha-2), like DE", text);
}

std::string check_holder(const std::string& text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._@-";
  if (is_made_of(text, kAllowed, limits::kHolderBytes)) return {};
  return expected("a person, [a-z0-9._@-]{1,64}", text);
}

std::string check_host_state(const std::string& text) {
  if (from_name<model::HostState>(text)) return {};
  return expected(fmt::format("one of {}", fmt::join(Names<model::HostState>::kAll, ", ")), text);
}

}  // namespace fleetsweep::cli
