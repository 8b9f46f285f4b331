#include <httplib.h>

#include <algorithm>

#include "protocol/base/bytes.h"
#include "protocol/runtime/http/address.h"
#include "protocol/runtime/http/events.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/http/tls.h"

namespace fleetsweep::http {
namespace {

constexpr std::size_t kErrorBytes = 4096;

bool is_header_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\t' || (c >= ' ' && c != 0x7f); });
}

Result<httplib::Headers> to_headers(const std::vector<Header>& headers) {
  httplib::Headers result;
  for (const Header& header : headers) {
    if (header.name.empty() || !is_header_text(header.name) || !is_header_text(header.value))
      return fail(Code::kInvalid, "header '{}' holds control characters", escaped(header.name));
    result.emplace(header.name, header.value);
  }
  return result;
}

Result<std::unique_ptr<httplib::ClientImpl>> tls_client(const Address& address, const Tls& tls) {
  auto client = std::make_unique<httplib::SSLClient>(address.host, address.port);
  client->enable_server_certificate_verification(true);
  FS_CHECK(set_up_tls(*client->ssl_context(), tls));
  if (!tls.authorities.empty()) client->set_ca_cert_path(tls.authorities);
  return client;
}

// One exchange; `request` has its method, headers, body and receivers. Success: an answer came.
Status exchange(const Url& url, const ClientOptions& options, const httplib::Request& request,
                httplib::Response& response) {
  if (!url.is_secure && !is_loopback(url.address.host) && !options.allow_remote)
    return fail(
        Code::kInvalid,
        "will not speak HTTP without TLS to {}: only to loopback. Use https:// or a tunnel on "
        "this host, or allow it explicitly",
        url.address.text());
  std::unique_ptr<httplib::ClientImpl> owned;
  if (url.is_secure) {
    FS_TRY(owned, tls_client(url.address, options.tls));
  } else {
    owned = std::make_unique<httplib::ClientImpl>(url.address.host, url.address.port);
  }
  httplib::ClientImpl& client = *owned;
  client.set_connection_timeout(options.timeout);
  client.set_read_timeout(options.timeout);
  client.set_write_timeout(options.timeout);
  client.set_tcp_nodelay(true);
  client.set_url_encode(false);  // parse_url() let only what may be sent pass
  auto result = client.send(request);
  if (result) {
    response = std::move(*result);
    return {};
  }
  switch (result.error()) {
    case httplib::Error::Connection:
    case httplib::Error::ConnectionTimeout:
      return fail(Code::kUnavailable,
                  "cannot connect to {}: nothing listens there, or it cannot be reached",
                  url.address.text());
    case httplib::Error::SSLConnection:
      return fail(Code::kUnavailable,
                  "{} does not speak TLS 1.3 with this program: is it https there, and does it ask "
                  "for a certificate that was not given?",
                  url.address.text());
    case httplib::Error::SSLServerVerification:
      return fail(
          Code::kUntrusted,
          "the certificate of {} is for another name, or of no authority that is trusted here",
          url.address.text());
    case httplib::Error::Read:
      return fail(Code::kUnavailable, "no whole answer from {} (waited up to {} ms)",
                  url.address.text(), options.timeout.count());
    default:
      return fail(Code::kUnavailable, "talking to {} failed: {}", url.address.text(),
                  httplib::to_string(result.error()));
  }
}

Response to_response(const httplib::Response& from, std::string body) {
  Response response;
  response.status = from.status;
  response.content_type = from.get_header_value("Content-Type");
  response.body = std::move(body);
  for (const auto& [name, value] : from.headers) response.headers.push_back({name, value});
  return response;
}

}  // namespace

Result<Response> request(std::string_view method, const std::string& url,
                         const std::vector<Header>& headers, std::string_view body,
                         const ClientOptions& options) {
  FS_TRY(const Url parsed, parse_url(url));
  httplib::Request request;
  request.method = method;
  request.path = parsed.target;
  FS_TRY(request.headers, to_headers(headers));
  request.body = body;
  std::string received;
  bool too_large = false;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    too_large = received.size() + size > options.body_bytes_max;
    if (!too_large) received.append(data, size);
    return !too_large;
  };
  httplib::Response response;
  const Status status = exchange(parsed, options, request, response);
  if (too_large)
    return fail(Code::kInvalid, "the answer of {} is larger than {} bytes", parsed.address.text(),
                options.body_bytes_max);
  FS_CHECK(status);
  return to_response(response, std::move(received));
}

Status follow_events(const std::string& url, const std::vector<Header>& headers,
                     const ClientOptions& options,
                     const std::function<bool(const Event&)>& on_event,
                     const std::function<bool()>& keep_going) {
  FS_TRY(const Url parsed, parse_url(url));
  httplib::Request request;
  request.method = "GET";
  request.path = parsed.target;
  FS_TRY(request.headers, to_headers(headers));
  request.headers.emplace("Accept", "text/event-stream");
  int code = 0;
  request.response_handler = [&](const httplib::Response& response) {
    code = response.status;
    return true;
  };
  EventParser parser;
  std::string refusal;
  Status parsed_well;
  bool stopped = false;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (code != 200) {
      refusal.append(data, std::min(size, kErrorBytes - refusal.size()));
      return refusal.size() < kErrorBytes;
    }
    const auto state = parser.take({data, size}, on_event);
    if (!state) parsed_well = fail(state.error());
    stopped = state && (*state == EventParser::State::kStopped || !keep_going());
    return state && !stopped;
  };
  httplib::Response response;
  const Status status = exchange(parsed, options, request, response);
  if (stopped) return {};
  FS_CHECK(parsed_well);
  if (code != 0 && code != 200)
    return fail(code_of(code), "{} answered {}: {}", url, code, escaped(refusal));
  return status;
}

}  // namespace fleetsweep::http
