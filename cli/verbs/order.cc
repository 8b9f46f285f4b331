#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cli/describe.h"
#include "cli/draft_flags.h"
#include "cli/evidence_source.h"
#include "cli/inbox.h"
#include "cli/order_signing.h"
#include "cli/policy_files.h"
#include "cli/root_change.h"
#include "cli/signer.h"
#include "cli/verbs/verbs.h"
#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sshsig.h"
#include "protocol/log/merkle.h"
#include "protocol/log/tlog_proof.h"
#include "protocol/trust/quorum.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  DraftOptions draft;
  std::string file;
  std::vector<std::string> files;
  std::vector<std::string> keys;
  std::string out;
  std::string root;
  std::string evidence;
  std::string signature;
  std::string proof;
  std::optional<std::uint64_t> hosts;
};

Status draft(Session& session, const Options& options) {
  FS_TRY(const Draft draft, draft_order(session, options.draft));
  FS_TRY(const OrderReview review, review_draft(session, draft));
  FS_TRY(const DocumentId id, write_draft(options.out, draft));
  if (session.console.json) {
    session.console.print(json{
        {"file", options.out},
        {"id", id.hex()},
        {"order", to_json(draft.order)},
        {"wave_sizes", draft.wave_sizes},
        {"notes",
         draft.notes}}.dump());
    return {};
  }
  session.console.print(describe(draft.order, id, review));
  for (const std::string& note : draft.notes) session.console.print("  " + note);
  session.console.next(fmt::format("fleetsweep order sign {} --key YOUR.key", options.out));
  return {};
}

// A file, or a document of the inbox.
Result<model::Envelope> read_order(Session& session, const Options& options) {
  return is_pending_id(options.file) ? pull(session, options.file) : read_document(options.file);
}

Result<model::Envelope> read_only_order(Session& session, const Options& options) {
  if (!is_pending_id(options.file)) return read_document(options.file, model::kPayloadOrder);
  FS_TRY(model::Envelope envelope, pull(session, options.file));
  if (envelope.payload_type == model::kPayloadOrder) return envelope;
  return fail(Code::kInvalid, "document {} is not an order", options.file);
}

// Back where it came from, or into --out.
Status put_back(Session& session, const Options& options, const model::Envelope& envelope) {
  const std::string has = counted(envelope.signatures.size(), "signature");
  if (options.out.empty() && is_pending_id(options.file)) {
    FS_TRY(const json document, push(session, envelope));
    const Standing standing = standing_of(document);
    session.console.print(
        session.console.json ? document.dump()
        : standing.is_met
            ? fmt::format("the inbox has it with {}: complete", has)
            : fmt::format("the inbox has it with {}: it waits for {}", has, standing.waits_for));
    if (standing.is_met)
      session.console.next(fmt::format("fleetsweep order submit {}", options.file));
    return {};
  }
  const std::string& out = options.out.empty() ? options.file : options.out;
  FS_CHECK(write_document(out, envelope));
  session.console.print(session.console.json
                            ? json{{"file", out}, {"signatures", envelope.signatures.size()}}.dump()
                            : fmt::format("{} now has {}", out, has));
  return {};
}

