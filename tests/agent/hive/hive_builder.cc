#include "tests/agent/hive/hive_builder.h"

#include <algorithm>
#include <cctype>
#include <span>

#include "agent/hive/hive.h"
#include "agent/hive/text.h"

namespace fleetsweep::hive {
namespace {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

void put16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value);
  bytes[at + 1] = static_cast<std::uint8_t>(value >> 8);
}
void put32(Bytes& bytes, std::size_t at, std::size_t value) {
  put16(bytes, at, value);
  put16(bytes, at + 2, value >> 16);
}
void mark(Bytes& bytes, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

Bytes utf16(std::string_view text, bool terminated) {
  Bytes bytes = to_utf16(text);
  if (terminated) bytes.insert(bytes.end(), 2, 0);
  return bytes;
}

Bytes task_actions(const std::vector<std::pair<std::string, std::string>>& programs) {
  Bytes bytes;
  const auto number = [&](std::size_t value, std::size_t size) {
    bytes.resize(bytes.size() + size);
    for (std::size_t i = 0; i < size; ++i)
      bytes[bytes.size() - size + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  const auto text = [&](std::string_view ascii) {
    number(2 * ascii.size(), 4);
    const Bytes letters = utf16(ascii, false);
    bytes.insert(bytes.end(), letters.begin(), letters.end());
  };
  number(3, 2);  // version
  text("Author");
  for (const auto& [program, arguments] : programs) {
    number(0x6666, 2);
    text("");  // id
    text(program);
    text(arguments);
    text("");  // working directory
    number(0, 2);
  }
  return bytes;
}

void seal_header(Bytes& hive) {
  put32(hive, 508, header_checksum(hive));
}

Bytes log_with(std::uint8_t sequence) {
  constexpr std::size_t kLogHeaderBytes = 512, kEntryBytes = 64;
  Bytes log(kLogHeaderBytes + kEntryBytes);
  mark(log, 0, "regf");
  seal_header(log);
  mark(log, kLogHeaderBytes, "HvLE");
  put32(log, kLogHeaderBytes + 4, kEntryBytes);
  put32(log, kLogHeaderBytes + 12, sequence);
  return log;
}

void make_dirty(Bytes& hive) {
  put32(hive, 4, le32(hive, 4) + 1);
  seal_header(hive);
}

HiveBuilder::Key& HiveBuilder::at(const std::string& path) {
  Key* key = &root_;
  for (std::size_t from = 0; from <= path.size() && !path.empty();) {
    const std::size_t to = std::min(path.find('\\', from), path.size());
    const std::string name = path.substr(from, to - from);
    key = &key->keys[upper(name)];
    if (key->name.empty()) key->name = name;
    from = to + 1;
  }
  return *key;
}

HiveBuilder& HiveBuilder::key(const std::string& key) {
  at(key);
  return *this;
}
HiveBuilder& HiveBuilder::bytes(const std::string& key, const std::string& name, std::uint32_t type,
                                Bytes data) {
  at(key).values.push_back({name, type, std::move(data)});
  return *this;
}
HiveBuilder& HiveBuilder::text(const std::string& key, const std::string& name,
                               const std::string& text, std::uint32_t type) {
  return bytes(key, name, type, utf16(text));
}
HiveBuilder& HiveBuilder::number(const std::string& key, const std::string& name,
                                 std::uint32_t number) {
  Bytes data(4);
  put32(data, 0, number);
  return bytes(key, name, 4, std::move(data));
}
HiveBuilder& HiveBuilder::link(const std::string& key, const std::string& target) {
  at(key).is_link = true;
  return bytes(key, "SymbolicLinkValue", 6, utf16(target, false));
}

class HiveBuilder::Writer {
 public:
  // 32 bytes of the bin's own header.
  Writer() : cells_(32) {
    security_ = allocate(40);
    Bytes& b = cells_;
    const std::size_t at = security_ + 4;
    mark(b, at, "sk");
    put32(b, at + 4, security_);
    put32(b, at + 8, security_);
    put32(b, at + 16, 20);
    b[at + 20] = 1;             // revision
    put16(b, at + 22, 0x8000);  // self-relative, with nothing in it
  }

  Bytes finish(const Key& root) {
    const std::size_t top = write(root, "$$$PROTO.HIV", kNone, 0x2c);
    put32(cells_, security_ + 4 + 12, keys_);
    const std::size_t used = cells_.size();
    cells_.resize((used + 8 + 4095) / 4096 * 4096);
    put32(cells_, used, cells_.size() - used);  // what is left is one free cell
    mark(cells_, 0, "hbin");
    put32(cells_, 8, cells_.size());

    Bytes hive(kHeaderBytes);
    mark(hive, 0, "regf");
    put32(hive, 4, 7);
    put32(hive, 8, 7);
    put32(hive, 20, 1);
    put32(hive, 24, 5);
    put32(hive, 32, 1);
    put32(hive, 36, top);
    put32(hive, 40, cells_.size());
    put32(hive, 44, 1);
    seal_header(hive);
    append(hive, cells_);
    return hive;
  }

 private:
  std::size_t allocate(std::size_t bytes) {
    const std::size_t at = cells_.size(), size = (bytes + 4 + 7) / 8 * 8;
    cells_.resize(at + size);
    put32(cells_, at, static_cast<std::uint32_t>(-static_cast<std::int32_t>(size)));
    return at;
  }
  std::size_t store(BytesView bytes) {
    const std::size_t at = allocate(std::max<std::size_t>(bytes.size(), 4));
    std::copy(bytes.begin(), bytes.end(), cells_.begin() + static_cast<std::ptrdiff_t>(at + 4));
    return at;
  }
  std::size_t store(const std::vector<std::size_t>& numbers) {
    const std::size_t at = allocate(4 * numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) put32(cells_, at + 4 + 4 * i, numbers[i]);
    return at;
  }

  std::size_t store_data(const Bytes& data) {
    if (data.size() <= kPieceBytes) return store(BytesView(data));
    std::vector<std::size_t> pieces;
    for (std::size_t from = 0; from < data.size(); from += kPieceBytes)
      pieces.push_back(store(
          BytesView(data).subspan(from, std::min<std::size_t>(kPieceBytes, data.size() - from))));
    const std::size_t list = store(pieces), at = allocate(8);
    mark(cells_, at + 4, "db");
    put16(cells_, at + 6, pieces.size());
    put32(cells_, at + 8, list);
    return at;
  }

  std::size_t write(const Value& value) {
    const std::size_t cell = allocate(vk::kBytes + value.name.size()), at = cell + 4;
    mark(cells_, at, "vk");
    put16(cells_, at + vk::kNameBytes, value.name.size());
    put32(cells_, at + vk::kType, value.type);
    put16(cells_, at + vk::kFlags, value.name.empty() ? 0 : vk::kAsciiName);
    mark(cells_, at + vk::kBytes, value.name);
    const auto size = static_cast<std::uint32_t>(value.data.size());
    put32(cells_, at + vk::kDataBytes, size <= 4 ? size | vk::kInline : size);
    if (size <= 4) {
      mark(cells_, at + vk::kData, as_text(value.data));
    } else {
      const std::size_t data = store_data(value.data);
      put32(cells_, at + vk::kData, data);
    }
    return cell;
  }

  std::size_t write(const Key& key, const std::string& name, std::size_t parent, unsigned flags) {
    ++keys_;
    const std::size_t cell = allocate(nk::kBytes + name.size()), at = cell + 4;
    mark(cells_, at, "nk");
    put16(cells_, at + nk::kFlags, flags);
    put32(cells_, at + nk::kParent, parent);
    put32(cells_, at + nk::kSubkeys, key.keys.size());
    put32(cells_, at + nk::kSubkeyList, kNone);
    put32(cells_, at + 32, kNone);  // volatile keys
    put32(cells_, at + nk::kValues, key.values.size());
    put32(cells_, at + nk::kValueList, kNone);
    put32(cells_, at + nk::kSecurity, security_);
    put32(cells_, at + nk::kClass, kNone);
    put16(cells_, at + nk::kNameBytes, name.size());
    mark(cells_, at + nk::kBytes, name);
    if (!key.values.empty()) {
      std::vector<std::size_t> values;
      for (const Value& value : key.values) values.push_back(write(value));
      const std::size_t list = store(values);
      put32(cells_, at + nk::kValueList, list);
    }
    if (key.keys.empty()) return cell;
    std::vector<std::size_t> children;
    for (const auto& [sorted, child] : key.keys)
      children.push_back(
          write(child, child.name, cell, nk::kAsciiName | (child.is_link ? nk::kLink : 0)));
    const std::size_t list = allocate(4 + 8 * children.size());
    mark(cells_, list + 4, "lh");
    put16(cells_, list + 6, children.size());
    std::size_t i = 0;
    for (const auto& [sorted, child] : key.keys) {
      std::uint32_t hash = 0;
      for (const char c : sorted) hash = hash * 37 + static_cast<unsigned char>(c);
      put32(cells_, list + 8 + 8 * i, children[i]);
      put32(cells_, list + 12 + 8 * i, hash);
      ++i;
    }
    put32(cells_, at + nk::kSubkeyList, list);
    return cell;
  }

  Bytes cells_;
  std::size_t security_ = 0, keys_ = 0;
};

Bytes HiveBuilder::build() const {
  return Writer().finish(root_);
}

}  // namespace fleetsweep::hive
