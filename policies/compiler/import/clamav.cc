// Hash databases of ClamAV: hash:size:name[:level[:level]], the size * when nobody knows it. MD5 in
// .hdb, SHA-1 and SHA-256 in .hsb. In .mdb and .msb the size comes first: those are hashes of parts
// of PE files.

#include "policies/compiler/import/import.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"

namespace fleetsweep::indicators {

Status import_clamav(std::string_view bytes, Collector& into) {
  for (const Line& line : lines_of(bytes)) {
    if (line.text.starts_with('#')) continue;
    const auto parts = split(line.text, ':');
    const Origin origin = into.origin(line.number, parts.size() > 2 ? parts[2] : "");
    const auto refuse = [&](std::string why) { into.refuse(origin, line.text, std::move(why)); };
    if (parts.size() < 3 || parts.size() > 5) {
      refuse("expected hash:size:name");
      continue;
    }
    auto indicator = hash_indicator(parts[0]);
    if (!indicator) {
      refuse(hash_indicator(parts[1]) ? "the hash of a section of a PE file (.mdb, .msb)"
                                      : "not an MD5, SHA-1 or SHA-256 in hex");
      continue;
    }
    if (parts[1] != "*") {
      const auto size = compiler::parse_whole(parts[1]);
      if (!size || *size < 0) {
        refuse("the size is neither a number nor *");
        continue;
      }
      indicator->all_of.push_back(
          {model::Field::kFileSize, model::Match::kEquals, std::to_string(*size), false});
    }
    indicator->origins = {origin};
    into.take(std::move(*indicator), line.text);
  }
  return {};
}

}  // namespace fleetsweep::indicators
