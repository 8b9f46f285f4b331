#include "agent/hive/hive.h"

#include <algorithm>
#include <charconv>

#include "agent/hive/text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::hive {
namespace {

enum : std::uint32_t {
  kText = 1,
  kTextWithVariables = 2,
  kBinary = 3,
  kNumber32 = 4,
  kNumber32BigEndian = 5,
  kLink = 6,
  kTexts = 7,
  kNumber64 = 11,
};

}  // namespace

std::uint32_t header_checksum(BytesView bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < 508; at += 4) sum ^= le32(bytes, at);
  if (sum == 0) return 1;
  return sum == 0xffffffff ? 0xfffffffe : sum;
}

Result<Hive> Hive::open(BytesView bytes) {
  if (bytes.size() < 2 * kHeaderBytes || !begins(bytes, "regf"))
    return fail(Code::kInvalid, "not a registry hive");
  if (header_checksum(bytes) != le32(bytes, 508))
    return fail(Code::kInvalid, "the checksum of the hive's header is wrong");
  const std::uint32_t major = le32(bytes, 20), minor = le32(bytes, 24), size = le32(bytes, 40);
  if (major != 1 || minor < 2 || minor > 6 || le32(bytes, 28) != 0)
    return fail(Code::kInvalid, "a hive of version {}.{} and kind {}: 1.2 to 1.6 are known", major,
                minor, le32(bytes, 28));
  if (size % kHeaderBytes != 0 || size > bytes.size() - kHeaderBytes)
    return fail(Code::kInvalid, "the hive ends after {} of {} bytes", bytes.size(),
                std::uint64_t{size} + kHeaderBytes);
  // What follows the bins is nobody's.
  Hive hive(bytes.first(kHeaderBytes + size));
  if (hive.key_cell(hive.root()).empty()) return fail(Code::kInvalid, "the hive has no root key");
  return hive;
}

std::uint32_t Hive::number(std::size_t at) const {
  return le32(bytes_, at);
}

bool Hive::spend() const {
  if (++spent_ <= limits::kHiveCells) return true;
  if (damage_.empty()) damage_ = fmt::format("more than {} cells to look at", limits::kHiveCells);
  return false;
}

void Hive::damaged(std::string_view what, Cell at) const {
  if (damage_.empty()) damage_ = fmt::format("{} at {:#x} of the hive", what, at);
}

BytesView Hive::cell(Cell at) const {
  if (!spend()) return {};
  const std::size_t room = bytes_.size() - kHeaderBytes;
  if (at % 8 != 0 || at > room || room - at < 8) {
    damaged("no cell", at);
    return {};
  }
  // Negative while it is allocated.
  const auto size =
      -static_cast<std::int64_t>(static_cast<std::int32_t>(number(kHeaderBytes + at)));
  if (size < 8 || static_cast<std::uint64_t>(size) > room - at) {
    damaged("a cell that is free or too long", at);
    return {};
  }
  return bytes_.subspan(kHeaderBytes + at + 4, static_cast<std::size_t>(size) - 4);
}

BytesView Hive::key_cell(Cell at) const {
  const BytesView key = cell(at);
  if (begins(key, "nk") && key.size() >= nk::kBytes &&
      key.size() - nk::kBytes >= le16(key, nk::kNameBytes))
    return key;
  damaged("no key", at);
  return {};
}

std::string Hive::name(Cell at) const {
  const BytesView key = key_cell(at);
  if (key.empty()) return {};
  const BytesView bytes = key.subspan(nk::kBytes, le16(key, nk::kNameBytes));
  return le16(key, nk::kFlags) & nk::kAsciiName ? from_latin1(bytes) : from_utf16(bytes);
}

bool Hive::is_link(Cell at) const {
  const BytesView key = key_cell(at);
  return !key.empty() && (le16(key, nk::kFlags) & nk::kLink) != 0;
}

// "lf" and "lh" hold a hash beside each key, "li" none, "ri" lists of them.
void Hive::list(Cell at, Cell parent, int depth, std::vector<Cell>& out) const {
  const BytesView cells = cell(at);
  if (cells.size() < 4) return;
  const bool lists = begins(cells, "ri");
  const std::size_t step = begins(cells, "lf") || begins(cells, "lh") ? 8 : 4;
  const std::size_t count = le16(cells, 2);
  if ((step == 4 && !lists && !begins(cells, "li")) || (lists && depth == 0) ||
      cells.size() - 4 < count * step)
    return damaged("no list of keys", at);
  for (std::size_t i = 0; i < count && spent_ <= limits::kHiveCells; ++i) {
    const Cell one = le32(cells, 4 + i * step);
    if (lists) {
      list(one, parent, depth - 1, out);
      continue;
    }
    const BytesView key = key_cell(one);
    if (key.empty()) continue;
    if (le32(key, nk::kParent) != parent || one == parent)
      damaged("a key in the list of another", one);
    else
      out.push_back(one);
  }
}

