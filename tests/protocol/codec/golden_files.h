#pragma once

// Files of tests/golden: bytes as lines of hex, so that a change can be read in a diff. With
// FLEETSWEEP_UPDATE_GOLDEN=1 in the environment the tests write them instead of comparing.

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "protocol/base/bytes.h"

namespace fleetsweep::test {

inline bool updating() {
  return std::getenv("FLEETSWEEP_UPDATE_GOLDEN") != nullptr;
}
inline std::string source_path(const std::string& path) {
  return std::string(FS_SOURCE_DIR) + "/" + path;
}
inline std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}
inline void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string hex_lines(BytesView bytes) {
  const std::string hex = to_hex(bytes);
  std::string lines;
  for (std::size_t at = 0; at < hex.size(); at += 64) lines += hex.substr(at, 64) + "\n";
  return lines;
}

// What the golden file holds, after writing `text` to it when updating.
inline std::string golden(const std::string& name, std::string_view text) {
  const std::string path = source_path("tests/golden/" + name);
  if (updating()) write_file(path, text);
  return read_file(path);
}

// What stands in a page between <!-- measured: NAME --> and <!-- end -->, after writing `text`
// there when updating. Empty if the page has no such place.
inline std::string measured(const std::string& page, const std::string& name,
                            std::string_view text) {
  const std::string path = source_path(page), begin = "<!-- measured: " + name + " -->\n";
  std::string all = read_file(path);
  std::size_t from = all.find(begin);
  if (from == std::string::npos) return {};
  from += begin.size();
  const std::size_t to = all.find("<!-- end -->\n", from);
  if (to == std::string::npos) return {};
  if (updating()) {
    write_file(path, all.substr(0, from) + std::string(text) + all.substr(to));
    return std::string(text);
  }
  return all.substr(from, to - from);
}

}  // namespace fleetsweep::test
