// Notes, checkpoints, verifier keys, signature lines, tlog-proofs, paths of tiles, add-checkpoint
// requests, time queries and what a witness answers to them: the first byte chooses. What a parser
// takes has one spelling, so it must come out as it went in.

#include <cstdint>
#include <string_view>

#include "protocol/base/assert.h"
#include "protocol/log/add_checkpoint.h"
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

void parse_one(std::uint8_t which, std::string_view text) {
  switch (which % 9) {
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
