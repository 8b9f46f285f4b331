#pragma once

// The operators' side of the controller: the HTTP API of ARCHITECTURE.md. Handlers run on HTTP
// threads; what touches the core is carried to the loop thread as a call and awaited there.

#include <functional>
#include <map>
#include <string>

#include "controller/api/hub.h"
#include "controller/driver/driver.h"
#include "controller/fleet/admission.h"
#include "protocol/log/tiles.h"
#include "protocol/runtime/http/http.h"

namespace fleetsweep::controller {

// Runs on the loop thread.
using Call = std::function<void(Driver& driver, Instant now)>;
// Carries a call there; false when too many wait.
using Caller = std::function<bool(Call call)>;

class Api {
 public:
  Api(Caller caller, Hub& hub) : caller_(std::move(caller)), hub_(hub) {}

  // Adds every route; the Api outlives the server.
  void serve(http::Server& server);
  // Only /healthz and /readyz: also for a listener that a supervisor reaches and operators do not.
  void serve_health(http::Server& server);

 private:
  struct Visit;
  using Handler = std::function<http::Response(const Visit&)>;
  void add(http::Server& server, std::string_view method, std::string_view pattern,
           store::ApiRole role, Handler handler);
  // The error is the answer: 401 without a known token, 403 when it may not, 429 when it writes
  // without end.
  tl::expected<store::ApiToken, http::Response> authorize(const http::Request& request,
                                                          store::ApiRole role, bool of_tenant,
                                                          bool writes);
  template <class F>
  auto on_loop(F function)
      -> Result<typename std::invoke_result_t<F, Driver&, Instant>::value_type>;

  void tenants(http::Server& server);
  void documents(http::Server& server);
  void fleet(http::Server& server);
  void campaigns(http::Server& server);
  void results(http::Server& server);
  void tiles(http::Server& server);
  void pending(http::Server& server);

  Caller caller_;
  Hub& hub_;
  // Of the loop thread.
  std::map<TenantId, log::TileTree> tiles_;
  std::map<Digest, fleet::Admission> writes_;  // by token
};

// The text of an API token for a person, and what the store keeps of it.
struct NewToken {
  std::string text;
  store::ApiToken row;
};
NewToken make_api_token(store::ApiRole role, const std::optional<TenantId>& tenant, Timestamp now);

}  // namespace fleetsweep::controller
