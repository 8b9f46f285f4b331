#include "agent/package_db/sqlite_rows.h"

#include <algorithm>
#include <map>
#include <optional>

namespace fleetsweep {

namespace {

constexpr std::size_t kFileHeader = 100;
constexpr std::size_t kWalHeader = 32, kFrameHeader = 24;
constexpr std::size_t kSchemaBytes = 1 << 20;  // of one row of the schema
constexpr unsigned kDepth = 20;

Error damaged(std::string_view what) {
  return {Code::kInvalid, fmt::format("not a SQLite database that can be read: {}", what)};
}

std::uint32_t number(BytesView bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes[at + i];
  return value;
}

// At most nine bytes, seven bits each; nothing at the end of `bytes`.
std::optional<std::uint64_t> take_varint(BytesView& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    if (bytes.empty()) return std::nullopt;
    const std::uint8_t byte = bytes.front();
    bytes = bytes.subspan(1);
    if (i == 8) return value << 8 | byte;
    value = value << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

class Checksum {
 public:
  explicit Checksum(bool big_endian) : big_endian_(big_endian) {}
  void add(BytesView bytes) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      first_ += word(bytes, at) + second_;
      second_ += word(bytes, at + 4) + first_;
    }
  }
  bool is(BytesView bytes, std::size_t at) const {
    return number(bytes, at, 4) == first_ && number(bytes, at + 4, 4) == second_;
  }

 private:
  std::uint32_t word(BytesView bytes, std::size_t at) const {
    const std::uint32_t value = number(bytes, at, 4);
    return big_endian_ ? value : __builtin_bswap32(value);
  }
  bool big_endian_;
  std::uint32_t first_ = 0, second_ = 0;
};

class Database {
 public:
  Database(const ByteSource& file, const ByteSource& wal) : file_(file), wal_(wal) {}

  Status open() {
    Bytes header(kFileHeader);
    if (!file_.read(header, 0) ||
        as_text(BytesView(header).first(16)) != std::string_view("SQLite format 3\0", 16))
      return fail(damaged("no header"));
    page_bytes_ = number(header, 16, 2) == 1 ? 65536 : number(header, 16, 2);
    usable_ = page_bytes_ - std::min<std::size_t>(header[20], page_bytes_);
    if (page_bytes_ < 512 || (page_bytes_ & (page_bytes_ - 1)) != 0 || usable_ < 480)
      return fail(damaged("its page size"));
    if (number(header, 56, 4) > 1) return fail(damaged("not in UTF-8"));
    read_log();
    pages_left_ = 2 * (file_.size / page_bytes_ + in_log_.size() + 1);
    return {};
  }

  // Each row's record, whole.
  Status rows(std::uint32_t root, std::size_t bytes_max,
              const std::function<Status(BytesView)>& visit, unsigned depth = 0) {
    if (depth > kDepth) return fail(damaged("a tree that is too deep"));
    FS_TRY(const Bytes page, page_of(root));
    const std::size_t start = root == 1 ? kFileHeader : 0;
    const bool is_leaf = page[start] == 0x0d;
    if (!is_leaf && page[start] != 0x05) return fail(damaged("a page that is no table's"));
    const std::size_t cells = number(page, start + 3, 2), first = start + (is_leaf ? 8 : 12);
    if (first + 2 * cells > usable_) return fail(damaged("more cells than fit into a page"));
    for (std::size_t i = 0; i < cells; ++i) {
      const std::size_t at = number(page, first + 2 * i, 2);
      if (at + 4 > usable_) return fail(damaged("a cell outside of its page"));
      if (is_leaf)
        FS_CHECK(row(BytesView(page).first(usable_).subspan(at), bytes_max, visit));
      else
        FS_CHECK(rows(number(page, at, 4), bytes_max, visit, depth + 1));
    }
    if (is_leaf) return {};
    return rows(number(page, start + 8, 4), bytes_max, visit, depth + 1);
  }

 private:
  Status row(BytesView cell, std::size_t bytes_max, const std::function<Status(BytesView)>& visit) {
    const auto size = take_varint(cell);
    if (!size || !take_varint(cell)) return fail(damaged("a cell that ends early"));
    if (*size > bytes_max)
      return fail(
          damaged(fmt::format("a row of {} bytes where at most {} are read", *size, bytes_max)));
    const std::size_t most = usable_ - 35, least = (usable_ - 12) * 32 / 255 - 23;
    std::size_t local = *size;
    if (local > most) {
      local = least + (*size - least) % (usable_ - 4);
      if (local > most) local = least;
    }
    const bool goes_on = local < *size;
    if (cell.size() < local + (goes_on ? 4 : 0)) return fail(damaged("a cell that ends early"));
    if (!goes_on) return visit(cell.first(local));
    Bytes record = to_bytes(cell.first(local));
    for (std::uint32_t next = number(cell, local, 4); record.size() < *size;) {
      FS_TRY(const Bytes page, page_of(next));
      next = number(page, 0, 4);
      const std::size_t part = std::min(usable_ - 4, *size - record.size());
      append(record, as_text(BytesView(page).subspan(4, part)));
    }
    return visit(record);
  }

