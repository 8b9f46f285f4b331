// DSSE's JSON form: https://github.com/secure-systems-lab/dsse, envelope.md v1.

#include <nlohmann/json.hpp>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/dsse.h"
#include "protocol/codec/json_members.h"

namespace fleetsweep::codec {
namespace {

using Json = nlohmann::json;

Result<std::string> text_at(const Json& object, const char* name, std::string_view where) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string())
    return fail(Code::kInvalid, "{}: a text \"{}\" was expected", where, name);
  return found->get<std::string>();
}

Result<Bytes> base64_at(const Json& object, const char* name, std::string_view where) {
  FS_TRY(const std::string text, text_at(object, name, where));
  auto bytes = from_base64(text);
  if (!bytes) return fail(bytes.error().within(fmt::format("{}: {}", where, name)));
  return bytes;
}

Result<model::EnvelopeSignature> signature_of(const Json& object, const std::string& where) {
  if (!object.is_object()) return fail(Code::kInvalid, "{}: an object was expected", where);
  model::EnvelopeSignature signature;
  FS_TRY(signature.signature, base64_at(object, "sig", where));
  // DSSE makes keyid optional: it is a hint.
  if (!object.contains("keyid")) return signature;
  FS_TRY(const std::string hex, text_at(object, "keyid", where));
  auto key = KeyId::parse_hex(hex);
  if (!key) return fail(key.error().within(where + ": keyid"));
  signature.key = *key;
  return signature;
}

}  // namespace

std::string to_dsse_json(const model::Envelope& envelope) {
  Json signatures = Json::array();
  for (const auto& signature : envelope.signatures)
    signatures.push_back({{"keyid", signature.key.hex()}, {"sig", to_base64(signature.signature)}});
  const Json object = {{"payloadType", escaped(envelope.payload_type)},
                       {"payload", to_base64(envelope.payload)},
                       {"signatures", std::move(signatures)}};
  return object.dump(2) + "\n";
}

Result<model::Envelope> from_dsse_json(std::string_view json) {
  FS_TRY(const model::Envelope envelope, parse_dsse_json(json, limits::kDsseJsonBytes));
  // One reading of the same envelope everywhere: what the binary form refuses is refused here.
  return decode<model::Envelope>(encode(envelope));
}

Result<model::Envelope> parse_dsse_json(std::string_view json, std::size_t bytes_max) {
  if (json.size() > bytes_max)
    return fail(Code::kInvalid, "DSSE JSON: {} bytes where at most {} were expected", json.size(),
                bytes_max);
  const Json object = Json::parse(json, nullptr, false);
  if (!object.is_object()) return fail(Code::kInvalid, "DSSE JSON: one JSON object was expected");
  if (const Status once = no_member_twice(json); !once)
    return fail(once.error().within("DSSE JSON"));
  model::Envelope envelope;
  FS_TRY(envelope.payload_type, text_at(object, "payloadType", "DSSE JSON"));
  FS_TRY(envelope.payload, base64_at(object, "payload", "DSSE JSON"));
  const auto signatures = object.find("signatures");
  if (signatures == object.end() || !signatures->is_array())
    return fail(Code::kInvalid, "DSSE JSON: a list \"signatures\" was expected");
  if (signatures->size() > limits::kSignatures)
    return fail(Code::kInvalid, "DSSE JSON: {} signatures where at most {} were expected",
                signatures->size(), limits::kSignatures);
  for (std::size_t i = 0; i < signatures->size(); ++i) {
    FS_TRY(auto signature,
           signature_of((*signatures)[i], fmt::format("DSSE JSON: signatures[{}]", i)));
    envelope.signatures.push_back(std::move(signature));
  }
  return envelope;
}

}  // namespace fleetsweep::codec