std::vector<Cell> Hive::subkeys(Cell at) const {
  std::vector<Cell> result;
  const BytesView key = key_cell(at);
  if (key.empty() || le32(key, nk::kSubkeys) == 0) return result;
  list(le32(key, nk::kSubkeyList), at, 1, result);
  if (result.size() != le32(key, nk::kSubkeys)) damaged("a key whose count is wrong", at);
  return result;
}

BytesView Hive::value_list(Cell at) const {
  const BytesView key = key_cell(at);
  const std::size_t count = key.empty() ? 0 : le32(key, nk::kValues);
  if (count == 0) return {};
  const Cell list_at = le32(key, nk::kValueList);
  const BytesView cells = cell(list_at);
  if (cells.size() < 4 * count) {
    damaged("a list of values that is too short", list_at);
    return {};
  }
  return cells.first(4 * count);
}

BytesView Hive::value_cell(Cell at) const {
  const BytesView value = cell(at);
  if (begins(value, "vk") && value.size() >= vk::kBytes &&
      value.size() - vk::kBytes >= le16(value, vk::kNameBytes))
    return value;
  damaged("no value", at);
  return {};
}

std::vector<Cell> Hive::value_cells(Cell key) const {
  std::vector<Cell> result;
  for (BytesView list = value_list(key); !list.empty(); list = list.subspan(4))
    result.push_back(le32(list, 0));
  return result;
}

std::string Hive::name_of(BytesView value) const {
  const BytesView bytes = value.subspan(vk::kBytes, le16(value, vk::kNameBytes));
  spent_ += bytes.size() / 4;  // a list may name one value again and again
  return le16(value, vk::kFlags) & vk::kAsciiName ? from_latin1(bytes) : from_utf16(bytes);
}

void Hive::each_piece(const Value& one, const std::function<bool(BytesView)>& visit) const {
  const BytesView value = value_cell(one.cell);
  if (value.empty()) return;
  const std::uint32_t size = le32(value, vk::kDataBytes);
  const Cell at = le32(value, vk::kData);
  if (size & vk::kInline) {
    visit(value.subspan(vk::kData, std::min<std::uint32_t>(size & ~vk::kInline, 4)));
    return;
  }
  if (size == 0) return;
  const BytesView data = cell(at);
  std::size_t left = size;
  const auto take = [&](BytesView piece) {
    const BytesView taken = piece.first(std::min(piece.size(), left));
    spent_ += taken.size() / 4;  // many values may name the same data
    left -= taken.size();
    return visit(taken);
  };
  if (size <= data.size()) {
    take(data);
    return;
  }
  if (begins(data, "db") && data.size() >= 8) {
    const BytesView pieces = cell(le32(data, 4));
    for (std::size_t i = 0; left != 0 && i < le16(data, 2) && 4 * i + 4 <= pieces.size(); ++i) {
      const BytesView piece = cell(le32(pieces, 4 * i));
      if (piece.empty()) break;
      if (!take(piece.first(std::min<std::size_t>(piece.size(), kPieceBytes)))) return;
    }
  }
  if (left != 0) damaged("a value that is cut", at);
}

void Hive::load(Value& value) const {
  each_piece(value, [&](BytesView piece) {
    const std::size_t room = limits::kRegistryDataBytes - value.data.size();
    append(value.data, piece.first(std::min(piece.size(), room)));
    return piece.size() <= room;
  });
}

void Hive::each_value(Cell key, const std::function<bool(Value&)>& visit) const {
  for (BytesView list = value_list(key); !list.empty() && spent_ <= limits::kHiveCells;
       list = list.subspan(4)) {
    const Cell at = le32(list, 0);
    const BytesView cell = value_cell(at);
    if (cell.empty()) continue;
    Value value{name_of(cell), le32(cell, vk::kType), {}, at, le32(cell, vk::kDataBytes)};
    if (value.size & vk::kInline)
      value.size = std::min<std::uint32_t>(value.size & ~vk::kInline, 4);
    if (!visit(value)) return;
  }
}

BytesView Hive::security(Cell key) const {
  const BytesView holder = key_cell(key);
  if (holder.empty() || le32(holder, nk::kSecurity) == kNone) return {};
  const BytesView shared = cell(le32(holder, nk::kSecurity));
  if (!begins(shared, "sk") || shared.size() < sk::kDescriptor ||
      shared.size() - sk::kDescriptor < le32(shared, sk::kDescriptorBytes))
    return {};
  return shared.subspan(sk::kDescriptor, le32(shared, sk::kDescriptorBytes));
}

