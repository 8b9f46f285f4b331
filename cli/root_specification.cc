#include "cli/root_specification.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "protocol/base/limits.h"
#include "protocol/codec/json_members.h"
#include "protocol/crypto/seal.h"
#include "protocol/crypto/sshsig.h"
#include "protocol/model/order.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::cli {
namespace {

using model::Role;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr Seconds kMinute{60}, kHour{3600}, kDay{86400};
constexpr model::PerClass kCheckpointAgeMax{kDay, kDay, kHour, 15 * kMinute, 15 * kMinute};
constexpr model::PerClass kCoolOff{Seconds(0), Seconds(0), 5 * kMinute, 60 * kMinute, kDay};
constexpr model::PerClass kOrderLifeMax{90 * kDay, 30 * kDay, 7 * kDay, 72 * kHour, kDay};

// Collects every mistake instead of stopping at the first.
class Reader {
 public:
  Reader(const json& specification, std::string directory)
      : json_(specification), directory_(std::move(directory)) {}

  model::Root read(Timestamp now) {
    known_members(
        json_, "",
        {"keys", "roles", "sealed", "conductor", "logs", "witnesses", "witness_quorum", "time_keys",
         "expires", "evidence_key", "path_salt", "agent_schema_min", "policy"});
    root_.issued = now;
    root_.expires = now + seconds(json_, "expires", 365 * kDay);
    root_.path_salt =
        json_.contains("path_salt") ? hex<Nonce>(json_, "path_salt", "") : crypto::random_nonce();
    if (json_.contains("agent_schema_min"))
      root_.agent_schema_min =
          number<std::uint16_t>(json_["agent_schema_min"], "agent_schema_min", 65535);
    read_keys();
    read_logs();
    read_roles();
    read_policy();
    return root_;
  }
  const std::vector<std::string>& mistakes() const { return mistakes_; }

 private:
  template <class... Args>
  void mistake(fmt::format_string<Args...> format, Args&&... args) {
    mistakes_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void known_members(const json& object, const std::string& where, std::vector<std::string> known) {
    if (!object.is_object())
      return mistake("{}: expected an object", where.empty() ? "the file" : where);
    for (const auto& [name, value] : object.items())
      if (std::ranges::find(known, name) == known.end())
        mistake("{}{}: unknown; expected one of {}", where.empty() ? "" : where + ".", name,
                fmt::format("{}", fmt::join(known, ", ")));
  }

  std::string text(const json& object, const char* name, const std::string& where,
                   bool required = true) {
    if (!object.contains(name)) {
      if (required) mistake("{}{}: missing", where, name);
      return {};
    }
    if (object[name].is_string()) return object[name];
    mistake("{}{}: expected text", where, name);
    return {};
  }

  template <class Id>
  Id hex(const json& object, const char* name, const std::string& where) {
    const auto value = Id::parse_hex(text(object, name, where));
    if (!value) mistake("{}{}: {}", where, name, value.error().message);
    return value.value_or(Id{});
  }

  Seconds seconds(const json& object, const char* name, Seconds otherwise) {
    if (!object.contains(name)) return otherwise;
    const auto length =
        object[name].is_string()
            ? parse_seconds(object[name].get<std::string>())
            : Result<Seconds>(fail(Code::kInvalid, "expected a duration like \"90s\""));
    if (!length) mistake("{}: {}", name, length.error().message);
    return length.value_or(otherwise);
  }

  // "hex", "ssh-ed25519 ..." or "@file.pub" of either kind; in ours the second word is the key.
  void read_public(std::string value, const std::string& where, model::Key& key) {
    if (value.starts_with("@")) {
      const auto bytes =
          files::read_file(value[1] == '/' ? value.substr(1) : directory_ + "/" + value.substr(1),
                           limits::kConfigBytes, files::Links::kFollow);
      if (!bytes) return mistake("{}: {}", where, bytes.error().message);
      value = to_text(*bytes);
    }
    if (value.starts_with("ssh-") || value.starts_with("sk-ssh-")) {
      const auto ssh = crypto::parse_ssh_public_key(value);
      if (!ssh) return mistake("{}: {}", where, ssh.error().message);
      key.pub = ssh->key;
      key.sk_application = ssh->application;
      key.scheme = ssh->application.empty() ? model::Scheme::kSshsig : model::Scheme::kSshsigSk;
      return;
    }
    if (value.starts_with("ed25519 ")) {
      value.erase(0, value.find(' ') + 1);
      value.resize(std::min(value.find(' '), value.size()));
    }
    const auto plain = PublicKey::parse_hex(value);
    if (!plain) return mistake("{}: {}", where, plain.error().message);
    key.pub = *plain;
  }

  void read_keys() {
    if (!json_.contains("keys") || !json_["keys"].is_array())
      return mistake("keys: expected a list of {{holder, public}}");
    for (std::size_t i = 0; i < json_["keys"].size(); ++i) {
      const json& entry = json_["keys"][i];
      const std::string where = fmt::format("keys[{}].", i);
      known_members(entry, fmt::format("keys[{}]", i), {"holder", "public", "org"});
      if (!entry.is_object()) continue;
      model::Key key;
      key.holder = text(entry, "holder", where);
      read_public(text(entry, "public", where), where + "public", key);
      if (entry.contains("org")) key.org = number<std::uint8_t>(entry["org"], where + "org", 255);
      people_.push_back(key.holder);
      root_.keys.push_back(std::move(key));
    }
    if (json_.contains("conductor")) {
      model::Key key;
      key.holder = "conductor";
      read_public(text(json_, "conductor", ""), "conductor", key);
      key.org = 255;  // a machine of its own: never in a person's clause
      root_.keys.push_back(std::move(key));
    }
  }

  template <class T>
  T number(const json& value, const std::string& where, std::uint64_t max) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() <= max) return value.get<T>();
    mistake("{}: expected a whole number from 0 to {}", where, max);
    return 0;
  }

