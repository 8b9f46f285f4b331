#include "controller/service/tokens.h"

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
                    const std::string& out) {
  const auto api_role = from_name<store::ApiRole>(role);
  if (!api_role)
    return fail(Code::kInvalid, "--role {}: viewer, operator or admin was expected", escaped(role));
  std::optional<TenantId> scope;
  if (!tenant.empty()) {
    const auto id = TenantId::parse_hex(tenant);
    if (!id) return fail(id.error().within("--tenant"));
    scope = *id;
  }
  FS_TRY(const auto store, open_store(state));
  const NewToken token = make_api_token(*api_role, scope, to_timestamp(loop::wall_now()));
  FS_CHECK(files::write_new_file(out, as_bytes(token.text + "\n")));
  const std::vector<store::Record> rows = {
      token.row, store::Audit{token.row.created, "local", "api_token_created",
                              fmt::format("{} {}", role, token.row.short_id())}};
  return store->commit(rows);
}

Result<std::string> tokens_json(const std::string& state) {
  FS_TRY(const auto store, open_store(state));
  FS_TRY(const std::vector<store::ApiToken> tokens, store->api_tokens());
  nlohmann::json all = nlohmann::json::array();
  for (const store::ApiToken& token : tokens)
    all.push_back({{"id", token.short_id()},
                   {"role", name(token.role)},
                   {"tenant", token.tenant ? token.tenant->hex() : ""},
                   {"created", to_rfc3339(token.created)}});
  return all.dump(2) + "\n";
}

Status revoke_token(const std::string& state, const std::string& id) {
  FS_TRY(const auto store, open_store(state));
  FS_TRY(const std::vector<store::ApiToken> tokens, store->api_tokens());
  for (const store::ApiToken& token : tokens) {
    if (token.short_id() != id) continue;
    const std::vector<store::Record> rows = {
        store::ApiTokenRevoked{token.hash},
        store::Audit{to_timestamp(loop::wall_now()), "local", "api_token_revoked",
                     fmt::format("{} {}", name(token.role), id)}};
    return store->commit(rows);
  }
  return fail(Code::kNotFound,
              "no token {} here; `fleetsweep-controller token list --state {}` shows the ids",
              escaped(id), state);
}

}  // namespace fleetsweep::controller
