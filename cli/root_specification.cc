#include "cli/root_specification.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

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
    known_members(json_, "",
                  {"keys", "roles", "conductor", "logs", "witnesses", "witness_quorum", "expires",
                   "evidence_key", "policy"});
    root_.issued = now;
    root_.expires = now + seconds(json_, "expires", 365 * kDay);
    root_.path_salt = crypto::random_nonce();
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

  void read_logs() {
    for (const std::string& vkey : texts("logs", true)) root_.logs.push_back({.vkey = vkey});
    root_.witnesses = texts("witnesses", false);
    root_.witness_quorum = json_.contains("witness_quorum")
                               ? number<std::uint8_t>(json_["witness_quorum"], "witness_quorum",
                                                      root_.witnesses.size())
                               : static_cast<std::uint8_t>(root_.witnesses.size());
    if (json_.contains("evidence_key")) {
      const auto key = CurveKey::parse_hex(text(json_, "evidence_key", ""));
      if (!key) return mistake("evidence_key: {}", key.error().message);
      root_.evidence_key = *key;
    }
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

  model::Clause clause(const json& entry, const std::string& where) {
    model::Clause result;
    known_members(entry, where, {"org", "threshold", "keys"});
    if (!entry.is_object()) return result;
    if (entry.contains("org")) result.org = number<std::uint8_t>(entry["org"], where + ".org", 255);
    result.threshold = entry.contains("threshold")
                           ? number<std::uint8_t>(entry["threshold"], where + ".threshold", 64)
                           : 0;
    for (const json& holder : entry.value("keys", json::array())) {
      const std::string wanted = holder.is_string() ? holder.get<std::string>() : "";
      const std::size_t before = result.keys.size();
      for (std::size_t i = 0; i < root_.keys.size(); ++i)  // a person may have several keys
        if (root_.keys[i].holder == wanted) result.keys.push_back(static_cast<std::uint16_t>(i));
      if (result.keys.size() == before)
        mistake("{}.keys: nobody is called {}", where, holder.dump());
    }
    return result;
  }

  void read_roles() {
    std::vector<std::uint16_t> everybody;
    for (std::uint16_t i = 0; i < people_.size(); ++i) everybody.push_back(i);
    const json roles = json_.value("roles", json::object());
    if (!roles.is_object()) return mistake("roles: expected an object of role to clauses");
    for (const auto& [name, clauses] : roles.items()) {
      const auto role = from_name<Role>(name);
      if (!role) {
        mistake("roles.{}: unknown; expected one of {}", name, fmt::join(Names<Role>::kAll, ", "));
        continue;
      }
      model::RoleRule rule{*role, {}};
      for (const json& entry : clauses) rule.clauses.push_back(clause(entry, "roles." + name));
      root_.roles.push_back(std::move(rule));
    }
    const std::map<Role, std::uint8_t> small_shop = {
        {Role::kRoot, 2},    {Role::kObserve, 1}, {Role::kRead, 2}, {Role::kContain, 2},
        {Role::kClean, 2},   {Role::kDestroy, 3}, {Role::kStop, 1}, {Role::kResume, 2},
        {Role::kRelease, 1}, {Role::kEnrol, 1},   {Role::kInfra, 1}};
    for (const auto& [role, threshold] : small_shop)
      if (std::ranges::find(root_.roles, role, &model::RoleRule::role) == root_.roles.end())
        root_.roles.push_back({role, {{.org = 0, .keys = everybody, .threshold = threshold}}});
    const bool has_conductor_rule = std::ranges::find(root_.roles, Role::kConductor,
                                                      &model::RoleRule::role) != root_.roles.end();
    if (json_.contains("conductor") && !has_conductor_rule)
      root_.roles.push_back(
          {Role::kConductor,
           {{.org = 255, .keys = {static_cast<std::uint16_t>(people_.size())}, .threshold = 1}}});
    std::ranges::sort(root_.roles, {}, &model::RoleRule::role);
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
                   "dry_run_age_max", "items_max", "wave1_permille_max"});
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
  std::vector<std::string> mistakes_;
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
