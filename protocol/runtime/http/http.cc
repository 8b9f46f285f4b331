#include "protocol/runtime/http/http.h"

#include <strings.h>

#include <nlohmann/json.hpp>

#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::http {
namespace {

std::optional<std::string> find_header(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers)
    if (header.name.size() == name.size() &&
        strncasecmp(header.name.data(), name.data(), name.size()) == 0)
      return header.value;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> Request::header(std::string_view name) const {
  return find_header(headers, name);
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::nullopt : std::optional(found->second);
}

const std::string& Request::param(std::string_view name) const {
  const auto found = params.find(name);
  FS_ASSERT(found != params.end());
  return found->second;
}

std::string Request::bearer() const {
  constexpr std::string_view kScheme = "Bearer ";
  const auto value = header("Authorization");
  return value && value->starts_with(kScheme) ? value->substr(kScheme.size()) : "";
}

std::optional<std::string> Response::header(std::string_view name) const {
  return find_header(headers, name);
}

Response error_response(int status, std::string_view code, std::string_view message,
                        std::string_view next) {
  const nlohmann::json body = {
      {"error", {{"code", code}, {"message", escaped(message)}, {"next", escaped(next)}}}};
  Response response;
  response.status = status;
  response.body = body.dump() + "\n";
  return response;
}

Response error_response(const Error& error, std::string_view next) {
  return error_response(status_of(error.code), name(error.code), error.message, next);
}

int status_of(Code code) {
  switch (code) {
    case Code::kInvalid:
      return 400;
    case Code::kUntrusted:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kConflict:
      return 409;
    case Code::kOverloaded:
      return 429;
    case Code::kUnavailable:
      return 503;
    case Code::kInternal:
      return 500;
  }
  return 500;
}

Code code_of(int status) {
  switch (status) {
    case 401:
    case 403:
      return Code::kUntrusted;
    case 404:
    case 410:
      return Code::kNotFound;
    case 409:
    case 412:
      return Code::kConflict;
    case 429:
      return Code::kOverloaded;
    case 502:
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return status >= 400 && status < 500 ? Code::kInvalid : Code::kInternal;
  }
}

}  // namespace fleetsweep::http
