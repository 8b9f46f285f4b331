#include <fmt/ranges.h>

#include <charconv>

#include "controller/api/route.h"
#include "controller/api/views.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::controller {
namespace {

using nlohmann::json;
using store::ApiRole;

constexpr std::size_t kLogPageBytes = 4 * 1024 * 1024;
constexpr std::size_t kReceiptsPerPage = 500;
// Of one token: an order for each tenant of an MSP, and no flood.
constexpr double kTokenWriteBurst = 200;
constexpr double kTokenWritesPerSecond = 20;
constexpr std::string_view kTokenPrefix = "fsapi-";

// What the caller can do about it.
std::string_view next_step(Code code) {
  switch (code) {
    case Code::kUntrusted:
      return "see who signed with `fleetsweep order show FILE` and gather the missing approvals";
    case Code::kNotFound:
      return "check the id; list what there is with a GET on the collection";
    case Code::kConflict:
      return "reload and decide again";
    case Code::kUnavailable:
      return "try again; if it stays, look at /readyz and the controller's log";
    case Code::kOverloaded:
      return "try again later";
    case Code::kInvalid:
      return "correct the request";
    case Code::kInternal:
      return "look at the controller's log";
  }
  return "";
}

Digest hash_of(std::string_view token) {
  return crypto::sha256(as_bytes(token));
}

// {"agents": 100, "policy_bytes": 1000000}
Result<std::vector<store::Quota>> quotas_in(const std::string& body) {
  const json object = json::parse(body, nullptr, false);
  if (!object.is_object() || object.empty())
    return fail(Code::kInvalid, "body: expected an object like {{\"agents\": 100}}");
  std::vector<store::Quota> quotas;
  for (const auto& [key, value] : object.items()) {
    const auto kind = from_name<store::QuotaKind>(key);
    if (!kind || !value.is_number_unsigned())
      return fail(Code::kInvalid, "body: \"{}\": expected one of {} and a number", escaped(key),
                  fmt::join(Names<store::QuotaKind>::kAll, ", "));
    quotas.push_back({0, *kind, value.get<std::uint64_t>()});
  }
  return quotas;
}

json submitted(const Submitted& submitted) {
  return {{"id", submitted.id.hex()}, {"index", submitted.index}, {"type", submitted.type}};
}

}  // namespace

http::Response answer(const json& body, int status) {
  http::Response response;
  response.status = status;
  response.body = body.dump() + "\n";
  return response;
}

http::Response refusal(const Error& error) {
  return http::error_response(error, next_step(error.code));
}

Result<Bytes> document_in(const http::Request& request) {
  auto envelope = codec::from_dsse_json(request.body);
  if (!envelope) return fail(envelope.error().within("body"));
  return codec::encode(*envelope);
}

Result<std::uint64_t> number(const http::Request& request, std::string_view key) {
  const auto text = request.query_value(key);
  if (!text) return std::uint64_t{0};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size())
    return fail(Code::kInvalid, "?{}={}: a number was expected", key, escaped(*text));
  return value;
}

Result<const Tenant*> tenant_of(Driver& driver, const TenantId& id) {
  const Tenant* tenant = driver.core().find(id);
  if (!tenant) return fail(Code::kNotFound, "no tenant {} here", id.hex());
  return tenant;
}