// What stands beside the file, and what the controller adds when one is given: showing an order
// works offline too.
Result<OrderReview> review_of(Session& session, const Options& options,
                              const model::Envelope& envelope, bool is_offline = false) {
  if (envelope.payload_type != model::kPayloadOrder) return OrderReview{};
  FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
  if (session.tenant.empty()) session.tenant = order.tenant.hex();
  Material material;
  if (auto policy = read_text_file(options.file + ".policy"); policy)
    material.policy = to_bytes(*policy);
  else if (!session.url.empty() && order.mode != model::Mode::kUndo)
    if (const auto held = get_raw(session, "policies/" + order.policy.hex()))
      material.policy = to_bytes(*held);
  if (!options.root.empty()) {
    FS_TRY(const model::Envelope root_envelope, read_document(options.root, model::kPayloadRoot));
    FS_TRY(const KnownRoot known, trusted_root(root_envelope));
    if (order.tenant != known.tenant)
      return fail(Code::kUntrusted, "the order is for tenant {}, the root is of {}",
                  order.tenant.hex(), known.tenant.hex());
    material.root = known.root;
    if (const auto warning = expiry_warning(known.root, now()))
      session.console.note("root: " + *warning);
  } else if (!session.url.empty() && !is_offline) {
    if (const auto root = newest_root(session))
      if (const auto warning = expiry_warning(*root, now()))
        session.console.note("root: " + *warning);
  }
  std::optional<OrderEvidence> evidence;
  if (!options.evidence.empty()) {
    FS_TRY(evidence, read_evidence(options.evidence));
  } else if (!session.url.empty() && !is_offline) {
    auto fetched = fetch_evidence(session, order);
    if (fetched)
      evidence = std::move(*fetched);
    else
      session.console.note("nothing from the controller: " + fetched.error().message);
  }
  if (evidence) material.evidence = &*evidence;
  return review_order(envelope, order, material, now());
}

Status confirm_signing(Session& session, const Options& options, const model::Envelope& envelope,
                       const OrderReview& review) {
  FS_TRY(const std::string text, describe(envelope, false, review));
  if (envelope.payload_type == model::kPayloadOrder) {
    FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
    return confirm_order(session, text, order, review, options.hosts, "Sign exactly this?");
  }
  return session.console.confirm(text, "Sign exactly this?");
}

Status show(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_order(session, options));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  FS_TRY(const std::string text, describe(envelope, session.console.json, review));
  session.console.print(text);
  return {};
}

Status sign(Session& session, const Options& options) {
  FS_TRY(model::Envelope envelope, read_order(session, options));
  FS_CHECK(check_signable(envelope));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  FS_CHECK(confirm_signing(session, options, envelope, review));
  for (const std::string& file : options.keys) {
    FS_TRY(const Signer signer, open_signer(session, file));
    FS_CHECK(add_signature(signer, envelope));
  }
  return put_back(session, options, envelope);
}

// For a machine that has ssh-keygen and nothing of ours.
Status export_message(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_order(session, options));
  FS_CHECK(check_signable(envelope));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  FS_CHECK(has_no_objections(review));
  FS_TRY(const std::string text, describe(envelope, session.console.json, review));
  session.console.print(text);
  const Bytes message = crypto::pae(envelope.payload_type, envelope.payload);
  FS_CHECK(write_text_file(options.out, as_text(message)));
  session.console.next(fmt::format("ssh-keygen -Y sign -n {} -f YOUR_KEY {}  and bring back {}.sig",
                                   crypto::kSshNamespace, options.out, options.out));
  return {};
}

Status import_signature(Session& session, const Options& options) {
  FS_TRY(model::Envelope envelope, read_order(session, options));
  FS_TRY(const std::string armored, read_text_file(options.signature));
  FS_TRY(const Bytes blob, crypto::unarmor_ssh_signature(armored));
  FS_TRY(const crypto::SshSignature signature, crypto::parse_ssh_signature(blob));
  const Bytes message = crypto::pae(envelope.payload_type, envelope.payload);
  if (const Status holds = crypto::check_ssh_signature(signature.signer, message, blob); !holds)
    return fail(holds.error().within(options.signature + " for " + options.file));
  FS_CHECK(add_signature({.key = signature.signer.key, .sign = [&](BytesView) { return blob; }},
                         envelope));
  return put_back(session, options, envelope);
}

Status join(Session& session, const Options& options) {
  std::vector<model::Envelope> copies;
  for (const std::string& file : options.files) {
    FS_TRY(model::Envelope one, read_document(file));
    copies.push_back(std::move(one));
  }
  FS_TRY(const model::Envelope all, combine(copies, options.files));
  FS_CHECK(write_document(options.out, all));
  session.console.print(
      session.console.json
          ? json{{"file", options.out}, {"signatures", all.signatures.size()}}.dump()
          : fmt::format("{} has {}", options.out, counted(all.signatures.size(), "signature")));
  return {};
}

