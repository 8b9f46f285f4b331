#pragma once

// What a program costs: everything it and its children use.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "protocol/base/time.h"

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

// The most memory that the program and its processes held together (the sum of Pss), in bytes.
std::uint64_t peak_memory(const std::function<int()>& body);

// Runs `body` until it goes out of scope, which kills it and what it has started.
class Background {
 public:
  explicit Background(const std::function<int()>& body);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

 private:
  int pid_;
};

// What somebody at work gets done on all processors in that time: hashes of 64 KiB a second.
double foreground_work(Duration time);

// From now on as on a kernel without /proc/pressure, for this program and what it starts; as root.
void hide_pressure();

// Floors: the least code that does it.
enum class Floor { kLook, kRead };
int run_floor(const std::filesystem::path& root, Floor floor, int threads);

}  // namespace fleetsweep::bench
