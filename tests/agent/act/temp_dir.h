#pragma once

// A private folder for one test, gone with it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::act {

class TempDir {
 public:
  explicit TempDir(const std::string& beneath = "/tmp")
      : path_(beneath + "/fleetsweep-act-test-XXXXXX") {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~TempDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string read_text(const std::string& path) {
  // A stream copies each byte several times, and hosts are read whole after each step.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  std::string text;
  if (::fstat(file.get(), &status) == 0) text.reserve(static_cast<std::size_t>(status.st_size));
  char part[65536];
  for (ssize_t count = 0; (count = ::read(file.get(), part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(count));
  return text;
}

inline void write_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace fleetsweep::act
