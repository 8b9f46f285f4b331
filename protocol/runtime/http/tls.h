#pragma once

// What both sides of TLS share. Private to this folder.

#include <openssl/ssl.h>

#include "protocol/runtime/http/http.h"

namespace fleetsweep::http {

// TLS 1.3, the certificate and its key where there is one, and who is believed. kInvalid names the
// file that does not do.
Status set_up_tls(SSL_CTX& context, const Tls& tls);

}  // namespace fleetsweep::http
