#include "agent/vault/contents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/act/retention.h"

namespace fleetsweep::agent {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kShownDigits = 12;
constexpr std::size_t kDigitsMin = 4;

Entry entry_of(const act::Vault& vault, const std::vector<act::Transaction>& history,
               const act::Transaction& transaction, const act::Vault::Kept& kept) {
  Entry entry;
  entry.id = transaction.id.hex().substr(0, kShownDigits) + "/" + kept.name;
  entry.transaction = transaction.id;
  entry.name = kept.name;
  entry.order = transaction.begin.order;
  entry.at = transaction.begin.at;
  entry.kept_until = act::kept_until(history, transaction.begin.order, std::nullopt);
  entry.bytes = kept.bytes;
  auto metadata = vault.load(transaction.id, kept.name, [](BytesView) -> Status { return {}; });
  if (metadata)
    entry.metadata = std::move(*metadata);
  else
    entry.damage = metadata.error().message;
  entry.is_undone = transaction.undo_end && entry.metadata.has_content &&
                    transaction.undo_end->state == model::HostState::kUndone;
  return entry;
}

template <typename Visit>
void each_kept(const act::Vault& vault, const std::vector<act::Transaction>& history, Visit visit) {
  const auto older = strays(vault, history);
  for (const auto* transactions : {&older, &history})
    for (const auto& transaction : *transactions)
      for (const auto& kept : vault.kept(transaction.id)) visit(transaction, kept);
}

std::string time_of(std::int64_t nanoseconds) {
  return to_rfc3339(timestamp(nanoseconds / 1'000'000'000));
}

}  // namespace

std::vector<act::Transaction> strays(const act::Vault& vault,
                                     const std::vector<act::Transaction>& history) {
  std::vector<act::Transaction> result;
  for (const auto& [id, at] : vault.folders()) {
    if (std::ranges::find(history, id, &act::Transaction::id) != history.end()) continue;
    act::Transaction& stray = result.emplace_back();
    stray.id = id;
    stray.begin.at = at;
    stray.end = act::End{model::HostState::kCleaned, model::Reason::kNone, "", at};
  }
  return result;
}

std::vector<Entry> entries_of(const act::Vault& vault,
                              const std::vector<act::Transaction>& history) {
  std::vector<Entry> entries;
  each_kept(vault, history, [&](const auto& transaction, const auto& kept) {
    entries.push_back(entry_of(vault, history, transaction, kept));
  });
  return entries;
}

Result<Entry> find_entry(const act::Vault& vault, const std::vector<act::Transaction>& history,
                         const std::string& id) {
  const auto slash = std::min(id.find('/'), id.size());
  const std::string digits = id.substr(0, slash);
  const std::string name = id.substr(std::min(slash + 1, id.size()));
  if (digits.size() < kDigitsMin || name.empty())
    return fail(Code::kInvalid,
                "'{}': expected an entry as `fleetsweep-agent vault list` shows it, such as "
                "3f2a51c09b7e/0",
                id);
  std::vector<Entry> found;
  each_kept(vault, history, [&](const auto& transaction, const auto& kept) {
    if (kept.name == name && transaction.id.hex().starts_with(digits))
      found.push_back(entry_of(vault, history, transaction, kept));
  });
  if (found.size() > 1)
    return fail(Code::kInvalid, "'{}' means several entries: give more digits", id);
  if (found.empty())
    return fail(Code::kNotFound,
                "the vault has no entry '{}': `fleetsweep-agent vault list` shows "
                "what it has",
                id);
  return found.front();
}

std::string to_json(const Entry& entry) {
  const act::Metadata& of = entry.metadata;
  Json json{{"entry", entry.id},
            {"order", entry.order.is_zero() ? Json() : Json(entry.order.hex())},
            {"at", to_rfc3339(entry.at)},
            {"kept_until", entry.kept_until ? Json(to_rfc3339(*entry.kept_until)) : Json()},
            {"undone", entry.is_undone},
            {"vault_bytes", entry.bytes}};
  if (!entry.damage.empty()) {
    json["damage"] = escaped(entry.damage);
    return json.dump();
  }
  json["path"] = escaped(of.path);
  json["names"] = Json::array();
  for (const auto& name : of.names) json["names"].push_back(escaped(name));
  json["size"] = of.size;
  json["content_kept"] = of.has_content;
  json["sha256"] = of.sha256.hex();
  json["sha1"] = of.sha1.hex();
  json["md5"] = of.md5.hex();
  json["verdict"] = escaped(of.verdict);
  json["detection"] = escaped(of.detection);
  json["rule"] = escaped(of.rule.name);
  json["rule_strings"] = Json::array();
  for (const auto& string : of.rule.strings)
    json["rule_strings"].push_back({{"name", escaped(string.name)}, {"offset", string.offset}});
  json["package"] = escaped(of.package);
  json["pids"] = of.pids;
  json["container"] = escaped(of.container);
  json["mount_namespace"] = of.mount_namespace;
  if (of.inode != 0) {  // a file, not what a process or a line said
    json["device"] = of.device;
    json["inode"] = of.inode;
    json["mode"] = fmt::format("{:04o}", of.mode);
    json["uid"] = of.uid;
    json["gid"] = of.gid;
    json["user"] = escaped(of.user);
    json["group"] = escaped(of.group);
    json["links"] = of.links;
    json["inode_flags"] = fmt::format("{:#x}", of.flags);
    json["modified"] = time_of(of.mtime_ns);
    json["accessed"] = time_of(of.atime_ns);
    json["changed"] = time_of(of.ctime_ns);
    json["born"] = of.btime_ns == 0 ? Json() : Json(time_of(of.btime_ns));
    json["blocks"] = of.blocks;
    json["data"] = Json::array();
    for (const auto& extent : of.data) json["data"].push_back({extent.at, extent.bytes});
    json["xattrs"] = Json::object();
    for (const auto& [name, value] : of.xattrs)
      json["xattrs"][escaped(name)] = to_hex(as_bytes(value));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string bytes_in_words(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / 1024 / 1024);
}

std::string to_line(const Entry& entry) {
  const act::Metadata& of = entry.metadata;
  const std::string start = fmt::format("{:<20} {}  ", entry.id, to_rfc3339(entry.at));
  if (!entry.damage.empty()) return start + "damaged: " + escaped(entry.damage);
  const auto dash = entry.name.find('-');
  const std::string part =
      dash == std::string::npos ? "" : " " + escaped(entry.name.substr(dash + 1));
  const std::string kept =
      entry.kept_until ? ", kept until " + to_rfc3339(*entry.kept_until).substr(0, 10) : "";
  const std::string_view fate = !of.has_content         ? ", content not kept"
                                : entry.is_undone       ? ", undone"
                                : entry.order.is_zero() ? ", of an older journal, cannot be undone"
                                                        : "";
  return start + fmt::format("{:>10}  {}{}  ({}, {}{}{})", bytes_in_words(of.size),
                             escaped(of.path), part, escaped(of.verdict), escaped(of.detection),
                             fate, kept);
}

}  // namespace fleetsweep::agent
