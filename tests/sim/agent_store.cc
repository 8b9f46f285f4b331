#include "tests/sim/agent_store.h"

#include "protocol/base/assert.h"

namespace fleetsweep::sim {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

void AgentStore::commit(const std::vector<agent::Record>& records) {
  const Overloaded take{
      [this](const agent::PutEntry& put) {
        FS_ASSERT(put.index == stored_.entries.size());
        stored_.entries.push_back({put.entry, put.seen});
      },
      [this](const agent::PutLog& put) { stored_.log = put.log; },
      [this](const agent::PutPolicy& put) { policies_[put.digest] = put.bytes; },
      [this](const agent::DropPolicy& drop) { policies_.erase(drop.digest); },
      [this](const agent::PutHashPart& put) { stored_.hash_parts.push_back(put.digest); },
      [this](const agent::DropHashPart& drop) { std::erase(stored_.hash_parts, drop.digest); },
      [this](const agent::PutDryRun& put) {
        std::erase_if(stored_.dry_runs,
                      [&](const auto& run) { return run.order == put.run.order; });
        stored_.dry_runs.push_back(put.run);
        findings_[put.run.order] = put.findings;
      },
      [this](const agent::PutJob& put) {
        std::erase_if(stored_.jobs, [&](const auto& job) { return job.order == put.job.order; });
        stored_.jobs.push_back(put.job);
      },
      [this](const agent::DropJob& drop) {
        std::erase_if(stored_.jobs, [&](const auto& job) { return job.order == drop.order; });
        std::erase_if(stored_.dry_runs, [&](const auto& run) { return run.order == drop.order; });
        findings_.erase(drop.order);
      },
      [this](const agent::PutStop& put) {
        stored_.stops.push_back({put.log_size, put.envelope, put.seen});
      },
      [this](const agent::PutReceipt& put) {
        FS_ASSERT(put.seq == stored_.seq + 1);
        receipts_[put.seq] = {put.id, put.envelope};
        stored_.outbox.push_back({put.seq, put.id, put.envelope.size()});
        stored_.seq = put.seq;
        stored_.previous = put.id;
      },
      [this](const agent::DropReceipts& drop) {
        for (const std::uint64_t seq : drop.seqs) {
          receipts_.erase(seq);
          std::erase_if(stored_.outbox, [&](const auto& item) { return item.seq == seq; });
        }
      },
      [this](const agent::PutTransport& put) { stored_.transport = put.transport; }};
  for (const agent::Record& record : records) std::visit(take, record);
}

agent::Stored AgentStore::load() const {
  agent::Stored stored = stored_;
  for (const auto& [digest, bytes] : policies_) {
    auto brief = agent::brief_of(bytes);
    FS_ASSERT(brief);
    stored.policies.push_back(std::move(*brief));
  }
  return stored;
}

const Bytes* AgentStore::policy(const Digest& digest) const {
  const auto found = policies_.find(digest);
  return found == policies_.end() ? nullptr : &found->second;
}

std::vector<model::SealedFinding> AgentStore::dry_run(const DocumentId& order) const {
  const auto found = findings_.find(order);
  return found == findings_.end() ? std::vector<model::SealedFinding>() : found->second;
}

std::vector<Bytes> AgentStore::receipts(const std::vector<std::uint64_t>& seqs) const {
  std::vector<Bytes> envelopes;
  for (const std::uint64_t seq : seqs)
    if (const auto found = receipts_.find(seq); found != receipts_.end())
      envelopes.push_back(found->second.envelope);
  return envelopes;
}

std::optional<DocumentId> AgentStore::receipt_id(std::uint64_t seq) const {
  const auto found = receipts_.find(seq);
  return found == receipts_.end() ? std::nullopt : std::optional(found->second.id);
}

const agent::Job* AgentStore::job(const DocumentId& order) const {
  for (const agent::Job& job : stored_.jobs)
    if (job.order == order) return &job;
  return nullptr;
}

}  // namespace fleetsweep::sim
