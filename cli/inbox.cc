#include "cli/inbox.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/json_text.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kIdDigitsMin = 8;
constexpr std::size_t kIdDigitsMax = 64;

const json& list_of(const json& object, const char* member) {
  static const json nothing = json::array();
  const auto found = object.find(member);
  return found != object.end() && found->is_array() ? *found : nothing;
}

// Calls `with` with the number of approvals that are missing and with who could give them.
template <class F>
void each_lack(const json& document, const F& with) {
  for (const json& approvals : list_of(document, "approvals"))
    for (const json& clause : list_of(approvals, "clauses")) {
      const std::uint64_t has = list_of(clause, "signed_by").size();
      const std::uint64_t needs = count_of(clause, "threshold");
      if (!clause.value("sealed", false) && !approvals.value("met", false) && has < needs)
        with(needs - has, list_of(clause, "missing"));
    }
  for (const json& key : list_of(document, "possession")) with(1, json::array({key}));
}

bool names(const json& missing, const char* member, std::string_view wanted) {
  for (const json& one : missing)
    if (text_of(one, member) == wanted) return true;
  return false;
}

bool waits_for(const json& document, const char* member, std::string_view wanted) {
  bool found = false;
  each_lack(document,
            [&](std::uint64_t, const json& missing) { found |= names(missing, member, wanted); });
  return found;
}

}  // namespace

Result<json> pending_documents(Session& session) {
  return session.tenant.empty() ? get_global(session, "/v1/pending") : get(session, "pending");
}

bool is_pending_id(const std::string& name) {
  std::error_code ignored;
  return name.size() >= kIdDigitsMin && name.size() <= kIdDigitsMax &&
         name.find_first_not_of("0123456789abcdef") == std::string::npos &&
         !std::filesystem::exists(name, ignored);
}

Result<model::Envelope> pull(Session& session, const std::string& id) {
  FS_TRY(const json all, pending_documents(session));
  std::vector<const json*> found;
  for (const json& document : all)
    if (text_of(document, "id").starts_with(id)) found.push_back(&document);
  if (found.empty())
    return fail(Code::kNotFound,
                "no document {} waits for signatures\nnext:  fleetsweep order pending", id);
  if (found.size() > 1)
    return fail(Code::kInvalid, "{} documents begin with {}; give more of the id", found.size(),
                id);
  session.tenant = text_of(*found.front(), "tenant");
  FS_TRY(const std::string text, get_raw(session, "pending/" + text_of(*found.front(), "id")));
  return codec::from_dsse_json(text);
}

Result<json> push(Session& session, const model::Envelope& envelope) {
  return post(session, "pending", codec::to_dsse_json(envelope));
}

Standing standing_of(const json& document) {
  Standing standing{.is_met = document.value("met", false)};
  std::set<std::string> people;
  for (const json& approvals : list_of(document, "approvals"))
    for (const json& clause : list_of(approvals, "clauses"))
      for (const json& holder : list_of(clause, "signed_by"))
        if (holder.is_string()) people.insert(escaped(holder.get<std::string>()));
  standing.signed_by.assign(people.begin(), people.end());
  std::vector<std::string> lacks;
  each_lack(document, [&](std::uint64_t count, const json& missing) {
    std::set<std::string> holders;
    for (const json& one : missing) holders.insert(text_of(one, "holder"));
    const std::string lack = fmt::format("{} of {}", count, fmt::join(holders, ", "));
    if (std::ranges::find(lacks, lack) == lacks.end()) lacks.push_back(lack);
  });
  standing.waits_for = fmt::format("{}", fmt::join(lacks, " and "));
  return standing;
}

bool waits_for_holder(const json& document, std::string_view holder) {
  return waits_for(document, "holder", holder);
}

bool waits_for_key(const json& document, std::string_view key) {
  return waits_for(document, "key", key);
}

}  // namespace fleetsweep::cli
