#include "cli/steering.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "protocol/base/bytes.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::cli {

Result<model::Release> draft_release(const trust::State& state, const std::string& campaign,
                                     unsigned wave) {
  const trust::OrderEntry* newest = nullptr;
  model::Release release{.tenant = state.tenant, .wave = static_cast<std::uint16_t>(wave - 1)};
  for (const auto& [id, entry] : state.orders) {
    const model::Order& order = entry.order;
    if (order.campaign != campaign || wave == 0 || wave > order.waves.size() ||
        order.waves[wave - 1].gate == model::Gate::kNone ||
        (newest && newest->logged.index > entry.logged.index))
      continue;
    newest = &entry;
    release.order = id;
    release.expires = order.schedule.not_after;
  }
  if (!newest)
    return fail(Code::kNotFound,
                "no order of campaign {} has a gate before wave {}\nnext:  `fleetsweep campaign "
                "report {}` lists its orders",
                escaped(campaign), wave, escaped(campaign));
  if (state.releases.contains({.order = release.order, .wave = release.wave}))
    return fail(Code::kConflict,
                "wave {} of order {} is open already\nnext:  fleetsweep campaign hosts {}", wave,
                release.order.hex().substr(0, 12), escaped(campaign));
  return release;
}

Result<model::Resume> draft_resume(const trust::State& state, const std::string& campaign,
                                   const std::string& reason) {
  model::Resume resume{.tenant = state.tenant, .reason = reason};
  std::vector<std::string> wider;
  for (const auto& [id, entry] : state.stops) {
    const model::Stop& stop = entry.stop;
    const auto names = [&](const auto& item) {
      const auto& [order, held] = item;
      return held.order.campaign == campaign &&
             (std::ranges::find(stop.orders, order) != stop.orders.end() ||
              std::ranges::find(stop.policies, held.order.policy) != stop.policies.end());
    };
    const auto halts = [&](const auto& item) {
      const model::Order& order = item.second.order;
      return order.campaign == campaign &&
             (stop.halt_all ||
              (stop.halt_from_class && order.action_class >= *stop.halt_from_class));
    };
    if (std::ranges::any_of(state.orders, halts)) wider.push_back(id.hex());
    if (std::ranges::any_of(state.orders, names)) resume.stops.push_back(id);
  }
  if (!wider.empty()) {
    for (const DocumentId& id : resume.stops)
      if (std::ranges::find(wider, id.hex()) == wider.end()) wider.push_back(id.hex());
    return fail(Code::kConflict,
                "campaign {} is held by a stop that halts other campaigns too, and lifting it lets "
                "all of them go on\nnext:  if that is meant: fleetsweep stop lift {} --key ... "
                "--reason ...",
                escaped(campaign), fmt::join(wider, " "));
  }
  if (resume.stops.empty())
    return fail(Code::kNotFound,
                "no active stop names campaign {}\nnext:  `fleetsweep campaign hosts {}` says what "
                "its hosts wait for",
                escaped(campaign), escaped(campaign));
  return resume;
}

std::vector<std::string> not_stopped(const trust::State& state, const std::string& campaign) {
  std::vector<std::string> orders;
  for (const auto& [id, entry] : state.orders)
    if (entry.order.campaign == campaign &&
        !trust::stopped(state, id, entry.order, entry.order.action_class, std::nullopt))
      orders.push_back(id.hex());
  return orders;
}

Result<model::Close> draft_close(const trust::State& state, const std::string& campaign,
                                 const std::vector<Digest>& leaves) {
  if (const auto closed = state.closes.find(campaign); closed != state.closes.end())
    return fail(Code::kConflict,
                "campaign {} is closed already, at {} receipts\nnext:  fleetsweep campaign report "
                "{} --out report.json --key YOUR.key",
                escaped(campaign), closed->second.results_size, escaped(campaign));
  return model::Close{.tenant = state.tenant,
                      .campaign = campaign,
                      .results_size = leaves.size(),
                      .results_root = log::tree_root(leaves)};
}

namespace {

Result<std::vector<PublicKey>> keys_of(const model::Root& root, const std::string& who) {
  std::vector<PublicKey> keys;
  for (const model::Key& key : root.keys)
    if (key.holder == who || key.pub.hex() == who) keys.push_back(key.pub);
  if (keys.empty())
    return fail(Code::kNotFound,
                "root version {} has no key of {}\nnext:  `fleetsweep root spec` lists its keys",
                root.version, escaped(who));
  return keys;
}

}  // namespace

Result<model::Stop> draft_key_stop(const trust::State& state, const std::string& who,
                                   const std::string& reason, Timestamp now) {
  model::Stop stop{.tenant = state.tenant, .issued = now, .reason = reason};
  FS_TRY(stop.keys, keys_of(state.root->root(), who));
  return stop;
}

Result<model::Resume> draft_key_resume(const trust::State& state, const std::string& who,
                                       const std::string& reason) {
  FS_TRY(const std::vector<PublicKey> keys, keys_of(state.root->root(), who));
  model::Resume resume{.tenant = state.tenant, .reason = reason};
  for (const auto& [id, entry] : state.stops)
    if (std::ranges::find_first_of(entry.stop.keys, keys) != entry.stop.keys.end())
      resume.stops.push_back(id);
  if (resume.stops.empty())
    return fail(Code::kNotFound, "no active stop names a key of {}", escaped(who));
  return resume;
}

}  // namespace fleetsweep::cli
