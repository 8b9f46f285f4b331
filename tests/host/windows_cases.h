#pragma once

// One harmless look-alike for each way in which a volume of Windows starts something by itself, in
// hives that the tests write, beside neighbours that are like it and must stay.

#include <map>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/model/finding.h"
#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::host {

struct Volume {
  std::map<std::string, hive::HiveBuilder> hives;  // by path
  std::map<std::string, std::string> files;

  std::map<std::string, Bytes> contents() const;
};

struct WindowsCase {
  model::PersistenceKind kind;
  const char* what;    // for the table
  std::string marker;  // only this case's names and commands hold it
  // Plants it, or what stands in its place without it.
  void (*plant)(Volume& volume, bool is_infected);
};
const std::vector<WindowsCase>& windows_cases();

// All of them but `left_out`, which may be null, and their neighbours.
Volume windows_volume(const WindowsCase* left_out);

}  // namespace fleetsweep::host
