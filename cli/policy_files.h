#pragma once

// A compiled policy on this machine: FILE, and the parts of its hash sets in FILE.hashes, one after
// the other in the order in which the policy names them. Without a set there is no second file.

#include "cli/session.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::cli {

Status write_policy_files(const std::string& file, BytesView policy, BytesView hashes);

// To the controller: every part, then the policy. kInvalid: `hashes` are not what the policy names.
Status post_policy(Session& session, BytesView policy, BytesView hashes);
// What lies in these files; nothing when there is no policy. Without FILE.hashes the controller has
// to have the parts already.
Status post_policy_files(Session& session, const std::string& file);

}  // namespace fleetsweep::cli
