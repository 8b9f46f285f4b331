#include "tests/sim/world.h"

#include "protocol/base/assert.h"

namespace fleetsweep::sim {
namespace {

constexpr const char* kCampaign = "sweep";
constexpr Duration kSweepMax = Seconds(3600);
constexpr std::size_t kObjectionsShown = 5;

}  // namespace

World::World(const Options& options)
    : seed_(options.seed),
      timeline_(Instant(fixture::start())),
      network_(timeline_, options.seed * 3 + 1),
      checkers_(setting(), options.times.heartbeat * 3),
      agent_faults_(options.agent_faults),
      controller_({timeline_, checkers_, setting(),
                   [this](std::size_t host, Parcel message) {
                     return hosts_[host]->deliver(std::move(message));
                   },
                   [this] {
                     for (const auto& host : hosts_)
                       timeline_.after(network_.delay(), [&host] { host->lose_connection(); });
                   }},
                  options.times, options.seed * 5 + 2),
      wiring_(wiring_of_hosts(options)) {
  Prng prng(options.seed);
  std::vector<HostKeys> keys;
  for (std::size_t i = 0; i < options.hosts; ++i) keys.push_back(setting().host_keys(i));
  controller_.set_up(keys);
  controller_.faults = options.controller_faults;
  for (std::size_t i = 0; i < options.hosts; ++i) {
    auto node = std::make_unique<AgentNode>(wiring_, i, std::move(keys[i]), prng.next());
    node->host.add_file("/usr/bin/editor", false);
    if (prng.below(1000) < options.infected_permille) {
      node->host.add_file("/tmp/.x/lookalike", true);
      ++infected_at_first_;
    }
    node->host.bug = options.bug;
    node->act_crash = options.act_crash;
    if (options.skew_max > Seconds(0)) {
      const auto span = static_cast<std::uint64_t>(options.skew_max.count()) * 2 + 1;
      node->skew = Seconds(static_cast<std::int64_t>(prng.below(span))) - options.skew_max;
    }
    hosts_.push_back(std::move(node));
  }
  for (const auto& host : hosts_) host->start();
}

AgentNode::Wiring World::wiring_of_hosts(const Options& options) {
  return {timeline_,
          network_,
          checkers_,
          setting(),
          agent_faults_,
          [this](std::size_t host, model::Message message) {
            controller_.on_message(host, std::move(message));
          },
          [this] { return controller_.is_up(); },
          options.tamper};
}

void World::run_for(Duration length) {
  const Instant end = timeline_.now() + length;
  while (timeline_.step(end)) {
  }
}

bool World::run_until(const std::function<bool()>& is_so, Duration limit) {
  const Instant end = timeline_.now() + limit;
  while (!is_so()) {
    if (timeline_.now() >= end) return false;
    run_for(Seconds(1));
  }
  return true;
}

Result<DocumentId> World::try_order(const model::Order& order,
                                    std::initializer_list<std::string> people) {
  return controller_.submit(setting().tenant.sign(order, people));
}

DocumentId World::order(const model::Order& order, std::initializer_list<std::string> people) {
  return document(setting().tenant.sign(order, people));
}

DocumentId World::document(const Bytes& envelope) {
  std::optional<DocumentId> id;
  std::string why;
  const bool logged = run_until(
      [&] {
        const auto submitted = controller_.submit(envelope);
        if (submitted)
          id = *submitted;
        else
          why = submitted.error().message;
        return id.has_value();
      },
      Seconds(600));
  if (!logged) fmt::print(stderr, "world: {}\n", why);
  FS_ASSERT(logged);
  return *id;
}

DocumentId World::sweep(std::uint16_t canary) {
  const DocumentId dry_run = order(setting().dry_run(), {"alice"});
  if (!run_until([this] { return is_settled(); }, kSweepMax)) return {};
  const DocumentId apply = order(setting().apply(dry_run, canary), {"alice", "bob"});
  if (!run_until([this] { return is_settled(); }, kSweepMax)) return {};
  return apply;
}

void World::calm() {
  network_.heal();
  network_.link = {};
  agent_faults_ = {};
  controller_.faults = {};
  for (const auto& host : hosts_) {
    host->act_crash = 0;
    if (!host->is_up()) host->shut_down(), host->start();
  }
}

bool World::is_settled() const {
  const campaign::Rollout* rollout = controller_.campaign(kCampaign);
  if (!rollout || rollout->phase() != "done") return false;
  for (const auto& host : hosts_)
    if (host->is_up() && !host->store().stored().outbox.empty()) return false;
  return true;
}

std::size_t World::count(model::HostState state) const {
  const campaign::Rollout* rollout = controller_.campaign(kCampaign);
  return rollout ? rollout->tally().states[static_cast<std::size_t>(state)] : 0;
}

std::size_t World::infected() const {
  std::size_t count = 0;
  for (const auto& host : hosts_) count += host->host.is_infected();
  return count;
}

std::string World::states() const {
  std::string text;
  for (std::size_t i = 0; i < kCount<model::HostState>; ++i)
    if (const auto state = static_cast<model::HostState>(i); count(state) > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name(state), count(state));
  return text;
}

std::string World::verdict() const {
  const auto& violations = checkers_.violations();
  if (violations.empty()) return "";
  std::string text =
      fmt::format("seed {} with {} hosts: {} objections", seed_, hosts_.size(), violations.size());
  for (std::size_t i = 0; i < std::min(kObjectionsShown, violations.size()); ++i)
    text += "\n  " + violations[i];
  return text;
}

}  // namespace fleetsweep::sim
