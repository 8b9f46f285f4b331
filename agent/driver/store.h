#pragma once

// Where the core's records live. commit() is one transaction: all records of a turn are durable, or
// none is.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/core/record.h"

namespace fleetsweep::agent {

class Store {
 public:
  virtual ~Store() = default;

  virtual Status commit(const std::vector<Record>& records) = 0;
  virtual Result<Stored> load() = 0;

  // What the core leaves on disk until it is needed. kNotFound.
  virtual Result<Bytes> policy(const Digest& digest) = 0;
  virtual Result<Bytes> hash_part(const Digest& digest) = 0;
  virtual Result<std::vector<model::SealedFinding>> dry_run(const DocumentId& order) = 0;
  // Those that are still there.
  virtual Result<std::vector<Bytes>> receipts(const std::vector<std::uint64_t>& seqs) = 0;

  // The poison counter, by hash of a document: how often the process died while it read it.
  virtual Status died_reading(const Digest& document) = 0;
  virtual Status survived(const Digest& document) = 0;
  virtual Result<std::map<Digest, unsigned>> deaths() = 0;
};

// core.db. kInvalid: not ours; kUnavailable: locked, disk full, read-only.
Result<std::unique_ptr<Store>> open_store(const std::string& path);

}  // namespace fleetsweep::agent
