#include <algorithm>

#include "controller/store/sqlite_schema.h"
#include "controller/store/store.h"
#include "protocol/runtime/sqlite/sqlite.h"

namespace fleetsweep::store {
namespace {

using sqlite::Database;
using sqlite::Sql;
using sqlite::Statement;
using sqlite::Transaction;

template <class E>
Result<E> named(const Statement& row, int column) {
  const std::string text = row.text(column);
  if (const auto value = from_name<E>(text)) return *value;
  return fail(Code::kInternal, "store: a row holds \"{}\", which this program does not know",
              escaped(text));
}

std::int64_t seconds(Timestamp time) {
  return unix_seconds(time);
}

class SqliteStore final : public Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::string& path) {
    FS_TRY(Database database, Database::open(path));
    FS_CHECK(database.migrate(kMigrations));
    std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(database)));
    FS_CHECK(store->prepare());
    return std::unique_ptr<Store>(std::move(store));
  }

  Status commit(std::span<const Record> records) override {
    // By host, so that the index of receipts grows at few places.
    std::vector<const Receipt*> receipts;
    FS_TRY(Transaction transaction, Transaction::begin(database_));
    for (const Record& record : records) {
      if (const auto* receipt = std::get_if<Receipt>(&record)) {
        receipts.push_back(receipt);
        continue;
      }
      FS_CHECK(std::visit([this](const auto& row) { return put(row); }, record));
    }
    std::sort(receipts.begin(), receipts.end(), [](const Receipt* a, const Receipt* b) {
      return std::tie(a->tenant, a->host, a->seq) < std::tie(b->tenant, b->host, b->seq);
    });
    for (const Receipt* receipt : receipts) FS_CHECK(put(*receipt));
    return transaction.commit();
  }

  Result<std::vector<Tenant>> tenants() override {
    FS_TRY(Statement rows,
           database_.prepare("select no, id, name, created from tenants order by no"));
    return all<Tenant>(rows, [](const Statement& row) -> Result<Tenant> {
      FS_TRY(const TenantId id, row.fixed<TenantId>(1));
      return Tenant{number(row, 0), id, row.text(2), timestamp(row.integer(3))};
    });
  }

  Result<std::vector<Entry>> entries(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select entry_no, envelope, admitted from log_entries "
                                             "where tenant_no = ?1 order by entry_no"));
    rows.bind(tenant);
    return all<Entry>(rows, [&](const Statement& row) -> Result<Entry> {
      return Entry{tenant, static_cast<std::uint64_t>(row.integer(0)), row.blob(1),
                   timestamp(row.integer(2))};
    });
  }

  Result<std::optional<Checkpoint>> checkpoint(TenantNo tenant) override {
    FS_TRY(Statement rows,
           database_.prepare("select size, note, time from checkpoints where tenant_no = ?1"));
    FS_TRY(const bool found, rows.bind(tenant).step());
    if (!found) return std::optional<Checkpoint>();
    return std::optional(Checkpoint{tenant, static_cast<std::uint64_t>(rows.integer(0)),
                                    rows.text(1), timestamp(rows.integer(2))});
  }

  Result<std::vector<Witnessed>> witnessed(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select size, time from witnessed where "
                                             "tenant_no = ?1 order by size"));
    rows.bind(tenant);
    return all<Witnessed>(rows, [&](const Statement& row) -> Result<Witnessed> {
      return Witnessed{tenant, static_cast<std::uint64_t>(row.integer(0)),
                       timestamp(row.integer(1))};
    });
  }

  Result<std::vector<Digest>> blobs(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select digest from blobs where tenant_no = ?1 "
                                             "order by digest"));
    rows.bind(tenant);
    return all<Digest>(rows, [](const Statement& row) { return row.fixed<Digest>(0); });
  }

  Result<std::optional<Bytes>> blob(TenantNo tenant, const Digest& digest) override {
    FS_TRY(Statement rows, database_.prepare("select bytes from blobs where tenant_no = ?1 and "
                                             "digest = ?2"));
    FS_TRY(const bool found, rows.bind(tenant, digest).step());
    if (!found) return std::optional<Bytes>();
    return std::optional(rows.blob(0));
  }

  Result<std::vector<Agent>> agents(TenantNo tenant) override {
    FS_TRY(Statement rows,
           database_.prepare("select host_no, agent_key, batch, enrolled from agents "
                             "where tenant_no = ?1 order by host_no"));
    rows.bind(tenant);
    return all<Agent>(rows, [&](const Statement& row) -> Result<Agent> {
      FS_TRY(const Nonce batch, row.fixed<Nonce>(2));
      return Agent{tenant, number(row, 0), row.blob(1), batch, timestamp(row.integer(3))};
    });
  }

  Result<std::vector<AgentRekey>> agent_rekeys(TenantNo tenant) override {
    FS_TRY(Statement rows,
           database_.prepare("select host_no, number, agent_key, received, used from agent_rekeys "
                             "where tenant_no = ?1 order by host_no, number"));
    rows.bind(tenant);
    return all<AgentRekey>(rows, [&](const Statement& row) -> Result<AgentRekey> {
      return AgentRekey{tenant,
                        number(row, 0),
                        number(row, 1),
                        row.blob(2),
                        timestamp(row.integer(3)),
                        time_or_none(row, 4)};
    });
  }

  Result<std::vector<Quota>> quotas(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select kind, most from quotas where tenant_no = ?1"));
    rows.bind(tenant);
    FS_TRY(auto list, all<Quota>(rows, [&](const Statement& row) -> Result<Quota> {
             FS_TRY(const auto kind, named<QuotaKind>(row, 0));
             return Quota{tenant, kind, static_cast<std::uint64_t>(row.integer(1))};
           }));
    std::ranges::sort(list, {}, &Quota::kind);
    return list;
  }

  Result<std::vector<AgentSeen>> agents_seen(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select host_no, hello, heard from agents_seen "
                                             "where tenant_no = ?1 order by host_no"));
    rows.bind(tenant);
    return all<AgentSeen>(rows, [&](const Statement& row) -> Result<AgentSeen> {
      return AgentSeen{tenant, number(row, 0), row.blob(1), timestamp(row.integer(2))};
    });
  }

  Result<std::vector<Trip>> trips(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select order_id, wave, reason, time from trips "
                                             "where tenant_no = ?1 order by order_id"));
    rows.bind(tenant);
    return all<Trip>(rows, [&](const Statement& row) -> Result<Trip> {
      FS_TRY(const DocumentId order, row.fixed<DocumentId>(0));
      return Trip{tenant, order, static_cast<std::uint16_t>(row.integer(1)),
                  static_cast<std::uint8_t>(row.integer(2)), timestamp(row.integer(3))};
    });
  }

  Result<std::vector<CampaignHost>> campaign_hosts(TenantNo tenant) override {
    FS_TRY(Statement rows,
           database_.prepare("select campaign, host_no, seq, order_id, kind, state, reason from "
                             "campaign_hosts where tenant_no = ?1 order by campaign, host_no"));
    rows.bind(tenant);
    return all<CampaignHost>(rows, [&](const Statement& row) -> Result<CampaignHost> {
      FS_TRY(const DocumentId order, row.fixed<DocumentId>(3));
      FS_TRY(const auto kind, named<model::ReceiptKind>(row, 4));
      FS_TRY(const auto state, named<model::HostState>(row, 5));
      FS_TRY(const auto reason, named<model::Reason>(row, 6));
      return CampaignHost{
          tenant, row.text(0), number(row, 1), static_cast<std::uint64_t>(row.integer(2)),
          order,  kind,        state,          reason};
    });
  }

  Result<std::vector<Fork>> forks(TenantNo tenant) override {
    FS_TRY(Statement rows,
           database_.prepare("select host_no, seq, id, received, envelope from forks "
                             "where tenant_no = ?1 order by host_no, seq, id"));
    rows.bind(tenant);
    return all<Fork>(rows, [&](const Statement& row) -> Result<Fork> {
      FS_TRY(const DocumentId id, row.fixed<DocumentId>(2));
      return Fork{tenant,
                  number(row, 0),
                  static_cast<std::uint64_t>(row.integer(1)),
                  id,
                  timestamp(row.integer(3)),
                  row.blob(4)};
    });
  }

  Result<std::vector<Clone>> clones(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select host_no, refused, last from clones "
                                             "where tenant_no = ?1 order by host_no"));
    rows.bind(tenant);
    return all<Clone>(rows, [&](const Statement& row) -> Result<Clone> {
      return Clone{tenant, number(row, 0), number(row, 1), timestamp(row.integer(2))};
    });
  }

  Result<std::vector<Pending>> pending(TenantNo tenant) override {
    FS_TRY(Statement rows, database_.prepare("select id, envelope, who, posted, ends from pending "
                                             "where tenant_no = ?1 order by id"));
    rows.bind(tenant);
    return all<Pending>(rows, [&](const Statement& row) -> Result<Pending> {
      FS_TRY(const DocumentId id, row.fixed<DocumentId>(0));
      return Pending{tenant,
                     id,
                     row.blob(1),
                     row.text(2),
                     timestamp(row.integer(3)),
                     timestamp(row.integer(4))};
    });
  }

  Result<std::vector<Audit>> audit() override {
    FS_TRY(Statement rows,
           database_.prepare("select time, who, what, detail from audit order by no"));
    return all<Audit>(rows, [](const Statement& row) -> Result<Audit> {
      return Audit{timestamp(row.integer(0)), row.text(1), row.text(2), row.text(3)};
    });
  }

  Result<std::vector<ApiToken>> api_tokens() override {
    FS_TRY(Statement rows,
           database_.prepare(
               "select hash, role, tenant, created, expires, used from api_tokens order by hash"));
    return all<ApiToken>(rows, token_of);
  }

  Result<std::optional<ApiToken>> api_token(const Digest& hash) override {
    FS_TRY(
        Statement rows,
        database_.prepare(
            "select hash, role, tenant, created, expires, used from api_tokens where hash = ?1"));
    FS_TRY(const bool found, rows.bind(hash).step());
    if (!found) return std::optional<ApiToken>();
    FS_TRY(const ApiToken token, token_of(rows));
    return std::optional(token);
  }

  Status for_each_receipt(TenantNo tenant,
                          const std::function<Status(const Receipt&)>& visit) override {
    FS_TRY(Statement rows,
           database_.prepare("select no, host_no, seq, id, order_id, campaign, kind, state, "
                             "reason, matched, acted, received, envelope from receipts "
                             "where tenant_no = ?1 order by host_no, seq"));
    rows.bind(tenant);
    while (true) {
      FS_TRY(const bool more, rows.step());
      if (!more) return {};
      FS_TRY(const Receipt receipt, receipt_of(tenant, rows));
      FS_CHECK(visit(receipt));
    }
  }

  Result<std::vector<NumberedReceipt>> receipts(TenantNo tenant,
                                                const std::optional<std::string>& campaign,
                                                std::uint64_t after, std::size_t max) override {
    // Two statements, so that an index gives each its page.
    FS_TRY(
        Statement rows,
        database_.prepare(
            campaign ? sqlite::Sql("select no, host_no, seq, id, order_id, campaign, kind, state, "
                                   "reason, matched, acted, received, envelope from receipts "
                                   "where tenant_no = ?1 and no > ?2 and campaign = ?4 "
                                   "order by no limit ?3")
                     : sqlite::Sql("select no, host_no, seq, id, order_id, campaign, kind, state, "
                                   "reason, matched, acted, received, envelope from receipts "
                                   "where tenant_no = ?1 and no > ?2 order by no limit ?3")));
    if (campaign)
      rows.bind(tenant, after, max, *campaign);
    else
      rows.bind(tenant, after, max);
    return all<NumberedReceipt>(rows, [&](const Statement& row) -> Result<NumberedReceipt> {
      FS_TRY(Receipt receipt, receipt_of(tenant, row));
      return NumberedReceipt{static_cast<std::uint64_t>(row.integer(0)), std::move(receipt)};
    });
  }

  Result<std::optional<DocumentId>> receipt_id(TenantNo tenant, HostNo host,
                                               std::uint64_t seq) override {
    Statement& query = *receipt_id_;
    FS_TRY(const bool found, query.bind(tenant, host, seq).step());
    if (!found) {
      query.reset();
      return std::optional<DocumentId>();
    }
    const auto id = query.fixed<DocumentId>(0);
    query.reset();
    if (!id) return fail(id.error());
    return std::optional(*id);
  }

  Status replace_campaign_hosts(std::span<const CampaignHost> rows) override {
    FS_TRY(Transaction transaction, Transaction::begin(database_));
    FS_CHECK(database_.execute("delete from campaign_hosts"));
    for (const CampaignHost& row : rows) FS_CHECK(put(row));
    return transaction.commit();
  }

 private:
  explicit SqliteStore(Database database) : database_(std::move(database)) {}

  // What a busy controller writes is prepared once.
  Status prepare() {
    FS_TRY(
        insert_receipt_,
        database_.prepare("insert into receipts(tenant_no, host_no, seq, id, order_id, campaign, "
                          "kind, state, reason, matched, acted, received, envelope) "
                          "values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"));
    FS_TRY(upsert_campaign_host_,
           database_.prepare("insert or replace into campaign_hosts(tenant_no, campaign, host_no, "
                             "seq, order_id, kind, state, reason) "
                             "values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
    FS_TRY(upsert_seen_,
           database_.prepare("insert or replace into agents_seen(tenant_no, host_no, hello, heard) "
                             "values(?1, ?2, ?3, ?4)"));
    FS_TRY(receipt_id_, database_.prepare("select id from receipts where tenant_no = ?1 and "
                                          "host_no = ?2 and seq = ?3"));
    return {};
  }

  static std::uint32_t number(const Statement& row, int column) {
    return static_cast<std::uint32_t>(row.integer(column));
  }

  template <class T, class Make>
  static Result<std::vector<T>> all(Statement& rows, const Make& make) {
    std::vector<T> list;
    while (true) {
      FS_TRY(const bool more, rows.step());
      if (!more) return list;
      FS_TRY(T one, make(rows));
      list.push_back(std::move(one));
    }
  }

  static Result<Receipt> receipt_of(TenantNo tenant, const Statement& row) {
    FS_TRY(const DocumentId id, row.fixed<DocumentId>(3));
    FS_TRY(const DocumentId order, row.fixed<DocumentId>(4));
    FS_TRY(const auto kind, named<model::ReceiptKind>(row, 6));
    FS_TRY(const auto state, named<model::HostState>(row, 7));
    FS_TRY(const auto reason, named<model::Reason>(row, 8));
    return Receipt{tenant,
                   number(row, 1),
                   static_cast<std::uint64_t>(row.integer(2)),
                   id,
                   order,
                   row.text(5),
                   kind,
                   state,
                   reason,
                   number(row, 9),
                   number(row, 10),
                   timestamp(row.integer(11)),
                   row.blob(12)};
  }

  static std::optional<Timestamp> time_or_none(const Statement& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional(timestamp(row.integer(column)));
  }

  static Result<ApiToken> token_of(const Statement& row) {
    FS_TRY(const Digest hash, row.fixed<Digest>(0));
    FS_TRY(const auto role, named<ApiRole>(row, 1));
    ApiToken token{hash,
                   role,
                   std::nullopt,
                   timestamp(row.integer(3)),
                   time_or_none(row, 4),
                   time_or_none(row, 5)};
    if (!row.is_null(2)) {
      FS_TRY(token.tenant, row.fixed<TenantId>(2));
    }
    return token;
  }

  template <class... Values>
  Status write(Sql sql, const Values&... values) {
    FS_TRY(Statement statement, database_.prepare(sql));
    return statement.bind(values...).run();
  }

  Status put(const Tenant& r) {
    return write("insert into tenants(no, id, name, created) values(?1, ?2, ?3, ?4)", r.no, r.id,
                 r.name, seconds(r.created));
  }
  Status put(const Entry& r) {
    return write(
        "insert into log_entries(tenant_no, entry_no, envelope, admitted) "
        "values(?1, ?2, ?3, ?4)",
        r.tenant, r.index, r.envelope, seconds(r.admitted));
  }
  Status put(const Checkpoint& r) {
    return write(
        "insert or replace into checkpoints(tenant_no, size, note, time) "
        "values(?1, ?2, ?3, ?4)",
        r.tenant, r.size, r.note, seconds(r.time));
  }
  Status put(const Witnessed& r) {
    return write("insert or ignore into witnessed(tenant_no, size, time) values(?1, ?2, ?3)",
                 r.tenant, r.size, seconds(r.time));
  }
  Status put(const Blob& r) {
    return write("insert or ignore into blobs(tenant_no, digest, bytes) values(?1, ?2, ?3)",
                 r.tenant, r.digest, r.bytes);
  }
  Status put(const Agent& r) {
    return write(
        "insert into agents(tenant_no, host_no, agent_key, batch, enrolled) "
        "values(?1, ?2, ?3, ?4, ?5)",
        r.tenant, r.no, r.agent_key, r.batch, seconds(r.enrolled));
  }
  Status put(const AgentSeen& r) {
    return upsert_seen_->bind(r.tenant, r.no, r.hello, seconds(r.heard)).run();
  }
  Status put(const Receipt& r) {
    return insert_receipt_
        ->bind(r.tenant, r.host, r.seq, r.id, r.order, r.campaign, name(r.kind), name(r.state),
               name(r.reason), r.matched, r.acted, seconds(r.received), r.envelope)
        .run();
  }
  Status put(const Fork& r) {
    return write(
        "insert or ignore into forks(tenant_no, host_no, seq, id, received, envelope) "
        "values(?1, ?2, ?3, ?4, ?5, ?6)",
        r.tenant, r.host, r.seq, r.id, seconds(r.received), r.envelope);
  }
  Status put(const Clone& r) {
    return write(
        "insert or replace into clones(tenant_no, host_no, refused, last) values(?1, ?2, ?3, ?4)",
        r.tenant, r.host, r.refused, seconds(r.last));
  }
  Status put(const CampaignHost& r) {
    return upsert_campaign_host_
        ->bind(r.tenant, r.campaign, r.host, r.seq, r.order, name(r.kind), name(r.state),
               name(r.reason))
        .run();
  }
  Status put(const Trip& r) {
    return write(
        "insert or ignore into trips(tenant_no, order_id, wave, reason, time) "
        "values(?1, ?2, ?3, ?4, ?5)",
        r.tenant, r.order, r.wave, r.reason, seconds(r.time));
  }
  Status put(const ApiToken& r) {
    FS_CHECK(write("insert into api_tokens(hash, role, created) values(?1, ?2, ?3)", r.hash,
                   name(r.role), seconds(r.created)));
    if (r.tenant)
      FS_CHECK(write("update api_tokens set tenant = ?2 where hash = ?1", r.hash, *r.tenant));
    if (r.expires) FS_CHECK(put(ApiTokenEnds{r.hash, *r.expires}));
    if (r.used) FS_CHECK(put(ApiTokenUsed{r.hash, *r.used}));
    return {};
  }
  Status put(const ApiTokenEnds& r) {
    return write("update api_tokens set expires = ?2 where hash = ?1", r.hash, seconds(r.expires));
  }
  Status put(const ApiTokenUsed& r) {
    return write("update api_tokens set used = ?2 where hash = ?1", r.hash, seconds(r.used));
  }
  Status put(const Quota& r) {
    return write("insert or replace into quotas(tenant_no, kind, most) values(?1, ?2, ?3)",
                 r.tenant, name(r.kind), r.most);
  }
  Status put(const AgentRekey& r) {
    FS_CHECK(write(
        "insert or replace into agent_rekeys(tenant_no, host_no, number, agent_key, received) "
        "values(?1, ?2, ?3, ?4, ?5)",
        r.tenant, r.no, r.number, r.agent_key, seconds(r.received)));
    if (!r.used) return {};
    return put(AgentRekeyUsed{r.tenant, r.no, r.number, *r.used});
  }
  Status put(const AgentRekeyUsed& r) {
    return write(
        "update agent_rekeys set used = ?4 where tenant_no = ?1 and host_no = ?2 and "
        "number = ?3",
        r.tenant, r.no, r.number, seconds(r.used));
  }
  Status put(const ApiTokenRevoked& r) {
    return write("delete from api_tokens where hash = ?1", r.hash);
  }
  Status put(const Pending& r) {
    return write(
        "insert or replace into pending(tenant_no, id, envelope, who, posted, ends) "
        "values(?1, ?2, ?3, ?4, ?5, ?6)",
        r.tenant, r.id, r.envelope, r.who, seconds(r.posted), seconds(r.ends));
  }
  Status put(const PendingGone& r) {
    return write("delete from pending where tenant_no = ?1 and id = ?2", r.tenant, r.id);
  }
  Status put(const Audit& r) {
    return write("insert into audit(time, who, what, detail) values(?1, ?2, ?3, ?4)",
                 seconds(r.time), r.who, r.what, r.detail);
  }

  Database database_;
  std::optional<Statement> insert_receipt_;
  std::optional<Statement> upsert_campaign_host_;
  std::optional<Statement> upsert_seen_;
  std::optional<Statement> receipt_id_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path) {
  return SqliteStore::open(path);
}

}  // namespace fleetsweep::store
