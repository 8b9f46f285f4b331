#include "agent/hive/restore.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "agent/hive/cell_writer.h"
#include "agent/hive/meaning.h"
#include "agent/hive/text.h"

namespace fleetsweep::hive {
namespace {

constexpr std::size_t kBinHeaderBytes = 32, kBinBytes = 8, kRingMax = 100'000;

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

// Key and value names of this many bytes of UTF-16.
std::uint32_t wide(std::string_view ascii) {
  return static_cast<std::uint32_t>(2 * ascii.size());
}

std::string parent_of(std::string_view key) {
  const std::size_t end = key.rfind('\\');
  return std::string(key.substr(0, end == std::string_view::npos ? 0 : end));
}

tl::unexpected<Error> no_place(std::string_view what, std::string_view why) {
  return fail(Code::kConflict, "{}: {}, so it is not put back", escaped(what), why);
}

std::optional<Value> value_in(const Hive& hive, const Edit& edit) {
  const auto key = hive.find(hive.root(), edit.key);
  return key ? hive.value(*key, edit.value_name) : std::nullopt;
}

// Copies out of the old hive into the new one.
class Restorer : public CellWriter {
 public:
  Restorer(Bytes& bytes, const Hive& now, const Hive& old) : CellWriter(bytes, now), old_(old) {}

  Status value(const Edit& edit) {
    const auto from = old_.find(old_.root(), edit.key);
    const auto was = from ? old_.value(*from, edit.value_name) : std::nullopt;
    const auto key = hive_.find(hive_.root(), edit.key);
    if (!was) return fail(Code::kInternal, "{} is not in the old hive", escaped(edit.key));
    if (!key) return no_place(edit.key, "the key is gone");
    std::vector<Cell> values = hive_.value_cells(*key);
    const auto place = values.begin() + place_of(*was, *from, *key);
    FS_TRY(const Cell copied, copy_value(was->cell));
    values.insert(place, copied);
    FS_CHECK(put_values(*key, values));
    raise(*key, nk::kLongestValueName, wide(was->name));
    raise(*key, nk::kLongestData, was->size);
    return {};
  }

  // Where it was made shorter.
  Status data(const Edit& edit) {
    const auto was = value_in(old_, edit), is = value_in(hive_, edit);
    if (!was || !is) return fail(Code::kInternal, "{} is in no hive", escaped(edit.key));
    const auto size = static_cast<std::uint32_t>(was->data.size());
    const BytesView value = hive_.cell(is->cell);
    if (size > kPieceBytes || number(value, vk::kDataBytes) & vk::kInline)
      return no_place(edit.value_name, "it lies in pieces");
    FS_TRY(const Cell whole, replace(number(value, vk::kData), was->data));
    put(content(is->cell) + vk::kData, whole);
    put(content(is->cell) + vk::kDataBytes, size);
    return {};
  }

  Status key(const Edit& edit) {
    const auto from = old_.find(old_.root(), edit.key);
    const auto parent = hive_.find(hive_.root(), parent_of(edit.key));
    if (!from) return fail(Code::kInternal, "{} is not in the old hive", escaped(edit.key));
    if (!parent) return no_place(edit.key, "the key above it is gone");
    FS_TRY(const Cell copied, copy_key(*from, *parent));
    return add_subkey(*parent, {copied, old_.name(*from)});
  }

 private:
  struct Child {
    Cell cell = 0;
    std::string name;
  };
  struct Free {
    Cell at = 0;
    std::size_t size = 0;
  };

  // Behind the nearest of its old neighbours that is still there.
  std::ptrdiff_t place_of(const Value& value, Cell before, Cell now) const {
    std::map<std::string, std::ptrdiff_t> places;  // there, by name
    std::ptrdiff_t next = 0, place = 0;
    hive_.each_value(now, [&](const Value& one) {
      places[lower(one.name)] = ++next;
      return true;
    });
    old_.each_value(before, [&](const Value& neighbour) {
      const auto left = places.find(lower(neighbour.name));
      if (neighbour.cell != value.cell && left != places.end()) place = left->second;
      return neighbour.cell != value.cell;
    });
    return place;
  }

  // --- room -----------------------------------------------------------------------------------

