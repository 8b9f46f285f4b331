// A tenant's log as C2SP tlog-tiles below /v1/tenants/{tenant}/tiles: for foreign tools that read
// transparency logs. Like every other call it wants a token, so it is for caches of one's own.

#include "protocol/log/tiles.h"

#include "controller/api/route.h"

namespace fleetsweep::controller {

using store::ApiRole;

void Api::tiles(http::Server& server) {
  for (const char* path :
       {"/v1/tenants/{tenant}/checkpoint", "/v1/tenants/{tenant}/tiles/checkpoint"})
    add(server, "GET", path, ApiRole::kViewer, [this](const Visit& visit) {
      const auto note = on_loop([&](Driver& driver, Instant) -> Result<std::string> {
        FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
        if (tenant->note.empty())
          return fail(Code::kUnavailable, "no checkpoint has its quorum of witnesses yet");
        return tenant->note;
      });
      if (!note) return refusal(note.error());
      return http::Response{.content_type = "text/plain; charset=utf-8",
                            .body = *note,
                            .headers = {{"Cache-Control", "no-cache"}}};
    });
  // What no checkpoint covers is not there yet: the tree of a smaller checkpoint never changes.
  add(server, "GET", "/v1/tenants/{tenant}/tiles/tile/{path...}", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto path = log::TilePath::parse(visit.request.param("path"));
        if (!path) return refusal(path.error());
        const auto bytes = on_loop([&](Driver& driver, Instant) -> Result<Bytes> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          if (!path->level) return log::entry_bundle(*path, tenant->entries, tenant->note_size);
          log::TileTree& tree = tiles_[visit.tenant];
          // Not further: what is not witnessed may yet be lost with a commit that fails.
          tree.grow(std::span(tenant->leaves).first(tenant->note_size));
          return tree.tile(*path, tenant->leaves, tenant->note_size);
        });
        if (!bytes) return refusal(bytes.error());
        return http::Response{.content_type = "application/octet-stream",
                              .body = to_text(*bytes),
                              .headers = {{"Cache-Control",
                                           "private, max-age=31536000, "
                                           "immutable"}},
                              .pack = !path->level};
      });
}

}  // namespace fleetsweep::controller