// For a machine without a network, where somebody signs.
Status evidence(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_only_order(session, options));
  FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
  if (session.tenant.empty()) session.tenant = order.tenant.hex();
  FS_TRY(const OrderEvidence evidence, fetch_evidence(session, order));
  FS_CHECK(write_text_file(options.out, evidence_text(evidence)));
  session.console.print(session.console.json
                            ? json{{"file", options.out},
                                   {"entries", evidence.log.size()},
                                   {"receipts", evidence.receipts.size()},
                                   {"agents", evidence.hosts.size()}}
                                  .dump()
                            : fmt::format("{} holds {} log entries, {} receipts and {} hosts",
                                          options.out, evidence.log.size(),
                                          evidence.receipts.size(), evidence.hosts.size()));
  session.console.next(fmt::format("fleetsweep order sign {} --evidence {} --key YOUR.key",
                                   options.file, options.out));
  return {};
}

Status submit_order(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_order(session, options));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  // The log takes a document once, whoever else signed this copy of it.
  const bool is_known =
      get_raw(session, "documents/" + crypto::document_id(envelope).hex()).has_value();
  if (!is_known) {
    FS_TRY(const std::string text, describe(envelope, false, review));
    FS_CHECK(session.console.confirm(text, "Submit this? It starts what the document says."));
    FS_CHECK(post_policy_files(session, options.file + ".policy"));
  }
  FS_TRY(const DocumentId id, submit(session, envelope));
  session.console.print(session.console.json
                            ? json{{"id", id.hex()}, {"known", is_known}}.dump()
                            : (is_known ? "in the control log already; this copy changes nothing: "
                                        : "accepted into the control log: ") +
                                  id.hex());
  return {};
}

// That exactly these bytes, with these signatures, are in the log that the root names.
Result<std::string> verify_proof(const Options& options, const model::Envelope& envelope) {
  FS_TRY(const std::string text, read_text_file(options.proof));
  const auto proof = log::TlogProof::parse(text);
  if (!proof) return fail(proof.error().within(options.proof));
  FS_TRY(const model::Envelope root_envelope, read_document(options.root, model::kPayloadRoot));
  FS_TRY(const KnownRoot known, trusted_root(root_envelope));
  FS_TRY(const log::VerifiedCheckpoint head, verified_head(proof->note, known.root));
  FS_CHECK(log::verify_inclusion(log::leaf_hash(codec::encode(envelope)), proof->index,
                                 head.checkpoint.size, proof->hashes, head.checkpoint.root));
  return fmt::format("entry {} of {}, witnessed {}", proof->index, escaped(head.checkpoint.origin),
                     to_rfc3339(head.time));
}

// Is this order signed by enough people under this root, and what it says it is?
Status verify(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_only_order(session, options));
  FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
  FS_TRY(const OrderReview review, review_of(session, options, envelope, true));
  if (review.class_differs(order))
    return fail(Code::kUntrusted, "the order claims class {}, its policy makes it {}",
                name(order.action_class), name(*review.computed));
  if (!review.approvals->met()) return fail(Error(review.approvals->lacking));
  std::string logged;
  if (!options.proof.empty()) {
    FS_TRY(logged, verify_proof(options, envelope));
  }
  std::set<std::string> people;
  for (const trust::ClauseApprovals& clause : review.approvals->clauses)
    people.insert(clause.signed_by.begin(), clause.signed_by.end());
  const std::string names = escaped(fmt::format("{}", fmt::join(people, ", ")));
  session.console.print(session.console.json ? json{{"verified", true},
                                                    {"signed_by", people},
                                                    {"class", name(order.action_class)},
                                                    {"class_computed", review.computed.has_value()},
                                                    {"logged", logged}}
                                                   .dump()
                                             : fmt::format("the quorum for class {} is met: {}",
                                                           name(order.action_class), names));
  if (!logged.empty() && !session.console.json)
    session.console.print("it is in the control log: " + logged);
  if (!review.computed)
    session.console.note("the class is as the order says: its policy is not at hand");
  return {};
}

}  // namespace

