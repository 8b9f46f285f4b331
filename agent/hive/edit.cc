#include "agent/hive/edit.h"

#include <algorithm>

#include "agent/hive/text.h"
#include "protocol/crypto/bulk_hash.h"

namespace fleetsweep::hive {
namespace {

bool begins(BytesView cell, std::string_view mark) {
  return cell.size() >= mark.size() && as_text(cell.first(mark.size())) == mark;
}

class Editor {
 public:
  Editor(Bytes& bytes, const Hive& hive) : bytes_(bytes), hive_(hive) {}

  Status make(const Edit& edit) {
    const auto key = hive_.find(hive_.root(), edit.key);
    if (!key) return fail(Code::kNotFound, "no key {}", escaped(edit.key));
    switch (edit.kind) {
      case Edit::Kind::kDeleteValue:
        return delete_value(*key, edit);
      case Edit::Kind::kDeleteKey:
        return delete_key(*key, edit);
      case Edit::Kind::kSetNumber:
        return set_number(*key, edit);
    }
    return {};
  }

  // As Windows leaves it after a write: an old log must not be taken for newer.
  void seal() {
    const std::uint32_t next = hive_.sequence() + 1;
    put(4, next);
    put(8, next);
    put(508, header_checksum(bytes_));
  }

 private:
  void put(std::size_t at, std::uint32_t number) {
    for (int i = 0; i < 4; ++i) bytes_[at + i] = static_cast<std::uint8_t>(number >> 8 * i);
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

  void release_value(Cell at) {
    const BytesView value = hive_.cell(at);
    if (value.empty()) return;
    const std::uint32_t size = number(value, vk::kDataBytes);
    if ((size & vk::kInline) == 0 && size != 0) {
      const Cell data_at = number(value, vk::kData);
      const BytesView data = hive_.cell(data_at);
      if (size > data.size() && begins(data, "db")) {
        const Cell list = number(data, 4);
        const std::uint16_t pieces = small(data, 2);
        for (std::size_t i = 0; i < pieces; ++i) release(number(hive_.cell(list), 4 * i));
        release(list);
      }
      release(data_at);
    }
    release(at);
  }

  // `width` bytes out of a list whose `count` elements begin at `first`.
  void shift(std::size_t first, std::size_t width, std::size_t count, std::size_t index) {
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(first);
    std::copy(begin + static_cast<std::ptrdiff_t>((index + 1) * width),
              begin + static_cast<std::ptrdiff_t>(count * width),
              begin + static_cast<std::ptrdiff_t>(index * width));
    std::fill_n(begin + static_cast<std::ptrdiff_t>((count - 1) * width), width, 0);
  }

  Status delete_value(Cell key, const Edit& edit) {
    const auto value = hive_.value(key, edit.value_name);
    if (!value)
      return fail(Code::kNotFound, "{} has no value {}", escaped(edit.key),
                  escaped(edit.value_name));
    const std::vector<Cell> cells = hive_.value_cells(key);
    const auto index = static_cast<std::size_t>(std::find(cells.begin(), cells.end(), value->cell) -
                                                cells.begin());
    const Cell list = number(hive_.cell(key), nk::kValueList);
    shift(content(list), 4, cells.size(), index);
    put(content(key) + nk::kValues, static_cast<std::uint32_t>(cells.size() - 1));
    if (cells.size() == 1) {
      release(list);
      put(content(key) + nk::kValueList, kNone);
    }
    release_value(value->cell);
    return {};
  }

  Status set_number(Cell key, const Edit& edit) {
    constexpr std::uint32_t kNumber32 = 4;
    const auto value = hive_.value(key, edit.value_name);
    if (!value || value->type != kNumber32 || value->data.size() != 4)
      return fail(Code::kNotFound, "{} has no number {}", escaped(edit.key),
                  escaped(edit.value_name));
    const BytesView cell = hive_.cell(value->cell);
    const bool is_inline = number(cell, vk::kDataBytes) & vk::kInline;
    put(is_inline ? content(value->cell) + vk::kData : content(number(cell, vk::kData)),
        edit.number);
    return {};
  }

  Status delete_key(Cell key, const Edit& edit) {
    if (key == hive_.root()) return fail(Code::kInvalid, "the root of a hive is not deleted");
    const Cell parent = number(hive_.cell(key), nk::kParent);
    const Cell list = number(hive_.cell(parent), nk::kSubkeyList);
    bool empty = false;
    if (!take_from_list(list, key, empty))
      return fail(Code::kNotFound, "{} is not in the list of its parent", escaped(edit.key));
    if (empty) put(content(parent) + nk::kSubkeyList, kNone);
    const std::uint32_t count = number(hive_.cell(parent), nk::kSubkeys);
    put(content(parent) + nk::kSubkeys, count - 1);
    release_key(key);
    return {};
  }

  bool take_from_list(Cell list, Cell key, bool& empty) {
    const BytesView cells = hive_.cell(list);
    const bool lists = begins(cells, "ri");
    const std::size_t width = begins(cells, "lf") || begins(cells, "lh") ? 8 : 4;
    const std::size_t count = small(cells, 2);
    for (std::size_t i = 0; i < count; ++i) {
      const Cell one = number(cells, 4 + i * width);
      bool gone = one == key;
      if (lists && !take_from_list(one, key, gone)) continue;
      if (!lists && !gone) continue;
      if (gone) {
        shift(content(list) + 4, width, count, i);
        bytes_[content(list) + 2] = static_cast<std::uint8_t>(count - 1);
        bytes_[content(list) + 3] = static_cast<std::uint8_t>((count - 1) >> 8);
        empty = count == 1;
        if (empty) release(list);
      }
      return true;
    }
    return false;
  }

  void release_key(Cell key) {
    for (const Cell child : hive_.subkeys(key)) release_key(child);
    const BytesView cell = hive_.cell(key);
    if (cell.empty()) return;
    if (number(cell, nk::kSubkeys) != 0) release_lists(number(cell, nk::kSubkeyList));
    for (const Cell value : hive_.value_cells(key)) release_value(value);
    if (number(cell, nk::kValues) != 0) release(number(cell, nk::kValueList));
    if (small(cell, nk::kClassBytes) != 0) release(number(cell, nk::kClass));
    release_security(number(cell, nk::kSecurity));
    release(key);
  }

  void release_lists(Cell list) {
    const BytesView cells = hive_.cell(list);
    if (begins(cells, "ri"))
      for (std::size_t i = 0; i < small(cells, 2); ++i) release(number(cells, 4 + 4 * i));
    release(list);
  }

  // Shared by keys, counted, and in a ring.
  void release_security(Cell at) {
    constexpr std::size_t kNext = 4, kBefore = 8, kUses = 12;
    if (at == kNone) return;
    const BytesView cell = hive_.cell(at);
    if (!begins(cell, "sk") || cell.size() < kUses + 4 || number(cell, kUses) == 0) return;
    const std::uint32_t uses = number(cell, kUses) - 1;
    put(content(at) + kUses, uses);
    const Cell next = number(cell, kNext), before = number(cell, kBefore);
    if (uses != 0 || next == at || !begins(hive_.cell(next), "sk") ||
        !begins(hive_.cell(before), "sk"))
      return;
    put(content(before) + kNext, next);
    put(content(next) + kBefore, before);
    release(at);
  }

  Bytes& bytes_;
  const Hive& hive_;  // over the same bytes
};

void add(crypto::BulkHash& hash, std::string_view text) {
  hash.update(as_bytes(text));
  const std::uint8_t end[] = {0};
  hash.update(end);
}

// Everything a hive says, as far as `edits` leave it.
Digest meaning(const Hive& hive, const std::vector<Edit>& edits) {
  crypto::BulkHash hash(crypto::HashKind::kSha256);
  const auto is_meant = [&](const std::string& path, std::string_view value, Edit::Kind kind) {
    return std::find_if(edits.begin(), edits.end(), [&](const Edit& edit) {
      return edit.kind == kind && is_equal(edit.key, path) && is_equal(edit.value_name, value);
    });
  };
  hive.walk(hive.root(), [&](Cell key, const std::string& path) {
    if (is_meant(path, "", Edit::Kind::kDeleteKey) != edits.end()) return Hive::Next::kSkip;
    const BytesView cell = hive.cell(key);
    if (cell.size() < nk::kBytes) return Hive::Next::kSkip;
    // All but the lists and counts: flags, time, security, class.
    add(hash, "key");
    add(hash, path);
    hash.update(cell.subspan(nk::kFlags, nk::kSubkeys - nk::kFlags));
    hash.update(cell.subspan(nk::kSecurity, 8));
    for (const Value& value : hive.values(key)) {
      if (is_meant(path, value.name, Edit::Kind::kDeleteValue) != edits.end()) continue;
      const auto set = is_meant(path, value.name, Edit::Kind::kSetNumber);
      add(hash, value.name);
      add(hash, std::to_string(value.type));
      add(hash, set == edits.end() ? to_hex(value.data)
                                   : to_hex(Bytes{static_cast<std::uint8_t>(set->number),
                                                  static_cast<std::uint8_t>(set->number >> 8),
                                                  static_cast<std::uint8_t>(set->number >> 16),
                                                  static_cast<std::uint8_t>(set->number >> 24)}));
    }
    return Hive::Next::kGoOn;
  });
  const Bytes digest = hash.finish();
  return *Digest::from(digest);
}

}  // namespace

Result<Bytes> edited(BytesView before, const std::vector<Edit>& edits) {
  FS_TRY(const Hive old, Hive::open(before));
  if (old.is_dirty())
    return fail(
        Code::kConflict,
        "the hive was not brought to its end when Windows stopped, and its newest part lies "
        "in its logs: start Windows once and shut it down, then scan again");
  const Digest meant = meaning(old, edits);
  if (old.is_damaged())
    return fail(Code::kConflict,
                "{}: a damaged hive is not written to; let Windows repair the volume (chkdsk)",
                old.damage());

  Bytes after = to_bytes(before);
  for (const Edit& edit : edits) {
    FS_TRY(const Hive hive, Hive::open(after));
    FS_CHECK(Editor(after, hive).make(edit));
  }
  FS_TRY(const Hive sealed, Hive::open(after));
  Editor(after, sealed).seal();

  FS_TRY(const Hive now, Hive::open(after));
  if (meaning(now, {}) != meant || now.is_damaged() || now.is_dirty())
    return fail(Code::kInternal, "the edited hive would not say what was meant: {}",
                now.is_damaged() ? now.damage() : "another key or value would differ");
  return after;
}

std::vector<Patch> difference(BytesView before, BytesView after) {
  std::vector<Patch> patches;
  for (std::size_t at = 0; at < std::min(before.size(), after.size()); ++at) {
    if (before[at] == after[at]) continue;
    if (patches.empty() || patches.back().at + patches.back().bytes.size() != at)
      patches.push_back({at, {}});
    patches.back().bytes.push_back(after[at]);
  }
  return patches;
}

}  // namespace fleetsweep::hive
