#pragma once

// Cells of a hive that is changed in place. Only for who writes hives: edit.cc and restore.cc.

#include <algorithm>

#include "agent/hive/hive.h"

namespace fleetsweep::hive {

class CellWriter {
 public:
  // As Windows leaves it after a write: an old log must not be taken for newer.
  void seal() {
    const std::uint32_t next = hive_.sequence() + 1;
    put(4, next);
    put(8, next);
    put(508, header_checksum(bytes_));
  }

 protected:
  // `hive` is a view of the same bytes.
  CellWriter(Bytes& bytes, const Hive& hive) : bytes_(bytes), hive_(hive) {}

  void put(std::size_t at, std::uint32_t number) {
    for (int i = 0; i < 4; ++i) bytes_[at + i] = static_cast<std::uint8_t>(number >> 8 * i);
  }
  void put_small(std::size_t at, std::size_t number) {
    bytes_[at] = static_cast<std::uint8_t>(number);
    bytes_[at + 1] = static_cast<std::uint8_t>(number >> 8);
  }
  static std::size_t content(Cell at) { return kHeaderBytes + at + 4; }
  // A cell that another edit has freed, or that is used twice, is empty.
  static std::uint32_t number(BytesView cell, std::size_t at) {
    return cell.size() >= at + 4 ? le32(cell, at) : 0;
  }
  static std::uint16_t small(BytesView cell, std::size_t at) {
    return cell.size() >= at + 2 ? le16(cell, at) : 0;
  }

  void release(Cell at) {
    const std::size_t size = hive_.cell(at).size();
    if (size == 0) return;
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(content(at)), size, 0);
    put(kHeaderBytes + at, static_cast<std::uint32_t>(size + 4));
  }

  Bytes& bytes_;
  const Hive& hive_;
};

}  // namespace fleetsweep::hive
