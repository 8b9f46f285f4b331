#include "agent/driver/store.h"

#include <algorithm>

#include "protocol/codec/codec.h"
#include "protocol/runtime/sqlite/sqlite.h"

namespace fleetsweep::agent {

namespace {

using sqlite::Database;
using sqlite::Sql;
using sqlite::Statement;
using sqlite::Transaction;

constexpr Sql kSchema[] = {R"sql(
create table entries(idx integer primary key, seen integer not null, entry blob not null);
create table log(one integer primary key check(one = 1), size integer not null, root blob not null,
  note text not null, floor_time integer not null, floor_boottime integer not null,
  floor_boot blob not null, floor_witnessed integer not null, forked integer not null,
  intake_day integer not null, intake_entries integer not null, intake_bytes integer not null);
create table policies(digest blob primary key, policy blob not null) without rowid;
create table dry_runs(document blob primary key, policy blob not null, finished integer not null)
  without rowid;
create table sealed(document blob not null, number integer not null, finding blob not null,
  mac blob not null, primary key(document, number)) without rowid;
create table jobs(document blob primary key, slot integer not null, phase integer not null,
  mode integer not null, policy blob not null, wave integer not null, started integer not null,
  cleaned integer not null, rescans integer not null, boot blob not null,
  reboot_rescan integer not null, state integer not null, reason integer not null,
  reported integer not null) without rowid;
create table receipts(seq integer primary key, id blob not null, envelope blob not null);
create table chain(one integer primary key check(one = 1), seq integer not null, id blob not null);
create table begun(what blob primary key, times integer not null) without rowid;
)sql",
                           R"sql(
alter table jobs add column cleaned_objects blob not null default x'';
alter table jobs add column acted integer not null default 0;
)sql",
                           R"sql(
create table transport(one integer primary key check(one = 1), pub blob not null,
  secret blob not null, issued integer not null, next_pub blob, next_secret blob,
  next_issued integer, offer blob not null);
)sql",
                           R"sql(
create table stops(document blob primary key, log_size integer not null, seen integer not null,
  envelope blob not null) without rowid;
)sql",
                           R"sql(
alter table jobs add column health blob not null default x'';
alter table jobs add column detail blob not null default x'';
)sql",
                           R"sql(
alter table jobs rename column cleaned_objects to remaining;
alter table jobs add column round integer not null default 0;
alter table jobs rename column detail to said;
update jobs set said = x'';
alter table jobs add column cut_off blob not null default x'';
create table hash_parts(digest blob primary key, bytes blob not null);
)sql",
                           R"sql(
alter table jobs add column ahead blob not null default x'';
)sql",
                           R"sql(
alter table jobs add column unreached integer not null default 0;
)sql",
                           R"sql(
alter table jobs add column has_left integer not null default 0;
update jobs set has_left = 1 where state = 9;  -- residual
)sql",
                           R"sql(
alter table jobs add column ended_in blob not null default x'';
update jobs set ended_in = boot;
)sql",
                           R"sql(
alter table jobs add column isolated_at integer not null default 0;
)sql"};

std::int64_t seconds(Timestamp time) {
  return unix_seconds(time);
}

// Two lines for each, which are escaped.
std::string lines_of(const std::vector<model::HealthMark>& marks) {
  std::string text;
  for (const auto& mark : marks) text += mark.check + "\n" + mark.seen + "\n";
  return text;
}

