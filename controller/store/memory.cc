#include <map>
#include <set>
#include <tuple>

#include "controller/store/store.h"

namespace fleetsweep::store {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

template <class Map>
auto values(const Map& map) {
  std::vector<typename Map::mapped_type> all;
  for (const auto& [key, value] : map) all.push_back(value);
  return all;
}
template <class Map>
auto of(const Map& map, TenantNo tenant) {
  std::vector<typename Map::mapped_type> all;
  for (const auto& [key, value] : map)
    if (value.tenant == tenant) all.push_back(value);
  return all;
}
template <class Map>
auto find(const Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::optional<typename Map::mapped_type>()
                            : std::optional(found->second);
}

class MemoryStore final : public Store {
 public:
  Status commit(std::span<const Record> records) override {
    std::set<std::string> taken;
    for (const Record& record : records) {
      const std::string key = unique_key(record);
      if (!key.empty() && (exists(record) || !taken.insert(key).second))
        return fail(Code::kConflict, "store: {} is written already", key);
    }
    for (const Record& record : records) std::visit([this](const auto& row) { put(row); }, record);
    return {};
  }

  Result<std::vector<Tenant>> tenants() override { return values(tenants_); }
  Result<std::vector<Entry>> entries(TenantNo tenant) override { return of(entries_, tenant); }
  Result<std::optional<Checkpoint>> checkpoint(TenantNo tenant) override {
    return find(checkpoints_, tenant);
  }
  Result<std::vector<Witnessed>> witnessed(TenantNo tenant) override {
    return of(witnessed_, tenant);
  }
  Result<std::vector<Digest>> blobs(TenantNo tenant) override {
    std::vector<Digest> digests;
    for (const Blob& blob : of(blobs_, tenant)) digests.push_back(blob.digest);
    return digests;
  }
  Result<std::optional<Bytes>> blob(TenantNo tenant, const Digest& digest) override {
    const auto found = blobs_.find({tenant, digest});
    if (found == blobs_.end()) return std::optional<Bytes>();
    return std::optional(found->second.bytes);
  }
  Result<std::vector<Agent>> agents(TenantNo tenant) override { return of(agents_, tenant); }
  Result<std::vector<AgentRekey>> agent_rekeys(TenantNo tenant) override {
    return of(agent_rekeys_, tenant);
  }
  Result<std::vector<Quota>> quotas(TenantNo tenant) override { return of(quotas_, tenant); }
  Result<std::vector<AgentSeen>> agents_seen(TenantNo tenant) override {
    return of(agents_seen_, tenant);
  }
  Result<std::vector<Trip>> trips(TenantNo tenant) override { return of(trips_, tenant); }
  Result<std::vector<CampaignHost>> campaign_hosts(TenantNo tenant) override {
    return of(campaign_hosts_, tenant);
  }
  Result<std::vector<Fork>> forks(TenantNo tenant) override { return of(forks_, tenant); }
  Result<std::vector<Clone>> clones(TenantNo tenant) override { return of(clones_, tenant); }
  Result<std::vector<Pending>> pending(TenantNo tenant) override { return of(pending_, tenant); }
  Result<std::vector<Audit>> audit() override { return audit_; }
  Result<std::vector<ApiToken>> api_tokens() override { return values(api_tokens_); }
  Result<std::optional<ApiToken>> api_token(const Digest& hash) override {
    return find(api_tokens_, hash);
  }

  Status for_each_receipt(TenantNo tenant,
                          const std::function<Status(const Receipt&)>& visit) override {
    for (const auto& [key, row] : receipts_)
      if (std::get<0>(key) == tenant) FS_CHECK(visit(log_[row - 1]));
    return {};
  }
  Result<std::vector<NumberedReceipt>> receipts(TenantNo tenant,
                                                const std::optional<std::string>& campaign,
                                                std::uint64_t after, std::size_t max) override {
    std::vector<NumberedReceipt> page;
    for (std::uint64_t row = after + 1; row <= log_.size() && page.size() < max; ++row) {
      const Receipt& receipt = log_[row - 1];
      if (receipt.tenant == tenant && (!campaign || receipt.campaign == *campaign))
        page.push_back({row, receipt});
    }
    return page;
  }
  Result<std::optional<DocumentId>> receipt_id(TenantNo tenant, HostNo host,
                                               std::uint64_t seq) override {
    const auto found = receipts_.find({tenant, host, seq});
    if (found == receipts_.end()) return std::optional<DocumentId>();
    return std::optional(log_[found->second - 1].id);
  }

  Status replace_campaign_hosts(std::span<const CampaignHost> rows) override {
    campaign_hosts_.clear();
    for (const CampaignHost& row : rows) put(row);
    return {};
  }

