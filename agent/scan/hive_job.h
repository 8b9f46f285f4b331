#pragma once

// What the walker asks the parser about a hive, its log, or a scheduled task, and what comes back.

#include "agent/hive/registry.h"
#include "agent/scan/channel.h"

namespace fleetsweep::scan {

struct HiveJob {
  enum class Kind : std::uint8_t { kNone, kHive, kLog, kTask };
  Kind kind = Kind::kNone;
  hive::Role role = hive::Role::kNone;
};

struct HiveAnswer {
  bool is_dirty = false;
  std::uint32_t sequence = 0;  // of a log: its newest entry's; 0: it has none
  std::string version;         // of Windows, in SOFTWARE, as are
  std::vector<std::string> profiles;
  std::vector<hive::Autostart> starts;
  std::vector<hive::RegistryValue> values;
};

// `detail` says what was left out; empty: nothing. kInvalid: it is no hive.
Result<HiveAnswer> read_hive(HiveJob job, BytesView content, const hive::Wanted& wanted,
                             std::string& detail);

void write(Writer& writer, const HiveJob& job);
HiveJob read_hive_job(Reader& reader);
void write(Writer& writer, const HiveAnswer& answer);
HiveAnswer read_hive_answer(Reader& reader);  // hostile: lists are bounded

}  // namespace fleetsweep::scan
