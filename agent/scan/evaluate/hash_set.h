#pragma once

// Hash sets as a scan searches them: parts in memory that somebody else owns, found by binary
// search where they lie. They cost no memory of their own.

#include <map>
#include <vector>

#include "protocol/hash_set/hash_set.h"

namespace fleetsweep::scan {

// All parts that this scan has, by their digests.
class HashParts {
 public:
  // Takes the parts that the policy names, each once, one after the other, off the front of
  // `bytes`, which are borrowed, and checks every one. kNotFound: one is missing or damaged, and
  // nobody can tell what is a hit; what is left of `bytes` is then what follows them all the same.
  Status add(const model::Policy& policy, BytesView& bytes);

  const hash_set::HashPartView* find(const Digest& digest) const;

 private:
  std::map<Digest, hash_set::HashPartView> parts_;
};

// Of one predicate. Borrows what HashParts borrowed.
class HashSet {
 public:
  // kInvalid: hashes of another length, parts that do not ascend from one to the next; kNotFound.
  static Result<HashSet> of(const std::vector<model::HashPart>& parts, std::size_t hash_bytes,
                            const HashParts& known);

  // Whether a file of this size can be in it at all.
  bool may_hold(std::uint64_t size) const;
  // The hash in hex.
  bool holds(std::uint64_t size, std::string_view hash) const;

 private:
  // The first record that is not below `key`, by as many bytes as `key` has; empty: all are.
  BytesView first_from(BytesView key) const;
  bool has(std::uint64_t size, BytesView hash) const;

  std::vector<hash_set::HashPartView> parts_;
  bool has_any_size_ = false;
};

}  // namespace fleetsweep::scan
