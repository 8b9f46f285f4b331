#pragma once

// `key = value` files with `#` comments, and the same keys as `--key value` on the command line.
//
//   FS_TRY(auto reader, config::Reader::open(path, overrides));
//   options.state = reader.text("state", "/var/lib/fleetsweep/witness");
//   options.logs = reader.list("log");
//   options.heartbeat = reader.duration("heartbeat", Seconds(60));
//   FS_CHECK(reader.finish());   // every mistake of the file at once, each with its file:line
//
// A key that was never asked for is unknown. The last of two equal keys does not win: that is a
// mistake, unless the key is a list. A key on the command line replaces the file's.

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/time.h"

namespace fleetsweep::config {

struct Setting {
  std::string key;
  std::string value;
  std::string origin;  // "controller.conf:12" or "--agent_listen"
  bool operator==(const Setting&) const = default;
};

// Splits arguments: "--key value" and "--key=value"; '-' inside a key counts as '_'.
Result<std::vector<Setting>> parse_arguments(std::span<const std::string> arguments);

class Reader {
 public:
  // An empty path means no file. kNotFound, kInvalid: the file cannot be read or is too large.
  static Result<Reader> open(const std::string& path, std::vector<Setting> overrides = {});
  static Reader parse(std::string_view text, std::string_view name,
                      std::vector<Setting> overrides = {});

  // Each names a known key; a mistake is kept for finish() and the fallback returned.
  std::string text(std::string_view key, std::string_view fallback);
  std::string required(std::string_view key);  // a mistake when missing or empty
  std::vector<std::string> list(std::string_view key);
  std::uint64_t number(std::string_view key, std::uint64_t fallback, std::uint64_t min,
                       std::uint64_t max);
  Seconds duration(std::string_view key, Seconds fallback);  // "90s", "10m", "24h", "30d"
  bool flag(std::string_view key, bool fallback);            // yes, no, true, false
  bool has(std::string_view key);

  // A mistake that only the caller sees, shown where the key was written.
  void reject(std::string_view key, std::string_view what);

  // kInvalid with one line for each mistake.
  Status finish() const;

 private:
  const Setting* single(std::string_view key);
  void mistake(const Setting& setting, std::string_view what);

  std::vector<Setting> settings_;
  std::set<std::string, std::less<>> known_;
  std::vector<std::string> mistakes_;
};

}  // namespace fleetsweep::config
