// Signing, verifying, hashing, encoding and decoding, each against the library's own bare call.

#include <capnp/any.h>
#include <capnp/message.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <cstdlib>
#include <cstring>

#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/bulk_hash.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"
#include "protocol/log/tlog_proof.h"
#include "tests/bench/ratio.h"

namespace fleetsweep::bench {
namespace {

// What a host with three findings sends: the message a controller sees most.
model::Receipt typical_receipt() {
  model::Receipt receipt;
  receipt.tenant.value.fill(1);
  receipt.agent.value.fill(2);
  receipt.order.value.fill(3);
  receipt.policy.value.fill(4);
  receipt.kind = model::ReceiptKind::kScan;
  receipt.state = model::HostState::kFound;
  receipt.agent_version = "0.1.0";
  receipt.scanned = 120'000;
  receipt.matched = 3;
  receipt.verdicts = {"infected"};
  for (int i = 0; i < 3; ++i) {
    model::ReceiptItem item;
    item.detection = fmt::format("detection_{}", i);
    item.verdict = "infected";
    item.path_hash.value.fill(5);
    item.sha256.value.fill(6);
    item.sealed_path = Bytes(100, 7);
    receipt.items.push_back(item);
  }
  return receipt;
}

void sign_and_verify(Report& report, const Bytes& payload) {
  const auto key = crypto::SecretKey::generate();
  unsigned char pub[32], secret[64], signature[64];
  FS_ASSERT(sodium_init() >= 0 && crypto_sign_keypair(pub, secret) == 0);
  const Bytes message = crypto::pae(model::kPayloadReceipt, payload);
  report.compare(
      "sign a receipt", 1.3,
      [&] { crypto_sign_detached(signature, nullptr, message.data(), message.size(), secret); },
      [&] { (void)crypto::sign_envelope(model::kPayloadReceipt, payload, key); });
  const auto envelope = crypto::sign_envelope(model::kPayloadReceipt, payload, key);
  report.compare(
      "verify a receipt", 1.15,
      [&] {
        FS_ASSERT(crypto_sign_verify_detached(signature, message.data(), message.size(), pub) == 0);
      },
      [&] { FS_ASSERT(crypto::verify_envelope(key.public_key(), envelope)); });
}

void hash(Report& report) {
  const Bytes file(1 << 20, 9);
  report.compare(
      "SHA-256 of 1 MiB", 1.1,
      [&] {
        unsigned char digest[32];
        FS_ASSERT(EVP_Digest(file.data(), file.size(), digest, nullptr, EVP_sha256(), nullptr) ==
                  1);
      },
      [&] {
        crypto::BulkHash hash(crypto::HashKind::kSha256);
        hash.update(file);
        (void)hash.finish();
      });
  const Digest left, right;
  report.compare(
      "Merkle node", 1.3,
      [&] {
        unsigned char node[65] = {}, digest[32];
        crypto_hash_sha256(digest, node, sizeof node);
      },
      [&] { (void)log::node_hash(left, right); });
}

void verify_checkpoint(Report& report) {
  const auto key = crypto::SecretKey::generate(), witness = crypto::SecretKey::generate();
  log::Note note = log::sign_checkpoint({"log.example/tenant", 1000, {}}, key);
  note.signatures.push_back(log::cosign(note.body, "witness.example", witness, timestamp(1)));
  const std::string text = note.text();
  const log::VerifierKey log{"log.example/tenant", log::KeyType::kEd25519, key.public_key()};
  const log::VerifierKey cosigner{"witness.example", log::KeyType::kCosignatureV1,
                                  witness.public_key()};
  const Signature signature = key.sign(as_bytes(note.body));
  report.compare(
      "verify a witnessed checkpoint", 1.2,
      [&] {
        for (int i = 0; i < 2; ++i)  // the log's and the witness's
          FS_ASSERT(
              crypto_sign_verify_detached(signature.value.data(),
                                          reinterpret_cast<const unsigned char*>(note.body.data()),
                                          note.body.size(), key.public_key().value.data()) == 0);
      },
      [&] { FS_ASSERT(log::verify_checkpoint(text, log, {cosigner}, 1).has_value()); });
}

// A tlog-proof among a million entries, from its text: the log's and the witness's signatures, and
// twenty hashes, which together are all that an outsider has to believe.
void verify_proof(Report& report) {
  const auto key = crypto::SecretKey::generate(), witness = crypto::SecretKey::generate();
  constexpr std::uint64_t kSize = 1 << 20, kIndex = 700'001;
  log::TlogProof proof{std::nullopt, kIndex, std::vector<Digest>(20), ""};
  Digest root = log::leaf_hash(as_bytes("entry"));
  for (std::size_t level = 0; level < proof.hashes.size(); ++level) {
    proof.hashes[level].value.fill(static_cast<std::uint8_t>(level));
    root = kIndex >> level & 1 ? log::node_hash(proof.hashes[level], root)
                               : log::node_hash(root, proof.hashes[level]);
  }
  log::Note note = log::sign_checkpoint({"log.example/tenant", kSize, root}, key);
  note.signatures.push_back(log::cosign(note.body, "witness.example", witness, timestamp(1)));
  proof.note = note.text();
  const std::string text = proof.text();
  const log::VerifierKey log{"log.example/tenant", log::KeyType::kEd25519, key.public_key()};
  const log::VerifierKey cosigner{"witness.example", log::KeyType::kCosignatureV1,
                                  witness.public_key()};
  const Signature signature = key.sign(as_bytes(note.body));
  report.compare(
      "verify checkpoint and inclusion", 1.3,
      [&] {
        for (int i = 0; i < 2; ++i)
          FS_ASSERT(
              crypto_sign_verify_detached(signature.value.data(),
                                          reinterpret_cast<const unsigned char*>(note.body.data()),
                                          note.body.size(), key.public_key().value.data()) == 0);
      },
      [&] {
        const auto read = log::TlogProof::parse(text);
        const auto head = log::verify_checkpoint(read->note, log, {cosigner}, 1);
        FS_ASSERT(log::verify_inclusion(log::leaf_hash(as_bytes("entry")), read->index,
                                        head->checkpoint.size, read->hashes, head->checkpoint.root)
                      .has_value());
      });
}

// The floor is Cap'n Proto's own: writing an equal message in canonical form, and checking that
// received bytes are canonical, which no decoder of signed bytes can leave out.
void encode_and_decode(Report& report, const model::Receipt& receipt, const Bytes& bytes) {
  const auto words = std::make_unique<capnp::word[]>(bytes.size() / sizeof(capnp::word));
  const kj::ArrayPtr<const capnp::word> segment(words.get(), bytes.size() / sizeof(capnp::word));
  const auto copy = [&] { std::memcpy(words.get(), bytes.data(), bytes.size()); };
  copy();
  const kj::ArrayPtr<const capnp::word> segments[] = {segment};
  report.compare(
      "encode a receipt", 1,
      [&] {
        capnp::SegmentArrayMessageReader reader({segments, 1});
        (void)reader.getRoot<capnp::AnyStruct>().canonicalize();
      },
      [&] { (void)codec::encode(receipt); });
  report.compare(
      "decode a receipt", 4,  // makes some twenty strings; a fortieth of its verification
      [&] {
        copy();
        capnp::SegmentArrayMessageReader reader({segments, 1});
        FS_ASSERT(reader.isCanonical());
      },
      [&] { FS_ASSERT(codec::decode<model::Receipt>(bytes).has_value()); });
}

int run() {
  Report report;
  const model::Receipt receipt = typical_receipt();
  const Bytes payload = codec::encode(receipt);
  std::printf("a receipt with 3 items: %zu bytes\n", payload.size());
  Report::print_head();
  sign_and_verify(report, payload);
  hash(report);
  verify_checkpoint(report);
  verify_proof(report);
  encode_and_decode(report, receipt, payload);
  return report.exit_code();
}

}  // namespace
}  // namespace fleetsweep::bench

int main() {
  return fleetsweep::bench::run();
}
