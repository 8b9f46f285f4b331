#include "agent/scan/magic.h"

#include <algorithm>

namespace fleetsweep::scan {

std::string_view magic_of(BytesView head) {
  const std::string_view text = as_text(head.first(std::min(head.size(), kMagicBytes)));
  if (text.empty()) return {};
  if (text.starts_with("\x7f"
                       "ELF"))
    return "elf";
  if (text.starts_with("MZ")) return "pe";
  if (text.starts_with("#!")) return "script";
  if (text.starts_with("\x1f\x8b")) return "gzip";
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return "zip";
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f' ||
           byte == 0x1b;
  });
  return plain ? "text" : "data";
}

}  // namespace fleetsweep::scan
