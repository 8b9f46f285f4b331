#pragma once

// What every route of the API needs. For this folder only.

#include <future>
#include <nlohmann/json.hpp>

#include "controller/api/api.h"

namespace fleetsweep::controller {

http::Response answer(const nlohmann::json& body, int status = 200);
// With what the caller can do about it.
http::Response refusal(const Error& error);
// kInvalid: "?KEY=..." is no number. 0 when it is not there.
Result<std::uint64_t> number(const http::Request& request, std::string_view key);
// The document of a request, as the canonical bytes that go into the log.
Result<Bytes> document_in(const http::Request& request);
// kNotFound
Result<const Tenant*> tenant_of(Driver& driver, const TenantId& id);

// One authorized request.
struct Api::Visit {
  const http::Request& request;
  store::ApiToken token;
  TenantId tenant;  // zero when the route names none
  std::string who() const { return token.short_id(); }
};

template <class F>
auto Api::on_loop(F function)
    -> Result<typename std::invoke_result_t<F, Driver&, Instant>::value_type> {
  using R = std::invoke_result_t<F, Driver&, Instant>;
  auto promise = std::make_shared<std::promise<R>>();
  auto future = promise->get_future();
  const bool taken =
      caller_([promise, function = std::move(function)](Driver& driver, Instant now) mutable {
        promise->set_value(function(driver, now));
      });
  if (!taken) return fail(Code::kOverloaded, "too many requests wait");
  promise.reset();  // a call that is thrown away breaks its promise, which ends the wait
  // No timeout: the call borrows what stands on this stack.
  try {
    return future.get();
  } catch (const std::future_error&) {
    return fail(Code::kUnavailable, "the controller is stopping");
  }
}

}  // namespace fleetsweep::controller