tl::expected<store::ApiToken, http::Response> Api::authorize(const http::Request& request,
                                                             ApiRole role, bool of_tenant,
                                                             bool writes) {
  constexpr std::string_view kNext =
      "create a token with `fleetsweep-controller token create` and set FLEETSWEEP_TOKEN_FILE";
  const auto unknown = [&](std::string_view why) {
    return tl::unexpected(http::error_response(401, "unauthorized", why, kNext));
  };
  const auto forbidden = [&](std::string_view why) {
    return tl::unexpected(http::error_response(403, "forbidden", why, kNext));
  };
  const std::string text = request.bearer();
  if (text.empty()) return unknown("no bearer token");
  const auto found = on_loop(
      [hash = hash_of(text)](Driver& driver, Instant now) { return driver.api_token(hash, now); });
  if (!found) return tl::unexpected(refusal(found.error()));
  if (!*found) return unknown("unknown token, or one that has ended");
  const store::ApiToken& token = **found;
  if (token.role < role)
    return forbidden(
        fmt::format("role {} is needed, this token has {}", name(role), name(token.role)));
  if (token.tenant && of_tenant && token.tenant->hex() != request.param("tenant"))
    return forbidden("this token is for another tenant");
  if (token.tenant && !of_tenant && role == ApiRole::kAdmin)
    return forbidden("this token is for one tenant only");
  if (!writes) return token;
  const auto free = on_loop([&](Driver&, Instant now) -> Result<bool> {
    auto& room =
        writes_.try_emplace(token.hash, kTokenWritesPerSecond, kTokenWriteBurst).first->second;
    if (!room.wait(now, 0)) return true;
    return fail(Code::kOverloaded,
                "this token writes too much: {} at once and then {} a second are enough",
                kTokenWriteBurst, kTokenWritesPerSecond);
  });
  if (!free) return tl::unexpected(refusal(free.error()));
  return token;
}

void Api::add(http::Server& server, std::string_view method, std::string_view pattern, ApiRole role,
              Handler handler) {
  const bool of_tenant = pattern.find("{tenant}") != std::string_view::npos;
  const bool writes = method != "GET";
  server.route(method, pattern,
               [this, role, of_tenant, writes, handler](const http::Request& request) {
                 const auto token = authorize(request, role, of_tenant, writes);
                 if (!token) return token.error();
                 Visit visit{request, *token, {}};
                 if (of_tenant) {
                   const auto tenant = TenantId::parse_hex(request.param("tenant"));
                   if (!tenant) return refusal(tenant.error().within("tenant"));
                   visit.tenant = *tenant;
                 }
                 return handler(visit);
               });
}

void Api::tenants(http::Server& server) {
  add(server, "POST", "/v1/tenants", ApiRole::kAdmin, [this](const Visit& visit) {
    const auto document = document_in(visit.request);
    if (!document) return refusal(document.error());
    const auto created = on_loop([&](Driver& driver, Instant now) {
      return driver.create_tenant(*document, visit.who(), now);
    });
    if (!created) return refusal(created.error());
    return answer({{"tenant", created->tenant.hex()}, {"index", created->index}}, 201);
  });
  add(server, "GET", "/v1/tenants", ApiRole::kViewer, [this](const Visit& visit) {
    const auto list =
        on_loop([only = visit.token.tenant](Driver& driver, Instant now) -> Result<json> {
          json all = json::array();
          for (const auto& tenant : driver.core().tenants())
            if (!only || tenant->id == *only) all.push_back(views::tenant(*tenant, now));
          return all;
        });
    return list ? answer(*list) : refusal(list.error());
  });
  add(server, "POST", "/v1/tenants/{tenant}/quotas", ApiRole::kAdmin, [this](const Visit& visit) {
    // A quota holds the tenant in bounds, so it is not the tenant's to set.
    if (visit.token.tenant)
      return http::error_response(403, "forbidden", "this token is for one tenant only",
                                  "ask who runs this controller");
    const auto wanted = quotas_in(visit.request.body);
    if (!wanted) return refusal(wanted.error());
    const auto set = on_loop([&](Driver& driver, Instant now) -> Result<json> {
      for (const store::Quota& quota : *wanted)
        FS_CHECK(driver.set_quota(visit.tenant, quota.kind, quota.most, visit.who(), now));
      FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
      return views::tenant(*tenant, now);
    });
    return set ? answer(*set) : refusal(set.error());
  });
}

