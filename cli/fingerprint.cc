#include "cli/fingerprint.h"

namespace fleetsweep::cli {

std::string fingerprint(const DocumentId& id) {
  constexpr std::string_view kConsonants = "bdfghjklmnprstvz";
  constexpr std::string_view kVowels = "aiou";
  constexpr std::size_t kWords = 8;
  std::string text;
  for (std::size_t word = 0; word < kWords; ++word) {
    const unsigned bits = id.value[2 * word] << 8 | id.value[2 * word + 1];
    if (word > 0) text += '-';
    text += kConsonants[bits >> 12 & 0xf];
    text += kVowels[bits >> 10 & 0x3];
    text += kConsonants[bits >> 6 & 0xf];
    text += kVowels[bits >> 4 & 0x3];
    text += kConsonants[bits & 0xf];
  }
  return text;
}

}  // namespace fleetsweep::cli
