#include "agent/local/enrolment.h"

#include <unistd.h>

#include <climits>
#include <nlohmann/json.hpp>

#include "protocol/base/limits.h"
#include "protocol/runtime/files/files.h"
#include "protocol/trust/token.h"

namespace fleetsweep::agent {

namespace {

constexpr std::size_t kHexBytes = 2 * Digest::kSize;
constexpr std::size_t kMachineBytes = kHexBytes + PATH_MAX + 2;  // two lines

using Json = nlohmann::json;

Result<std::string> text(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string())
    return fail(Code::kInvalid, "\"{}\": expected a string", key);
  return found->get<std::string>();
}

template <class T>
Result<T> fixed(const Json& json, const char* key) {
  FS_TRY(const std::string hex, text(json, key));
  auto value = T::parse_hex(hex);
  if (!value) return fail(value.error().within(fmt::format("\"{}\"", key)));
  return *value;
}

Result<Bytes> blob(const Json& json, const char* key) {
  FS_TRY(const std::string base64, text(json, key));
  auto bytes = from_base64(base64);
  if (!bytes) return fail(bytes.error().within(fmt::format("\"{}\"", key)));
  return std::move(*bytes);
}

Result<Enrolment> parse(const Json& json) {
  if (!json.is_object()) return fail(Code::kInvalid, "expected one JSON object");
  Enrolment enrolment;
  FS_TRY(enrolment.tenant, fixed<TenantId>(json, "tenant"));
  FS_TRY(enrolment.agent, fixed<AgentId>(json, "agent"));
  FS_TRY(enrolment.token, fixed<PublicKey>(json, "token"));
  FS_TRY(const std::string enrolled, text(json, "enrolled"));
  FS_TRY(enrolment.enrolled, from_rfc3339(enrolled));
  FS_TRY(enrolment.address, text(json, "address"));
  FS_TRY(enrolment.edge, fixed<CurveKey>(json, "edge"));
  FS_TRY(enrolment.batch, blob(json, "batch"));
  FS_TRY(enrolment.endpoints, blob(json, "endpoints"));
  const auto chain = json.find("root_chain");
  if (chain == json.end() || !chain->is_array() || chain->empty() ||
      chain->size() > limits::kRootChain)
    return fail(Code::kInvalid, "\"root_chain\": expected a list of 1 to {} documents",
                limits::kRootChain);
  for (const Json& root : *chain) {
    if (!root.is_string()) return fail(Code::kInvalid, "\"root_chain\": expected strings");
    FS_TRY(Bytes bytes, from_base64(root.get<std::string>()));
    enrolment.root_chain.push_back(std::move(bytes));
  }
  return enrolment;
}

}  // namespace

std::string enrolment_text(const Enrolment& enrolment) {
  Json chain = Json::array();
  for (const Bytes& root : enrolment.root_chain) chain.push_back(to_base64(root));
  const Json json = {{"tenant", enrolment.tenant.hex()},
                     {"agent", enrolment.agent.hex()},
                     {"token", enrolment.token.hex()},
                     {"enrolled", to_rfc3339(enrolment.enrolled)},
                     {"address", enrolment.address},
                     {"edge", enrolment.edge.hex()},
                     {"root_chain", std::move(chain)},
                     {"batch", to_base64(enrolment.batch)},
                     {"endpoints", to_base64(enrolment.endpoints)}};
  return json.dump(1) + "\n";
}

Result<Enrolment> parse_enrolment(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(Code::kInvalid, "not JSON");
  return parse(json);
}

Status write_enrolment(const std::string& path, const Enrolment& enrolment) {
  return files::write_new_file(path, as_bytes(enrolment_text(enrolment)));
}

Result<Enrolment> read_enrolment(const std::string& path) {
  FS_TRY(const Bytes content, files::read_file(path, limits::kEnrolmentBytes));
  auto enrolment = parse_enrolment(as_text(content));
  if (!enrolment) return fail(enrolment.error().within(path));
  return enrolment;
}

Status write_identity_key(const std::string& path, const crypto::SecretKey& key) {
  return files::write_new_file(path, as_bytes(to_hex(key.seed()) + "\n"));
}

Result<crypto::SecretKey> read_identity_key(const std::string& path) {
  FS_TRY(const Bytes content, files::read_file(path, kHexBytes + 1));
  const auto seed = Fixed<32, struct SeedTag>::parse_hex(as_text(content).substr(0, kHexBytes));
  if (!seed) return fail(Code::kInvalid, "key {}: expected 64 hex digits", path);
  return crypto::SecretKey::from_seed(seed->value);
}

Status write_machine(const std::string& state, const Digest& host, const std::string& root) {
  return files::write_file_atomic(state + "/machine", as_bytes(host.hex() + "\n" + root + "\n"),
                                  0600);
}

Result<std::string> enrolled_root(const std::string& state) {
  const auto content = files::read_file(state + "/machine", kMachineBytes);
  if (!content && content.error().code != Code::kNotFound) return fail(content.error());
  if (!content || content->size() <= kHexBytes + 2) return "/";
  return std::string(as_text(*content).substr(kHexBytes + 1, content->size() - kHexBytes - 2));
}

std::string way_to_undo(const std::string& state) {
  if (::access((state + "/act/journal").c_str(), F_OK) != 0) return {};
  return fmt::format(
      ". What was done with it can be undone before that, and after it where it is moved to: "
      "`fleetsweep-agent undo ORDER --offline --state {}`",
      state);
}

Status check_machine(const std::string& state, const Digest& host) {
  const std::string path = state + "/machine";
  const auto anew = fmt::format(
      "move {} away and run `fleetsweep-agent enrol --token-file FILE --connect tcp://HOST:7601 "
      "--state {}`{}",
      state, state, way_to_undo(state));
  const auto content = files::read_file(path, kMachineBytes);
  if (!content && content.error().code == Code::kNotFound)
    return fail(Code::kNotFound, "{} is missing: nothing says on which machine {} was enrolled: {}",
                path, state, anew);
  if (!content) return fail(content.error());
  const auto enrolled = Digest::parse_hex(as_text(*content).substr(0, kHexBytes));
  if (!enrolled) return fail(Code::kInvalid, "{}: expected {} hex digits", path, kHexBytes);
  if (*enrolled == host) return {};
  return fail(Code::kUntrusted,
              "{} was enrolled on another machine: its machine id is {}..., this one's {}... (as "
              "digests). A cloned image has to enrol as a host of its own: {}",
              state, enrolled->hex().substr(0, 12), host.hex().substr(0, 12), anew);
}

Result<Membership> verify_membership(const Enrolment& enrolment) {
  FS_TRY(trust::VerifiedRoot root,
         trust::accept_root_chain(enrolment.root_chain, enrolment.tenant));
  FS_TRY(const model::EnrolBatch batch, trust::check_batch(root, enrolment.batch, enrolment.token));
  return Membership{std::move(root), batch.groups, batch.jurisdiction};
}

}  // namespace fleetsweep::agent
