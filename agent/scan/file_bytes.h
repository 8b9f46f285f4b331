#pragma once

// The bytes of one open file, read as its tenant would want it: what was not in the page cache
// before does not stay there, and holes are not read. A file system without RWF_NOWAIT does not say
// what was there: all of it stays then, and counts as read from the disk.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {

class FileBytes {
 public:
  // The descriptor outlives it. `size` as the file had it when it was looked at.
  FileBytes(int fd, std::uint64_t size) : fd_(fd), size_(size) {}
  ~FileBytes() { give_back(); }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  // Fills `target` from `offset`. kConflict: the file ends before that, so it became shorter;
  // kUnavailable: errno.
  Status read(std::span<std::uint8_t> target, std::uint64_t offset);
  std::uint64_t bytes_read() const { return read_; }
  std::uint64_t operations() const { return operations_; }  // reads that waited for the disk

  struct Extent {
    std::uint64_t begin = 0, end = 0;
  };
  struct Layout {
    std::vector<Extent> data;  // ascending; what lies between, and behind, is holes
    std::uint64_t data_bytes = 0, hole_bytes = 0;
  };
  // Where the file system keeps no holes, or the file is small, or in too many pieces, it is all
  // data.
  Layout layout() const;

  // Both give the content in order, a part of it in `room` at a time.
  using Take = std::function<bool(BytesView)>;  // false: enough
  // All of it from `from` on, holes as the zeros that they are.
  Status each_block(std::uint64_t from, std::span<std::uint8_t> room, const Take& take);
  // For who looks for byte strings no longer than `longest`: each occurs in a window if it occurs
  // in the file. A hole is told by as many zeros as that needs, and nothing of it is `fresh`: what
  // a window holds that none before it held. `room` is for four times the longest at least.
  using TakeWindow = std::function<bool(BytesView window, BytesView fresh)>;
  Status each_window(std::size_t longest, std::span<std::uint8_t> room, const TakeWindow& take);

 private:
  void read_nothing_ahead();
  void expect_cold(std::uint64_t begin, std::uint64_t end);
  void give_back();

  int fd_;
  std::uint64_t size_;
  std::uint64_t read_ = 0, operations_ = 0;
  bool uncached_ = true;      // as far as this kernel and file system can
  std::vector<Extent> cold_;  // what only we have brought into the page cache
};

}  // namespace fleetsweep::scan
