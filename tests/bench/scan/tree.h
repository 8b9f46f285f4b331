#pragma once

// The tree that is scanned: copies of this system's own folders, kept for the next run, with a few
// planted files.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace fleetsweep::bench {

inline constexpr std::uint64_t kFilesMin = 170'000;
inline constexpr std::uint64_t kBytesMin = 4'000'000'000;
inline constexpr std::uint64_t kLargestFile = 16 << 20;  // a larger one is left out
inline constexpr int kPlanted = 5;
inline constexpr int kPlantedPrograms = 3;  // of them
inline constexpr char kMark[] = "FLEETSWEEP-BENCH-LOOKALIKE";

struct Tree {
  std::filesystem::path path;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  struct Planted {
    std::string sha256;
    std::uint64_t size = 0;
  };
  std::vector<Planted> planted;
};

// Takes the tree at `path` when it is whole, or makes it.
Tree make_tree(const std::filesystem::path& path);

}  // namespace fleetsweep::bench
