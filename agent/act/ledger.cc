#include "agent/act/ledger.h"

#include <algorithm>

namespace fleetsweep::act {

Result<Ledger> Ledger::open(const std::string& path) {
  FS_TRY(Journal journal, Journal::open(path));
  FS_TRY(std::vector<Transaction> history, fold(journal.records()));
  return Ledger(std::move(journal), std::move(history));
}

Status Ledger::write(const Nonce& transaction, Event event) {
  const Record record{transaction, std::move(event)};
  // Nothing is begun for which there might be no room to undo it: that writes less than was
  // written.
  const bool begins = std::holds_alternative<Begin>(record.event);
  FS_CHECK(journal_.append(encode(record), limits::kJournalBytes / (begins ? 2 : 1)));
  return apply(history_, record);
}

const Transaction* Ledger::find(const Nonce& id) const {
  const auto at = std::find_if(history_.begin(), history_.end(),
                               [&](const Transaction& t) { return t.id == id; });
  return at == history_.end() ? nullptr : &*at;
}

std::vector<Nonce> Ledger::rounds(const DocumentId& order) const {
  std::vector<Nonce> ids;
  for (auto at = history_.rbegin(); at != history_.rend(); ++at)
    if (at->begin.order == order) ids.push_back(at->id);
  return ids;
}

const Transaction* Ledger::find_open() const {
  const auto at = std::find_if(history_.begin(), history_.end(),
                               [](const Transaction& t) { return t.is_open(); });
  return at == history_.end() ? nullptr : &*at;
}

}  // namespace fleetsweep::act
