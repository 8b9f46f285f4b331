#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/describe.h"
#include "cli/draft_flags.h"
#include "cli/signer.h"
#include "cli/verbs/verbs.h"
#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sshsig.h"
#include "protocol/log/merkle.h"
#include "protocol/log/tlog_proof.h"
#include "protocol/trust/quorum.h"
#include "protocol/trust/root_chain.h"
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
  std::string signature;
  std::string proof;
};

Status draft(Session& session, const Options& options) {
  FS_TRY(const Draft draft, draft_order(session, options.draft));
  const model::Envelope envelope{std::string(model::kPayloadOrder), codec::encode(draft.order), {}};
  const DocumentId id = crypto::document_id(envelope);
  FS_CHECK(write_document(options.out, envelope));
  FS_CHECK(write_text_file(options.out + ".policy", as_text(draft.policy)));
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
  session.console.print(describe(draft.order, id, {.computed = draft.order.action_class}));
  for (const std::string& note : draft.notes) session.console.print("  " + note);
  session.console.next(fmt::format("fleetsweep order sign {} --key YOUR.key", options.out));
  return {};
}

// What stands beside the file, and what the controller adds when one is given: showing an order
// works offline too.
Result<OrderReview> review_of(Session& session, const Options& options,
                              const model::Envelope& envelope) {
  OrderReview review;
  if (envelope.payload_type != model::kPayloadOrder) return review;
  FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
  Result<std::string> policy = read_text_file(options.file + ".policy");
  if (!policy && !session.url.empty() && order.mode != model::Mode::kUndo)
    policy = get_raw(session, "policies/" + order.policy.hex());
  if (policy || order.mode == model::Mode::kUndo) {
    FS_TRY(review.computed, computed_class(order, as_bytes(policy.value_or(""))));
  }
  if (!options.root.empty()) {
    FS_TRY(const model::Envelope root_envelope, read_document(options.root, model::kPayloadRoot));
    FS_TRY(const trust::VerifiedRoot root, trust::accept_first_root(root_envelope, std::nullopt));
    if (order.tenant != root.tenant())
      return fail(Code::kUntrusted, "the order is for tenant {}, the root is of {}",
                  order.tenant.hex(), root.tenant().hex());
    review.quorum =
        quorum_status(envelope, root.root(), review.computed.value_or(order.action_class));
  }
  if (!order.dry_run_order.is_zero() && !session.url.empty()) {
    const auto receipts = fetch_receipts(session, order.campaign);
    if (receipts) review.dry_run = dry_run_numbers(*receipts, order);
    if (!receipts) session.console.note("no dry-run numbers: " + receipts.error().message);
  }
  return review;
}

// An order that understates what it does would need fewer people.
Status has_its_class(const model::Envelope& envelope, const OrderReview& review) {
  if (!review.computed) return {};
  FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
  if (!review.class_differs(order)) return {};
  return fail(Code::kUntrusted, "the order claims class {}, its policy makes it {}",
              name(order.action_class), name(*review.computed));
}

Status show(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  FS_TRY(const std::string text, describe(envelope, session.console.json, review));
  session.console.print(text);
  return {};
}

Status sign(Session& session, const Options& options) {
  FS_TRY(model::Envelope envelope, read_document(options.file));
  FS_CHECK(check_signable(envelope));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  FS_CHECK(has_its_class(envelope, review));
  FS_TRY(const std::string text, describe(envelope, false, review));
  FS_CHECK(session.console.confirm(text, "Sign exactly this?"));
  for (const std::string& file : options.keys) {
    FS_TRY(const Signer signer, open_signer(session, file));
    FS_CHECK(add_signature(signer, envelope));
  }
  const std::string& out = options.out.empty() ? options.file : options.out;
  FS_CHECK(write_document(out, envelope));
  session.console.print(
      session.console.json
          ? json{{"file", out}, {"signatures", envelope.signatures.size()}}.dump()
          : fmt::format("{} now has {}", out, counted(envelope.signatures.size(), "signature")));
  return {};
}

// For a machine that has ssh-keygen and nothing of ours.
Status export_message(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file));
  FS_CHECK(check_signable(envelope));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  FS_CHECK(has_its_class(envelope, review));
  FS_TRY(const std::string text, describe(envelope, session.console.json, review));
  session.console.print(text);
  const Bytes message = crypto::pae(envelope.payload_type, envelope.payload);
  FS_CHECK(write_text_file(options.out, as_text(message)));
  session.console.next(fmt::format("ssh-keygen -Y sign -n {} -f YOUR_KEY {}  and bring back {}.sig",
                                   crypto::kSshNamespace, options.out, options.out));
  return {};
}