std::vector<model::HealthMark> good_marks(std::string_view text) {
  std::vector<model::HealthMark> marks;
  const auto next = [&text] {
    const std::string line(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
  };
  while (!text.empty()) {
    model::HealthMark mark{.check = next(), .health = model::Health::kGood};
    mark.seen = next();
    marks.push_back(std::move(mark));
  }
  return marks;
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(Database database) : database_(std::move(database)) {}

  Status commit(const std::vector<Record>& records) override {
    FS_TRY(Transaction transaction, Transaction::begin(database_));
    for (const Record& record : records)
      FS_CHECK(std::visit([this](const auto& one) { return put(one); }, record));
    return transaction.commit();
  }

  Result<Stored> load() override {
    Stored stored;
    FS_CHECK(load_log(stored));
    FS_CHECK(load_policies(stored));
    FS_CHECK(load_runs(stored));
    FS_CHECK(load_receipts(stored));
    FS_CHECK(load_transport(stored));
    return stored;
  }

  Result<Bytes> policy(const Digest& digest) override {
    FS_TRY(Statement get, database_.prepare("select policy from policies where digest = ?1"));
    FS_TRY(const bool found, get.bind(digest).step());
    if (!found) return fail(Code::kNotFound, "policy {} is not in the store", digest.hex());
    return get.blob(0);
  }

  Result<Bytes> hash_part(const Digest& digest) override {
    FS_TRY(Statement get, database_.prepare("select bytes from hash_parts where digest = ?1"));
    FS_TRY(const bool found, get.bind(digest).step());
    if (!found)
      return fail(Code::kNotFound, "part {} of a hash set is not in the store", digest.hex());
    return get.blob(0);
  }

  Result<std::vector<model::SealedFinding>> dry_run(const DocumentId& order) override {
    FS_TRY(
        Statement get,
        database_.prepare("select finding, mac from sealed where document = ?1 order by number"));
    get.bind(order);
    std::vector<model::SealedFinding> findings;
    while (true) {
      FS_TRY(const bool found, get.step());
      if (!found) return findings;
      FS_TRY(const Digest mac, get.fixed<Digest>(1));
      findings.push_back({get.blob(0), mac});
    }
  }

  Result<std::vector<Bytes>> receipts(const std::vector<std::uint64_t>& seqs) override {
    FS_TRY(Statement get, database_.prepare("select envelope from receipts where seq = ?1"));
    std::vector<Bytes> envelopes;
    for (const std::uint64_t seq : seqs) {
      FS_TRY(const bool found, get.bind(seq).step());
      if (found) envelopes.push_back(get.blob(0));
      get.reset();
    }
    return envelopes;
  }

  Status died_reading(const Digest& document) override {
    return run("insert into begun values(?1, 1) on conflict(what) do update set times = times + 1",
               document);
  }

  Status survived(const Digest& document) override {
    return run("delete from begun where what = ?1", document);
  }

  Result<std::map<Digest, unsigned>> deaths() override {
    FS_TRY(Statement get, database_.prepare("select what, times from begun"));
    std::map<Digest, unsigned> deaths;
    while (true) {
      FS_TRY(const bool found, get.step());
      if (!found) return deaths;
      FS_TRY(const Digest document, get.fixed<Digest>(0));
      deaths[document] = static_cast<unsigned>(get.integer(1));
    }
  }

 private:
  template <class... Values>
  Status run(Sql sql, const Values&... values) {
    FS_TRY(Statement statement, database_.prepare(sql));
    return statement.bind(values...).run();
  }

  Status put(const PutEntry& put) {
    return run("insert or replace into entries values(?1, ?2, ?3)", put.index, seconds(put.seen),
               put.entry);
  }
  Status put(const PutLog& put) {
    const trust::LogView::Saved& log = put.log;
    return run("insert or replace into log values(1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
               log.size, log.root, std::string_view(log.note), seconds(log.floor.time),
               log.floor.boottime.count(), log.floor.boot, log.floor.witnessed, log.forked,
               log.intake_day, log.intake_entries, log.intake_bytes);
  }
  Status put(const PutPolicy& put) {
    return run("insert or replace into policies values(?1, ?2)", put.digest, put.bytes);
  }
  Status put(const DropPolicy& drop) {
    return run("delete from policies where digest = ?1", drop.digest);
  }
  Status put(const PutHashPart& put) {
    return run("insert or replace into hash_parts values(?1, ?2)", put.digest, put.bytes);
  }
  Status put(const DropHashPart& drop) {
    return run("delete from hash_parts where digest = ?1", drop.digest);
  }
  Status put(const PutDryRun& put) {
    FS_CHECK(run("insert or replace into dry_runs values(?1, ?2, ?3)", put.run.order,
                 put.run.policy, seconds(put.run.finished)));
    FS_CHECK(run("delete from sealed where document = ?1", put.run.order));
    FS_TRY(Statement add, database_.prepare("insert into sealed values(?1, ?2, ?3, ?4)"));
    std::uint64_t number = 0;
    for (const model::SealedFinding& finding : put.findings)
      FS_CHECK(add.bind(put.run.order, number++, finding.finding, finding.mac).run());
    return {};
  }
  Status put(const PutJob& put) {
    const Job& job = put.job;
    Bytes joined;
    for (const Digest& object : job.remaining) append(joined, object.view());
    return run(
        "insert or replace into jobs "
        "values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
        "?19, ?20, ?21, ?22, ?23, ?24, ?25)",
        job.order, job.slot, static_cast<int>(job.phase), static_cast<int>(job.mode), job.policy,
        job.wave, seconds(job.started), seconds(job.cleaned), job.rescans, job.boot,
        job.reboot_rescan, static_cast<int>(job.state), static_cast<int>(job.reason), job.reported,
        joined, job.acted, to_bytes(lines_of(job.health)), to_bytes(job.said), job.round,
        to_bytes(job.cut_off), to_bytes(job.ahead), job.is_unreached, job.has_left, job.ended_in,
        job.isolated_at.count());
  }
  Status put(const DropJob& drop) {
    FS_CHECK(run("delete from jobs where document = ?1", drop.order));
    FS_CHECK(run("delete from dry_runs where document = ?1", drop.order));
    return run("delete from sealed where document = ?1", drop.order);
  }
  Status put(const PutStop& put) {
    return run("insert or ignore into stops values(?1, ?2, ?3, ?4)", put.id, put.log_size,
               seconds(put.seen), put.envelope);
  }
  Status put(const PutReceipt& put) {
    FS_CHECK(run("insert into receipts values(?1, ?2, ?3)", put.seq, put.id, put.envelope));
    return run("insert or replace into chain values(1, ?1, ?2)", put.seq, put.id);
  }
  Status put(const DropReceipts& drop) {
    for (const std::uint64_t seq : drop.seqs)
      FS_CHECK(run("delete from receipts where seq = ?1", seq));
    return {};
  }

  Status put(const PutTransport& put) {
    const auto& [current, next, offer] = put.transport;
    FS_CHECK(
        run("insert or replace into transport(one, pub, secret, issued, offer) "
            "values(1, ?1, ?2, ?3, ?4)",
            current.pub, BytesView(current.secret), seconds(current.issued), offer));
    if (!next) return {};
    return run("update transport set next_pub = ?1, next_secret = ?2, next_issued = ?3", next->pub,
               BytesView(next->secret), seconds(next->issued));
  }

  Status load_transport(Stored& stored) {
    FS_TRY(Statement get, database_.prepare("select * from transport"));
    FS_TRY(const bool found, get.step());
    if (!found) return {};
    const auto key = [&](int column) -> Result<TransportKey> {
      TransportKey key;
      FS_TRY(key.pub, get.fixed<CurveKey>(column));
      FS_TRY(const auto secret, (get.fixed<Fixed<32, struct SecretTag>>(column + 1)));
      key.secret = secret.value;
      key.issued = timestamp(get.integer(column + 2));
      return key;
    };
    Transport transport;
    FS_TRY(transport.current, key(1));
    if (!get.is_null(4)) {
      FS_TRY(transport.next, key(4));
    }
    transport.offer = get.blob(7);
    stored.transport = std::move(transport);
    return {};
  }

  Status load_log(Stored& stored) {
    FS_TRY(Statement entries, database_.prepare("select seen, entry from entries order by idx"));
    while (true) {
      FS_TRY(const bool found, entries.step());
      if (!found) break;
      stored.entries.push_back({entries.blob(1), timestamp(entries.integer(0))});
    }
    FS_TRY(Statement stops,
           database_.prepare("select log_size, seen, envelope from stops order by log_size"));
    while (true) {
      FS_TRY(const bool found, stops.step());
      if (!found) break;
      stored.stops.push_back({static_cast<std::uint64_t>(stops.integer(0)), stops.blob(2),
                              timestamp(stops.integer(1))});
    }
    FS_TRY(Statement log, database_.prepare("select * from log"));
    FS_TRY(const bool found, log.step());
    if (!found) return {};
    trust::LogView::Saved saved;
    saved.size = static_cast<std::uint64_t>(log.integer(1));
    FS_TRY(saved.root, log.fixed<Digest>(2));
    saved.note = log.text(3);
    saved.floor.time = timestamp(log.integer(4));
    saved.floor.boottime = Seconds(log.integer(5));
    FS_TRY(saved.floor.boot, log.fixed<BootId>(6));
    saved.floor.witnessed = log.integer(7) != 0;
    saved.forked = log.integer(8) != 0;
    saved.intake_day = log.integer(9);
    saved.intake_entries = static_cast<std::uint64_t>(log.integer(10));
    saved.intake_bytes = static_cast<std::uint64_t>(log.integer(11));
    stored.log = std::move(saved);
    return {};
  }

  Status load_policies(Stored& stored) {
    FS_TRY(Statement get, database_.prepare("select policy from policies"));
    while (true) {
      FS_TRY(const bool found, get.step());
      if (!found) break;
      FS_TRY(PolicyBrief brief, brief_of(get.view(0)));
      stored.policies.push_back(std::move(brief));
    }
    FS_TRY(Statement parts, database_.prepare("select digest from hash_parts"));
    while (true) {
      FS_TRY(const bool found, parts.step());
      if (!found) return {};
      FS_TRY(stored.hash_parts.emplace_back(), parts.fixed<Digest>(0));
    }
  }

  Status load_runs(Stored& stored) {
    FS_TRY(Statement runs, database_.prepare("select * from dry_runs"));
    while (true) {
      FS_TRY(const bool found, runs.step());
      if (!found) break;
      trust::DryRun run;
      FS_TRY(run.order, runs.fixed<DocumentId>(0));
      FS_TRY(run.policy, runs.fixed<Digest>(1));
      run.finished = timestamp(runs.integer(2));
      stored.dry_runs.push_back(run);
    }
    FS_TRY(Statement jobs, database_.prepare("select * from jobs"));
    while (true) {
      FS_TRY(const bool found, jobs.step());
      if (!found) return {};
      Job job;
      FS_TRY(job.order, jobs.fixed<DocumentId>(0));
      job.slot = static_cast<std::uint64_t>(jobs.integer(1));
      job.phase = static_cast<Phase>(jobs.integer(2));
      job.mode = static_cast<model::Mode>(jobs.integer(3));
      FS_TRY(job.policy, jobs.fixed<Digest>(4));
      job.wave = static_cast<std::uint16_t>(jobs.integer(5));
      job.started = timestamp(jobs.integer(6));
      job.cleaned = timestamp(jobs.integer(7));
      job.rescans = static_cast<std::uint32_t>(jobs.integer(8));
      FS_TRY(job.boot, jobs.fixed<BootId>(9));
      job.reboot_rescan = jobs.integer(10) != 0;
      job.state = static_cast<model::HostState>(jobs.integer(11));
      job.reason = static_cast<model::Reason>(jobs.integer(12));
      job.reported = static_cast<std::uint64_t>(jobs.integer(13));
      const Bytes joined = jobs.blob(14);
      for (BytesView rest = joined; !rest.empty(); rest = rest.subspan(Digest::kSize)) {
        FS_TRY(const Digest object, Digest::from(rest.first(std::min(rest.size(), Digest::kSize))));
        job.remaining.push_back(object);
      }
      job.acted = static_cast<std::uint32_t>(jobs.integer(15));
      job.health = good_marks(to_text(jobs.blob(16)));
      job.said = to_text(jobs.blob(17));
      job.round = static_cast<std::uint8_t>(jobs.integer(18));
      job.cut_off = to_text(jobs.blob(19));
      job.ahead = to_text(jobs.blob(20));
      job.is_unreached = jobs.integer(21) != 0;
      job.has_left = jobs.integer(22) != 0;
      FS_TRY(job.ended_in, jobs.fixed<BootId>(23));
      job.isolated_at = Duration(jobs.integer(24));
      stored.jobs.push_back(job);
    }
  }

  Status load_receipts(Stored& stored) {
    FS_TRY(Statement get,
           database_.prepare("select seq, id, length(envelope) from receipts order by seq"));
    while (true) {
      FS_TRY(const bool found, get.step());
      if (!found) break;
      FS_TRY(const DocumentId id, get.fixed<DocumentId>(1));
      stored.outbox.push_back({static_cast<std::uint64_t>(get.integer(0)), id,
                               static_cast<std::size_t>(get.integer(2))});
    }
    FS_TRY(Statement chain, database_.prepare("select seq, id from chain"));
    FS_TRY(const bool found, chain.step());
    if (!found) return {};
    stored.seq = static_cast<std::uint64_t>(chain.integer(0));
    FS_TRY(stored.previous, chain.fixed<DocumentId>(1));
    return {};
  }

  Database database_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_store(const std::string& path) {
  FS_TRY(Database database, Database::open(path));
  // An idle agent is small: a page cache of 128 KiB is plenty for a few rows a day.
  FS_CHECK(database.execute("pragma cache_size = -128"));
  FS_CHECK(database.migrate(kSchema));
  return std::unique_ptr<Store>(new SqliteStore(std::move(database)));
}

}  // namespace fleetsweep::agent
