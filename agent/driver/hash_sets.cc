#include "agent/driver/hash_sets.h"

#include <optional>

#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/runtime/sealed/sealed.h"

namespace fleetsweep::agent {

Result<UniqueFd> write_hashes(Store& store, std::span<const Digest> policies) {
  std::optional<runtime::SealedWriter> writer;
  for (const Digest& digest : policies) {
    FS_TRY(const Bytes bytes, store.policy(digest));
    FS_TRY(const model::Policy policy, codec::decode<model::Policy>(bytes));
    for (const model::HashPart& part : hash_set::hash_parts(policy)) {
      if (!writer) {
        FS_TRY(writer, runtime::SealedWriter::create());
      }
      auto hashes = store.hash_part(part.digest);
      if (!hashes && hashes.error().code != Code::kNotFound) return fail(hashes.error());
      Bytes place = hashes ? std::move(*hashes) : Bytes();
      place.resize(part.bytes);
      FS_CHECK(writer->append(place));
    }
  }
  if (!writer) return UniqueFd();
  return std::move(*writer).seal();
}

std::vector<Digest> damaged_hashes(Store& store, const model::Policy& policy) {
  std::vector<Digest> damaged;
  for (const model::HashPart& part : hash_set::hash_parts(policy)) {
    const auto hashes = store.hash_part(part.digest);
    if (hashes ? crypto::sha256(*hashes) != part.digest : hashes.error().code == Code::kNotFound)
      damaged.push_back(part.digest);
  }
  return damaged;
}

}  // namespace fleetsweep::agent