  Status find_room() {
    const std::size_t end = hive_.bytes().size() - kHeaderBytes;
    for (std::size_t bin = 0; bin < end;) {
      const BytesView header = BytesView(bytes_).subspan(kHeaderBytes + bin);
      const std::size_t size = le32(header, kBinBytes);
      if (!begins(header, "hbin") || size < kHeaderBytes || size % kHeaderBytes != 0 ||
          size > end - bin)
        return fail(Code::kConflict, "a damaged hive is not written to: no bin at {:#x}", bin);
      bool joins = false;  // free cells side by side are one
      for (std::size_t at = bin + kBinHeaderBytes; at < bin + size;) {
        const auto signed_size = static_cast<std::int32_t>(le32(bytes_, kHeaderBytes + at));
        const auto bytes = static_cast<std::size_t>(std::abs(std::int64_t{signed_size}));
        if (bytes < 8 || bytes % 8 != 0 || bytes > bin + size - at)
          return fail(Code::kConflict,
                      "a damaged hive is not written to: a cell of {} bytes at {:#x}", bytes, at);
        if (signed_size > 0 && joins)
          room_.back().size += bytes;
        else if (signed_size > 0)
          room_.push_back({static_cast<Cell>(at), bytes});
        joins = signed_size > 0;
        at += bytes;
      }
      bin += size;
    }
    return {};
  }

  Result<Cell> store(BytesView bytes) {
    if (!looked_) FS_CHECK(find_room());
    looked_ = true;
    const std::size_t size = (std::max<std::size_t>(bytes.size(), 4) + 4 + 7) / 8 * 8;
    auto fit = room_.end();  // the smallest that is large enough
    for (auto one = room_.begin(); one != room_.end(); ++one)
      if (one->size >= size && (fit == room_.end() || one->size < fit->size)) fit = one;
    if (fit == room_.end())
      return fail(Code::kConflict, "the hive has no room of {} bytes left, and is not made larger",
                  size);
    const Cell at = fit->at;
    fit->at += static_cast<Cell>(size);
    fit->size -= size;
    if (fit->size != 0) put(kHeaderBytes + fit->at, static_cast<std::uint32_t>(fit->size));
    put(kHeaderBytes + at, static_cast<std::uint32_t>(-static_cast<std::int64_t>(size)));
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(content(at));
    std::fill_n(begin, size - 4, 0);
    std::copy(bytes.begin(), bytes.end(), begin);
    return at;
  }

  Result<Cell> store(const std::vector<Cell>& cells) { return store(bytes_of(cells)); }

  static Bytes bytes_of(const std::vector<Cell>& cells) {
    Bytes bytes(4 * cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i)
      for (int b = 0; b < 4; ++b) bytes[4 * i + b] = static_cast<std::uint8_t>(cells[i] >> 8 * b);
    return bytes;
  }

  // In its place where it fits.
  Result<Cell> replace(Cell old, BytesView bytes) {
    if (hive_.cell(old).size() >= bytes.size()) {
      std::copy(bytes.begin(), bytes.end(),
                bytes_.begin() + static_cast<std::ptrdiff_t>(content(old)));
      return old;
    }
    FS_TRY(const Cell made, store(bytes));
    release(old);
    return made;
  }

  // --- copies ---------------------------------------------------------------------------------

  Result<Cell> copy_data(Cell at, std::uint32_t size) {
    const BytesView data = old_.cell(at);
    if (size <= data.size()) return store(data.first(size));
    if (!begins(data, "db")) return fail(Code::kConflict, "the old hive has a value that is cut");
    const BytesView list = old_.cell(number(data, 4));
    std::vector<Cell> pieces;
    for (std::size_t i = 0; i < small(data, 2); ++i) {
      FS_TRY(const Cell piece, store(old_.cell(number(list, 4 * i))));
      pieces.push_back(piece);
    }
    FS_TRY(const Cell pieces_at, store(pieces));
    FS_TRY(const Cell copied, store(data.first(8)));
    put(content(copied) + 4, pieces_at);
    return copied;
  }

  Result<Cell> copy_value(Cell at) {
    const BytesView value = old_.cell(at);
    FS_TRY(const Cell copied, store(value.first(vk::kBytes + small(value, vk::kNameBytes))));
    const std::uint32_t size = number(value, vk::kDataBytes);
    if ((size & vk::kInline) == 0 && size != 0) {
      FS_TRY(const Cell data, copy_data(number(value, vk::kData), size));
      put(content(copied) + vk::kData, data);
    }
    return copied;
  }

