#pragma once

// The controller's own keys, made once by `init`. None of them is an operator's: they sign
// checkpoints, open automatic gates where the root says so, and speak CURVE.

#include <string>

#include "protocol/crypto/sign.h"
#include "protocol/runtime/net/curve.h"

namespace fleetsweep::controller {

struct Keys {
  std::string origin;  // of logs: "soc.example"; a tenant's is this or "soc.example/customer"
  crypto::SecretKey log;
  crypto::SecretKey conductor;
  net::CurveKeyPair edge;
};

// Makes the state directory and its keys, once: a repetition changes nothing. kConflict: they are
// those of another origin.
Status init_keys(const std::string& state, const std::string& origin);
// The log's key was lost or stolen: makes another, for logs of another name, and forgets the old
// one. No host follows it before a root names it. kConflict: the name is the old one's, or a
// controller runs here.
Status rotate_log_key(const std::string& state, const std::string& origin);
// kNotFound: run init first.
Result<Keys> read_keys(const std::string& state);
// {"log_vkey": ..., "edge_curve": ..., "conductor": ...}: what a root names, and tokens. A tenant's
// log has an origin of its own. kInvalid: not an origin.
Result<std::string> public_keys_json(const Keys& keys, const std::string& origin);

std::string database_path(const std::string& state);

}  // namespace fleetsweep::controller
