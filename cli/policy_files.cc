#include "cli/policy_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/runtime/sealed/sealed.h"

namespace fleetsweep::cli {
namespace {

constexpr std::string_view kHashesSuffix = ".hashes";
constexpr const char* kContentType = "application/octet-stream";

}  // namespace

Status write_policy_files(const std::string& file, BytesView policy, BytesView hashes) {
  FS_CHECK(write_text_file(file, as_text(policy)));
  if (hashes.empty()) return {};
  return write_text_file(file + std::string(kHashesSuffix), as_text(hashes));
}

Status post_policy(Session& session, BytesView policy, BytesView hashes) {
  if (!hashes.empty()) {
    FS_TRY(const model::Policy decoded, codec::decode<model::Policy>(policy));
    for (const model::HashPart& part : hash_set::hash_parts(decoded)) {
      const BytesView bytes = hashes.first(std::min<std::size_t>(part.bytes, hashes.size()));
      if (crypto::sha256(bytes) != part.digest)
        return fail(Code::kInvalid,
                    "the hashes beside the policy are not those that it names\nnext:  build or "
                    "draft it again");
      FS_CHECK(post(session, "policies", to_text(bytes), kContentType));
      hashes = hashes.subspan(bytes.size());
    }
  }
  FS_CHECK(post(session, "policies", to_text(policy), kContentType));
  return {};
}

Status post_policy_files(Session& session, const std::string& file) {
  const auto policy = read_text_file(file);
  if (!policy || policy->empty()) return {};
  const auto hashes = runtime::Mapped::of_file(file + std::string(kHashesSuffix),
                                               limits::kHashParts * limits::kHashPartBytes);
  if (!hashes && hashes.error().code != Code::kNotFound) return fail(hashes.error());
  return post_policy(session, as_bytes(*policy), hashes ? hashes->bytes() : BytesView());
}

}  // namespace fleetsweep::cli
