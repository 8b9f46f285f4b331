#pragma once

// What policies/catalog/FAMILY/testdata/plant.txt describes, put into a host's private root.

#include <string>
#include <vector>

#include "protocol/model/finding.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::catalog {

enum class Expected : char { kGoes = '+', kIsReported = '?', kStays = '-' };
enum class Shape { kProgram, kRunning, kGhost, kText, kLine, kMade, kOwned };

struct Planted {
  Expected expected = Expected::kStays;
  Shape shape = Shape::kText;
  std::string path;
  std::string text;
  bool has_packet_socket = false;  // kRunning, kGhost; then the socket is to be found too
  bool is_immutable = false;       // where the file system knows the flag
  pid_t pid = 0;                   // kRunning, kGhost

  bool is_found_in(const std::vector<model::Finding>& findings) const;
  bool is_gone_from(const act::ActHost& host) const;
  std::string described() const;
};

// Also what every system has, of Linux with the merged folders /bin, /lib and /sbin.
std::vector<Planted> plant(const std::string& family, model::Platform platform, act::ActHost& host);

}  // namespace fleetsweep::catalog