  // A vkey, or a log that takes over from another: {vkey, start_size, start_root, frontier}.
  void read_logs() {
    if (!json_.contains("logs")) mistake("logs: missing; expected a list");
    const json logs = json_.value("logs", json::array());
    for (std::size_t i = 0; i < logs.size(); ++i) {
      if (logs[i].is_object())
        root_.logs.push_back(log_origin(logs[i], fmt::format("logs[{}]", i)));
      else if (logs[i].is_string())
        root_.logs.push_back({.vkey = logs[i]});
      else
        mistake("logs[{}]: expected a vkey", i);
    }
    root_.witnesses = texts("witnesses", false);
    root_.witness_quorum = json_.contains("witness_quorum")
                               ? number<std::uint8_t>(json_["witness_quorum"], "witness_quorum",
                                                      root_.witnesses.size())
                               : static_cast<std::uint8_t>(root_.witnesses.size());
    for (const std::string& hex : texts("time_keys", false)) {
      const auto key = PublicKey::parse_hex(hex);
      if (!key)
        mistake("time_keys: {}", key.error().message);
      else
        root_.time_keys.push_back(*key);
    }
    if (json_.contains("evidence_key"))
      root_.evidence_key = hex<CurveKey>(json_, "evidence_key", "");
  }

  model::LogOrigin log_origin(const json& entry, const std::string& where) {
    known_members(entry, where, {"vkey", "start_size", "start_root", "frontier"});
    model::LogOrigin origin{.vkey = text(entry, "vkey", where + ".")};
    if (entry.contains("start_size"))
      origin.start_size =
          number<std::uint64_t>(entry["start_size"], where + ".start_size", ~std::uint64_t{0});
    origin.start_root = hex<Digest>(entry, "start_root", where + ".");
    for (const json& hash : entry.value("frontier", json::array()))
      origin.frontier.push_back(hex<Digest>(json{{"frontier", hash}}, "frontier", where + "."));
    return origin;
  }

  std::vector<std::string> texts(const char* name, bool required) {
    std::vector<std::string> values;
    if (!json_.contains(name)) {
      if (required) mistake("{}: missing; expected a list", name);
      return values;
    }
    for (const json& value : json_[name]) {
      if (value.is_string())
        values.push_back(value);
      else
        mistake("{}: expected a list of texts", name);
    }
    return values;
  }

