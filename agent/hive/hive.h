#pragma once

// A Windows registry hive (the "regf" format, as libhivex and msuhanov/regf describe it), read from
// memory. Its bytes are hostile: every offset is checked, a key counts as a child only where it
// names that parent, and the work that one hive may cause is bounded. What does not hold together
// is left out and is_damaged() says so; nothing is ever guessed. Pure.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"

namespace fleetsweep::hive {

using Cell = std::uint32_t;  // an offset from the end of the header

struct Value {
  std::string name;  // UTF-8; empty: the default value
  std::uint32_t type = 0;
  Bytes data;  // at most limits::kRegistryDataBytes
  Cell cell = 0;
  std::uint32_t size = 0;  // of all its data

  bool is_cut() const { return data.size() < size; }
};

class Hive {
 public:
  // Borrows the bytes. kInvalid: not a hive, cut short, of a version nobody knows, or a wrong
  // checksum of the header.
  static Result<Hive> open(BytesView bytes);

  // Written to, and not brought to its end: a log holds the rest.
  bool is_dirty() const { return number(4) != number(8); }
  std::uint32_t sequence() const { return number(8); }
  bool is_damaged() const { return !damage_.empty(); }
  const std::string& damage() const { return damage_; }

  Cell root() const { return number(36); }
  std::string name(Cell key) const;
  bool is_link(Cell key) const;  // to another key
  std::vector<Cell> subkeys(Cell key) const;
  // In their order, each still without its data, until `visit` says false: a key may have more than
  // anybody keeps.
  void each_value(Cell key, const std::function<bool(Value&)>& visit) const;
  void load(Value& value) const;
  std::optional<Cell> subkey(Cell key, std::string_view name) const;
  // `path` is separated by backslashes, without regard to ASCII case.
  std::optional<Cell> find(Cell from, std::string_view path) const;
  std::optional<Value> value(Cell key, std::string_view name) const;
  // The key and all below it, each with its path from here. False ends it, for that branch alone
  // when `visit` gives kSkip.
  enum class Next { kGoOn, kSkip, kStop };
  void walk(Cell key, const std::function<Next(Cell, const std::string& path)>& visit) const;

  // For who changes one: the content of an allocated cell; empty if there is none such.
  BytesView cell(Cell at) const;
  BytesView bytes() const { return bytes_; }
  std::vector<Cell> value_cells(Cell key) const;
  // The data of a value, as the pieces in which it lies, until `visit` says false.
  void each_piece(const Value& value, const std::function<bool(BytesView)>& visit) const;
  // The descriptor of who may do what with a key, and its class; empty: none.
  BytesView security(Cell key) const;
  BytesView class_name(Cell key) const;

 private:
  explicit Hive(BytesView bytes) : bytes_(bytes) {}
  std::uint32_t number(std::size_t at) const;
  BytesView key_cell(Cell at) const;
  void list(Cell at, Cell parent, int depth, std::vector<Cell>& out) const;
  BytesView value_list(Cell key) const;
  BytesView value_cell(Cell at) const;
  std::string name_of(BytesView value) const;
  Next walk(Cell key, std::string& path, int depth,
            const std::function<Next(Cell, const std::string&)>& visit) const;
  bool spend() const;
  void damaged(std::string_view what, Cell at) const;

  BytesView bytes_;
  mutable std::string damage_;  // the first
  mutable std::uint64_t spent_ = 0;
};

// "REG_SZ"; a type nobody knows is "REG_NONE" with its bytes.
std::string_view type_name(std::uint32_t type);
// Text as it is up to its end, several texts with a line each, numbers in decimal, bytes in hex.
std::string text_of(const Value& value);
// Of a value of this key, at most limits::kLineBytes; empty if there is none.
std::string data_text(const Hive& hive, Cell key, std::string_view value);

// Of a transaction log: the highest sequence number of an entry in it; nothing if it has none.
std::optional<std::uint32_t> last_logged(BytesView log);

inline constexpr std::size_t kHeaderBytes = 4096;
// Over the first 508 bytes of a header.
std::uint32_t header_checksum(BytesView bytes);
inline std::uint32_t le32(BytesView bytes, std::size_t at) {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 |
         static_cast<std::uint32_t>(bytes[at + 3]) << 24;
}
inline std::uint16_t le16(BytesView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8);
}

inline bool begins(BytesView cell, std::string_view mark) {
  return cell.size() >= mark.size() && as_text(cell.first(mark.size())) == mark;
}

// Offsets inside the content of a key's cell ("nk") and a value's ("vk").
namespace nk {
inline constexpr std::size_t kBytes = 76, kFlags = 2, kParent = 16, kSubkeys = 20, kSubkeyList = 28,
                             kValues = 36, kValueList = 40, kSecurity = 44, kClass = 48,
                             kNameBytes = 72, kClassBytes = 74, kVolatileKeys = 24,
                             kVolatileList = 32, kLongestKeyName = 52, kLongestValueName = 60,
                             kLongestData = 64;
inline constexpr std::uint16_t kAsciiName = 0x20, kLink = 0x10;
}  // namespace nk
namespace vk {
inline constexpr std::size_t kBytes = 20, kNameBytes = 2, kDataBytes = 4, kData = 8, kType = 12,
                             kFlags = 16;
inline constexpr std::uint32_t kInline = 0x80000000;
inline constexpr std::uint16_t kAsciiName = 1;
}  // namespace vk
// Inside an "sk" cell, which keys share: it is counted, and all of them are in a ring.
namespace sk {
inline constexpr std::size_t kNext = 4, kBefore = 8, kUses = 12, kDescriptorBytes = 16,
                             kDescriptor = 20;
}  // namespace sk
inline constexpr Cell kNone = 0xffffffff;
// Longer data lies in pieces, behind a "db" cell.
inline constexpr std::uint32_t kPieceBytes = 16344;

}  // namespace fleetsweep::hive
