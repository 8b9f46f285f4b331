#include "cli/root_change.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/weakening.h"

namespace fleetsweep::cli {

using model::Role;
using model::Root;

namespace {

constexpr Seconds kDay{24 * 3600};
constexpr Seconds kWarnBefore = 60 * kDay;
constexpr std::uint8_t kConductorOrg = 255;  // as a specification makes it

using Lines = std::vector<std::string>;

template <class... Args>
void add(Lines& lines, fmt::format_string<Args...> format, Args&&... args) {
  lines.push_back(fmt::format(format, std::forward<Args>(args)...));
}

std::string key_text(const model::Key& key) {
  return fmt::format("{} of {} (org {}, {})", key.pub.hex().substr(0, 12), escaped(key.holder),
                     key.org, name(key.scheme));
}

const model::Key* find(const Root& root, const PublicKey& pub) {
  const auto found = std::ranges::find(root.keys, pub, &model::Key::pub);
  return found == root.keys.end() ? nullptr : &*found;
}

std::string clauses_text(const Root& root, const std::vector<model::Clause>& clauses) {
  std::set<std::uint8_t> orgs;  // of people; the conductor's is its own
  for (const model::Key& key : root.keys)
    if (key.org != kConductorOrg) orgs.insert(key.org);
  Lines parts;
  for (const model::Clause& clause : clauses) {
    Lines holders;  // each once: several keys of a person count once
    for (const std::uint16_t index : clause.keys) {
      const std::string holder = index < root.keys.size() ? escaped(root.keys[index].holder) : "?";
      if (std::ranges::find(holders, holder) == holders.end()) holders.push_back(holder);
    }
    add(parts, "{} of {}{}", clause.threshold,
        holders.empty() ? "nobody" : fmt::format("{}", fmt::join(holders, ", ")),
        orgs.size() > 1 && clause.org != kConductorOrg ? fmt::format(" (org {})", clause.org) : "");
  }
  return fmt::format("{}", fmt::join(parts, " and "));
}

std::string role_text(const Root& root, Role role) {
  for (const model::RoleRule& rule : root.roles)
    if (rule.role == role && !rule.clauses.empty()) return rule_text(root, rule);
  return "nobody";
}

void compare_keys(const Root& before, const Root& after, Lines& lines) {
  for (const model::Key& key : before.keys)
    if (!find(after, key.pub)) add(lines, "key removed  {}", key_text(key));
  for (const model::Key& key : after.keys) {
    const model::Key* old = find(before, key.pub);
    if (!old)
      add(lines, "key added    {}", key_text(key));
    else if (*old != key)
      add(lines, "key changed  {} -> {}", key_text(*old), key_text(key));
  }
}

void compare_roles(const Root& before, const Root& after, Lines& lines) {
  for (std::size_t i = 0; i < kCount<Role>; ++i) {
    const auto role = static_cast<Role>(i);
    const std::string was = role_text(before, role), is = role_text(after, role);
    if (was != is) add(lines, "role {:<10} {} -> {}", name(role), was, is);
  }
}

template <class T>
void compare_lists(const char* what, const std::vector<T>& before, const std::vector<T>& after,
                   auto text, Lines& lines) {
  for (const T& one : before)
    if (std::ranges::find(after, one) == after.end()) add(lines, "{} removed  {}", what, text(one));
  for (const T& one : after)
    if (std::ranges::find(before, one) == before.end()) add(lines, "{} added  {}", what, text(one));
}

std::string log_text(const model::LogOrigin& log) {
  return escaped(log.vkey) + (log.start_size
                                  ? fmt::format(", takes over after {} entries with root {}",
                                                log.start_size, log.start_root.hex().substr(0, 16))
                                  : "");
}

void compare_policy(const Root& before, const Root& after, Lines& lines) {
  const model::RootPolicy &was = before.policy, &is = after.policy;
  const auto times = [&](const char* what, const model::PerClass& old, const model::PerClass& now) {
    for (std::size_t i = 0; i < model::kClasses; ++i)
      if (old[i] != now[i])
        add(lines, "class {:<9} {} {} -> {}", Names<model::Class>::kAll[i], what, to_human(old[i]),
            to_human(now[i]));
  };
  times("checkpoint age at most", was.checkpoint_age_max, is.checkpoint_age_max);
  times("cool-off", was.cool_off, is.cool_off);
  times("order life at most", was.order_life_max, is.order_life_max);
  times("offline grace at most", was.offline_grace_max, is.offline_grace_max);
  if (was.dry_run_age_max != is.dry_run_age_max)
    add(lines, "dry runs at most {} -> {} old", to_human(was.dry_run_age_max),
        to_human(is.dry_run_age_max));
  if (was.standing_life_max != is.standing_life_max)
    add(lines, "standing orders stand at most {} -> {}", to_human(was.standing_life_max),
        to_human(is.standing_life_max));
  if (was.items_max != is.items_max)
    add(lines, "objects on a host at most {} -> {}", was.items_max, is.items_max);
  if (was.wave1_permille_max != is.wave1_permille_max)
    add(lines, "first wave at most {} -> {} permille", was.wave1_permille_max,
        is.wave1_permille_max);
}

}  // namespace

Result<KnownRoot> known_root(const model::Envelope& envelope) {
  FS_TRY(Root root, codec::decode<Root>(envelope.payload));
  if (const auto mistakes = trust::mistakes(root); !mistakes.empty())
    return fail(Code::kInvalid, "no host accepted this root: {}", fmt::join(mistakes, "; "));
  const TenantId tenant = root.version == 1 ? trust::tenant_id(envelope.payload) : root.tenant;
  return KnownRoot{std::move(root), crypto::document_id(envelope), tenant};
}

Result<KnownRoot> trusted_root(const model::Envelope& envelope) {
  FS_TRY(KnownRoot known, known_root(envelope));
  const auto met = trust::meets(known.root, Role::kRoot, trust::signers(envelope, known.root));
  if (!met)
    return fail(Error(met.error()).within(fmt::format("root version {}", known.root.version)));
  return known;
}

Root successor(Root specified, const KnownRoot& before, bool sets_evidence_key,
               bool sets_path_salt) {
  specified.version = before.root.version + 1;
  specified.previous = before.id;
  specified.tenant = before.tenant;
  if (!sets_evidence_key) specified.evidence_key = before.root.evidence_key;
  if (!sets_path_salt) specified.path_salt = before.root.path_salt;
  return specified;
}

Lines differences(const Root& before, const Root& after) {
  Lines lines;
  compare_keys(before, after, lines);
  compare_roles(before, after, lines);
  const auto as_it_is = [](const std::string& text) { return escaped(text); };
  compare_lists("log", before.logs, after.logs, log_text, lines);
  compare_lists("witness", before.witnesses, after.witnesses, as_it_is, lines);
  compare_lists(
      "time key", before.time_keys, after.time_keys, [](const PublicKey& key) { return key.hex(); },
      lines);
  if (before.witness_quorum != after.witness_quorum)
    add(lines, "witness quorum {} -> {}", before.witness_quorum, after.witness_quorum);
  compare_policy(before, after, lines);
  if (before.evidence_key != after.evidence_key)
    add(lines, "evidence key changed: what was sealed before opens with the old one only");
  if (before.path_salt != after.path_salt)
    add(lines, "path salt changed: hashes of paths no longer compare with those of before");
  if (before.agent_schema_min != after.agent_schema_min)
    add(lines, "agents must know schema {} -> {}", before.agent_schema_min, after.agent_schema_min);
  return lines;
}

Lines delays(const Root& before, const Root& after) {
  Lines lines;
  for (const Role role : trust::kOlderRuleRoles)
    if (trust::is_role_weaker(before, after, role))
      add(lines, "role {} asks less: for {} whoever uses it must also meet what version {} asks",
          name(role), to_human(trust::kWeakeningDelay), before.version);
  for (std::size_t i = 0; i < model::kClasses; ++i)
    if (trust::is_class_weaker(before, after, static_cast<model::Class>(i)))
      add(lines, "class {} is held back for {}: its rule becomes weaker",
          Names<model::Class>::kAll[i], to_human(trust::kWeakeningDelay));
  return lines;
}

Lines orders_that_end(const trust::State& state, const Root& after, Timestamp now) {
  Lines lines;
  const trust::Keys stopped = trust::stopped_keys(state);
  for (const auto& [id, entry] : state.orders) {
    const model::Order& order = entry.order;
    const Role role = trust::role_for(order.action_class);
    if (order.schedule.not_after > now &&
        trust::meets(state.root->root(), role, entry.signed_by, stopped) &&
        !trust::meets(after, role, entry.signed_by, stopped))
      add(lines, "{} {} {}, approved by {}", id.hex().substr(0, 12), name(order.mode),
          escaped(order.campaign),
          fmt::join(trust::holders(state.root->root(), entry.signed_by), " and "));
  }
  return lines;
}

Lines signatures_missing(const model::Envelope& envelope, const Root& after,
                         const KnownRoot* before) {
  Lines lines;
  const auto ask = [&](const Root& root) {
    const auto met = trust::meets(root, Role::kRoot, trust::signers(envelope, root));
    if (!met) add(lines, "version {}: {}", root.version, met.error().detail);
  };
  if (before) ask(before->root);
  ask(after);
  std::set<std::uint16_t> conductor;
  for (const model::RoleRule& rule : after.roles)
    if (rule.role == Role::kConductor)
      for (const auto& clause : rule.clauses)
        conductor.insert(clause.keys.begin(), clause.keys.end());
  const trust::Keys signed_by = trust::signers(envelope, after);
  for (std::uint16_t i = 0; i < after.keys.size(); ++i) {
    const model::Key& key = after.keys[i];
    const bool is_new = before ? !find(before->root, key.pub) : after.version == 1;
    if (is_new && !conductor.contains(i) && !std::ranges::binary_search(signed_by, key.pub))
      add(lines, "new key {} has not signed: it must prove that somebody has it", key_text(key));
  }
  return lines;
}

std::string rule_text(const Root& root, const model::RoleRule& rule) {
  return clauses_text(root, rule.clauses) +
         (rule.sealed.empty() ? "" : "; sealed: " + clauses_text(root, rule.sealed));
}

std::optional<std::string> expiry_warning(const Root& root, Timestamp now) {
  const Seconds left = root.expires - now;
  if (left > kWarnBefore) return std::nullopt;
  const std::string_view then = "hosts only observe and stop, until the next version is signed";
  if (left <= Seconds{0})
    return fmt::format("ENDED {} ago, {}: {}", to_human(-left), to_rfc3339(root.expires), then);
  return fmt::format("ENDS IN {}, {}: then {}", to_human(left), to_rfc3339(root.expires), then);
}

}  // namespace fleetsweep::cli
