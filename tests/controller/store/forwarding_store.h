#pragma once

// The memory store behind its interface, for tests that overrule some verbs of it.

#include "controller/store/store.h"

namespace fleetsweep::store {

class ForwardingStore : public Store {
 public:
  Status commit(std::span<const Record> records) override { return inner_->commit(records); }
  Result<std::vector<Tenant>> tenants() override { return inner_->tenants(); }
  Result<std::vector<Entry>> entries(TenantNo tenant) override { return inner_->entries(tenant); }
  Result<std::optional<Checkpoint>> checkpoint(TenantNo tenant) override {
    return inner_->checkpoint(tenant);
  }
  Result<std::vector<Witnessed>> witnessed(TenantNo tenant) override {
    return inner_->witnessed(tenant);
  }
  Result<std::vector<Digest>> blobs(TenantNo tenant) override { return inner_->blobs(tenant); }
  Result<std::optional<Bytes>> blob(TenantNo tenant, const Digest& digest) override {
    return inner_->blob(tenant, digest);
  }
  Result<std::vector<Agent>> agents(TenantNo tenant) override { return inner_->agents(tenant); }
  Result<std::vector<AgentRekey>> agent_rekeys(TenantNo tenant) override {
    return inner_->agent_rekeys(tenant);
  }
  Result<std::vector<Quota>> quotas(TenantNo tenant) override { return inner_->quotas(tenant); }
  Result<std::vector<AgentSeen>> agents_seen(TenantNo tenant) override {
    return inner_->agents_seen(tenant);
  }
  Result<std::vector<Trip>> trips(TenantNo tenant) override { return inner_->trips(tenant); }
  Result<std::vector<CampaignHost>> campaign_hosts(TenantNo tenant) override {
    return inner_->campaign_hosts(tenant);
  }
  Result<std::vector<Fork>> forks(TenantNo tenant) override { return inner_->forks(tenant); }
  Result<std::vector<Clone>> clones(TenantNo tenant) override { return inner_->clones(tenant); }
  Result<std::vector<Pending>> pending(TenantNo tenant) override { return inner_->pending(tenant); }
  Result<std::vector<Audit>> audit() override { return inner_->audit(); }
  Result<std::vector<ApiToken>> api_tokens() override { return inner_->api_tokens(); }
  Result<std::optional<ApiToken>> api_token(const Digest& hash) override {
    return inner_->api_token(hash);
  }
  Status for_each_receipt(TenantNo tenant,
                          const std::function<Status(const Receipt&)>& visit) override {
    return inner_->for_each_receipt(tenant, visit);
  }
  Result<std::vector<NumberedReceipt>> receipts(TenantNo tenant,
                                                const std::optional<std::string>& campaign,
                                                std::uint64_t after, std::size_t max) override {
    return inner_->receipts(tenant, campaign, after, max);
  }
  Result<std::optional<DocumentId>> receipt_id(TenantNo tenant, HostNo host,
                                               std::uint64_t seq) override {
    return inner_->receipt_id(tenant, host, seq);
  }
  Status replace_campaign_hosts(std::span<const CampaignHost> rows) override {
    return inner_->replace_campaign_hosts(rows);
  }

 private:
  std::unique_ptr<Store> inner_ = memory_store();
};

}  // namespace fleetsweep::store
