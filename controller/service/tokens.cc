#include "controller/service/tokens.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/api/api.h"
#include "controller/service/keys.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/loop/loop.h"

namespace fleetsweep::controller {
namespace {

Result<std::unique_ptr<store::Store>> open_store(const std::string& state) {
  FS_CHECK(read_keys(state));  // says so when there is no controller
  return store::open_sqlite_store(database_path(state));
}

}  // namespace

Status create_token(const std::string& state, const std::string& role, const std::string& tenant,
                    const std::string& life, const std::string& out) {
  const auto api_role = from_name<store::ApiRole>(role);
  if (!api_role)
    return fail(Code::kInvalid, "--role {}: viewer, operator or admin was expected", escaped(role));
  std::optional<TenantId> scope;
  if (!tenant.empty()) {
    const auto id = TenantId::parse_hex(tenant);
    if (!id) return fail(id.error().within("--tenant"));
    scope = *id;
  }
  std::optional<Seconds> seconds;
  if (!life.empty()) {
    const auto parsed = parse_seconds(life);
    if (!parsed) return fail(parsed.error().within("--expires"));
    seconds = *parsed;
  }
  FS_TRY(const auto store, open_store(state));
  if (scope) {
    FS_TRY(const std::vector<store::Tenant> tenants, store->tenants());
    if (std::ranges::find(tenants, *scope, &store::Tenant::id) == tenants.end())
      return fail(Code::kNotFound,
                  "--tenant {}: no such tenant here, so that the token would open nothing; "
                  "`fleetsweep tenant list` shows the ids",
                  scope->hex());
  }
  NewToken token = make_api_token(*api_role, scope, to_timestamp(loop::wall_now()));
  if (seconds) token.row.expires = token.row.created + *seconds;
  FS_CHECK(files::write_new_file(out, as_bytes(token.text + "\n")));
  const std::vector<store::Record> rows = {
      token.row, store::Audit{token.row.created, "local", "api_token_created",
                              fmt::format("{} {}", role, token.row.short_id())}};
  return store->commit(rows);
}

Result<std::string> tokens_json(const std::string& state) {
  FS_TRY(const auto store, open_store(state));
  FS_TRY(const std::vector<store::ApiToken> tokens, store->api_tokens());
  const auto time = [](const std::optional<Timestamp>& one) {
    return one ? to_rfc3339(*one) : std::string();
  };
  nlohmann::json all = nlohmann::json::array();
  for (const store::ApiToken& token : tokens)
    all.push_back({{"id", token.short_id()},
                   {"role", name(token.role)},
                   {"tenant", token.tenant ? token.tenant->hex() : ""},
                   {"created", to_rfc3339(token.created)},
                   {"expires", time(token.expires)},
                   {"last_used", time(token.used)}});
  return all.dump(2) + "\n";
}

namespace {

Result<store::ApiToken> token_called(store::Store& store, const std::string& id,
                                     const std::string& state) {
  FS_TRY(const std::vector<store::ApiToken> tokens, store.api_tokens());
  for (const store::ApiToken& token : tokens)
    if (token.short_id() == id) return token;
  return fail(Code::kNotFound,
              "no token {} here; `fleetsweep-controller token list --state {}` shows the ids",
              escaped(id), state);
}

}  // namespace

Status rotate_token(const std::string& state, const std::string& id, const std::string& overlap,
                    const std::string& out) {
  Seconds both{0};
  if (!overlap.empty()) {
    const auto parsed = parse_seconds(overlap);
    if (!parsed) return fail(parsed.error().within("--overlap"));
    both = *parsed;
  }
  FS_TRY(const auto store, open_store(state));
  FS_TRY(const store::ApiToken old, token_called(*store, id, state));
  const Timestamp now = to_timestamp(loop::wall_now());
  if (old.expires && now >= *old.expires)
    return fail(Code::kConflict, "token {} has ended at {}: create another", id,
                to_rfc3339(*old.expires));
  NewToken fresh = make_api_token(old.role, old.tenant, now);
  if (old.expires) fresh.row.expires = now + (*old.expires - old.created);  // as long a life
  FS_CHECK(files::write_new_file(out, as_bytes(fresh.text + "\n")));
  const Timestamp end = old.expires ? std::min(*old.expires, now + both) : now + both;
  std::vector<store::Record> rows = {
      fresh.row, store::Audit{now, "local", "api_token_rotated",
                              fmt::format("{} {} by {}, until {}", name(old.role), id,
                                          fresh.row.short_id(), to_rfc3339(end))}};
  if (both > Seconds(0))
    rows.push_back(store::ApiTokenEnds{old.hash, end});
  else
    rows.push_back(store::ApiTokenRevoked{old.hash});
  return store->commit(rows);
}

Status revoke_token(const std::string& state, const std::string& id) {
  FS_TRY(const auto store, open_store(state));
  FS_TRY(const store::ApiToken token, token_called(*store, id, state));
  const std::vector<store::Record> rows = {
      store::ApiTokenRevoked{token.hash},
      store::Audit{to_timestamp(loop::wall_now()), "local", "api_token_revoked",
                   fmt::format("{} {}", name(token.role), id)}};
  return store->commit(rows);
}

}  // namespace fleetsweep::controller
