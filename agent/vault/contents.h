#pragma once

// What lies in the vault, for the host's owner: which object, since when, from which order.

#include "agent/act/ledger.h"
#include "agent/act/vault.h"

namespace fleetsweep::agent {

struct Entry {
  std::string id;  // of the transaction, a slash, its name in there
  Nonce transaction;
  std::string name;
  DocumentId order;  // zero: of a journal that was moved away; nothing undoes it
  Timestamp at;
  std::optional<Timestamp> kept_until;  // by its policy; the owner may keep it longer
  bool is_undone = false;               // nothing undoes what was purged
  std::uint64_t bytes = 0;              // in the vault
  std::string damage;                   // why it cannot be opened; empty: it can
  act::Metadata metadata;
};

// What lies in the vault and no transaction of `history` names, as transactions of no order that
// ended when it was last changed: a full journal is moved away, and its vault stays.
std::vector<act::Transaction> strays(const act::Vault& vault,
                                     const std::vector<act::Transaction>& history);

// Every entry, opened and verified to its end; oldest cleaning first.
std::vector<Entry> entries_of(const act::Vault& vault,
                              const std::vector<act::Transaction>& history);

// By its id, whose first part may be cut as long as it means one transaction (four digits or more).
// kNotFound; kInvalid: several.
Result<Entry> find_entry(const act::Vault& vault, const std::vector<act::Transaction>& history,
                         const std::string& id);

// Everything that is known of it, as one JSON object.
std::string to_json(const Entry& entry);
// A line.
std::string to_line(const Entry& entry);
std::string bytes_in_words(std::uint64_t bytes);  // "200 KiB"

}  // namespace fleetsweep::agent
