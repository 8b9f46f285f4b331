#include "protocol/runtime/http/tls.h"

#include <openssl/err.h>

namespace fleetsweep::http {
namespace {

Error cannot_use(std::string_view what, const std::string& path, std::string_view expected) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return {Code::kInvalid, fmt::format("TLS: cannot use {} {}: {}; expected {}", what, path,
                                      reason == nullptr ? "unknown reason" : reason, expected)};
}

}  // namespace

Status set_up_tls(SSL_CTX& context, const Tls& tls) {
  SSL_CTX_set_min_proto_version(&context, TLS1_3_VERSION);
  if (tls.certificate.empty() != tls.key.empty())
    return fail(Code::kInvalid,
                "TLS: a certificate and its key go together, one of them is missing");
  if (!tls.certificate.empty()) {
    if (SSL_CTX_use_certificate_chain_file(&context, tls.certificate.c_str()) != 1)
      return fail(cannot_use("the certificate", tls.certificate, "PEM, the own one first"));
    if (SSL_CTX_use_PrivateKey_file(&context, tls.key.c_str(), SSL_FILETYPE_PEM) != 1)
      return fail(cannot_use("the key", tls.key, "PEM, the key of the certificate"));
  }
  if (!tls.authorities.empty() &&
      SSL_CTX_load_verify_locations(&context, tls.authorities.c_str(), nullptr) != 1)
    return fail(cannot_use("the authorities", tls.authorities, "PEM"));
  return {};
}

}  // namespace fleetsweep::http