  model::Clause clause(const json& entry, const std::string& where, bool sealed) {
    model::Clause result;
    known_members(entry, where, {"org", "threshold", "keys"});
    if (!entry.is_object()) return result;
    if (entry.contains("org")) result.org = number<std::uint8_t>(entry["org"], where + ".org", 255);
    result.threshold = entry.contains("threshold")
                           ? number<std::uint8_t>(entry["threshold"], where + ".threshold", 64)
                           : 0;
    for (const json& name : entry.value("keys", json::array())) {
      const auto keys = keys_named(name.is_string() ? name.get<std::string>() : "", sealed);
      if (keys.empty())
        mistake("{}.keys: nobody is called {}{}", where, name.dump(),
                sealed ? "" : ", or all keys of that holder are sealed ones");
      result.keys.insert(result.keys.end(), keys.begin(), keys.end());
    }
    return result;
  }

  // All keys of a holder, but in the usual clauses not those in a safe; or one key by its hex.
  std::vector<std::uint16_t> keys_named(const std::string& name, bool sealed) const {
    std::vector<std::uint16_t> keys;
    for (std::uint16_t i = 0; i < root_.keys.size(); ++i)
      if (root_.keys[i].pub.hex() == name ||
          (root_.keys[i].holder == name && (sealed || !in_safes_.contains(i))))
        keys.push_back(i);
    return keys;
  }

  using Rules = std::map<Role, std::vector<model::Clause>>;
  Rules rules(const char* member, bool sealed) {
    Rules result;
    const json roles = json_.value(member, json::object());
    if (!roles.is_object()) {
      mistake("{}: expected an object of role to clauses", member);
      return result;
    }
    for (const auto& [name, clauses] : roles.items()) {
      const std::string where = fmt::format("{}.{}", member, name);
      const auto role = from_name<Role>(name);
      if (!role) {
        mistake("{}: unknown; expected one of {}", where, fmt::join(Names<Role>::kAll, ", "));
        continue;
      }
      result[*role];  // an empty list: nobody's
      for (const json& entry : clauses) result[*role].push_back(clause(entry, where, sealed));
    }
    return result;
  }

  void read_roles() {
    Rules sealed = rules("sealed", true);
    for (const auto& [role, clauses] : sealed)
      for (const model::Clause& clause : clauses)
        in_safes_.insert(clause.keys.begin(), clause.keys.end());
    Rules usual = rules("roles", false);
    std::vector<std::uint16_t> everybody;
    for (std::uint16_t i = 0; i < people_.size(); ++i)
      if (!in_safes_.contains(i)) everybody.push_back(i);
    const std::map<Role, std::uint8_t> small_shop = {
        {Role::kRoot, 2},    {Role::kObserve, 1}, {Role::kRead, 2}, {Role::kContain, 2},
        {Role::kClean, 2},   {Role::kDestroy, 3}, {Role::kStop, 1}, {Role::kResume, 2},
        {Role::kRelease, 1}, {Role::kEnrol, 1},   {Role::kInfra, 1}};
    for (const auto& [role, threshold] : small_shop)
      usual.try_emplace(
          role, std::vector<model::Clause>{{.org = 0, .keys = everybody, .threshold = threshold}});
    if (json_.contains("conductor"))
      usual.try_emplace(
          Role::kConductor,
          std::vector<model::Clause>{
              {.org = 255, .keys = {static_cast<std::uint16_t>(people_.size())}, .threshold = 1}});
    for (const auto& [role, clauses] : sealed) usual[role];
    for (auto& [role, clauses] : usual)
      if (!clauses.empty() || !sealed[role].empty())
        root_.roles.push_back({role, std::move(clauses), std::move(sealed[role])});
  }

  void per_class(const json& policy, const char* name, model::PerClass& target) {
    if (!policy.contains(name)) return;
    known_members(policy[name], fmt::format("policy.{}", name),
                  {"observe", "read", "contain", "clean", "destroy"});
    if (!policy[name].is_object()) return;
    for (std::size_t i = 0; i < model::kClasses; ++i)
      target[i] = seconds(policy[name], Names<model::Class>::kAll[i].data(), target[i]);
  }

