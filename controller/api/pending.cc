// The inbox: documents that gather signatures.

#include "controller/api/route.h"
#include "controller/api/views.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::controller {
namespace {

using nlohmann::json;
using store::ApiRole;

Result<const PendingDocument*> pending_of(const Tenant& tenant, const DocumentId& id) {
  const auto found = tenant.pending.find(id);
  if (found == tenant.pending.end())
    return fail(Code::kNotFound, "no document {} waits for signatures here", id.hex());
  return &found->second;
}

void list(const Tenant& tenant, json& all) {
  for (const auto& [id, document] : tenant.pending) all.push_back(views::pending(tenant, document));
}

}  // namespace

void Api::pending(http::Server& server) {
  add(server, "GET", "/v1/pending", ApiRole::kViewer, [this](const Visit& visit) {
    const auto all = on_loop([only = visit.token.tenant](Driver& driver, Instant) -> Result<json> {
      json all = json::array();
      for (const auto& tenant : driver.core().tenants())
        if (!only || tenant->id == *only) list(*tenant, all);
      return all;
    });
    return all ? answer(*all) : refusal(all.error());
  });
  add(server, "GET", "/v1/tenants/{tenant}/pending", ApiRole::kViewer, [this](const Visit& visit) {
    const auto all = on_loop([&](Driver& driver, Instant) -> Result<json> {
      FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
      json all = json::array();
      list(*tenant, all);
      return all;
    });
    return all ? answer(*all) : refusal(all.error());
  });
  add(server, "POST", "/v1/tenants/{tenant}/pending", ApiRole::kOperator,
      [this](const Visit& visit) {
        const auto document = document_in(visit.request);
        if (!document) return refusal(document.error());
        const auto view = on_loop([&](Driver& driver, Instant now) -> Result<json> {
          FS_TRY(const DocumentId id,
                 driver.post_pending(visit.tenant, *document, visit.who(), now));
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          FS_TRY(const PendingDocument* held, pending_of(*tenant, id));
          return views::pending(*tenant, *held);
        });
        return view ? answer(*view, 201) : refusal(view.error());
      });
  add(server, "GET", "/v1/tenants/{tenant}/pending/{id}", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto id = DocumentId::parse_hex(visit.request.param("id"));
        if (!id) return refusal(id.error().within("document id"));
        const auto entry = on_loop([&](Driver& driver, Instant) -> Result<Bytes> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          FS_TRY(const PendingDocument* held, pending_of(*tenant, *id));
          return held->row.envelope;
        });
        if (!entry) return refusal(entry.error());
        const auto envelope = codec::decode<model::Envelope>(*entry);
        if (!envelope) return refusal(envelope.error());
        http::Response response;
        response.body = codec::to_dsse_json(*envelope);
        return response;
      });
  add(server, "DELETE", "/v1/tenants/{tenant}/pending/{id}", ApiRole::kOperator,
      [this](const Visit& visit) {
        const auto id = DocumentId::parse_hex(visit.request.param("id"));
        if (!id) return refusal(id.error().within("document id"));
        const auto gone = on_loop([&](Driver& driver, Instant now) {
          return driver.withdraw_pending(visit.tenant, *id, visit.who(), now);
        });
        return gone ? answer({{"id", gone->hex()}}) : refusal(gone.error());
      });
}

}  // namespace fleetsweep::controller
