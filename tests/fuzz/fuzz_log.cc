// Notes, checkpoints, verifier keys, signature lines and add-checkpoint requests: the first byte
// chooses. What a parser takes has one spelling, so it must come out as it went in.

#include <cstdint>
#include <string_view>

#include "protocol/base/assert.h"
#include "protocol/log/add_checkpoint.h"
#include "protocol/log/note.h"

namespace {

using namespace fleetsweep;

void parse_one(std::uint8_t which, std::string_view text) {
  switch (which % 5) {
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
    default:
      if (const auto request = log::AddCheckpoint::parse(text)) FS_ASSERT(request->text() == text);
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) parse_one(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
