#pragma once

// A thin owner of SQLite: database, statement, transaction. The only place that includes sqlite3.h.
//
// WAL, synchronous=FULL, foreign keys on: when commit() returns success, the rows survive a power
// cut. One thread owns a Database and everything made from it. SQL is a literal of the program
// (Sql cannot be made from anything else), values are bound.
//
// Errors: kUnavailable for a locked database, kInternal with "disk full" or the like for a broken
// machine, kInvalid for a file that is not ours.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocol/base/ids.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fleetsweep::sqlite {

struct Sql {
  const char* text;
  consteval Sql(const char* literal) : text(literal) {}  // implicit: db.prepare("select ...")
};

// Bind all parameters, step until false, reset, again. Columns count from 0, parameters from 1.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  // Binds the arguments to ?1, ?2, ...: integers, bool, std::string_view (text), BytesView (blob).
  template <class... Values>
  Statement& bind(const Values&... values) {
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  // true: a row stands in the columns; false: no more.
  Result<bool> step();
  // step() to the end and reset(): for a statement that returns no rows.
  Status run();
  void reset();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;
  // A blob of exactly the size of T; kInternal when the database holds something else.
  template <class T>
  Result<T> fixed(int column) const {
    return T::from(view(column));
  }
  BytesView view(int column) const;  // valid until the next step() or reset()
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void bind_integer(int index, std::int64_t value);
  void bind_one(int index, std::string_view text);
  void bind_one(int index, BytesView bytes);
  void bind_one(int index, const Bytes& bytes) { bind_one(index, BytesView(bytes)); }
  template <class T>
  requires std::is_integral_v<T>
  void bind_one(int index, T value) { bind_integer(index, static_cast<std::int64_t>(value)); }
  template <std::size_t N, class Tag>
  void bind_one(int index, const Fixed<N, Tag>& value) {
    bind_one(index, value.view());
  }
  Error error() const;

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

class Database {
 public:
  // Creates the file (0600) when it is not there. Text ":memory:" is a private database in memory.
  static Result<Database> open(const std::string& path);
  static Result<Database> open_read_only(const std::string& path);
  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  Status execute(Sql sql);  // one or more statements without parameters
  Result<Statement> prepare(Sql sql);
  std::int64_t last_insert_id() const;
  std::int64_t changes() const;  // rows changed by the last statement

  // Brings the schema from the file's user_version to steps.size(), one transaction a step.
  // kInvalid when the file is newer than this program.
  Status migrate(std::span<const Sql> steps);

  // Room in pages (0: no bound); a test's way to a full disk.
  Status limit_pages(std::int64_t pages);

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  Error error(std::string_view what) const;
  std::unique_ptr<sqlite3, Closer> database_;
};

// Rolls back unless committed. The database outlives it.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace fleetsweep::sqlite
