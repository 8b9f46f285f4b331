// Notes, checkpoints, verifier keys, signature lines, tlog-proofs, paths of tiles, add-checkpoint
// requests, time queries and what a witness answers to them, frontiers and proofs of the tree: the
// first byte chooses. What a parser takes has one spelling, so it must come out as it went in.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <string_view>

#include "protocol/base/assert.h"
#include "protocol/log/add_checkpoint.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"
#include "protocol/log/tiles.h"
#include "protocol/log/time_query.h"
#include "protocol/log/tlog_proof.h"
#include "protocol/runtime/witness_client/witness_client.h"

namespace {

using namespace fleetsweep;

void answer(http::Response response) {
  const auto answer = witness_client::read_answer("witness", {.old_size = 7}, response);
  if (!answer) return;
  FS_ASSERT(answer->known_size != 7u);
  std::string text;
  for (const auto& line : answer->cosignatures) text += log::signature_line(line);
  if (!answer->known_size) FS_ASSERT(text == response.body || text == response.body + "\n");
}

// A size of 8 bytes, then hashes: a frontier somebody gives us, and as a proof of anything.
void grow(BytesView bytes) {
  if (bytes.size() < 8) return;
  std::uint64_t size = 0;
  for (const std::uint8_t byte : bytes.first(8)) size = size << 8 | byte;
  std::vector<Digest> hashes((bytes.size() - 8) / Digest::kSize);
  for (std::size_t i = 0; i < hashes.size(); ++i)
    std::copy_n(bytes.begin() + 8 + static_cast<std::ptrdiff_t>(i * Digest::kSize), Digest::kSize,
                hashes[i].value.begin());
  const Digest other = log::leaf_hash(bytes);
  (void)log::verify_inclusion(other, size / 3, size, hashes, other);
  (void)log::verify_consistency(size / 2, size, other, other, hashes);
  auto range = log::CompactRange::restore(size, hashes);
  if (!range) return;
  FS_ASSERT(range->size() == size);
  const Digest before = range->root();
  for (std::uint64_t i = size; i < size + 9 && i < std::numeric_limits<std::uint64_t>::max(); ++i) {
    range->append(other);
    FS_ASSERT(range->size() == i + 1 && range->root() != before);
    FS_ASSERT(range->frontier().size() == static_cast<std::size_t>(std::popcount(i + 1)));
    FS_ASSERT(*log::CompactRange::restore(i + 1, range->frontier()) == *range);
  }
}

void parse_one(std::uint8_t which, std::string_view text) {
  switch (which % 10) {
    case 0:
      if (const auto note = log::Note::parse(text)) FS_ASSERT(note->text() == text);
      return;
    case 1:
      if (const auto checkpoint = log::Checkpoint::parse(text))
        FS_ASSERT(checkpoint->body() == text);
      return;
    case 2:
      if (const auto key = log::VerifierKey::parse(text)) FS_ASSERT(key->text() == text);
      return;
    case 3:
      if (const auto line = log::parse_signature_line(text))
        FS_ASSERT(log::signature_line(*line) == std::string(text) + "\n");
      return;
    case 4:
      if (const auto request = log::AddCheckpoint::parse(text)) FS_ASSERT(request->text() == text);
      if (const auto query = log::TimeQuery::parse(text)) FS_ASSERT(query->text() == text);
      return;
    case 7:
      if (const auto proof = log::TlogProof::parse(text)) FS_ASSERT(proof->text() == text);
      return;
    case 8:
      if (const auto tile = log::TilePath::parse(text)) FS_ASSERT(tile->text() == text);
      return;
    case 9:
      return grow(as_bytes(text));
    case 5:
      return answer({.status = 200, .body = std::string(text)});
    default:
      return answer({.status = 409,
                     .content_type = std::string(log::kSizeContentType),
                     .body = std::string(text)});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) parse_one(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
