#pragma once

// Little-endian fields, one after another: act's own records on disk (journal, anchor, vault
// metadata). Nobody else reads them; a record that does not parse is damage, never a guess.

#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/model/finding.h"

namespace fleetsweep::act {

class Packer {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u32(std::uint32_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }
  void i64(std::int64_t value) { number(static_cast<std::uint64_t>(value), 8); }
  void flag(bool value) { u8(value ? 1 : 0); }
  void text(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    append(bytes_, value);
  }
  void blob(BytesView value) { text(as_text(value)); }
  template <std::size_t N, class Tag>
  void fixed(const Fixed<N, Tag>& value) {
    append(bytes_, value.view());
  }
  Bytes take() { return std::move(bytes_); }

 private:
  void number(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  Bytes bytes_;
};

// After the first field that does not fit, every field is zero and ok() is false.
class Unpacker {
 public:
  explicit Unpacker(BytesView bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  std::int64_t i64() { return static_cast<std::int64_t>(number(8)); }
  bool flag() { return u8() == 1; }
  std::string text() { return std::string(as_text(cut(u32()))); }
  Bytes blob() { return to_bytes(cut(u32())); }
  template <class F>
  F fixed() {
    F result;
    const BytesView part = cut(F::kSize);
    if (part.size() == F::kSize) std::copy(part.begin(), part.end(), result.value.begin());
    return result;
  }
  // An enumeration whose last value is `last`.
  template <class E>
  E one_of(E last) {
    const auto value = u8();
    if (value > static_cast<std::uint8_t>(last)) ok_ = false;
    return ok_ ? static_cast<E>(value) : E{};
  }
  // A list's length; what is left must be able to hold so many entries.
  std::uint32_t count() {
    const auto value = u32();
    if (value > rest_.size()) ok_ = false;
    return ok_ ? value : 0;
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  BytesView cut(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const BytesView part = rest_.first(size);
    rest_ = rest_.subspan(size);
    return part;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    const BytesView part = cut(size);
    for (std::size_t i = 0; i < part.size(); ++i) value |= std::uint64_t{part[i]} << (8 * i);
    return value;
  }
  BytesView rest_;
  bool ok_ = true;
};

void pack(Packer& out, const model::RuleMatch& rule);
// Before its strings were kept: its name alone.
model::RuleMatch unpack_rule(Unpacker& in, bool has_strings);

}  // namespace fleetsweep::act
