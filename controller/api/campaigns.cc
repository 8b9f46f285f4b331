// The routes below /v1/tenants/{tenant}/campaigns.

#include "controller/api/route.h"
#include "controller/api/views.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::controller {
namespace {

using nlohmann::json;
using store::ApiRole;

Result<const campaign::Rollout*> campaign_of(const Tenant& tenant, const std::string& name) {
  const auto found = tenant.campaigns.find(name);
  if (found == tenant.campaigns.end())
    return fail(Code::kNotFound, "no campaign {} of this tenant", escaped(name));
  return &found->second;
}

// One campaign object at once and at each change.
class CampaignFeed final : public http::Feed {
 public:
  using Show = std::function<Result<std::string>()>;
  CampaignFeed(Hub& hub, std::string key, Show show)
      : hub_(hub), key_(std::move(key)), show_(std::move(show)) {}

  State next(Duration patience, http::Event& event) override {
    const std::uint64_t version = hub_.wait(key_, seen_, patience);
    if (version == seen_) return State::kNothingYet;
    seen_ = version;
    auto text = show_();
    if (!text) return text.error().code == Code::kOverloaded ? State::kNothingYet : State::kEnd;
    event.name = "campaign";
    event.data = std::move(*text);
    return State::kEvent;
  }

 private:
  Hub& hub_;
  std::string key_;
  Show show_;
  std::uint64_t seen_ = ~std::uint64_t{0};  // so that the first look is an event
};

}  // namespace

void Api::campaigns(http::Server& server) {
  add(server, "GET", "/v1/tenants/{tenant}/campaigns", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto list = on_loop([&](Driver& driver, Instant now) -> Result<json> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          json all = json::array();
          for (const auto& [name, rollout] : tenant->campaigns)
            all.push_back(views::campaign(*tenant, rollout, now));
          return all;
        });
        return list ? answer(*list) : refusal(list.error());
      });
  add(server, "GET", "/v1/tenants/{tenant}/campaigns/{campaign}", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto view = on_loop([&](Driver& driver, Instant now) -> Result<json> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          FS_TRY(const auto* rollout, campaign_of(*tenant, visit.request.param("campaign")));
          return views::campaign(*tenant, *rollout, now);
        });
        return view ? answer(*view) : refusal(view.error());
      });
  add(server, "GET", "/v1/tenants/{tenant}/campaigns/{campaign}/hosts", ApiRole::kViewer,
      [this](const Visit& visit) {
        const auto wanted = visit.request.query_value("state");
        std::optional<model::HostState> state;
        if (wanted) {
          state = from_name<model::HostState>(*wanted);
          if (!state)
            return refusal(
                {Code::kInvalid, fmt::format("?state={}: no such state", escaped(*wanted))});
        }
        const auto list = on_loop([&](Driver& driver, Instant) -> Result<json> {
          FS_TRY(const Tenant* tenant, tenant_of(driver, visit.tenant));
          FS_TRY(const auto* rollout, campaign_of(*tenant, visit.request.param("campaign")));
          json all = json::array();
          for (const campaign::Standing& standing : rollout->standings())
            if (!state || standing.state == *state) all.push_back(views::host(*tenant, standing));
          return all;
        });
        return list ? answer(*list) : refusal(list.error());
      });
  server.stream(
      "/v1/tenants/{tenant}/campaigns/{campaign}/events",
      [this](const http::Request& request, std::unique_ptr<http::Feed>& feed) {
        const auto token = authorize(request, ApiRole::kViewer, true, false);
        if (!token) return token.error();
        const auto id = TenantId::parse_hex(request.param("tenant"));
        if (!id) return refusal(id.error());
        const std::string campaign = request.param("campaign");
        auto show = [this, id = *id, campaign, hash = token->hash]() -> Result<std::string> {
          const auto view = on_loop([&](Driver& driver, Instant now) -> Result<json> {
            FS_TRY(const auto known, driver.api_token(hash, now));
            if (!known) return fail(Code::kUntrusted, "the token was revoked, or has ended");
            FS_TRY(const Tenant* tenant, tenant_of(driver, id));
            FS_TRY(const auto* rollout, campaign_of(*tenant, campaign));
            return views::campaign(*tenant, *rollout, now);
          });
          if (!view) return fail(view.error());
          return view->dump();
        };
        if (const auto first = show(); !first) return refusal(first.error());
        feed = std::make_unique<CampaignFeed>(hub_, id->hex() + "/" + campaign, std::move(show));
        return http::Response{};
      });
}

}  // namespace fleetsweep::controller
