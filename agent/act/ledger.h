#pragma once

// The journal and what it means, kept together: an event is durable before anybody sees it applied.

#include <optional>

#include "agent/act/journal.h"
#include "agent/act/transaction.h"

namespace fleetsweep::act {

class Ledger {
 public:
  static Result<Ledger> open(const std::string& path);

  Status write(const Nonce& transaction, Event event);
  const std::vector<Transaction>& history() const { return history_; }
  // Owned by the ledger; valid until the next Begin is written.
  const Transaction* find(const Nonce& id) const;
  std::vector<Nonce> rounds(const DocumentId& order) const;  // all that it did, the newest first
  const Transaction* find_open() const;

 private:
  Ledger(Journal journal, std::vector<Transaction> history)
      : journal_(std::move(journal)), history_(std::move(history)) {}
  Journal journal_;
  std::vector<Transaction> history_;
};

}  // namespace fleetsweep::act