  // Without a place in the list of its parent.
  Result<Cell> copy_key(Cell at, Cell parent) {
    const BytesView key = old_.cell(at);
    FS_TRY(const Cell copied, store(key.first(nk::kBytes + small(key, nk::kNameBytes))));
    const std::size_t to = content(copied);
    put(to + nk::kParent, parent);
    for (const auto count : {nk::kSubkeys, nk::kVolatileKeys, nk::kValues}) put(to + count, 0);
    for (const auto list : {nk::kSubkeyList, nk::kVolatileList, nk::kValueList, nk::kClass})
      put(to + list, kNone);
    put(to + nk::kSecurity, kNone);
    if (const BytesView name = old_.class_name(at); !name.empty()) {
      FS_TRY(const Cell class_at, store(name));
      put(to + nk::kClass, class_at);
    }
    if (number(key, nk::kSecurity) != kNone) {
      FS_TRY(const Cell security, share_security(old_.cell(number(key, nk::kSecurity)), parent));
      put(to + nk::kSecurity, security);
    }
    std::vector<Cell> values;
    for (const Cell one : old_.value_cells(at)) {
      FS_TRY(const Cell value, copy_value(one));
      values.push_back(value);
    }
    if (!values.empty()) FS_CHECK(put_values(copied, values));
    std::vector<Child> children;
    for (const Cell one : old_.subkeys(at)) {
      FS_TRY(const Cell child, copy_key(one, copied));
      children.push_back({child, old_.name(one)});
    }
    if (children.empty()) return copied;
    FS_TRY(const Cell list, store_leaf(leaf_kind(), children));
    put(to + nk::kSubkeyList, list);
    put(to + nk::kSubkeys, static_cast<std::uint32_t>(children.size()));
    return copied;
  }

  // One that says the same and is there already, or a new one beside that of `near`.
  Result<Cell> share_security(BytesView wanted, Cell near) {
    const std::uint32_t size = number(wanted, sk::kDescriptorBytes);
    if (!begins(wanted, "sk") || wanted.size() < sk::kDescriptor ||
        wanted.size() - sk::kDescriptor < size)
      return fail(Code::kConflict, "the old hive does not say who may open the key");
    const BytesView descriptor = wanted.subspan(sk::kDescriptor, size);
    const Cell first = number(hive_.cell(near), nk::kSecurity);
    Cell at = first;
    for (std::size_t i = 0; i < kRingMax; ++i) {
      const BytesView one = hive_.cell(at);
      if (!begins(one, "sk")) break;
      if (number(one, sk::kDescriptorBytes) == size && one.size() >= sk::kDescriptor + size &&
          as_text(one.subspan(sk::kDescriptor, size)) == as_text(descriptor)) {
        put(content(at) + sk::kUses, number(one, sk::kUses) + 1);
        return at;
      }
      at = number(one, sk::kNext);
      if (at == first) break;
    }
    const BytesView neighbour = hive_.cell(first);
    if (!begins(neighbour, "sk"))
      return fail(Code::kConflict, "the key above says not who may open it");
    const Cell next = number(neighbour, sk::kNext);
    if (!begins(hive_.cell(next), "sk"))
      return fail(Code::kConflict, "the ring of who may open what is broken");
    FS_TRY(const Cell made, store(wanted.first(sk::kDescriptor + size)));
    put(content(made) + sk::kUses, 1);
    put(content(made) + sk::kNext, next);
    put(content(made) + sk::kBefore, first);
    put(content(first) + sk::kNext, made);
    put(content(next) + sk::kBefore, made);
    return made;
  }

  // --- lists ----------------------------------------------------------------------------------

  Status put_values(Cell key, const std::vector<Cell>& values) {
    const bool has_list = number(hive_.cell(key), nk::kValues) != 0;
    FS_TRY(const Cell list, has_list
                                ? replace(number(hive_.cell(key), nk::kValueList), bytes_of(values))
                                : store(values));
    put(content(key) + nk::kValueList, list);
    put(content(key) + nk::kValues, static_cast<std::uint32_t>(values.size()));
    return {};
  }

  // What this version of hives has: hashes of names since 1.5, their first letters since 1.3.
  std::string_view leaf_kind() const {
    const std::uint32_t minor = le32(bytes_, 24);
    return minor >= 5 ? "lh" : minor >= 3 ? "lf" : "li";
  }