BytesView Hive::class_name(Cell key) const {
  const BytesView holder = key_cell(key);
  if (holder.empty() || le16(holder, nk::kClassBytes) == 0) return {};
  const BytesView text = cell(le32(holder, nk::kClass));
  return text.first(std::min<std::size_t>(text.size(), le16(holder, nk::kClassBytes)));
}

std::optional<Cell> Hive::subkey(Cell key, std::string_view wanted) const {
  for (const Cell child : subkeys(key))
    if (is_equal(name(child), wanted)) return child;
  return std::nullopt;
}

std::optional<Cell> Hive::find(Cell from, std::string_view path) const {
  std::optional<Cell> at = from;
  while (at && !path.empty()) {
    const std::string_view part = path.substr(0, path.find('\\'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    at = subkey(*at, part);
  }
  return at;
}

std::optional<Value> Hive::value(Cell key, std::string_view wanted) const {
  std::optional<Value> found;
  each_value(key, [&](Value& one) {
    if (is_equal(one.name, wanted)) found = std::move(one);
    return !found;
  });
  if (found) load(*found);
  return found;
}

Hive::Next Hive::walk(Cell key, std::string& path, int depth,
                      const std::function<Next(Cell, const std::string&)>& visit) const {
  const Next next = visit(key, path);
  if (next != Next::kGoOn) return next == Next::kSkip ? Next::kGoOn : next;
  if (depth == 0) {
    damaged("keys nested too deep", key);
    return Next::kGoOn;
  }
  const std::size_t size = path.size();
  for (const Cell child : subkeys(key)) {
    path += path.empty() ? "" : "\\";
    path += name(child);
    const Next inner = walk(child, path, depth - 1, visit);
    path.resize(size);
    if (inner == Next::kStop) return inner;
  }
  return Next::kGoOn;
}

void Hive::walk(Cell key, const std::function<Next(Cell, const std::string&)>& visit) const {
  constexpr int kDepth = 512;  // Windows itself allows no more
  std::string path;
  walk(key, path, kDepth, visit);
}

std::string_view type_name(std::uint32_t type) {
  constexpr std::string_view kNames[] = {"REG_NONE",          "REG_SZ",
                                         "REG_EXPAND_SZ",     "REG_BINARY",
                                         "REG_DWORD",         "REG_DWORD_BIG_ENDIAN",
                                         "REG_LINK",          "REG_MULTI_SZ",
                                         "REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR",
                                         "REG_NONE",          "REG_QWORD"};
  return type < std::size(kNames) ? kNames[type] : kNames[0];
}

std::string text_of(const Value& value) {
  const Bytes& data = value.data;
  switch (value.type) {
    case kText:
    case kTextWithVariables:
    case kLink: {
      // Windows reads to the first zero; what stands behind it starts nothing.
      std::string text = from_utf16(data);
      text.resize(std::min(text.find('\0'), text.size()));
      return text;
    }
    case kTexts: {
      std::string text = from_utf16(data);
      while (text.ends_with('\0')) text.pop_back();
      std::replace(text.begin(), text.end(), '\0', '\n');
      return text;
    }
    case kNumber32:
      if (data.size() == 4) return std::to_string(le32(data, 0));
      break;
    case kNumber32BigEndian:
      if (data.size() == 4)
        return std::to_string(std::uint32_t{data[0]} << 24 | data[1] << 16 | data[2] << 8 |
                              data[3]);
      break;
    case kNumber64:
      if (data.size() == 8)
        return std::to_string(le32(data, 0) | std::uint64_t{le32(data, 4)} << 32);
      break;
    default:
      break;
  }
  return to_hex(data);
}

std::string data_text(const Hive& hive, Cell key, std::string_view value) {
  const auto found = hive.value(key, value);
  return found ? bounded(text_of(*found)) : std::string();
}

std::optional<std::uint32_t> last_logged(BytesView log) {
  // A header of 512 bytes, then entries: "HvLE", their size, flags, sequence number.
  constexpr std::size_t kLogHeaderBytes = 512, kEntryBytes = 40;
  if (log.size() < kLogHeaderBytes + kEntryBytes || !begins(log, "regf") ||
      header_checksum(log) != le32(log, 508))
    return std::nullopt;
  std::optional<std::uint32_t> last;
  for (std::size_t at = kLogHeaderBytes; log.size() - at >= kEntryBytes;) {
    const BytesView entry = log.subspan(at);
    const std::uint32_t size = le32(entry, 4);
    if (!begins(entry, "HvLE") || size < kEntryBytes || size > entry.size()) break;
    last = std::max(last.value_or(0), le32(entry, 12));
    at += size;
  }
  return last;
}

}  // namespace fleetsweep::hive
