#pragma once

// YARA rules from source text; the only user of libyara. Includes are disabled, compiled rules come
// from nowhere else, nothing is read but the buffer at hand. Create one Library before the process
// gives up its rights, and keep it longer than any rules.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/model/finding.h"

namespace fleetsweep::scan {

class YaraLibrary {
 public:
  YaraLibrary();
  ~YaraLibrary();
  YaraLibrary(const YaraLibrary&) = delete;
};

// The external variables that rule packs by convention expect.
struct YaraExternals {
  std::string filename, filepath, extension, filetype, owner, md5;
};

// A part of a file, where it lies in it.
struct YaraBlock {
  std::uint64_t base = 0;
  BytesView bytes;
};

class YaraRules {
 public:
  // kInvalid names line and reason.
  static Result<YaraRules> compile(const std::string& source);
  YaraRules(YaraRules&&) noexcept;
  YaraRules& operator=(YaraRules&&) noexcept;
  ~YaraRules();

  bool uses_md5() const { return uses_md5_; }
  // The public rules that match. kUnavailable: not done within the time.
  Result<std::vector<model::RuleMatch>> scan(BytesView bytes, const YaraExternals& externals,
                                             Seconds timeout) const;
  // Of a file of `size` bytes only these parts, ascending. A string across two of them is not
  // found; offsets and filesize are those of the file.
  Result<std::vector<model::RuleMatch>> scan(std::span<const YaraBlock> parts, std::uint64_t size,
                                             const YaraExternals& externals, Seconds timeout) const;

 private:
  struct Compiled;
  explicit YaraRules(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
  bool uses_md5_ = false;
};

}  // namespace fleetsweep::scan
