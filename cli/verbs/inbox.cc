// `order pending`, push, pull and withdraw: the inbox of those who sign.

#include "cli/inbox.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/checks.h"
#include "cli/json_text.h"
#include "cli/policy_files.h"
#include "cli/signer.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/trust/admission.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string file;
  std::string id;
  std::string holder;
  std::string key;
  std::string out;
};

std::string standing_text(const json& document) {
  const std::string overtaken = text_of(document, "overtaken");
  if (!overtaken.empty()) return "OVERTAKEN: " + overtaken;
  const Standing standing = standing_of(document);
  return standing.is_met ? "complete: submit it" : "waits for " + standing.waits_for;
}

Status pending(Session& session, const Options& options) {
  std::string key;
  if (!options.key.empty()) {
    FS_TRY(const PublicKey of, read_public_key(options.key));
    key = of.hex();
  }
  FS_TRY(const json all, pending_documents(session));
  json chosen = json::array();
  for (const json& document : all)
    if ((options.holder.empty() || waits_for_holder(document, options.holder)) &&
        (key.empty() || waits_for_key(document, key)))
      chosen.push_back(document);
  if (session.console.json) {
    session.console.print(chosen.dump());
    return {};
  }
  std::vector<std::vector<std::string>> rows = {
      {"ID", "TENANT", "TYPE", "CLASS", "WHAT", "SIGNED BY", "STANDING", "UNTIL"}};
  for (const json& document : chosen)
    rows.push_back({text_of(document, "id").substr(0, 12), text_of(document, "tenant_name"),
                    text_of(document, "type"), text_of(document, "class"),
                    text_of(document, "title"),
                    fmt::format("{}", fmt::join(standing_of(document).signed_by, ", ")),
                    standing_text(document), text_of(document, "ends")});
  session.console.table(rows);
  return {};
}

Status push_file(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file));
  if (session.tenant.empty())
    if (const auto order = codec::decode<model::Order>(envelope.payload);
        order && envelope.payload_type == model::kPayloadOrder)
      session.tenant = order->tenant.hex();
  FS_CHECK(post_policy_files(session, options.file + ".policy"));
  FS_TRY(const json document, push(session, envelope));
  const std::string id = text_of(document, "id");
  session.console.print(session.console.json ? document.dump()
                                             : fmt::format("{}  {}", id, standing_text(document)));
  session.console.next(fmt::format("fleetsweep order sign {} --key YOUR.key", id.substr(0, 12)));
  return {};
}

Status pull_file(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, pull(session, options.id));
  FS_CHECK(write_document(options.out, envelope));
  if (const auto digest = trust::policy_named(codec::encode(envelope))) {
    FS_TRY(const std::string policy, get_raw(session, "policies/" + digest->hex()));
    FS_CHECK(write_text_file(options.out + ".policy", policy));
  }
  session.console.print(
      session.console.json
          ? json{{"file", options.out}, {"signatures", envelope.signatures.size()}}.dump()
          : fmt::format("{} has {}", options.out,
                        counted(envelope.signatures.size(), "signature")));
  return {};
}

Status withdraw(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, pull(session, options.id));
  const std::string id = crypto::document_id(envelope).hex();
  FS_CHECK(session.console.confirm(
      fmt::format("Document {} with {}", id, counted(envelope.signatures.size(), "signature")),
      "Take it out of the inbox, with its signatures?"));
  FS_CHECK(remove(session, "pending/" + id));
  session.console.print(session.console.json ? json{{"id", id}}.dump() : "withdrawn: " + id);
  return {};
}

}  // namespace

void add_inbox_verbs(CLI::App& order, Session& session) {
  auto options = std::make_shared<Options>();
  const auto verb = [&](const char* name, const char* help, Status (*run)(Session&, const Options&),
                        const char* example) {
    CLI::App* sub = order.add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep order ") + example);
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
    return sub;
  };
  const auto with_id = [&](CLI::App* sub) {
    sub->add_option("id", options->id, "its id, or the start of it")->required();
  };

  CLI::App* waiting = verb("pending", "what waits for signatures, of every tenant you may see",
                           pending, "pending --for alice");
  waiting->add_option("--for", options->holder, "only what waits for this person")
      ->check(check_holder, "");
  waiting->add_option("--key", options->key,
                      "only what waits for this key (its file, or the .pub)");

  verb("push", "put a document where its approvers find it, with its policy (FILE.policy)",
       push_file, "push clean.dsse")
      ->add_option("file", options->file, "the document")
      ->required();
  CLI::App* fetch = verb("pull", "a copy as a file, for a machine without a network", pull_file,
                         "pull 3f2a9c01 --out clean.dsse");
  with_id(fetch);
  fetch->add_option("--out", options->out, "the new file")->required();
  with_id(verb("withdraw", "take a document out of the inbox", withdraw, "withdraw 3f2a9c01"));
}

}  // namespace fleetsweep::cli
