#pragma once

// One value of every document and message, every field set, always the same. Their bytes are the
// goldens in tests/golden and the seeds of the fuzzers.

#include <string>
#include <vector>

#include "protocol/crypto/sign.h"
#include "tests/protocol/codec/random_model.h"

namespace fleetsweep::test {

struct Sample {
  std::string name;          // of the files in tests/golden
  std::string schema;        // documents.capnp
  std::string type;          // Root
  std::string payload_type;  // empty: not signed
  Bytes bytes;
};

inline crypto::SecretKey golden_key() {
  std::array<std::uint8_t, 32> seed;
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::uint8_t>(i);
  return crypto::SecretKey::from_seed(seed);
}

template <class T>
Sample document(std::string name, std::string type) {
  return {std::move(name), "documents.capnp", std::move(type),
          std::string(codec::payload_type<T>()), codec::encode(Filler(1, true).make<T>())};
}

template <class Variant, std::size_t N>
void add_alternatives(std::vector<Sample>& samples, const std::string& prefix,
                      const std::string& schema, const std::string& type,
                      const char* const (&names)[N]) {
  static_assert(N == std::variant_size_v<Variant>, "each message has a golden");
  std::size_t index = 0;
  for (const char* name : names) {
    const auto message = Filler(2 + index, true).make_alternative<Variant>(index);
    samples.push_back({prefix + name, schema, type, "", codec::encode(message)});
    ++index;
  }
}

inline std::vector<Sample> samples() {
  std::vector<Sample> all = {document<model::Root>("root", "Root"),
                             document<model::Order>("order", "Order"),
                             document<model::Release>("release", "Release"),
                             document<model::Stop>("stop", "Stop"),
                             document<model::Resume>("resume", "Resume"),
                             document<model::Close>("close", "Close"),
                             document<model::Endpoints>("endpoints", "Endpoints"),
                             document<model::EnrolBatch>("enrolbatch", "EnrolBatch"),
                             document<model::AgentKey>("agentkey", "AgentKey"),
                             document<model::TimeStatement>("time", "TimeStatement"),
                             document<model::Receipt>("receipt", "Receipt"),
                             {"policy", "policy.capnp", "Policy", "",
                              codec::encode(Filler(1, true).make<model::Policy>())},
                             {"envelope", "documents.capnp", "Envelope", "",
                              codec::encode(Filler(1, true).make<model::Envelope>())},
                             {"finding", "local.capnp", "Finding", "",
                              codec::encode(Filler(1, true).make<model::Finding>())}};
  add_alternatives<model::Message>(
      all, "wire-", "wire.capnp", "Message",
      {"hello", "welcome", "retryafter", "want", "entries", "checkpoint", "blob", "receipts",
       "receiptack", "beat", "enrolrequest", "enrolreply", "timerequest", "timereply", "rekey",
       "rekeyed"});
  add_alternatives<model::LocalMessage>(
      all, "local-", "local.capnp", "LocalMessage",
      {"startchild", "childstarted", "childexited", "scanrequest", "scanprogress", "scandone",
       "actrequest", "actstep", "actdone", "localcommand", "localreply"});
  return all;
}

}  // namespace fleetsweep::test
