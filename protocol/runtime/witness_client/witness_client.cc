#include "protocol/runtime/witness_client/witness_client.h"

#include <charconv>

#include "protocol/codec/codec.h"

namespace fleetsweep::witness_client {
namespace {

constexpr std::size_t kShown = 200;

// The cosignatures of a 200.
Result<Answer> parse_lines(const std::string& witness, std::string_view body) {
  Answer answer;
  while (!body.empty()) {
    const auto end = body.find('\n');
    auto line = log::parse_signature_line(body.substr(0, end));
    if (!line) return fail(line.error().within(fmt::format("answer of {}", witness)));
    answer.cosignatures.push_back(std::move(*line));
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
  }
  if (answer.cosignatures.empty())
    return fail(Code::kInvalid, "{} answered without a cosignature", witness);
  return answer;
}

// The size in a 409.
Result<Answer> parse_size(const std::string& witness, const log::AddCheckpoint& request,
                          std::string_view body) {
  if (body.ends_with('\n')) body.remove_suffix(1);
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), size);
  if (body.empty() || error != std::errc() || end != body.data() + body.size())
    return fail(Code::kInvalid, "{} answered a conflict without its size", witness);
  if (size == request.old_size)
    return fail(Code::kUntrusted,
                "{} knows another tree of {} entries under this log's name: the log has forked",
                witness, size);
  Answer answer;
  answer.known_size = size;
  return answer;
}

Result<http::Response> post(const std::string& witness, const std::string& path,
                            const std::string& body, const http::ClientOptions& options) {
  std::string url = witness;
  if (!url.ends_with('/')) url += '/';
  return http::request("POST", url + path, {{"Content-Type", "text/plain"}}, body, options);
}

tl::unexpected<Error> refused(const std::string& witness, const http::Response& response,
                              Code code) {
  return fail(code, "{} answered {}: {}", witness, response.status,
              escaped(response.body.substr(0, kShown)));
}

}  // namespace

Result<Answer> add_checkpoint(const std::string& witness, const log::AddCheckpoint& request,
                              const http::ClientOptions& options) {
  FS_TRY(const http::Response response, post(witness, "add-checkpoint", request.text(), options));
  return read_answer(witness, request, response);
}

Result<model::Envelope> ask_time(const std::string& witness, const log::TimeQuery& query,
                                 const http::ClientOptions& options) {
  FS_TRY(const http::Response response, post(witness, "time", query.text(), options));
  if (response.status != 200) return refused(witness, response, http::code_of(response.status));
  auto envelope = codec::from_dsse_json(response.body);
  if (!envelope) return fail(envelope.error().within(fmt::format("answer of {}", witness)));
  return envelope;
}

Result<Answer> read_answer(const std::string& witness, const log::AddCheckpoint& request,
                           const http::Response& response) {
  if (response.status == 200) return parse_lines(witness, response.body);
  if (response.status == 409 && response.content_type == log::kSizeContentType)
    return parse_size(witness, request, response.body);
  // 422: our proof does not lead from the tree that the witness knows to ours.
  const Code code = response.status == 422 ? Code::kUntrusted : http::code_of(response.status);
  return refused(witness, response, code);
}

}  // namespace fleetsweep::witness_client
