#include "protocol/runtime/sqlite/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "protocol/base/assert.h"

namespace fleetsweep::sqlite {
namespace {

Code code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kUnavailable;
    case SQLITE_NOTADB:
    case SQLITE_MISUSE:
      return Code::kInvalid;
    case SQLITE_CONSTRAINT:
      return Code::kConflict;
    case SQLITE_CANTOPEN:
      return Code::kNotFound;
    default:
      return Code::kInternal;
  }
}

// What the operator can do about it; SQLite's own words name only the symptom.
const char* advice(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return "; free space on its file system, nothing was lost";
    case SQLITE_READONLY:
      return "; the state directory must be writable for this user";
    case SQLITE_CANTOPEN:
      return "; does its folder exist and may this user write there?";
    case SQLITE_BUSY:
      return "; another process holds it";
    default:
      return "";
  }
}

Error error_of(sqlite3* database, std::string_view what) {
  const int result = sqlite3_errcode(database);
  const char* file = sqlite3_db_filename(database, "main");
  return Error{code_of(result), fmt::format("database {}: {}: {}{}", file ? file : "", what,
                                            sqlite3_errmsg(database), advice(result))};
}

constexpr int kBusyTimeoutMs = 5000;

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Database::Closer::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Error Statement::error() const {
  return error_of(sqlite3_db_handle(statement_.get()), sqlite3_sql(statement_.get()));
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  const Error why = error();
  sqlite3_reset(statement_.get());
  return fail(why);
}

Status Statement::run() {
  while (true) {
    FS_TRY(const bool row, step());
    if (!row) break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

void Statement::bind_integer(int index, std::int64_t value) {
  FS_ASSERT(sqlite3_bind_int64(statement_.get(), index, value) == SQLITE_OK);
}

void Statement::bind_one(int index, std::string_view text) {
  FS_ASSERT(sqlite3_bind_text64(statement_.get(), index, text.empty() ? "" : text.data(),
                                text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK);
}

void Statement::bind_one(int index, BytesView bytes) {
  FS_ASSERT(sqlite3_bind_blob64(statement_.get(), index,
                                bytes.empty() ? static_cast<const void*>("") : bytes.data(),
                                bytes.size(), SQLITE_TRANSIENT) == SQLITE_OK);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  return to_text(view(column));
}

Bytes Statement::blob(int column) const {
  return to_bytes(view(column));
}

BytesView Statement::view(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {static_cast<const std::uint8_t*>(data), size};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::string& path) {
  sqlite3* raw = nullptr;
  const mode_t mask = umask(0077);  // the database and its -wal hold what only the owner may read
  const int result =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  const auto restore = [mask] { umask(mask); };
  if (result != SQLITE_OK) {
    restore();
    return fail(Error{code_of(result), fmt::format("database {}: {}{}", path,
                                                   sqlite3_errstr(result), advice(result))});
  }
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  const Status ready = database.execute(
      "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;"
      "pragma temp_store = memory");
  restore();
  FS_CHECK(ready);
  return database;
}

Result<Database> Database::open_read_only(const std::string& path) {
  sqlite3* raw = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (result != SQLITE_OK)
    return fail(Error{code_of(result), fmt::format("database {}: {}{}", path,
                                                   sqlite3_errstr(result), advice(result))});
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  return database;
}

Error Database::error(std::string_view what) const {
  return error_of(database_.get(), what);
}

Status Database::execute(Sql sql) {
  if (sqlite3_exec(database_.get(), sql.text, nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(error(sql.text));
  return {};
}

Result<Statement> Database::prepare(Sql sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql.text, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) !=
      SQLITE_OK)
    return fail(error(sql.text));
  return Statement(raw);
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(database_.get());
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(database_.get());
}

Status Database::migrate(std::span<const Sql> steps) {
  std::int64_t version = 0;
  {
    FS_TRY(Statement query, prepare("pragma user_version"));
    FS_CHECK(query.step());
    version = query.integer(0);
  }
  if (version > static_cast<std::int64_t>(steps.size()))
    return fail(
        Code::kInvalid,
        "database {}: schema version {} is newer than this program's {}: use a newer program",
        sqlite3_db_filename(database_.get(), "main"), version, steps.size());
  for (; version < static_cast<std::int64_t>(steps.size()); ++version) {
    FS_TRY(Transaction step, Transaction::begin(*this));
    FS_CHECK(execute(steps[static_cast<std::size_t>(version)]));
    const std::string bump = fmt::format("pragma user_version = {}", version + 1);
    if (sqlite3_exec(database_.get(), bump.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      return fail(error(bump));
    FS_CHECK(step.commit());
  }
  return {};
}

Status Database::limit_pages(std::int64_t pages) {
  const std::string text = fmt::format("pragma max_page_count = {}", pages);
  if (sqlite3_exec(database_.get(), text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(error(text));
  return {};
}

Result<Transaction> Transaction::begin(Database& database) {
  FS_CHECK(database.execute("begin immediate"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // A failed statement may have rolled back by itself; then there is nothing left to do.
  if (database_) static_cast<void>(database_->execute("rollback"));
}

Status Transaction::commit() {
  FS_CHECK(database_->execute("commit"));
  database_ = nullptr;
  return {};
}

}  // namespace fleetsweep::sqlite
