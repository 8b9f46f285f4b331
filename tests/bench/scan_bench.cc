// A scan of 100,000 files against what the machine needs at least for the same: walking and looking
// (statx), reading, reading and hashing; and against `yara -r -p 2`. Everything runs in turns in
// one process tree, warm; processor seconds of all processes decide, wall seconds are shown beside
// them.

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/assert.h"
#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/bulk_hash.h"

namespace fleetsweep::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kFolders = 2000;
constexpr int kFilesEach = 50;
constexpr int kPlanted = 5;
constexpr int kTurns = 3;
constexpr std::size_t kPoolBytes = 4 << 20;
constexpr char kMark[] = "FLEETSWEEP-BENCH-LOOKALIKE";

struct Cost {
  double wall = 1e9;
  double processor = 1e9;
};

// Runs `body` in a process of its own; its exit status must be 0.
Cost measure_once(const std::function<int()>& body) {
  const auto start = std::chrono::steady_clock::now();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  FS_ASSERT(child >= 0);
  if (child == 0) ::_exit(body());
  int status = 0;
  rusage usage{};
  FS_ASSERT(::wait4(child, &status, 0, &usage) == child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "scan_bench: a measured program failed with status %d\n", status);
    std::exit(70);
  }
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  // What a killed or waited-for grandchild used is in its parent's sum.
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

void take_best(Cost& best, const Cost& cost) {
  best.wall = std::min(best.wall, cost.wall);
  best.processor = std::min(best.processor, cost.processor);
}

// The floors: the least code that does it, one thread.
enum class Floor { kLook, kRead, kHash };

struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[];
};

void floor_folder(int fd, Floor floor, std::vector<char>& buffer, crypto::BulkHash& hash) {
  std::vector<char> block(64 * 1024);
  while (true) {
    const long size = ::syscall(SYS_getdents64, fd, block.data(), block.size());
    if (size <= 0) return;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const Entry*>(block.data() + at);
      at += entry->length;
      if (entry->name[0] == '.') continue;
      if (entry->type == DT_DIR) {
        const int below = ::openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        floor_folder(below, floor, buffer, hash);
        ::close(below);
        continue;
      }
      struct statx status {};
      ::statx(fd, entry->name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_BASIC_STATS,
              &status);
      if (floor == Floor::kLook) continue;
      const int file = ::openat(fd, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
      ssize_t count = 0;
      while ((count = ::read(file, buffer.data(), buffer.size())) > 0)
        if (floor == Floor::kHash)
          hash.update({reinterpret_cast<const std::uint8_t*>(buffer.data()),
                       static_cast<std::size_t>(count)});
      if (floor == Floor::kHash) {
        (void)hash.finish();
        hash.reset();
      }
      ::close(file);
    }
  }
}

int run_floor(const fs::path& root, Floor floor) {
  std::vector<char> buffer(256 * 1024);
  crypto::BulkHash hash(crypto::HashKind::kSha256);
  const int fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  floor_folder(fd, floor, buffer, hash);
  ::close(fd);
  return 0;
}

// Runs a program with its output in a file.
int run_program(std::vector<std::string> arguments, const fs::path& output) {
  const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(fd, STDOUT_FILENO);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  return 127;
}

std::size_t occurrences(const fs::path& file, const std::string& text) {
  std::ifstream in(file);
  const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::size_t count = 0;
  for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; at += text.size())
    ++count;
  return count;
}

struct Planted {
  std::vector<std::string> sha256;
  std::vector<std::uint64_t> sizes;
};

// About 860 MB: most files small, few large, as on a system's own disk.
Planted make_tree(const fs::path& root) {
  Prng random(7);
  std::string pool(kPoolBytes, '\0');
  for (char& c : pool) c = static_cast<char>(' ' + random.below(95));
  Planted planted;
  for (int folder = 0; folder < kFolders; ++folder) {
    const fs::path path = root / std::to_string(folder % 50) / std::to_string(folder);
    fs::create_directories(path);
    for (int i = 0; i < kFilesEach; ++i) {
      const std::uint64_t kind = random.below(100);
      const std::uint64_t size = kind < 70   ? 1024 + random.below(3 * 1024)
                                 : kind < 97 ? 4096 + random.below(28 * 1024)
                                             : 32768 + random.below(96 * 1024);
      std::string content = pool.substr(random.below(kPoolBytes - size), size);
      if (kind % 3 == 0)
        content.replace(0, 4,
                        "\x7f"
                        "ELF");
      if (i == 0 && folder % (kFolders / kPlanted) == 0) {
        content.replace(content.size() / 2, sizeof kMark - 1, kMark);
        crypto::BulkHash hash(crypto::HashKind::kSha256);
        hash.update(as_bytes(content));
        planted.sha256.push_back(to_hex(hash.finish()));
        planted.sizes.push_back(content.size());
      }
      std::ofstream(path / ("file" + std::to_string(i)), std::ios::binary) << content;
    }
  }
  return planted;
}

