#pragma once

// A program that never had a file, as malware starts itself from memory.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "protocol/base/unique_fd.h"

namespace fleetsweep {

// A copy of /bin/sleep in memory. As long as it is open, `link` leads there, so that it is started
// like any other; /proc calls it "/memfd:NAME (deleted)".
inline UniqueFd sleep_in_memory(const std::string& name, const std::filesystem::path& link) {
  std::ostringstream program;
  program << std::ifstream("/bin/sleep", std::ios::binary).rdbuf();
  const std::string bytes = program.str();
  UniqueFd file(::memfd_create(name.c_str(), MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  std::filesystem::create_directories(link.parent_path());
  std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(file.get()), link);
  return file;
}

}  // namespace fleetsweep
