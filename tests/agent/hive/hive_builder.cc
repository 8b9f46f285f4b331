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

HiveBuilder& HiveBuilder::lists(std::string_view kind, std::size_t most) {
  lists_ = {std::string(kind), most};
  return *this;
}
HiveBuilder& HiveBuilder::security(const std::string& key, std::uint8_t number) {
  at(key).security = number;
  return *this;
}

class HiveBuilder::Writer {
 public:
  // 32 bytes of the bin's own header.
  explicit Writer(const Lists& lists) : lists_(lists), cells_(32) {}

  Bytes finish(const Key& root) {
    const std::size_t top = write(root, "$$$PROTO.HIV", kNone, 0x0c);
    join_ring();
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
    put32(hive, 24, lists_.kind == "lh" ? 5 : lists_.kind == "lf" ? 3 : 2);
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

  static bool is_ascii(std::string_view name) {
    return std::all_of(name.begin(), name.end(), [](char c) { return c > 0; });
  }
  static Bytes stored(std::string_view name) {
    return is_ascii(name) ? to_bytes(name) : to_utf16(name);
  }

  std::size_t write(const Value& value) {
    const Bytes name = stored(value.name);
    const std::size_t cell = allocate(vk::kBytes + name.size()), at = cell + 4;
    mark(cells_, at, "vk");
    put16(cells_, at + vk::kNameBytes, name.size());
    put32(cells_, at + vk::kType, value.type);
    put16(cells_, at + vk::kFlags, name.empty() || !is_ascii(value.name) ? 0 : vk::kAsciiName);
    mark(cells_, at + vk::kBytes, as_text(name));
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

  // A descriptor that only its number tells from others.
  std::size_t security(std::uint8_t number) {
    const auto [use, is_first] = security_.try_emplace(number);
    ++use->second.keys;
    if (!is_first) return use->second.cell;
    const std::size_t cell = use->second.cell = allocate(sk::kDescriptor + 20), at = cell + 4;
    mark(cells_, at, "sk");
    put32(cells_, at + sk::kDescriptorBytes, 20);
    cells_[at + sk::kDescriptor] = 1;  // revision
    cells_[at + sk::kDescriptor + 1] = number;
    put16(cells_, at + sk::kDescriptor + 2, 0x8000);  // self-relative, with nothing in it
    return cell;
  }

  void join_ring() {
    std::size_t before = security_.rbegin()->second.cell;
    for (const auto& [number, use] : security_) {
      put32(cells_, use.cell + 4 + sk::kUses, use.keys);
      put32(cells_, use.cell + 4 + sk::kBefore, before);
      put32(cells_, before + 4 + sk::kNext, use.cell);
      before = use.cell;
    }
  }

  struct Child {
    std::size_t cell;
    std::string sorted, name;
  };

  std::size_t hint(const Child& child) const {
    std::uint32_t hint = 0;
    if (lists_.kind == "lf") {
      for (std::size_t i = 0; i < std::min<std::size_t>(child.name.size(), 4); ++i)
        hint |= static_cast<std::uint32_t>(static_cast<unsigned char>(child.name[i])) << 8 * i;
    } else {
      const Bytes units = to_utf16(child.sorted);
      for (std::size_t i = 0; i < units.size(); i += 2) hint = hint * 37 + le16(units, i);
    }
    return hint;
  }

  std::size_t write_leaf(std::span<const Child> children) {
    const std::size_t width = lists_.kind == "li" ? 4 : 8;
    const std::size_t list = allocate(4 + width * children.size());
    mark(cells_, list + 4, lists_.kind);
    put16(cells_, list + 6, children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
      put32(cells_, list + 8 + width * i, children[i].cell);
      if (width == 8) put32(cells_, list + 12 + width * i, hint(children[i]));
    }
    return list;
  }

  std::size_t write_lists(std::span<const Child> children) {
    if (children.size() <= lists_.most) return write_leaf(children);
    std::vector<std::size_t> leaves;
    for (; !children.empty(); children = children.subspan(std::min(lists_.most, children.size())))
      leaves.push_back(write_leaf(children.first(std::min(lists_.most, children.size()))));
    const std::size_t list = allocate(4 + 4 * leaves.size());
    mark(cells_, list + 4, "ri");
    put16(cells_, list + 6, leaves.size());
    for (std::size_t i = 0; i < leaves.size(); ++i) put32(cells_, list + 8 + 4 * i, leaves[i]);
    return list;
  }

  std::size_t write(const Key& key, const std::string& key_name, std::size_t parent,
                    unsigned flags) {
    const Bytes name = stored(key_name);
    const std::size_t cell = allocate(nk::kBytes + name.size()), at = cell + 4;
    mark(cells_, at, "nk");
    put16(cells_, at + nk::kFlags, flags | (is_ascii(key_name) ? nk::kAsciiName : 0));
    put32(cells_, at + nk::kParent, parent);
    put32(cells_, at + nk::kSubkeys, key.keys.size());
    put32(cells_, at + nk::kSubkeyList, kNone);
    put32(cells_, at + 32, kNone);  // volatile keys
    put32(cells_, at + nk::kValues, key.values.size());
    put32(cells_, at + nk::kValueList, kNone);
    const std::size_t security_at = security(key.security);
    put32(cells_, at + nk::kSecurity, security_at);
    put32(cells_, at + nk::kClass, kNone);
    put16(cells_, at + nk::kNameBytes, name.size());
    mark(cells_, at + nk::kBytes, as_text(name));
    if (!key.values.empty()) {
      std::vector<std::size_t> values;
      for (const Value& value : key.values) values.push_back(write(value));
      const std::size_t list = store(values);
      put32(cells_, at + nk::kValueList, list);
    }
    if (key.keys.empty()) return cell;
    std::vector<Child> children;
    for (const auto& [sorted, child] : key.keys)
      children.push_back(
          {write(child, child.name, cell, child.is_link ? nk::kLink : 0), sorted, child.name});
    const std::size_t list = write_lists(children);
    put32(cells_, at + nk::kSubkeyList, list);
    return cell;
  }

  struct Security {
    std::size_t cell = 0, keys = 0;
  };
  const Lists& lists_;
  Bytes cells_;
  std::map<std::uint8_t, Security> security_;
};

Bytes HiveBuilder::build() const {
  return Writer(lists_).finish(root_);
}

}  // namespace fleetsweep::hive
