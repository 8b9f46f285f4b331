// Consent files, enrolment tokens, log entries, payloads that people really signed, what OpenSSH
// writes (a public key, an armored signature, a signature), reports, what a witness host said of
// the time, what an edge sends a host of its log, and the evidence that travels with an order: the
// first byte chooses. What is refused must change nothing, and what is accepted must be judged
// without a crash.

#include <cstdint>
#include <string_view>

#include "cli/order_evidence.h"
#include "cli/report_html.h"
#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"
#include "protocol/crypto/sshsig.h"
#include "protocol/trust/consent.h"
#include "protocol/trust/time_proof.h"
#include "protocol/trust/token.h"
#include "tests/fuzz/tenant.h"

namespace {

using namespace fleetsweep;

const fuzz::Tenant& tenant() {
  static const fuzz::Tenant result;
  return result;
}

void parse_consent(std::string_view text) {
  const auto consent = trust::parse_consent(text);
  if (!consent) return;
  for (const auto& path : consent->denied) FS_ASSERT(!trust::allows_path(*consent, path));
}

void parse_token(std::string_view text) {
  const auto token = trust::parse_token(text);
  if (token) FS_ASSERT(trust::parse_token(trust::token_text(*token)).value() == *token);
}

// Each input meets the tenant's log anew.
void fold(BytesView entry) {
  const fixture::World& world = tenant().world;
  trust::LogView view = tenant().log;
  trust::State before = view.state();
  const trust::Notice notice = view.replay(entry, fixture::start());
  if (notice.taken == trust::Taken::kRefused) {
    ++before.size;
    FS_ASSERT(view.state() == before);
  }
  for (const auto& [id, order] : view.state().orders)
    (void)trust::judge({view.state(), world.host, view.floor(), world.clock, false, &world.facts,
                        world.executed, world.dry_runs, world.poisoned},
                       id);
}

void parse_ssh_key(std::string_view line) {
  const auto key = crypto::parse_ssh_public_key(line);
  if (!key) return;
  FS_ASSERT(crypto::parse_ssh_public_key(std::string(line) + "\n").value() == *key);
  FS_ASSERT(!crypto::parse_ssh_public_key("x" + std::string(line)));
}

// Every byte is accounted for: neither less nor more of them is a signature.
void parse_ssh_signature(BytesView blob) {
  const auto signature = crypto::parse_ssh_signature(blob);
  if (!signature) return;
  FS_ASSERT(!crypto::parse_ssh_signature(blob.first(blob.size() - 1)));
  Bytes longer = to_bytes(blob);
  longer.push_back(0);
  FS_ASSERT(!crypto::parse_ssh_signature(longer));
  if (crypto::check_ssh_signature(signature->signer, as_bytes(fuzz::kSshMessage), blob))
    FS_ASSERT(signature->name_space == crypto::kSshNamespace && signature->hash == "sha512");
}

// Of the closed campaign's tenant, as a stranger hands it over; what holds can be shown.
void read_report(std::string_view text) {
  static const fixture::Tenant of_report;
  static const auto root = *codec::decode<model::Envelope>(of_report.root_envelope());
  const auto report = cli::verify_report(text, root);
  if (report) FS_ASSERT(!cli::report_html(*report, "report.json", {}).empty());
  if (!report) FS_ASSERT(!report.error().place.empty());
}

// A host that is new, and one that is known and offers another transport key.
void introduce(BytesView envelope) {
  static const model::AgentKey known =
      codec::decode<model::AgentKey>(codec::decode<model::Envelope>(tenant().agent_key())->payload)
          .value();
  (void)tenant().enrolment(envelope);
  const auto key = trust::check_rekey(known, envelope);
  FS_ASSERT(!key || (key->identity == known.identity && key->curve != known.curve));
}

// Really signed by the time key, and as a stranger sends it.
void tell_time(BytesView bytes) {
  const fixture::World& world = tenant().world;
  model::Root root = world.tenant.root();
  root.time_keys = {fixture::key_named("time").public_key()};
  model::TimeProof proof{to_bytes(bytes), world.clock.boottime, {}};
  FS_ASSERT(!trust::verify_time(proof, root, world.tenant.id(), world.clock));
  proof.statement = codec::encode(
      crypto::sign_envelope(model::kPayloadTime, to_bytes(bytes), fixture::key_named("time")));
  const auto told = trust::verify_time(proof, root, world.tenant.id(), world.clock);
  if (told) (void)trust::corrected(world.clock, world.view.floor(), *told);
}

// Messages one behind the other, each with its length in two bytes, in any order: entries and
// checkpoints of somebody who is not believed. No entry counts that no witnessed tree holds.
void hear(BytesView bytes) {
  const fixture::World& world = tenant().world;
  trust::LogView view(world.tenant.verified());
  while (bytes.size() >= 2) {
    const std::size_t size = std::min<std::size_t>(bytes[0] << 8 | bytes[1], bytes.size() - 2);
    const auto message = codec::decode<model::Message>(bytes.subspan(2, size));
    bytes = bytes.subspan(2 + size);
    if (!message) continue;
    if (const auto* entries = std::get_if<model::Entries>(&*message))
      (void)view.append(entries->from, entries->entries, world.clock);
    if (const auto* checkpoint = std::get_if<model::Checkpoint>(&*message))
      (void)view.checkpoint(checkpoint->note, world.clock);
  }
  FS_ASSERT(!view.forked() && view.size() <= world.log.entries().size());
}

// From a machine that is not believed; what it says in full is said again the same.
void read_evidence(std::string_view text) {
  const auto evidence = cli::parse_evidence(text);
  if (!evidence) return;
  const std::string again = cli::evidence_text(*evidence);
  FS_ASSERT(cli::evidence_text(cli::parse_evidence(again).value()) == again);
  const auto& orders = tenant().log.state().orders;
  (void)cli::checked_dry_run(*evidence, tenant().log.state(), orders.begin()->second.order);
}

void parse_one(std::uint8_t which, BytesView bytes) {
  switch (which % 13) {
    case 0:
      return parse_consent(as_text(bytes));
    case 1:
      return parse_token(as_text(bytes));
    case 2:
      return fold(bytes);
    case 3:
      return introduce(bytes);
    case 5:
      return parse_ssh_key(as_text(bytes));
    case 6:
      if (const auto blob = crypto::unarmor_ssh_signature(as_text(bytes)))
        parse_ssh_signature(*blob);
      return;
    case 7:
      return parse_ssh_signature(bytes);
    case 8:
      return read_report(as_text(bytes));
    case 9:
      return read_report(codec::to_dsse_json(crypto::sign_envelope(
          cli::kPayloadReport, to_bytes(bytes), fixture::key_named("alice"))));
    case 10:
      return tell_time(bytes);
    case 11:
      return hear(bytes);
    case 12:
      return read_evidence(as_text(bytes));
    default:
      if (!bytes.empty()) fold(tenant().signed_by_all(bytes[0], to_bytes(bytes.subspan(1))));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) parse_one(data[0], {data + 1, size - 1});
  return 0;
}