  Result<Cell> store_leaf(std::string_view kind, const std::vector<Child>& children) {
    const std::size_t width = kind == "li" ? 4 : 8;
    if (children.size() > 0xffff) return fail(Code::kConflict, "too many keys for one list");
    Bytes leaf = to_bytes(kind);
    leaf.resize(4 + width * children.size());
    leaf[2] = static_cast<std::uint8_t>(children.size());
    leaf[3] = static_cast<std::uint8_t>(children.size() >> 8);
    for (std::size_t i = 0; i < children.size(); ++i) {
      const std::uint32_t numbers[] = {children[i].cell, hash_of(kind, children[i].name)};
      for (std::size_t b = 0; b < width; ++b)
        leaf[4 + width * i + b] = static_cast<std::uint8_t>(numbers[b / 4] >> 8 * (b % 4));
    }
    return store(leaf);
  }

  // Of names in ASCII; the hashes of others are kept where they are and never made.
  static std::uint32_t hash_of(std::string_view kind, const std::string& name) {
    std::uint32_t hash = 0;
    if (kind == "lf") {
      for (std::size_t i = 0; i < 4 && i < name.size(); ++i)
        hash |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(name[i])) << 8 * i;
    } else {
      for (const char c : upper(name)) hash = hash * 37 + static_cast<std::uint8_t>(c);
    }
    return hash;
  }

  Status add_subkey(Cell parent, const Child& child) {
    const BytesView key = hive_.cell(parent);
    const std::uint32_t count = number(key, nk::kSubkeys);
    const Cell list = number(key, nk::kSubkeyList);
    Cell made = list;
    if (count == 0) {
      FS_TRY(made, store_leaf(leaf_kind(), {child}));
    } else if (begins(hive_.cell(list), "ri")) {
      FS_CHECK(add_to_one_of(list, child));
    } else {
      FS_TRY(made, with_child(list, child));
    }
    put(content(parent) + nk::kSubkeyList, made);
    put(content(parent) + nk::kSubkeys, count + 1);
    raise(parent, nk::kLongestKeyName, wide(child.name));
    return {};
  }

  // Into the last list that begins before it.
  Status add_to_one_of(Cell lists, const Child& child) {
    const std::size_t count = small(hive_.cell(lists), 2);
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Cell leaf = number(hive_.cell(lists), 4 + 4 * i);
      const std::string first = hive_.name(number(hive_.cell(leaf), 4));
      if (upper(first) <= upper(child.name)) chosen = i;
    }
    const Cell leaf = number(hive_.cell(lists), 4 + 4 * chosen);
    FS_TRY(const Cell made, with_child(leaf, child));
    put(content(lists) + 4 + 4 * chosen, made);
    return {};
  }

  // The leaf with one more, sorted as Windows looks for it.
  Result<Cell> with_child(Cell leaf, const Child& child) {
    const BytesView old = hive_.cell(leaf);
    const std::size_t width = begins(old, "lf") || begins(old, "lh") ? 8 : 4;
    const std::size_t count = small(old, 2);
    if (old.size() < 4 + count * width || count == 0xffff)
      return fail(Code::kConflict, "a list of keys that has no place for one more");
    std::size_t at = 0;
    while (at < count && upper(hive_.name(number(old, 4 + at * width))) < upper(child.name)) ++at;
    Bytes made = to_bytes(old.first(4 + count * width));
    made[2] = static_cast<std::uint8_t>(count + 1);
    made[3] = static_cast<std::uint8_t>((count + 1) >> 8);
    Bytes entry(8);
    const std::uint32_t numbers[] = {child.cell, hash_of(as_text(old.first(2)), child.name)};
    for (std::size_t b = 0; b < 8; ++b)
      entry[b] = static_cast<std::uint8_t>(numbers[b / 4] >> 8 * (b % 4));
    entry.resize(width);
    made.insert(made.begin() + static_cast<std::ptrdiff_t>(4 + at * width), entry.begin(),
                entry.end());
    return replace(leaf, made);
  }

  void raise(Cell key, std::size_t at, std::uint32_t least) {
    if (number(hive_.cell(key), at) < least) put(content(key) + at, least);
  }

  const Hive& old_;
  std::vector<Free> room_;
  bool looked_ = false;
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
}