  Result<Bytes> page_of(std::uint32_t number) {
    if (number == 0 || pages_left_-- == 0) return fail(damaged("pages in a circle"));
    Bytes page(page_bytes_);
    const auto logged = in_log_.find(number);
    const bool is_read = logged != in_log_.end()
                             ? wal_.read(page, logged->second)
                             : file_.read(page, std::uint64_t{number - 1} * page_bytes_);
    if (!is_read) return fail(damaged("a page that is not there"));
    return page;
  }

  // Up to the last commit; what does not fit its sums was never committed, or was undone.
  void read_log() {
    Bytes header(kWalHeader);
    if (!wal_.read(header, 0) || (number(header, 0, 4) & ~1u) != 0x377f0682 ||
        number(header, 8, 4) != page_bytes_)
      return;
    Checksum sum((header[3] & 1) != 0);
    sum.add(BytesView(header).first(24));
    if (!sum.is(header, 24)) return;
    std::map<std::uint32_t, std::uint64_t> pending;
    Bytes frame(kFrameHeader + page_bytes_);
    for (std::uint64_t at = kWalHeader; wal_.read(frame, at); at += frame.size()) {
      if (!equal(BytesView(frame).subspan(8, 8), BytesView(header).subspan(16, 8))) return;
      sum.add(BytesView(frame).first(8));
      sum.add(BytesView(frame).subspan(kFrameHeader));
      if (!sum.is(frame, 16)) return;
      pending[number(frame, 0, 4)] = at + kFrameHeader;
      if (number(frame, 4, 4) == 0) continue;
      for (const auto& [page, where] : pending) in_log_[page] = where;
      pending.clear();
    }
  }

  const ByteSource& file_;
  const ByteSource& wal_;
  std::size_t page_bytes_ = 0, usable_ = 0;
  std::uint64_t pages_left_ = 0;
  std::map<std::uint32_t, std::uint64_t> in_log_;  // page: offset in the log
};

struct Value {
  std::uint64_t type = 0;  // as the record has it: from 12 on even a blob, odd a text
  BytesView bytes;
  bool is_blob() const { return type >= 12 && type % 2 == 0; }
  bool is_text() const { return type >= 12 && type % 2 == 1; }
};

std::optional<Value> column_of(BytesView record, std::size_t column) {
  BytesView header = record;
  const auto size = take_varint(header);
  if (!size || *size > record.size() || *size < record.size() - header.size()) return std::nullopt;
  header = header.first(*size - (record.size() - header.size()));
  BytesView body = record.subspan(*size);
  for (std::size_t i = 0; !header.empty(); ++i) {
    const auto type = take_varint(header);
    if (!type) return std::nullopt;
    constexpr std::uint64_t kFixed[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    const std::uint64_t bytes = *type < 12 ? kFixed[*type] : (*type - 12) / 2;
    if (bytes > body.size()) return std::nullopt;
    if (i == column) return Value{*type, body.first(bytes)};
    body = body.subspan(bytes);
  }
  return std::nullopt;
}

}  // namespace

Status each_blob(const ByteSource& file, const ByteSource& wal, std::string_view table,
                 std::size_t column, std::size_t bytes_max,
                 const std::function<Status(BytesView)>& visit) {
  Database database(file, wal);
  FS_CHECK(database.open());
  // type, name, tbl_name, rootpage, sql
  std::uint32_t root = 0;
  FS_CHECK(database.rows(1, kSchemaBytes, [&](BytesView record) -> Status {
    const auto type = column_of(record, 0), name = column_of(record, 1),
               page = column_of(record, 3);
    if (type && name && page && type->is_text() && as_text(type->bytes) == "table" &&
        name->is_text() && as_text(name->bytes) == table && page->type >= 1 && page->type <= 4)
      root = number(page->bytes, 0, page->bytes.size());
    return {};
  }));
  if (root == 0) return fail(damaged(fmt::format("it has no table {}", table)));
  return database.rows(root, bytes_max, [&](BytesView record) -> Status {
    const auto value = column_of(record, column);
    if (!value) return fail(damaged("a row that does not parse"));
    return value->is_blob() ? visit(value->bytes) : Status{};
  });
}

}  // namespace fleetsweep
