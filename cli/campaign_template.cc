#include "cli/campaign_template.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/checks.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

// Reads members and remembers every mistake.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  void text(const char* key, std::string& target) {
    const json* value = take(key);
    if (!value) return;
    if (value->is_string())
      target = value->get<std::string>();
    else
      mistake(key, "expected a text");
  }
  void texts(const char* key, std::vector<std::string>& target) {
    const json* value = take(key);
    if (!value) return;
    const bool fits = value->is_array() && std::ranges::all_of(*value, &json::is_string);
    if (fits)
      target = value->get<std::vector<std::string>>();
    else
      mistake(key, "expected a list of texts");
  }
  template <class T>
  void number(const char* key, std::optional<T>& target, T most) {
    const json* value = take(key);
    if (!value) return;
    if (value->is_number_unsigned() && value->get<std::uint64_t>() <= most)
      target = static_cast<T>(value->get<std::uint64_t>());
    else
      mistake(key, fmt::format("expected a number of at most {}", most));
  }
  void flag(const char* key, std::optional<bool>& target) {
    const json* value = take(key);
    if (!value) return;
    if (value->is_boolean())
      target = value->get<bool>();
    else
      mistake(key, "expected true or false");
  }
  void need(const char* key, const std::string& value) {
    const auto found = object_.find(key);
    if (value.empty() && (found == object_.end() || found->is_string())) mistake(key, "is missing");
  }
  void check(const char* key, const std::string& problem) {
    if (!problem.empty()) mistake(key, problem);
  }
  void length(const char* key, const std::string& value) {
    if (value.empty()) return;
    if (const auto seconds = parse_seconds(value); !seconds) mistake(key, seconds.error().message);
  }
  // What was not asked for.
  std::vector<std::string> finish() {
    for (const auto& [key, value] : object_.items()) {
      if (std::ranges::find(known_, key) != known_.end()) continue;
      static constexpr std::string_view kOfOneTenant[] = {"host",   "hosts",         "exclude",
                                                          "canary", "dry_run_order", "tenant"};
      const bool is_of_one = std::ranges::find(kOfOneTenant, key) != std::end(kOfOneTenant);
      mistakes_.push_back(fmt::format(
          "\"{}\": {}", escaped(key),
          is_of_one ? "is one tenant's own: draft that order with `fleetsweep order draft`"
                    : fmt::format("no such key; there are {}", fmt::join(known_, ", "))));
    }
    return std::move(mistakes_);
  }

 private:
  const json* take(const char* key) {
    known_.emplace_back(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  void mistake(const char* key, const std::string& what) {
    mistakes_.push_back(fmt::format("\"{}\": {}", key, what));
  }

  const json& object_;
  std::vector<std::string> known_;
  std::vector<std::string> mistakes_;
};

}  // namespace

Result<CampaignTemplate> parse_campaign_template(std::string_view text,
                                                 const std::string& directory) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object())
    return fail(Code::kInvalid,
                "expected one JSON object, like {{\"policy\": \"policy.yaml\", \"mode\": "
                "\"dry-run\", \"campaign\": \"emotet-1\"}}");
  CampaignTemplate one;
  DraftOptions& draft = one.draft;
  Reader reader(object);
  reader.text("policy", draft.policy_file);
  reader.text("mode", draft.mode);
  reader.text("campaign", draft.campaign);
  reader.text("title", draft.title);
  reader.texts("groups", draft.groups);
  reader.texts("waves", draft.waves);
  reader.texts("jurisdictions", one.jurisdictions);
  reader.text("start_in", one.start_in);
  reader.text("life", draft.life);
  reader.text("jitter", draft.jitter);
  reader.text("repeat", draft.repeat);
  reader.text("offline_grace", draft.offline_grace);
  reader.flag("scan_ahead", draft.scan_ahead);
  reader.number<std::uint32_t>("failures", draft.failures, 1'000'000);
  reader.number<std::uint16_t>("failed_permille", draft.failed_permille, 1000);
  reader.text("contact", draft.contact);
  reader.need("policy", draft.policy_file);
  reader.need("mode", draft.mode);
  reader.need("campaign", draft.campaign);
  if (!draft.mode.empty() && draft.mode != "dry-run" && draft.mode != "apply")
    reader.check("mode", "dry-run or apply was expected");
  if (!draft.campaign.empty()) reader.check("campaign", check_campaign(draft.campaign));
  for (const std::string& country : one.jurisdictions)
    reader.check("jurisdictions", check_country(country));
  reader.length("start_in", one.start_in);
  reader.length("life", draft.life);
  reader.length("jitter", draft.jitter);
  reader.length("repeat", draft.repeat);
  reader.length("offline_grace", draft.offline_grace);
  if (const auto mistakes = reader.finish(); !mistakes.empty())
    return fail(Code::kInvalid, "{}", fmt::join(mistakes, "\n"));
  if (!draft.policy_file.starts_with('/')) draft.policy_file = directory + "/" + draft.policy_file;
  return one;
}

Result<DraftOptions> options_for_tenant(const CampaignTemplate& from,
                                        const std::vector<std::string>& countries, Timestamp now) {
  DraftOptions options = from.draft;
  for (const std::string& country : countries)
    if (from.jurisdictions.empty() ||
        std::ranges::find(from.jurisdictions, country) != from.jurisdictions.end())
      options.jurisdictions.push_back(country);
  if (options.jurisdictions.empty())
    return fail(
        Code::kNotFound, "{}",
        countries.empty() ? "no host is enrolled" : "no host is in a country of the template");
  if (!from.start_in.empty()) {
    FS_TRY(const Seconds wait, parse_seconds(from.start_in));
    options.not_before = to_rfc3339(now + wait);
  }
  return options;
}

}  // namespace fleetsweep::cli