void Api::documents(http::Server& server) {
  add(server, "POST", "/v1/tenants/{tenant}/documents", ApiRole::kOperator,
      [this](const Visit& visit) {
        const auto document = document_in(visit.request);
        if (!document) return refusal(document.error());
        const auto logged = on_loop([&](Driver& driver, Instant now) {
          return driver.submit(visit.tenant, *document, visit.who(), now);
        });
        return logged ? answer(submitted(*logged), 201) : refusal(logged.error());
      });
  add(server, "GET", "/v1/tenants/{tenant}/documents/{id}", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto id = DocumentId::parse_hex(visit.request.param("id"));
        if (!id) return refusal(id.error().within("document id"));
        const auto entry = on_loop([&](Driver& driver, Instant) -> Result<Bytes> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          const auto found = tenant->index.find(*id);
          if (found == tenant->index.end())
            return fail(Code::kNotFound, "no document {} in this log", id->hex());
          return tenant->entries[found->second];
        });
        if (!entry) return refusal(entry.error());
        http::Response response;
        response.body = codec::to_dsse_json(*codec::decode<model::Envelope>(*entry));
        return response;
      });
  add(server, "POST", "/v1/tenants/{tenant}/policies", ApiRole::kOperator,
      [this](const Visit& visit) {
        const Bytes bytes = to_bytes(visit.request.body);
        const auto digest = on_loop([&](Driver& driver, Instant now) {
          return driver.put_policy(visit.tenant, bytes, visit.who(), now);
        });
        if (!digest) return refusal(digest.error());
        return answer({{"digest", digest->hex()}, {"size", bytes.size()}}, 201);
      });
  add(server, "GET", "/v1/tenants/{tenant}/policies/{digest}", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto digest = Digest::parse_hex(visit.request.param("digest"));
        if (!digest) return refusal(digest.error().within("policy digest"));
        const auto bytes = on_loop([&](Driver& driver, Instant) -> Result<Bytes> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          FS_TRY(std::optional<Bytes> blob, driver.store().blob(tenant->no, *digest));
          if (!blob) return fail(Code::kNotFound, "no policy {} here", digest->hex());
          return std::move(*blob);
        });
        if (!bytes) return refusal(bytes.error());
        http::Response response;
        response.content_type = "application/octet-stream";
        response.body = to_text(*bytes);
        return response;
      });
  add(server, "GET", "/v1/tenants/{tenant}/log", ApiRole::kViewer, [this](const Visit& visit) {
    const auto from = number(visit.request, "from");
    if (!from) return refusal(from.error());
    const auto page = on_loop([&](Driver& driver, Instant) -> Result<json> {
      FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
      json entries = json::array();
      std::size_t bytes = 0;
      for (std::uint64_t i = *from; i < tenant->entries.size() && bytes < kLogPageBytes; ++i) {
        bytes += tenant->entries[i].size();
        entries.push_back(to_base64(tenant->entries[i]));
      }
      return json{{"from", *from}, {"entries", entries}, {"size", tenant->entries.size()}};
    });
    return page ? answer(*page) : refusal(page.error());
  });
}

