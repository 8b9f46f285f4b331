#pragma once

// What enrolment left behind: DIR/enrolment, DIR/identity.key, DIR/curve.key, DIR/machine.
// Everything in it is verified again from bytes at each start.

#include <string>
#include <vector>

#include "protocol/crypto/sign.h"
#include "protocol/trust/root_chain.h"

namespace fleetsweep::agent {

struct Enrolment {
  TenantId tenant;
  AgentId agent;
  PublicKey token;  // the token's public key: its batch says our groups and jurisdiction
  Timestamp enrolled;
  std::string address;  // tcp://host:port of the agents' socket
  CurveKey edge;
  std::vector<Bytes> root_chain;  // encoded envelopes, version 1 first
  Bytes batch;
  Bytes endpoints;  // empty: none yet
  bool operator==(const Enrolment&) const = default;
};

// The file is JSON, one object. kInvalid says which key is wrong; kConflict: there is one already.
std::string enrolment_text(const Enrolment& enrolment);
Result<Enrolment> parse_enrolment(std::string_view text);
Status write_enrolment(const std::string& path, const Enrolment& enrolment);
Result<Enrolment> read_enrolment(const std::string& path);

// The identity key: one line, the seed in hex, 0600, never overwritten.
Status write_identity_key(const std::string& path, const crypto::SecretKey& key);
Result<crypto::SecretKey> read_identity_key(const std::string& path);

// The machine this state was enrolled on, as the digest of its machine id, and the root it was
// enrolled for. Root's own file, which the monitor reads: an identity that wakes up on another
// machine is a clone's, and two hosts with one identity would fork one chain of receipts.
Status write_machine(const std::string& state, const Digest& host, const std::string& root);
// What the agent looks after unless it is told; "/" where nothing says so.
Result<std::string> enrolled_root(const std::string& state);
// To be said where an agent cannot start, or its folder is to be moved away: vault and journal go
// with it. Empty: nothing was ever done with this state.
std::string way_to_undo(const std::string& state);
// kUntrusted: it was another machine, with the way out; kNotFound: nothing says which it was.
Status check_machine(const std::string& state, const Digest& host);

// The enrolment with its documents verified.
struct Membership {
  trust::VerifiedRoot root;
  std::vector<std::string> groups;
  std::string jurisdiction;
};
Result<Membership> verify_membership(const Enrolment& enrolment);

}  // namespace fleetsweep::agent
