#pragma once

// One agent's store in memory: what was committed, and what a restart finds.

#include <map>

#include "agent/core/effect.h"

namespace fleetsweep::sim {

class AgentStore {
 public:
  void commit(const std::vector<agent::Record>& records);
  agent::Stored load() const;

  const Bytes* policy(const Digest& digest) const;
  std::vector<model::SealedFinding> dry_run(const DocumentId& order) const;
  std::vector<Bytes> receipts(const std::vector<std::uint64_t>& seqs) const;
  std::optional<DocumentId> receipt_id(std::uint64_t seq) const;
  const agent::Job* job(const DocumentId& order) const;
  const agent::Stored& stored() const { return stored_; }

 private:
  agent::Stored stored_;  // without policies: their bytes are below
  std::map<Digest, Bytes> policies_;
  std::map<DocumentId, std::vector<model::SealedFinding>> findings_;
  struct Kept {
    DocumentId id;
    Bytes envelope;
  };
  std::map<std::uint64_t, Kept> receipts_;
};

}  // namespace fleetsweep::sim
