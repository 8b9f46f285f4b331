#include "agent/hive/edit.h"

#include <algorithm>

#include "agent/hive/cell_writer.h"
#include "agent/hive/meaning.h"

namespace fleetsweep::hive {
namespace {

class Editor : public CellWriter {
 public:
  Editor(Bytes& bytes, const Hive& hive) : CellWriter(bytes, hive) {}

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
      case Edit::Kind::kSetData:
        return set_data(*key, edit);
    }
    return {};
  }

 private:
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

  Status set_data(Cell key, const Edit& edit) {
    const auto value = hive_.value(key, edit.value_name);
    if (!value)
      return fail(Code::kNotFound, "{} has no value {}", escaped(edit.key),
                  escaped(edit.value_name));
    const BytesView cell = hive_.cell(value->cell);
    const std::uint32_t size = number(cell, vk::kDataBytes);
    const Cell data_at = number(cell, vk::kData);
    const std::size_t room = size & vk::kInline ? 0 : hive_.cell(data_at).size();
    if (size > room || edit.data.size() > size)
      return fail(Code::kConflict, "{} of {} lies in pieces, and is not changed in place",
                  escaped(edit.value_name), escaped(edit.key));
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(content(data_at));
    std::fill_n(begin, room, 0);
    std::copy(edit.data.begin(), edit.data.end(), begin);
    put(content(value->cell) + vk::kDataBytes, static_cast<std::uint32_t>(edit.data.size()));
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
        put_small(content(list) + 2, count - 1);
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

  void release_security(Cell at) {
    if (at == kNone) return;
    const BytesView cell = hive_.cell(at);
    if (!begins(cell, "sk") || cell.size() < sk::kUses + 4 || number(cell, sk::kUses) == 0) return;
    const std::uint32_t uses = number(cell, sk::kUses) - 1;
    put(content(at) + sk::kUses, uses);
    const Cell next = number(cell, sk::kNext), before = number(cell, sk::kBefore);
    if (uses != 0 || next == at || !begins(hive_.cell(next), "sk") ||
        !begins(hive_.cell(before), "sk"))
      return;
    put(content(before) + sk::kNext, next);
    put(content(next) + sk::kBefore, before);
    release(at);
  }
};

}  // namespace

Status may_write(const Hive& hive) {
  if (hive.is_dirty())
    return fail(
        Code::kConflict,
        "the hive was not brought to its end when Windows stopped, and its newest part lies "
        "in its logs: start Windows once and shut it down, then scan again");
  if (hive.is_damaged())
    return fail(Code::kConflict,
                "{}: a damaged hive is not written to; let Windows repair the volume (chkdsk)",
                hive.damage());
  return {};
}

Result<Bytes> edited(BytesView before, const std::vector<Edit>& edits) {
  FS_TRY(const Hive old, Hive::open(before));
  const Digest meant = meaning(old, edits);
  FS_CHECK(may_write(old));
  if (edits.empty()) return to_bytes(before);

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
