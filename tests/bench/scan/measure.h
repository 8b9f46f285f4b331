#pragma once

// What a program costs: everything it and its children use.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace fleetsweep::bench {

struct Cost {
  double wall = 1e9;       // seconds
  double processor = 1e9;  // seconds, user and system
  void take_best(const Cost& other);
};

// Runs `body` in a process of its own; its exit status must be 0, or it is all over.
Cost measure(const std::function<int()>& body);

// In a child: becomes the program, with its output in a file.
int run_program(std::vector<std::string> arguments, const std::filesystem::path& output);

// The sum over the program's processes of the most memory each ever held (VmHWM), in bytes.
std::uint64_t peak_memory(const std::function<int()>& body);

// Floors: the least code that does it.
enum class Floor { kLook, kRead };
int run_floor(const std::filesystem::path& root, Floor floor, int threads);

}  // namespace fleetsweep::bench