void add_order_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* order = app.add_subcommand(
      "order", "one use of a policy: drafted by one, signed by several, submitted by anyone");
  order->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help, Status (*run)(Session&, const Options&),
                        const char* example) {
    CLI::App* sub = order->add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep order ") + example);
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
    return sub;
  };

  CLI::App* make = verb("draft", "write an unsigned order and its compiled policy", draft,
                        "draft --policy policy.yaml --mode apply --campaign web-1 --jurisdiction "
                        "DE --wave 200 --wave 1000,10m,auto --out clean.dsse");
  add_draft_flags(*make, options->draft);
  make->add_option("--out", options->out, "the new document")->required();
  const auto with_root = [&](CLI::App* sub) {
    return sub->add_option("--root", options->root, "the root document: who may approve");
  };
  CLI::App* view = verb("show", "in plain words: what it does, who signed, what its dry run saw",
                        show, "show clean.dsse --root root.dsse");
  view->add_option("file", options->file, "the order: a file, or the id of one in the inbox")
      ->required();
  with_root(view);
  const auto with_evidence = [&](CLI::App* sub) {
    sub->add_option("--evidence", options->evidence,
                    "a file of `order evidence`, in the place of a controller");
  };
  with_evidence(view);

  CLI::App* add =
      verb("sign", "show it, ask, and add your signature", sign, "sign clean.dsse --key alice.key");
  add->add_option("file", options->file, "the order: a file, or the id of one in the inbox")
      ->required();
  add->add_option(
         "--key", options->keys,
         "your key: of `key create`, or OpenSSH's (a .pub when ssh-agent or a token holds it)")
      ->required();
  add->add_option("--out", options->out, "write here instead of into the file");
  add->add_option("--hosts", options->hosts,
                  "for scripts, from class clean on: how many hosts it reaches, as shown");
  with_root(add);
  with_evidence(add);

  CLI::App* outward = verb("export", "the exact bytes to sign, for ssh-keygen on another machine",
                           export_message, "export clean.dsse --out clean.message");
  outward->add_option("file", options->file, "the order: a file, or the id of one in the inbox")
      ->required();
  outward->add_option("--out", options->out, "the bytes")->required();
  with_root(outward);
  with_evidence(outward);
  CLI::App* inward = verb("import", "add a signature that ssh-keygen made of those bytes",
                          import_signature, "import clean.dsse --signature clean.message.sig");
  inward->add_option("file", options->file, "the order: a file, or the id of one in the inbox")
      ->required();
  inward->add_option("--signature", options->signature, "the .sig file")->required();

  CLI::App* several = verb("combine", "one file from the same order signed on several machines",
                           join, "combine clean.alice.dsse clean.bob.dsse --out clean.dsse");
  several->add_option("files", options->files, "signed copies")->required()->expected(2, 64);
  several->add_option("--out", options->out, "the combined document")->required();

  CLI::App* gather = verb("evidence", "what signers need to see, for a machine without a network",
                          evidence, "evidence clean.dsse --out clean.evidence");
  gather->add_option("file", options->file, "the order: a file, or the id of one in the inbox")
      ->required();
  gather->add_option("--out", options->out, "the new file")->required();

  verb("submit", "hand it to the controller, with its policy (FILE.policy)", submit_order,
       "submit clean.dsse")
      ->add_option("file", options->file, "the signed order: a file, or the id of one in the inbox")
      ->required();

  CLI::App* check = verb("verify", "offline: is the quorum met under this root?", verify,
                         "verify clean.dsse --root root.dsse");
  check->add_option("file", options->file, "the order: a file, or the id of one in the inbox")
      ->required();
  with_root(check)->required();
  check->add_option("--proof", options->proof,
                    "also that it is in the log: a tlog-proof of `log proof`");

  add_inbox_verbs(*order, session);
}

}  // namespace fleetsweep::cli
