#pragma once

// A program whose first thread ends at once while another goes on: /proc/PID then shows no program,
// memory or descriptors.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/wait.h"

namespace fleetsweep {

inline void make_headless_program(const std::filesystem::path& path) {
  constexpr char kSource[] = R"(
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
static void* go_on(void* unused) {
  for (;;) pause();
  return unused;
}
int main(void) {
  pthread_t thread;
  char* code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(code, "fleetsweep-headless");
  for (char* c = code; *c; ++c)
    if (*c >= 'a') *c -= 32;
  if (pthread_create(&thread, 0, go_on, 0) != 0) return 1;
  syscall(SYS_exit, 0);
})";
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path.string() + ".c") << kSource;
  const std::string command = "cc -pthread -o '" + path.string() + "' '" + path.string() + ".c'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove(path.string() + ".c");
}

// Whether it is.
inline bool is_headless(int pid) {
  return until([&] {
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    return line.find(") Z ") != std::string::npos;
  });
}

}  // namespace fleetsweep
