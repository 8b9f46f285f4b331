#include "tests/bench/scan/tree.h"

#include <sys/stat.h>

#include <cstdio>
#include <fstream>

#include "protocol/base/assert.h"
#include "protocol/crypto/bulk_hash.h"

namespace fleetsweep::bench {
namespace {

namespace fs = std::filesystem;

bool is_enough(const Tree& tree) {
  return tree.files >= kFilesMin && tree.bytes >= kBytesMin;
}

void count(Tree& tree) {
  for (const auto& entry : fs::recursive_directory_iterator(tree.path)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    ++tree.files;
    tree.bytes += static_cast<std::uint64_t>(status.st_size);
  }
}

// Regular files alone, on one file system; what cannot be read is left out.
void copy_folder(const fs::path& from, const fs::path& to, Tree& tree) {
  std::error_code error;
  struct stat top {};
  if (::lstat(from.c_str(), &top) != 0 || !S_ISDIR(top.st_mode)) return;
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from, error)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0 || status.st_dev != top.st_dev) continue;
    const fs::path target = to / entry.path().filename();
    if (S_ISDIR(status.st_mode)) {
      copy_folder(entry.path(), target, tree);
    } else if (S_ISREG(status.st_mode) &&
               static_cast<std::uint64_t>(status.st_size) < kLargestFile &&
               fs::copy_file(entry.path(), target, error)) {
      ++tree.files;
      tree.bytes += static_cast<std::uint64_t>(status.st_size);
    }
  }
}

// A text, a program and so on, each with the mark in its middle.
void plant(Tree& tree) {
  for (int i = 0; i < kPlanted; ++i) {
    std::string content(20'000 + 1'111 * i, 'x');
    if (i % 2 == 0)
      content.replace(0, 4,
                      "\x7f"
                      "ELF");
    content.replace(content.size() / 2, sizeof kMark - 1, kMark);
    const fs::path path = tree.path / "planted" / std::to_string(i) / "kdevbench";
    if (!fs::exists(path)) {
      fs::create_directories(path.parent_path());
      std::ofstream(path, std::ios::binary) << content;
    }
    crypto::BulkHash hash(crypto::HashKind::kSha256);
    hash.update(as_bytes(content));
    tree.planted.push_back({to_hex(hash.finish()), content.size()});
  }
}

}  // namespace

Tree make_tree(const fs::path& path) {
  Tree tree{.path = path};
  if (fs::exists(path)) count(tree);
  if (!is_enough(tree)) {
    std::printf("copying this system's folders to %s ...\n", path.c_str());
    std::fflush(stdout);
    fs::remove_all(path);
    tree = {.path = path};
    constexpr int kCopiesMax = 20;  // of a small system
    for (int copy = 0; copy < kCopiesMax && !is_enough(tree); ++copy)
      for (const char* folder : {"usr/share", "usr/include", "usr/bin", "usr/lib", "var/lib", "etc",
                                 "opt", "usr/libexec", "usr/sbin", "usr/local", "usr/src"})
        if (!is_enough(tree))
          copy_folder(fs::path("/") / folder, path / std::to_string(copy) / folder, tree);
    FS_ASSERT(is_enough(tree));
    ::sync();  // no measurement pays for writing it out
  }
  plant(tree);
  return tree;
}

}  // namespace fleetsweep::bench
