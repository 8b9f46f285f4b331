// The results log of a campaign: its size and root now, what was closed, and inclusion proofs.

#include "controller/api/route.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::controller {
namespace {

using nlohmann::json;
using store::ApiRole;

Result<const ResultsLog*> log_of(Driver& driver, const TenantId& id, const std::string& campaign) {
  FS_TRY(const Tenant* tenant, tenant_of(driver, id));
  if (!tenant->campaigns.contains(campaign))
    return fail(Code::kNotFound, "no campaign {} of this tenant", escaped(campaign));
  return driver.results_log(*tenant, campaign);
}

json base64s(const std::vector<Digest>& hashes) {
  json list = json::array();
  for (const Digest& hash : hashes) list.push_back(to_base64(hash.view()));
  return list;
}

}  // namespace

void Api::results(http::Server& server) {
  add(server, "GET", "/v1/tenants/{tenant}/campaigns/{campaign}/results", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto view = on_loop([&](Driver& driver, Instant) -> Result<json> {
          const std::string& campaign = visit.request.param("campaign");
          FS_TRY(const ResultsLog* log, log_of(driver, visit.tenant, campaign));
          json view = {{"size", log->leaves.size()},
                       {"root", to_base64(log::tree_root(log->leaves).view())},
                       {"closed", nullptr}};
          const auto& closes = driver.core().find(visit.tenant)->state().closes;
          if (const auto close = closes.find(campaign); close != closes.end()) {
            view["closed"] = {{"size", close->second.results_size},
                              {"root", to_base64(close->second.results_root.view())}};
            view["late"] = log->leaves.size() - close->second.results_size;
          }
          return view;
        });
        return view ? answer(*view) : refusal(view.error());
      });
  // ?size= picks the tree, by default the closed one, or what there is now.
  add(server, "GET", "/v1/tenants/{tenant}/campaigns/{campaign}/results/{receipt}",
      ApiRole::kViewer, [this](const Visit& visit) {
        const auto id = DocumentId::parse_hex(visit.request.param("receipt"));
        if (!id) return refusal(id.error().within("receipt id"));
        const auto wanted = number(visit.request, "size");
        if (!wanted) return refusal(wanted.error());
        const auto view = on_loop([&](Driver& driver, Instant) -> Result<json> {
          const std::string& campaign = visit.request.param("campaign");
          FS_TRY(const ResultsLog* log, log_of(driver, visit.tenant, campaign));
          const auto found = log->index.find(*id);
          if (found == log->index.end())
            return fail(Code::kNotFound, "no receipt {} in the results log of {}", id->hex(),
                        escaped(campaign));
          const auto& closes = driver.core().find(visit.tenant)->state().closes;
          const auto close = closes.find(campaign);
          std::uint64_t size = *wanted;
          if (size == 0 && close != closes.end()) size = close->second.results_size;
          if (size == 0) size = log->leaves.size();
          if (found->second >= size || size > log->leaves.size())
            return fail(Code::kNotFound, "receipt {} is number {} of {}: it is in no tree of {}{}",
                        id->hex(), found->second, log->leaves.size(), size,
                        close != closes.end() && *wanted == 0 ? "; it came after the close" : "");
          const std::vector<Digest> leaves(log->leaves.begin(),
                                           log->leaves.begin() + static_cast<std::ptrdiff_t>(size));
          return json{{"index", found->second},
                      {"size", size},
                      {"root", to_base64(log::tree_root(leaves).view())},
                      {"leaf", to_base64(leaves[found->second].view())},
                      {"proof", base64s(log::inclusion_proof(log->leaves, found->second, size))}};
        });
        return view ? answer(*view) : refusal(view.error());
      });
}

}  // namespace fleetsweep::controller
