#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/draft_flags.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
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
  session.console.print(describe(draft.order, id));
  for (const std::string& note : draft.notes) session.console.print("  " + note);
  session.console.next(fmt::format("fleetsweep order sign {} --key YOUR.key", options.out));
  return {};
}

Status show(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file));
  FS_TRY(const std::string text, describe(envelope, session.console.json));
  session.console.print(text);
  return {};
}

Status sign(Session& session, const Options& options) {
  FS_TRY(model::Envelope envelope, read_document(options.file));
  FS_CHECK(check_signable(envelope));
  FS_TRY(const std::string text, describe(envelope, false));
  FS_CHECK(session.console.confirm(text, "Sign exactly this?"));
  for (const std::string& file : options.keys) {
    FS_TRY(const crypto::SecretKey key, read_key(session, file));
    FS_CHECK(crypto::add_signature(envelope, key));
  }
  const std::string& out = options.out.empty() ? options.file : options.out;
  FS_CHECK(write_document(out, envelope));
  session.console.print(
      session.console.json
          ? json{{"file", out}, {"signatures", envelope.signatures.size()}}.dump()
          : fmt::format("{} now has {} signatures", out, envelope.signatures.size()));
  return {};
}

// The same document signed by several people on several machines.
Status combine(Session& session, const Options& options) {
  model::Envelope all;
  for (const std::string& file : options.files) {
    FS_TRY(const model::Envelope one, read_document(file));
    if (all.payload.empty()) all = {one.payload_type, one.payload, {}};
    if (one.payload != all.payload || one.payload_type != all.payload_type)
      return fail(
          Code::kInvalid,
          "{} is another document than {}; only signatures of the same bytes can be combined", file,
          options.files.front());
    for (const model::EnvelopeSignature& signature : one.signatures)
      if (std::ranges::find(all.signatures, signature) == all.signatures.end())
        all.signatures.push_back(signature);
  }
  FS_CHECK(write_document(options.out, all));
  session.console.print(
      session.console.json
          ? json{{"file", options.out}, {"signatures", all.signatures.size()}}.dump()
          : fmt::format("{} has {} signatures", options.out, all.signatures.size()));
  return {};
}

Status submit_order(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file));
  const std::string policy_file = options.file + ".policy";
  if (const auto policy = read_text_file(policy_file); policy && !policy->empty())
    FS_CHECK(post(session, "policies", *policy, "application/octet-stream"));
  FS_TRY(const DocumentId id, submit(session, envelope));
  session.console.print(session.console.json ? json{{"id", id.hex()}}.dump()
                                             : "accepted into the control log: " + id.hex());
  return {};
}

// Offline: is this order signed by enough people under this root?
Status verify(Session& session, const Options& options) {
  FS_TRY(const model::Envelope root_envelope, read_document(options.root));
  FS_TRY(const trust::VerifiedRoot root, trust::accept_first_root(root_envelope, std::nullopt));
  FS_TRY(const model::Envelope envelope, read_document(options.file));
  FS_TRY(const model::Order order, codec::decode<model::Order>(envelope.payload));
  if (order.tenant != root.tenant())
    return fail(Code::kUntrusted, "the order is for tenant {}, the root is of {}",
                order.tenant.hex(), root.tenant().hex());
  const trust::Keys signers = trust::signers(envelope, root.root());
  FS_CHECK(trust::meets(root.root(), trust::role_for(order.action_class), signers));
  const std::vector<std::string> names = trust::holders(root.root(), signers);
  const std::string text = escaped(fmt::format("{}", fmt::join(names, ", ")));
  session.console.print(
      session.console.json
          ? json{{"verified", true}, {"signed_by", names}, {"class", name(order.action_class)}}
                .dump()
          : fmt::format("the quorum for class {} is met: {}", name(order.action_class), text));
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
  verb("show", "in plain words", show, "show clean.dsse")
      ->add_option("file", options->file, "the order")
      ->required();

  CLI::App* add =
      verb("sign", "show it, ask, and add your signature", sign, "sign clean.dsse --key alice.key");
  add->add_option("file", options->file, "the order")->required();
  add->add_option("--key", options->keys, "your key")->required();
  add->add_option("--out", options->out, "write here instead of into the file");

  CLI::App* join = verb("combine", "one file from the same order signed on several machines",
                        combine, "combine clean.alice.dsse clean.bob.dsse --out clean.dsse");
  join->add_option("files", options->files, "signed copies")->required()->expected(2, 64);
  join->add_option("--out", options->out, "the combined document")->required();

  verb("submit", "hand it to the controller, with its policy (FILE.policy)", submit_order,
       "submit clean.dsse")
      ->add_option("file", options->file, "the signed order")
      ->required();

  CLI::App* check = verb("verify", "offline: is the quorum met under this root?", verify,
                         "verify clean.dsse --root root.dsse");
  check->add_option("file", options->file, "the order")->required();
  check->add_option("--root", options->root, "the root document")->required();
}

}  // namespace fleetsweep::cli