// Names whose hashes and order we would have to guess.
Status check_names(const Hive& old, Cell key) {
  bool plain = true;
  old.walk(key, [&](Cell at, const std::string&) {
    plain = plain && is_ascii(old.name(at));
    return plain ? Hive::Next::kGoOn : Hive::Next::kStop;
  });
  if (plain) return {};
  return fail(Code::kConflict, "a key whose name has letters beyond ASCII is not put back");
}

// What `edit` left must still be so; it is no kSetNumber.
Status check_place(const Hive& old, const Hive& now, const Edit& edit, bool& done) {
  const auto key = now.find(now.root(), edit.key);
  if (edit.kind == Edit::Kind::kDeleteKey) {
    const auto was = old.find(old.root(), edit.key);
    if (!was) return fail(Code::kInternal, "{} is not in the old hive", escaped(edit.key));
    if (key && meaning_of_key(now, *key) != meaning_of_key(old, *was))
      return no_place(edit.key, "another key of this name was made since");
    done = key.has_value();
    return check_names(old, *was);
  }
  const auto there = value_in(now, edit), was = value_in(old, edit);
  done = there && was && meaning_of_value(now, *there) == meaning_of_value(old, *was);
  const bool is_left = edit.kind == Edit::Kind::kDeleteValue
                           ? !there
                           : there && was && there->type == was->type && there->data == edit.data;
  if (!done && !is_left)
    return no_place(edit.key + "\\\\" + edit.value_name, "it has another value by now");
  return {};
}

Result<Bytes> with_number_back(const Hive& old, const Edit& edit, BytesView current) {
  FS_TRY(const Hive now, Hive::open(current));
  const auto number_in = [&](const Hive& hive) -> std::optional<std::uint32_t> {
    const auto value = value_in(hive, edit);
    if (!value || value->data.size() != 4) return std::nullopt;
    return le32(value->data, 0);
  };
  const auto was = number_in(old), is = number_in(now);
  if (!was) return fail(Code::kInternal, "{} is not in the old hive", escaped(edit.key));
  if (is == was) return to_bytes(current);
  if (is != edit.number)
    return no_place(edit.key + "\\\\" + edit.value_name, "it was changed after cleaning");
  return edited(current, {{Edit::Kind::kSetNumber, edit.key, edit.value_name, *was}});
}

Result<Bytes> with_one_back(const Hive& old, const Edit& edit, BytesView current) {
  if (edit.kind == Edit::Kind::kSetNumber) return with_number_back(old, edit, current);
  FS_TRY(const Hive now, Hive::open(current));
  bool done = false;
  FS_CHECK(check_place(old, now, edit, done));
  if (done) return to_bytes(current);
  const bool is_key = edit.kind == Edit::Kind::kDeleteKey,
             is_data = edit.kind == Edit::Kind::kSetData;
  const std::vector<Edit> but_this{
      {is_key ? Edit::Kind::kDeleteKey : Edit::Kind::kDeleteValue, edit.key, edit.value_name, 0}};
  const Digest rest = meaning(now, but_this);
  FS_CHECK(may_write(now));

  Bytes after = to_bytes(current);
  FS_TRY(const Hive writing, Hive::open(after));
  Restorer restorer(after, writing, old);
  FS_CHECK(is_key ? restorer.key(edit) : is_data ? restorer.data(edit) : restorer.value(edit));
  restorer.seal();

  FS_TRY(const Hive made, Hive::open(after));
  bool is_back = false;
  const Status placed = check_place(old, made, edit, is_back);
  if (!placed || !is_back || meaning(made, but_this) != rest || made.is_damaged() ||
      made.is_dirty())
    return fail(Code::kInternal, "the hive would not say what was meant: {}",
                made.is_damaged() ? made.damage() : "another key or value would differ");
  return after;
}

}  // namespace

Result<Bytes> restored(BytesView before, const std::vector<Edit>& edits, BytesView current) {
  FS_TRY(const Hive old, Hive::open(before));
  static_cast<void>(meaning(old, {}));  // all of it was looked at
  FS_CHECK(may_write(old));
  Bytes after = to_bytes(current);
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
    FS_TRY(after, with_one_back(old, *edit, after));
  }
  FS_TRY(const Hive now, Hive::open(after));
  FS_CHECK(may_write(now));
  return after;
}

}  // namespace fleetsweep::hive
