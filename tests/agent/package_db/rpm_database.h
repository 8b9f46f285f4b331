#pragma once

// Databases as rpm writes them: made by SQLite and by Berkeley DB themselves, out of headers that
// are put together here.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "agent/package_db/rpm_header.h"
#include "protocol/base/bytes.h"
#include "tests/protocol/codec/golden_files.h"

namespace fleetsweep {

inline void put_number(Bytes& bytes, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

// Name, version and release are "kit-1.2-3"; each file's folder stands in the header once for
// itself. `states`: of its files, if it says them.
inline Bytes rpm_header(const RpmPackage& package, const Bytes& states = {}) {
  Bytes index, data;
  std::uint32_t entries = 0;
  const auto add = [&](std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                       const Bytes& content) {
    for (const std::uint32_t value : {tag, type, static_cast<std::uint32_t>(data.size()), count})
      put_number(index, value);
    append(data, as_text(content));
    ++entries;
  };
  const auto text = [](const std::string& value) {
    Bytes bytes = to_bytes(value);
    bytes.push_back(0);
    return bytes;
  };
  const std::string& name = package.name;
  const auto release = name.rfind('-'), version = name.rfind('-', release - 1);
  add(1000, 6, 1, text(name.substr(0, version)));
  add(1001, 6, 1, text(name.substr(version + 1, release - version - 1)));
  add(1002, 6, 1, text(name.substr(release + 1)));
  Bytes digests, names, folders, indexes;
  for (std::uint32_t i = 0; i < package.files.size(); ++i) {
    const std::filesystem::path path = package.files[i].path;
    append(digests, as_text(text(package.files[i].digest)));
    append(names, as_text(text(path.filename())));
    append(folders, as_text(text(path.parent_path().string() + "/")));
    put_number(indexes, i);
  }
  const auto count = static_cast<std::uint32_t>(package.files.size());
  if (count > 0) {
    add(1035, 8, count, digests);
    add(1117, 8, count, names);
    add(1118, 8, count, folders);
    while (data.size() % 4 != 0) data.push_back(0);
    add(1116, 4, count, indexes);
    if (!states.empty()) add(1029, 1, static_cast<std::uint32_t>(states.size()), states);
  }
  Bytes header;
  put_number(header, entries);
  put_number(header, static_cast<std::uint32_t>(data.size()));
  append(header, as_text(index));
  append(header, as_text(data));
  return header;
}

class SqliteFile {
 public:
  explicit SqliteFile(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    EXPECT_EQ(sqlite3_open(path.c_str(), &database_), SQLITE_OK);
  }
  SqliteFile(const SqliteFile&) = delete;
  ~SqliteFile() { sqlite3_close(database_); }
  void run(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(database_);
  }
  void make_packages() {
    run("create table 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)");
  }
  void insert(BytesView blob) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database_, "insert into Packages (blob) values (?1)", -1,
                                 &statement, nullptr),
              SQLITE_OK);
    sqlite3_bind_blob(statement, 1, blob.data(), static_cast<int>(blob.size()), SQLITE_STATIC);
    if (blob.empty()) sqlite3_bind_zeroblob(statement, 1, 0);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_DONE) << sqlite3_errmsg(database_);
    sqlite3_finalize(statement);
  }

 private:
  sqlite3* database_ = nullptr;
};

inline void write_rpm_database(const std::string& root, const std::vector<RpmPackage>& packages) {
  SqliteFile file(root + "/var/lib/rpm/rpmdb.sqlite");
  file.make_packages();
  for (const auto& package : packages) file.insert(rpm_header(package));
}

inline bool has_berkeley_db() {
  return ::system("command -v db5.3_load >/dev/null") == 0;
}

// The key of each value is its number, and that of key 0 the next one. `settings` as in what
// db_load reads, a line each.
inline void write_berkeley(const std::string& path, const std::vector<Bytes>& values,
                           const std::string& settings = "", bool big_endian = false) {
  const auto number = [&](std::size_t value) {
    Bytes bytes;
    put_number(bytes, static_cast<std::uint32_t>(value));
    if (!big_endian) std::reverse(bytes.begin(), bytes.end());
    return to_hex(bytes);
  };
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  {
    std::ofstream text(path + ".text");
    text << "VERSION=3\nformat=bytevalue\ntype=hash\n" << settings << "HEADER=END\n";
    text << " " << number(0) << "\n " << number(values.size() + 1) << "\n";
    for (std::size_t i = 0; i < values.size(); ++i)
      text << " " << number(i + 1) << "\n " << to_hex(values[i]) << "\n";
    text << "DATA=END\n";
  }
  EXPECT_EQ(::system(("db5.3_load -f " + path + ".text " + path).c_str()), 0);
  std::filesystem::remove(path + ".text");
}

// As rpm's lib/backend/ndb/rpmpkg.c writes it.
inline Bytes ndb_database(const std::vector<Bytes>& blobs) {
  const auto mark = [](Bytes& bytes, std::string_view text,
                       const std::vector<std::size_t>& numbers) {
    append(bytes, text);
    for (const std::size_t number : numbers)
      for (const int shift : {0, 8, 16, 24})
        bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  };
  const std::size_t pages = (2 + blobs.size() + 255) / 256;
  Bytes slots, content;
  mark(slots, "RpmP", {0, 1, pages, blobs.size() + 1, 0, 0, 0});
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    Bytes blob;
    mark(blob, "BlbS", {i + 1, 1, blobs[i].size()});
    append(blob, BytesView(blobs[i]));
    while ((blob.size() + 12) % 16 != 0) blob.push_back(0);
    std::uint32_t first = 1, second = 0;  // RFC 1950
    for (const std::uint8_t byte : blob) {
      first = (first + byte) % 65521;
      second = (second + first) % 65521;
    }
    mark(blob, "", {second << 16 | first, blobs[i].size()});
    mark(blob, "BlbE", {});
    mark(slots, "Slot", {i + 1, pages * 256 + content.size() / 16, blob.size() / 16});
    append(content, BytesView(blob));
  }
  while (slots.size() < pages * 4096) mark(slots, "Slot", {0, 0, 0});
  append(slots, BytesView(content));
  return slots;
}

// What rpm 4.18's own rpmpkg.c wrote when kit-1.2-3 and two others were put in and one was erased;
// Debian's rpm is built without it.
inline Bytes database_of_rpms_ndb() {
  const std::string seed = test::read_file(test::source_path("tests/fuzz/seeds/host/ndb"));
  return to_bytes(std::string_view(seed).substr(1));
}

}  // namespace fleetsweep
