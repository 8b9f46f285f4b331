// Every decoder of the codec: the first byte chooses. What decodes must encode to the same bytes,
// or one document would have two ids.

#include <algorithm>
#include <cstdint>

#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/hash_set/hash_set.h"

namespace {

using namespace fleetsweep;

template <class T>
void decode_one(BytesView bytes) {
  const auto value = codec::decode<T>(bytes);
  if (value) FS_ASSERT(equal(codec::encode(*value), bytes));
}

void parse_dsse_json(BytesView bytes) {
  const auto envelope = codec::from_dsse_json(as_text(bytes));
  if (envelope)
    FS_ASSERT(codec::from_dsse_json(codec::to_dsse_json(*envelope)).value() == *envelope);
}

void parse_hash_part(BytesView bytes) {
  const auto part = hash_set::decode_hash_part(bytes);
  if (!part) return;
  std::vector<hash_set::HashRecord> records;
  for (std::size_t i = 0; i < part->count; ++i) {
    const BytesView raw = part->record(i);
    hash_set::HashRecord& record = records.emplace_back();
    record.size = 0;
    for (const std::uint8_t byte : raw.first(hash_set::kRecordSizeBytes))
      record.size = record.size << 8 | byte;
    const BytesView hash = raw.subspan(hash_set::kRecordSizeBytes);
    std::copy(hash.begin(), hash.end(), record.hash.begin());
  }
  const auto parts = hash_set::encode_hash_set(std::move(records), part->hash_bytes);
  FS_ASSERT(parts.size() == 1 && equal(parts[0], bytes));
}

using Decode = void (*)(BytesView);

// The order is known to tests/fuzz/codec_seeds.sh.
constexpr Decode kDecoders[] = {
    decode_one<model::Root>,
    decode_one<model::Order>,
    decode_one<model::Release>,
    decode_one<model::Stop>,
    decode_one<model::Resume>,
    decode_one<model::Close>,
    decode_one<model::Endpoints>,
    decode_one<model::EnrolBatch>,
    decode_one<model::AgentKey>,
    decode_one<model::TimeStatement>,
    decode_one<model::Receipt>,
    decode_one<model::Policy>,
    decode_one<model::Envelope>,
    decode_one<model::Finding>,
    decode_one<model::Message>,
    decode_one<model::LocalMessage>,
    parse_dsse_json,
    parse_hash_part,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) kDecoders[data[0] % std::size(kDecoders)]({data + 1, size - 1});
  return 0;
}