  void read_policy() {
    const json policy = json_.value("policy", json::object());
    known_members(policy, "policy",
                  {"checkpoint_age_max", "cool_off", "order_life_max", "offline_grace_max",
                   "dry_run_age_max", "items_max", "wave1_permille_max", "standing_life_max"});
    if (!policy.is_object()) return;
    model::RootPolicy& target = root_.policy;
    target.checkpoint_age_max = kCheckpointAgeMax;
    target.cool_off = kCoolOff;
    target.order_life_max = kOrderLifeMax;
    per_class(policy, "checkpoint_age_max", target.checkpoint_age_max);
    per_class(policy, "cool_off", target.cool_off);
    per_class(policy, "order_life_max", target.order_life_max);
    per_class(policy, "offline_grace_max", target.offline_grace_max);
    target.dry_run_age_max = seconds(policy, "dry_run_age_max", 7 * kDay);
    target.standing_life_max = seconds(policy, "standing_life_max", Seconds{0});
    target.items_max =
        policy.contains("items_max")
            ? number<std::uint32_t>(policy["items_max"], "policy.items_max", limits::kItemsMax)
            : limits::kItemsMax;
    target.wave1_permille_max =
        policy.contains("wave1_permille_max")
            ? number<std::uint16_t>(policy["wave1_permille_max"], "policy.wave1_permille_max", 1000)
            : 1000;
  }

  const json& json_;
  std::string directory_;
  model::Root root_;
  std::vector<std::string> people_;
  std::set<std::uint16_t> in_safes_;  // keys that some sealed clause names
  std::vector<std::string> mistakes_;
};

// The other way round. Members stand in the order in which people read them.
class Writer {
 public:
  explicit Writer(const model::Root& root) : root_(root) {
    for (const model::RoleRule& rule : root.roles)
      for (const model::Clause& clause : rule.sealed)
        in_safes_.insert(clause.keys.begin(), clause.keys.end());
  }

  ordered_json write() const {
    ordered_json spec;
    spec["keys"] = ordered_json::array();
    const bool has_conductor = last_is_conductor();
    for (std::size_t i = 0; i + has_conductor < root_.keys.size(); ++i)
      spec["keys"].push_back(key(root_.keys[i]));
    if (has_conductor) spec["conductor"] = root_.keys.back().pub.hex();
    spec["logs"] = ordered_json::array();
    for (const model::LogOrigin& log : root_.logs) spec["logs"].push_back(origin(log));
    spec["witnesses"] = root_.witnesses;
    spec["witness_quorum"] = root_.witness_quorum;
    spec["time_keys"] = ordered_json::array();
    for (const PublicKey& time_key : root_.time_keys) spec["time_keys"].push_back(time_key.hex());
    spec["expires"] = duration(root_.expires - root_.issued);
    spec["evidence_key"] = root_.evidence_key.hex();
    spec["path_salt"] = root_.path_salt.hex();
    if (root_.agent_schema_min != 1) spec["agent_schema_min"] = root_.agent_schema_min;
    for (std::size_t i = 0; i < kCount<Role>; ++i)  // also those that are nobody's
      spec["roles"][Names<Role>::kAll[i].data()] = ordered_json::array();
    for (const model::RoleRule& rule : root_.roles) {
      const std::string role(name(rule.role));
      for (const auto& one : rule.clauses) spec["roles"][role].push_back(clause(one, false));
      for (const auto& one : rule.sealed) spec["sealed"][role].push_back(clause(one, true));
    }
    spec["policy"] = policy();
    return spec;
  }

 private:
  // As `conductor` makes it.
  bool last_is_conductor() const {
    return !root_.keys.empty() && root_.keys.back().holder == "conductor" &&
           root_.keys.back().org == 255 && root_.keys.back().scheme == model::Scheme::kEd25519;
  }

  static std::string duration(Seconds length) {
    constexpr std::pair<Seconds, char> kUnits[] = {{kDay, 'd'}, {kHour, 'h'}, {kMinute, 'm'}};
    for (const auto& [unit, letter] : kUnits)
      if (length != Seconds{0} && length % unit == Seconds{0})
        return fmt::format("{}{}", length / unit, letter);
    return fmt::format("{}s", length.count());
  }

  static ordered_json key(const model::Key& key) {
    ordered_json entry{
        {"holder", key.holder},
        {"public", key.scheme == model::Scheme::kEd25519
                       ? key.pub.hex()
                       : crypto::ssh_public_key_text({key.pub, key.sk_application})}};
    if (key.org != 0) entry["org"] = key.org;
    return entry;
  }

