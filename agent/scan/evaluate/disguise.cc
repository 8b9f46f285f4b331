#include "agent/scan/evaluate/disguise.h"

#include <algorithm>
#include <cctype>

namespace fleetsweep::scan {
namespace {

// Never readable text.
constexpr std::string_view kBinary[] = {
    "7z",  "aac",  "avi",  "bmp",  "bz2",  "docx",  "flac", "gif", "gz",  "heic",
    "ico", "jpeg", "jpg",  "m4a",  "mkv",  "mov",   "mp3",  "mp4", "odp", "ods",
    "odt", "ogg",  "otf",  "png",  "pptx", "rar",   "tar",  "tgz", "tif", "tiff",
    "ttf", "wav",  "webm", "webp", "woff", "woff2", "xlsx", "xz",  "zip", "zst"};
// Written for people: a script among them is odd, readable text is not.
constexpr std::string_view kDocument[] = {"doc", "pdf", "ppt", "rtf", "xls"};
// Text, of which scripts are made as well.
constexpr std::string_view kText[] = {"conf", "cfg",  "css", "csv",  "htm", "html",
                                      "ini",  "json", "log", "md",   "svg", "txt",
                                      "xml",  "yaml", "yml", "toml", "tsv"};

bool is_one_of(std::string_view extension, const auto& list) {
  const auto is_same = [&](std::string_view other) {
    return std::equal(extension.begin(), extension.end(), other.begin(), other.end(),
                      [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
  };
  return std::any_of(std::begin(list), std::end(list), is_same);
}

}  // namespace

bool is_hidden_name(std::string_view name) {
  return name.starts_with('.') || name.find_first_not_of(" \t\n\v\f\r") == std::string_view::npos;
}

bool can_lie(std::string_view extension) {
  return is_one_of(extension, kBinary) || is_one_of(extension, kDocument) ||
         is_one_of(extension, kText);
}

bool is_lie(std::string_view extension, std::string_view magic) {
  if (magic == "elf" || magic == "pe") return can_lie(extension);
  if (magic == "script") return is_one_of(extension, kBinary) || is_one_of(extension, kDocument);
  return magic == "text" && is_one_of(extension, kBinary);
}

}  // namespace fleetsweep::scan