void Api::fleet(http::Server& server) {
  add(server, "GET", "/v1/tenants/{tenant}/receipts", ApiRole::kViewer, [this](const Visit& visit) {
    const auto after = number(visit.request, "after");
    if (!after) return refusal(after.error());
    using Rows = std::vector<store::NumberedReceipt>;
    const auto rows = on_loop([&](Driver& driver, Instant) -> Result<Rows> {
      FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
      return driver.store().receipts(tenant->no, visit.request.query_value("campaign"), *after,
                                     kReceiptsPerPage);
    });
    if (!rows) return refusal(rows.error());
    json all = json::array();
    for (const auto& [row, receipt] : *rows)
      all.push_back(
          {{"no", row}, {"id", receipt.id.hex()}, {"envelope", to_base64(receipt.envelope)}});
    return answer(all);
  });
  // What each agent signed when it joined: an auditor needs its bytes.
  add(server, "GET", "/v1/tenants/{tenant}/enrolments", ApiRole::kViewer,
      [this](const Visit& visit) {
        using Rows = std::pair<std::vector<store::Agent>, std::vector<store::AgentRekey>>;
        const auto rows = on_loop([&](Driver& driver, Instant) -> Result<Rows> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          FS_TRY(auto agents, driver.store().agents(tenant->no));
          FS_TRY(auto rekeys, driver.store().agent_rekeys(tenant->no));
          return Rows(std::move(agents), std::move(rekeys));
        });
        if (!rows) return refusal(rows.error());
        const auto dsse = [](const Bytes& bytes) -> Result<json> {
          FS_TRY(const auto envelope, codec::decode<model::Envelope>(bytes));
          return json::parse(codec::to_dsse_json(envelope));
        };
        json all = json::array();
        auto rekey = rows->second.begin();  // by agent, in the order in which they served
        for (const store::Agent& agent : rows->first) {
          const auto envelope = dsse(agent.agent_key);
          if (!envelope) return refusal(envelope.error());
          json later = json::array();
          for (; rekey != rows->second.end() && rekey->no == agent.no; ++rekey) {
            const auto offer = dsse(rekey->agent_key);
            if (!offer) return refusal(offer.error());
            later.push_back({{"received", to_rfc3339(rekey->received)},
                             {"used", rekey->used ? to_rfc3339(*rekey->used) : ""},
                             {"envelope", *offer}});
          }
          all.push_back({{"enrolled", to_rfc3339(agent.enrolled)},
                         {"envelope", *envelope},
                         {"rekeys", later}});
        }
        return answer(all);
      });
  add(server, "GET", "/v1/tenants/{tenant}/agents", ApiRole::kViewer, [this](const Visit& visit) {
    const auto list = on_loop([&](Driver& driver, Instant) -> Result<json> {
      FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
      json all = json::array();
      for (const auto& agent : tenant->registry.all()) all.push_back(views::agent(agent));
      return all;
    });
    return list ? answer(*list) : refusal(list.error());
  });
  add(server, "GET", "/v1/tenants/{tenant}/agents/{agent}", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto id = AgentId::parse_hex(visit.request.param("agent"));
        if (!id) return refusal(id.error().within("agent id"));
        const auto view = on_loop([&](Driver& driver, Instant) -> Result<json> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          const auto* agent = tenant->registry.find(*id);
          if (!agent) return fail(Code::kNotFound, "no agent {} of this tenant", id->hex());
          json object = views::agent(*agent);
          json campaigns = json::object();
          for (const auto& [name, rollout] : tenant->campaigns)
            if (const auto standing = rollout.standing(agent->no))
              campaigns[name] = views::host(*tenant, *standing);
          object["campaigns"] = campaigns;
          return object;
        });
        return view ? answer(*view) : refusal(view.error());
      });
}

void Api::serve_health(http::Server& server) {
  server.route("GET", "/healthz", [](const http::Request&) { return answer({{"status", "ok"}}); });
  // Ready: the loop turns and the store takes commits.
  server.route("GET", "/readyz", [this](const http::Request&) {
    const auto ready = on_loop([](Driver& driver, Instant) -> Result<bool> {
      FS_CHECK(driver.health());
      return true;
    });
    return ready ? answer({{"status", "ready"}})
                 : http::error_response(503, "not_ready", ready.error().message,
                                        "look at the controller's log");
  });
}

void Api::serve(http::Server& server) {
  serve_health(server);
  tenants(server);
  documents(server);
  fleet(server);
  campaigns(server);
  results(server);
  tiles(server);
  pending(server);
}

NewToken make_api_token(ApiRole role, const std::optional<TenantId>& tenant, Timestamp now) {
  std::array<std::uint8_t, 32> secret{};
  crypto::random_bytes(secret);
  NewToken token;
  token.text = std::string(kTokenPrefix) + to_hex(secret);
  token.row = {hash_of(token.text), role, tenant, now};
  return token;
}

}  // namespace fleetsweep::controller