  static ordered_json origin(const model::LogOrigin& log) {
    if (log.start_size == 0) return log.vkey;
    ordered_json frontier = ordered_json::array();
    for (const Digest& hash : log.frontier) frontier.push_back(hash.hex());
    return {{"vkey", log.vkey},
            {"start_size", log.start_size},
            {"start_root", log.start_root.hex()},
            {"frontier", frontier}};
  }

  // A holder's name where it stands for exactly the keys that follow, else each key by itself.
  ordered_json clause(const model::Clause& clause, bool sealed) const {
    ordered_json keys = ordered_json::array();
    for (std::size_t at = 0; at < clause.keys.size();) {
      if (clause.keys[at] >= root_.keys.size()) {  // no specification says that
        keys.push_back(clause.keys[at++]);
        continue;
      }
      const model::Key& first = root_.keys[clause.keys[at]];
      std::vector<std::uint16_t> all;
      for (std::uint16_t i = 0; i < root_.keys.size(); ++i)
        if (root_.keys[i].holder == first.holder && (sealed || !in_safes_.contains(i)))
          all.push_back(i);
      const auto rest = std::span(clause.keys).subspan(at);
      const bool by_name = !all.empty() && rest.size() >= all.size() &&
                           std::ranges::equal(all, rest.first(all.size()));
      keys.push_back(by_name ? first.holder : first.pub.hex());
      at += by_name ? all.size() : 1;
    }
    ordered_json entry{{"threshold", clause.threshold}, {"keys", keys}};
    if (clause.org != 0) entry["org"] = clause.org;
    return entry;
  }

  ordered_json policy() const {
    const model::RootPolicy& policy = root_.policy;
    const auto classes = [](const model::PerClass& lengths) {
      ordered_json entry;
      for (std::size_t i = 0; i < model::kClasses; ++i)
        entry[Names<model::Class>::kAll[i].data()] = duration(lengths[i]);
      return entry;
    };
    return {{"checkpoint_age_max", classes(policy.checkpoint_age_max)},
            {"cool_off", classes(policy.cool_off)},
            {"order_life_max", classes(policy.order_life_max)},
            {"offline_grace_max", classes(policy.offline_grace_max)},
            {"dry_run_age_max", duration(policy.dry_run_age_max)},
            {"standing_life_max", duration(policy.standing_life_max)},
            {"items_max", policy.items_max},
            {"wave1_permille_max", policy.wave1_permille_max}};
  }

  const model::Root& root_;
  std::set<std::uint16_t> in_safes_;
};

}  // namespace

Result<model::Root> parse_root_specification(std::string_view text, const std::string& directory,
                                             Timestamp now) {
  json specification;
  try {
    specification = json::parse(text);
  } catch (const json::exception& error) {
    return fail(Code::kInvalid, "not JSON: {}", error.what());
  }
  if (!specification.is_object()) return fail(Code::kInvalid, "the file: expected an object");
  FS_CHECK(codec::no_member_twice(text));
  Reader reader(specification, directory);
  model::Root root = reader.read(now);
  if (!reader.mistakes().empty())
    return fail(Code::kInvalid, "{}", fmt::join(reader.mistakes(), "\n"));
  return root;
}

std::string root_specification(const model::Root& root) {
  return Writer(root).write().dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

std::string root_specification_template() {
  return R"({
  "keys": [
    {"holder": "alice", "public": "@alice.key.pub"},
    {"holder": "bob",   "public": "@bob.key.pub"},
    {"holder": "carol", "public": "@carol.key.pub"}
  ],
  "conductor": "hex, from fleetsweep-controller init",
  "logs": ["vkey, from fleetsweep-controller init"],
  "witnesses": ["vkey, from fleetsweep-witness init"],
  "witness_quorum": 1,
  "time_keys": ["time_key, from fleetsweep-witness init"],
  "expires": "365d",
  "roles": {
    "clean": [{"threshold": 2, "keys": ["alice", "bob", "carol"]}]
  },
  "policy": {
    "cool_off": {"contain": "5m", "clean": "60m", "destroy": "24h"},
    "offline_grace_max": {"contain": "0s", "clean": "0s"}
  }
})";
}

}  // namespace fleetsweep::cli
