#pragma once

// What the controller remembers, in domain verbs. Memory and SQLite pass one contract test.
//
// commit() is all or nothing, and durable when it succeeds; acknowledge only then. Receipts of a
// batch may come in any order. One thread owns a store. Errors: kConflict for a key that is taken
// (nothing was written), kInternal with the operating system's reason (disk full) otherwise.

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "controller/store/records.h"
#include "protocol/base/result.h"

namespace fleetsweep::store {

struct NumberedReceipt {
  std::uint64_t row = 0;  // grows with every receipt: a cursor for pages
  Receipt receipt;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual Status commit(std::span<const Record> records) = 0;

  // All in the order of their keys.
  virtual Result<std::vector<Tenant>> tenants() = 0;
  virtual Result<std::vector<Entry>> entries(TenantNo tenant) = 0;
  virtual Result<std::optional<Checkpoint>> checkpoint(TenantNo tenant) = 0;
  virtual Result<std::vector<Witnessed>> witnessed(TenantNo tenant) = 0;
  virtual Result<std::vector<Digest>> blobs(TenantNo tenant) = 0;
  virtual Result<std::optional<Bytes>> blob(TenantNo tenant, const Digest& digest) = 0;
  virtual Result<std::vector<Agent>> agents(TenantNo tenant) = 0;
  virtual Result<std::vector<AgentRekey>> agent_rekeys(TenantNo tenant) = 0;
  virtual Result<std::vector<Quota>> quotas(TenantNo tenant) = 0;
  virtual Result<std::vector<AgentSeen>> agents_seen(TenantNo tenant) = 0;
  virtual Result<std::vector<Trip>> trips(TenantNo tenant) = 0;
  virtual Result<std::vector<CampaignHost>> campaign_hosts(TenantNo tenant) = 0;
  virtual Result<std::vector<Fork>> forks(TenantNo tenant) = 0;
  virtual Result<std::vector<Clone>> clones(TenantNo tenant) = 0;
  virtual Result<std::vector<Pending>> pending(TenantNo tenant) = 0;
  virtual Result<std::vector<Audit>> audit() = 0;
  virtual Result<std::vector<ApiToken>> api_tokens() = 0;
  virtual Result<std::optional<ApiToken>> api_token(const Digest& hash) = 0;

  // By host and sequence number.
  virtual Status for_each_receipt(TenantNo tenant,
                                  const std::function<Status(const Receipt&)>& visit) = 0;
  // Of one campaign or of all, rows after `after`, at most `max`.
  virtual Result<std::vector<NumberedReceipt>> receipts(TenantNo tenant,
                                                        const std::optional<std::string>& campaign,
                                                        std::uint64_t after, std::size_t max) = 0;
  virtual Result<std::optional<DocumentId>> receipt_id(TenantNo tenant, HostNo host,
                                                       std::uint64_t seq) = 0;

  // Derived rows are made anew, in one transaction.
  virtual Status replace_campaign_hosts(std::span<const CampaignHost> rows) = 0;
};

std::unique_ptr<Store> memory_store();
// The file is created when it is not there, and migrated when it is old.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path);

}  // namespace fleetsweep::store
