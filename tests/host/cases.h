#pragma once

// One harmless look-alike for each way in which something starts by itself, beside neighbours that
// are like it and must stay.

#include <optional>
#include <string>
#include <vector>

#include "protocol/model/finding.h"

namespace fleetsweep::host {

struct Case {
  model::PersistenceKind kind;
  const char* what;                  // for the table
  std::string path;                  // of the file in which it stands
  std::string before;                // what is in it
  std::optional<std::string> after;  // once it is clean; nothing: the file is gone
  // Findings that belong to it, by line; 0: the whole file.
  std::vector<std::uint32_t> lines = {0};
  bool only_reported = false;  // by design: nothing is changed
  unsigned mode = 0644;
  // A link that has to go with the file, and where it leads.
  std::string link{}, target{};
  std::string capability{};  // setcap
};
std::vector<Case> cases();

struct Neighbour {
  std::string path, content;
  unsigned mode = 0644;
};
std::vector<Neighbour> neighbours();

}  // namespace fleetsweep::host