Status import_signature(Session& session, const Options& options) {
  FS_TRY(model::Envelope envelope, read_document(options.file));
  FS_TRY(const std::string armored, read_text_file(options.signature));
  FS_TRY(const Bytes blob, crypto::unarmor_ssh_signature(armored));
  FS_TRY(const crypto::SshSignature signature, crypto::parse_ssh_signature(blob));
  const Bytes message = crypto::pae(envelope.payload_type, envelope.payload);
  if (const Status holds = crypto::check_ssh_signature(signature.signer, message, blob); !holds)
    return fail(holds.error().within(options.signature + " for " + options.file));
  FS_CHECK(add_signature({.key = signature.signer.key, .sign = [&](BytesView) { return blob; }},
                         envelope));
  FS_CHECK(write_document(options.file, envelope));
  session.console.print(
      session.console.json
          ? json{{"file", options.file}, {"signatures", envelope.signatures.size()}}.dump()
          : fmt::format("{} now has {}", options.file,
                        counted(envelope.signatures.size(), "signature")));
  return {};
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

Status submit_order(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file));
  const std::string policy_file = options.file + ".policy";
  if (const auto policy = read_text_file(policy_file); policy && !policy->empty())
    FS_CHECK(post(session, "policies", *policy, "application/octet-stream"));
  // The log takes a document once, whoever else signed this copy of it.
  const bool is_known =
      get_raw(session, "documents/" + crypto::document_id(envelope).hex()).has_value();
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
  FS_TRY(const trust::VerifiedRoot root, trust::accept_first_root(root_envelope, std::nullopt));
  FS_TRY(const log::VerifiedCheckpoint head, verified_head(proof->note, root.root()));
  FS_CHECK(log::verify_inclusion(log::leaf_hash(codec::encode(envelope)), proof->index,
                                 head.checkpoint.size, proof->hashes, head.checkpoint.root));
  return fmt::format("entry {} of {}, witnessed {}", proof->index, escaped(head.checkpoint.origin),
                     to_rfc3339(head.time));
}

// Is this order signed by enough people under this root, and what it says it is?
Status verify(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file, model::kPayloadOrder));
  FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
  FS_TRY(const OrderReview review, review_of(session, options, envelope));
  FS_CHECK(has_its_class(envelope, review));
  FS_CHECK(review.quorum->met);
  std::string logged;
  if (!options.proof.empty()) {
    FS_TRY(logged, verify_proof(options, envelope));
  }
  std::set<std::string> people;
  for (const ClauseStatus& clause : review.quorum->clauses)
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
    session.console.note(
        "the class is as the order says: its policy is not beside it, and no --url was given");
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
  view->add_option("file", options->file, "the order")->required();
  with_root(view);

  CLI::App* add =
      verb("sign", "show it, ask, and add your signature", sign, "sign clean.dsse --key alice.key");
  add->add_option("file", options->file, "the order")->required();
  add->add_option(
         "--key", options->keys,
         "your key: of `key create`, or OpenSSH's (a .pub when ssh-agent or a token holds it)")
      ->required();
  add->add_option("--out", options->out, "write here instead of into the file");
  with_root(add);

  CLI::App* outward = verb("export", "the exact bytes to sign, for ssh-keygen on another machine",
                           export_message, "export clean.dsse --out clean.message");
  outward->add_option("file", options->file, "the order")->required();
  outward->add_option("--out", options->out, "the bytes")->required();
  with_root(outward);
  CLI::App* inward = verb("import", "add a signature that ssh-keygen made of those bytes",
                          import_signature, "import clean.dsse --signature clean.message.sig");
  inward->add_option("file", options->file, "the order")->required();
  inward->add_option("--signature", options->signature, "the .sig file")->required();

  CLI::App* several = verb("combine", "one file from the same order signed on several machines",
                           join, "combine clean.alice.dsse clean.bob.dsse --out clean.dsse");
  several->add_option("files", options->files, "signed copies")->required()->expected(2, 64);
  several->add_option("--out", options->out, "the combined document")->required();

  verb("submit", "hand it to the controller, with its policy (FILE.policy)", submit_order,
       "submit clean.dsse")
      ->add_option("file", options->file, "the signed order")
      ->required();

  CLI::App* check = verb("verify", "offline: is the quorum met under this root?", verify,
                         "verify clean.dsse --root root.dsse");
  check->add_option("file", options->file, "the order")->required();
  with_root(check)->required();
  check->add_option("--proof", options->proof,
                    "also that it is in the log: a tlog-proof of `log proof`");
}

}  // namespace fleetsweep::cli