model::Policy hash_policy(const Planted& planted) {
  model::Predicate sizes{.field = model::Field::kFileSize};
  model::Predicate hashes{.field = model::Field::kFileSha256};
  for (std::size_t i = 0; i < planted.sizes.size(); ++i) {
    sizes.values.push_back({.number = static_cast<std::int64_t>(planted.sizes[i])});
    hashes.values.push_back({.text = planted.sha256[i]});
  }
  // A list of a usual length, whose other members are not here.
  for (int i = 0; i < 1000; ++i) {
    sizes.values.push_back({.number = 1'000'000 + i});
    hashes.values.push_back({.text = fmt::format("{:064x}", i)});
  }
  model::Policy policy;
  policy.detections.push_back({.id = "hash", .any_of = {{sizes, hashes}}});
  return policy;
}

std::string rule_source() {
  std::string source = "rule Bench { strings:\n";
  for (int i = 0; i < 20; ++i)
    source += fmt::format("  $s{} = \"/opt/evil{:02}/dropper-{:04x}\"\n", i, i, i * 2477);
  source += fmt::format("  $m = \"{}\"\n", kMark);
  source += "  $h = { 4D 41 4C 57 ?? 52 45 2D 42 45 4E 43 48 }\n";
  return source + "condition: any of them }\n";
}

model::Policy rule_policy() {
  model::Policy policy;
  policy.rules.push_back({.id = "r", .source = rule_source(), .license = "Apache-2.0"});
  policy.detections.push_back({.id = "rule", .rule = 0});
  return policy;
}

bool print_wall(const char* name, const Cost& base, const Cost& ours, double ratio_max) {
  const double ratio = ours.wall / base.wall;
  const bool met = ratio <= ratio_max;
  std::printf("%-32s %8.2f s %8.2f s %6.2fx  (at most %.2fx)  by the clock%s\n", name, base.wall,
              ours.wall, ratio, ratio_max, met ? "" : "  MISSED");
  return met;
}

bool print(const char* name, const Cost& base, const Cost& ours, double ratio_max) {
  const double ratio = ours.processor / base.processor;
  const bool met = ratio <= ratio_max;
  std::printf("%-32s %8.2f s %8.2f s %6.2fx  (at most %.2fx)  wall %.2f s, ours %.2f s%s\n", name,
              base.processor, ours.processor, ratio, ratio_max, base.wall, ours.wall,
              met ? "" : "  MISSED");
  return met;
}

int run() {
  // In memory where there is room: what is measured is warm in any case, and a busy disk is not.
  struct statvfs space {};
  constexpr std::uint64_t kRoomBytes = 3ull << 30;
  const bool in_memory = ::statvfs("/dev/shm", &space) == 0 &&
                         space.f_bavail * std::uint64_t{space.f_frsize} > kRoomBytes;
  std::string name = std::string(in_memory ? "/dev/shm" : "/tmp") + "/fleetsweep-scan-bench-XXXXXX";
  FS_ASSERT(::mkdtemp(name.data()) != nullptr);
  struct Folder {
    fs::path path;
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } folder{name};
  const fs::path root = folder.path / "root", output = folder.path / "output";
  std::printf("making %d files ...\n", kFolders * kFilesEach);
  const Planted planted = make_tree(root);
  const auto write = [&](const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  };
  write(folder.path / "hash.policy", as_text(codec::encode(hash_policy(planted))));
  write(folder.path / "rule.policy", as_text(codec::encode(rule_policy())));
  write(folder.path / "rule.yar", rule_source());

  const auto scan = [&](const char* policy) {
    return run_program({FS_BINARY_DIR "/fleetsweep-scan", "--root", root.string(), "--policy",
                        (folder.path / policy).string(), "--json"},
                       output);
  };
  const auto found = [&](const char* what, const std::string& text) {
    const std::size_t count = occurrences(output, text);
    if (count == kPlanted) return true;
    std::printf("%s found %zu of %d planted files\n", what, count, kPlanted);
    return false;
  };
  bool fine = true;
  Cost look, read, hash, ours_hash, ours_rule, yara;
  for (int turn = 0; turn < kTurns; ++turn) {
    take_best(look, measure_once([&] { return run_floor(root, Floor::kLook); }));
    take_best(ours_hash, measure_once([&] { return scan("hash.policy"); }));
    fine &= found("the hash policy", "\"detection\": \"hash\"");
    take_best(read, measure_once([&] { return run_floor(root, Floor::kRead); }));
    take_best(ours_rule, measure_once([&] { return scan("rule.policy"); }));
    fine &= found("the rule policy", "\"detection\": \"rule\"");
  }
  take_best(hash, measure_once([&] { return run_floor(root, Floor::kHash); }));
  take_best(yara, measure_once([&] {
              return run_program(
                  {"yara", "-r", "-p", "2", (folder.path / "rule.yar").string(), root.string()},
                  output);
            }));
  fine &= found("yara", "Bench ");

  std::printf("%-32s %10s %10s %7s\n", "processor seconds", "floor", "ours", "ratio");
  fine &= print("hashes / walk+statx", look, ours_hash, 1.5);
  fine &= print("rules / read-only", read, ours_rule, 3.0);
  fine &= print("rules / yara -r -p 2", yara, ours_rule, 0.25);
  // Who waits looks at the clock, and yara uses two threads.
  fine &= print_wall("rules / yara -r -p 2, waiting", yara, ours_rule, 0.25);
  // What hashing everything would cost.
  fine &= print("hashes / read+SHA-256", hash, ours_hash, 1.0);
  return fine ? 0 : 1;
}

}  // namespace
}  // namespace fleetsweep::bench

int main() {
  return fleetsweep::bench::run();
}
