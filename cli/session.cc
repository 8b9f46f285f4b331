#include "cli/session.h"

#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/http/http.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

Result<std::vector<http::Header>> authorization(Session& session) {
  if (session.token_file.empty())
    return fail(Code::kInvalid,
                "no API token\nnext:  give --token-file or set FLEETSWEEP_TOKEN_FILE; "
                "`fleetsweep-controller token create` makes one");
  FS_TRY(std::string token, read_text_file(session.token_file));
  while (!token.empty() && (token.back() == '\n' || token.back() == ' ')) token.pop_back();
  return std::vector<http::Header>{{"Authorization", "Bearer " + token}};
}

Result<std::string> base_url(Session& session) {
  if (session.url.empty())
    return fail(Code::kInvalid,
                "where is the controller?\nnext:  give --url or set FLEETSWEEP_URL, like "
                "http://127.0.0.1:7680");
  std::string url = session.url;
  while (url.ends_with("/")) url.pop_back();
  return url;
}

http::ClientOptions client_options(const Session& session) {
  return {.tls = {.certificate = session.certificate,
                  .key = session.certificate_key,
                  .authorities = session.authorities}};
}

// The controller's own words, with its next step.
Error api_error(const http::Response& response) {
  const json body = json::parse(response.body, nullptr, false);
  if (!body.is_object() || !body.contains("error") || !body["error"].is_object())
    return {http::code_of(response.status),
            fmt::format("the controller answered {}", response.status)};
  const json& error = body["error"];
  const std::string next = text_of(error, "next");
  return {http::code_of(response.status),
          text_of(error, "message") + (next.empty() ? "" : "\nnext:  " + next)};
}

Result<std::string> call(Session& session, const char* method, const std::string& path,
                         const std::string& body, const std::string& content_type) {
  FS_TRY(const std::string url, base_url(session));
  FS_TRY(std::vector<http::Header> headers, authorization(session));
  if (!content_type.empty()) headers.push_back({"Content-Type", content_type});
  FS_TRY(http::Response response,
         http::request(method, url + path, headers, body, client_options(session)));
  if (response.status >= 300) return fail(api_error(response));
  return response.body;
}

Result<json> parsed(const Result<std::string>& text) {
  if (!text) return fail(text.error());
  json value = json::parse(*text, nullptr, false);
  if (value.is_discarded())
    return fail(Code::kInternal, "the controller's answer is not JSON: {}",
                escaped(text->substr(0, 80)));
  return value;
}

Result<std::string> tenant_path(Session& session, const std::string& path) {
  FS_TRY(const std::string tenant, tenant_of(session));
  return "/v1/tenants/" + tenant + "/" + path;
}

// "order", of application/vnd.fleetsweep.order.v1+capnp.
std::string kind_of(std::string_view payload_type) {
  constexpr std::string_view kPrefix = "application/vnd.fleetsweep.";
  if (!payload_type.starts_with(kPrefix)) return "'" + escaped(payload_type) + "'";
  const std::string_view rest = payload_type.substr(kPrefix.size());
  return escaped(rest.substr(0, rest.find('.')));
}

}  // namespace

void Session::finish(const Status& status) {
  if (!status) exit = console.report(status.error());
}

Result<std::string> tenant_of(Session& session) {
  if (!session.tenant.empty()) return session.tenant;
  FS_TRY(const json tenants, get_global(session, "/v1/tenants"));
  if (tenants.empty())
    return fail(
        Code::kNotFound,
        "the controller has no tenant yet\nnext:  found one: fleetsweep tenant create root.dsse");
  if (tenants.size() > 1)
    return fail(Code::kInvalid, "the token sees {} tenants; say which with --tenant",
                tenants.size());
  session.tenant = tenants[0].value("tenant", "");
  session.tenant_is_told = true;
  return session.tenant;
}

Result<json> get(Session& session, const std::string& path) {
  FS_TRY(const std::string whole, tenant_path(session, path));
  return parsed(call(session, "GET", whole, "", ""));
}

Result<std::string> get_raw(Session& session, const std::string& path) {
  FS_TRY(const std::string whole, tenant_path(session, path));
  return call(session, "GET", whole, "", "");
}

Result<json> post(Session& session, const std::string& path, const std::string& body,
                  const std::string& content_type) {
  FS_TRY(const std::string whole, tenant_path(session, path));
  return parsed(call(session, "POST", whole, body, content_type));
}

Status remove(Session& session, const std::string& path) {
  FS_TRY(const std::string whole, tenant_path(session, path));
  FS_CHECK(call(session, "DELETE", whole, "", ""));
  return {};
}

Result<json> get_global(Session& session, const std::string& path) {
  if (path.starts_with("/v1/")) return parsed(call(session, "GET", path, "", ""));
  FS_TRY(const std::string url, base_url(session));  // the health pages need no token
  FS_TRY(const http::Response response,
         http::request("GET", url + path, {}, "", client_options(session)));
  if (response.status >= 300)
    return fail(http::code_of(response.status), "the controller answered {}: {}", response.status,
                escaped(response.body));
  return json(response.body);
}

Result<json> post_global(Session& session, const std::string& path, const std::string& body) {
  return parsed(call(session, "POST", path, body, "application/json"));
}

Status stream(Session& session, const std::string& path,
              const std::function<bool(const std::string&)>& on_event,
              const std::function<bool()>& keep_going) {
  FS_TRY(const std::string whole, tenant_path(session, path));
  FS_TRY(const std::string url, base_url(session));
  FS_TRY(const std::vector<http::Header> headers, authorization(session));
  return http::follow_events(
      url + whole, headers, client_options(session),
      [&](const http::Event& event) { return on_event(event.data); }, keep_going);
}

Error of_named_file(Error error, const std::string& path) {
  if (error.code == Code::kNotFound) error.code = Code::kInvalid;
  return advise(std::move(error), "look at the path: ls -l " + path);
}

Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max) {
  const auto bytes = files::read_file(path, bytes_max, files::Links::kFollow);
  if (!bytes) return fail(of_named_file(bytes.error(), path));
  return to_text(*bytes);
}

Status write_text_file(const std::string& path, std::string_view text, bool is_private) {
  const Status written = files::write_file_atomic(path, as_bytes(text), is_private ? 0600 : 0644);
  return written ? written : fail(of_named_file(written.error(), path));
}

Result<model::Envelope> read_document(const std::string& path) {
  FS_TRY(const std::string text, read_text_file(path));
  auto envelope = codec::from_dsse_json(text);
  if (!envelope) return fail(envelope.error().within(path));
  return envelope;
}

Result<model::Envelope> read_document(const std::string& path, std::string_view payload_type) {
  FS_TRY(model::Envelope envelope, read_document(path));
  if (envelope.payload_type == payload_type) return envelope;
  return fail(Code::kInvalid,
              "{} is of type {}; expected {}\nnext:  `fleetsweep order show {}` says what is in it",
              path, kind_of(envelope.payload_type), kind_of(payload_type), path);
}

Status write_document(const std::string& path, const model::Envelope& envelope) {
  return write_text_file(path, codec::to_dsse_json(envelope) + "\n");
}

}  // namespace fleetsweep::cli