 private:
  // The key of a row that may be written once only, for the message too.
  static std::string unique_key(const Record& record) {
    return std::visit(
        Overloaded{[](const Tenant& r) { return fmt::format("tenant {}", r.id.hex()); },
                   [](const Entry& r) { return fmt::format("entry {}/{}", r.tenant, r.index); },
                   [](const Agent& r) { return fmt::format("agent {}/{}", r.tenant, r.no); },
                   [](const Receipt& r) {
                     return fmt::format("receipt {}/{}/{}", r.tenant, r.host, r.seq);
                   },
                   [](const ApiToken& r) { return fmt::format("token {}", r.hash.hex()); },
                   [](const auto&) { return std::string(); }},
        record);
  }
  bool exists(const Record& record) const {
    return std::visit(Overloaded{[this](const Tenant& r) {
                                   for (const auto& [no, tenant] : tenants_)
                                     if (no == r.no || tenant.id == r.id) return true;
                                   return false;
                                 },
                                 [this](const Entry& r) {
                                   return entries_.contains({r.tenant, r.index});
                                 },
                                 [this](const Agent& r) {
                                   return agents_.contains({r.tenant, r.no});
                                 },
                                 [this](const Receipt& r) {
                                   return receipts_.contains({r.tenant, r.host, r.seq});
                                 },
                                 [this](const ApiToken& r) { return api_tokens_.contains(r.hash); },
                                 [](const auto&) { return false; }},
                      record);
  }

  void put(const Tenant& r) { tenants_.emplace(r.no, r); }
  void put(const Entry& r) { entries_.emplace(std::pair(r.tenant, r.index), r); }
  void put(const Checkpoint& r) { checkpoints_.insert_or_assign(r.tenant, r); }
  void put(const Witnessed& r) { witnessed_.emplace(std::pair(r.tenant, r.size), r); }
  void put(const Blob& r) { blobs_.emplace(std::pair(r.tenant, r.digest), r); }
  void put(const Agent& r) { agents_.emplace(std::pair(r.tenant, r.no), r); }
  void put(const AgentRekey& r) {
    agent_rekeys_.insert_or_assign(std::tuple(r.tenant, r.no, r.number), r);
  }
  void put(const AgentRekeyUsed& r) {
    if (const auto found = agent_rekeys_.find({r.tenant, r.no, r.number});
        found != agent_rekeys_.end())
      found->second.used = r.used;
  }
  void put(const Quota& r) { quotas_.insert_or_assign(std::pair(r.tenant, r.kind), r); }
  void put(const AgentSeen& r) { agents_seen_.insert_or_assign(std::pair(r.tenant, r.no), r); }
  void put(const Receipt& r) {
    log_.push_back(r);
    receipts_.emplace(std::tuple(r.tenant, r.host, r.seq), log_.size());
  }
  void put(const Fork& r) { forks_.emplace(std::tuple(r.tenant, r.host, r.seq, r.id), r); }
  void put(const Clone& r) { clones_.insert_or_assign(std::pair(r.tenant, r.host), r); }
  void put(const CampaignHost& r) {
    campaign_hosts_.insert_or_assign(std::tuple(r.tenant, r.campaign, r.host), r);
  }
  void put(const Trip& r) { trips_.emplace(std::pair(r.tenant, r.order), r); }
  void put(const ApiToken& r) { api_tokens_.emplace(r.hash, r); }
  void put(const ApiTokenRevoked& r) { api_tokens_.erase(r.hash); }
  void put(const Pending& r) { pending_.insert_or_assign(std::pair(r.tenant, r.id), r); }
  void put(const PendingGone& r) { pending_.erase({r.tenant, r.id}); }
  void put(const ApiTokenEnds& r) {
    if (const auto found = api_tokens_.find(r.hash); found != api_tokens_.end())
      found->second.expires = r.expires;
  }
  void put(const ApiTokenUsed& r) {
    if (const auto found = api_tokens_.find(r.hash); found != api_tokens_.end())
      found->second.used = r.used;
  }
  void put(const Audit& r) { audit_.push_back(r); }

  std::map<TenantNo, Tenant> tenants_;
  std::map<std::pair<TenantNo, std::uint64_t>, Entry> entries_;
  std::map<TenantNo, Checkpoint> checkpoints_;
  std::map<std::pair<TenantNo, std::uint64_t>, Witnessed> witnessed_;
  std::map<std::pair<TenantNo, Digest>, Blob> blobs_;
  std::map<std::pair<TenantNo, HostNo>, Agent> agents_;
  std::map<std::tuple<TenantNo, HostNo, std::uint32_t>, AgentRekey> agent_rekeys_;
  std::map<std::pair<TenantNo, QuotaKind>, Quota> quotas_;
  std::map<std::pair<TenantNo, HostNo>, AgentSeen> agents_seen_;
  std::vector<Receipt> log_;
  std::map<std::tuple<TenantNo, HostNo, std::uint64_t>, std::uint64_t> receipts_;
  std::map<std::tuple<TenantNo, HostNo, std::uint64_t, DocumentId>, Fork> forks_;
  std::map<std::pair<TenantNo, HostNo>, Clone> clones_;
  std::map<std::tuple<TenantNo, std::string, HostNo>, CampaignHost> campaign_hosts_;
  std::map<std::pair<TenantNo, DocumentId>, Trip> trips_;
  std::map<Digest, ApiToken> api_tokens_;
  std::map<std::pair<TenantNo, DocumentId>, Pending> pending_;
  std::vector<Audit> audit_;
};

}  // namespace

std::unique_ptr<Store> memory_store() {
  return std::make_unique<MemoryStore>();
}

}  // namespace fleetsweep::store
