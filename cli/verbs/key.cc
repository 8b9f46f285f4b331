#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/checks.h"
#include "cli/documents.h"
#include "cli/signer.h"
#include "cli/steering.h"
#include "cli/submission.h"
#include "cli/verbs/verbs.h"
#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/key_file.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::cli {
namespace {

struct Options {
  std::string file;
  std::string holder;
  bool unencrypted = false;
  std::string reason;
  Submission submission;  // of a stop or a resume
};

Status create(Session& session, const Options& options) {
  FS_TRY(const std::string passphrase,
         options.unencrypted ? Result<std::string>("") : new_passphrase(session));
  const crypto::SecretKey key = crypto::SecretKey::generate();
  FS_CHECK(crypto::write_key_file(options.file, key, passphrase));
  const std::string pub = options.file + ".pub";
  FS_CHECK(
      write_text_file(pub, fmt::format("ed25519 {} {}\n", key.public_key().hex(), options.holder)));
  if (session.console.json) {
    session.console.print(nlohmann::json{{"file", options.file},
                                         {"public_file", pub},
                                         {"holder", options.holder},
                                         {"public", key.public_key().hex()}}
                              .dump());
    return {};
  }
  session.console.print(
      fmt::format("{}  private, {}", options.file,
                  options.unencrypted ? "NOT encrypted" : "encrypted with scrypt"));
  session.console.print(fmt::format("{}  public; give it to whoever writes the root", pub));
  return {};
}

Status show(Session& session, const Options& options) {
  FS_TRY(const Signer signer, open_signer(session, options.file));
  const KeyId id = crypto::key_id(signer.key);
  if (session.console.json)
    session.console.print(nlohmann::json{
        {"public", signer.key.hex()}, {"key_id", id.hex()}, {"scheme", name(signer.scheme)}}
                              .dump());
  else
    session.console.print(fmt::format("public  {}\nkey id  {}\nscheme  {}", signer.key.hex(),
                                      id.hex(), name(signer.scheme)));
  return {};
}

Status revoke(Session& session, const Options& options) {
  FS_TRY(const LogHistory history, fetch_history(session));
  FS_TRY(model::Stop document,
         draft_key_stop(history.state, options.holder, options.reason, now()));
  document.nonce = crypto::random_nonce();
  std::string plan = fmt::format(
      "Stop {} of {}: at once, it counts no more for orders of any class, release, enrol and "
      "infra\n",
      counted(document.keys.size(), "key"), escaped(options.holder));
  for (const PublicKey& key : document.keys) plan += fmt::format("  {}\n", key.hex());
  FS_CHECK(session.console.confirm(plan, "Sign and submit this stop?"));
  FS_TRY(const Proven proven,
         submit_proven(session, {std::string(model::kPayloadStop), codec::encode(document), {}},
                       options.submission));
  print_proven(
      session, proven, {{"stop", proven.id.hex()}, {"keys", document.keys.size()}},
      fmt::format("stop {} names {}", proven.id.hex(), counted(document.keys.size(), "key")));
  session.console.next(
      "it still counts for root, resume and stop until a root without it: fleetsweep root spec "
      "--out root.json, take it out, fleetsweep root next");
  return {};
}

Status reinstate(Session& session, const Options& options) {
  FS_TRY(const LogHistory history, fetch_history(session));
  FS_TRY(const model::Resume document,
         draft_key_resume(history.state, options.holder, options.reason));
  std::string plan =
      fmt::format("Count the keys of {} again: lifted for ever are\n", escaped(options.holder));
  for (const DocumentId& id : document.stops)
    plan += fmt::format("  stop {}: {}\n", id.hex().substr(0, 12),
                        escaped(history.state.stops.at(id).stop.reason));
  return submit_resume(session, document, plan, options.submission);
}

}  // namespace

void add_key_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* key = app.add_subcommand("key", "operator keys: one person, one key, kept offline");
  key->require_subcommand(1);

  CLI::App* make =
      key->add_subcommand("create", "make an Ed25519 key (PKCS#8, encrypted with scrypt)");
  make->add_option("file", options->file, "the new key's file")->required();
  make->add_option("--holder", options->holder, "the person: [a-z0-9._@-]{1,64}")
      ->required()
      ->check(check_holder, "");
  make->add_flag("--unencrypted", options->unencrypted, "write the secret in clear (tests, demos)");
  make->footer("Example: fleetsweep key create alice.key --holder alice@example.org");
  make->callback([&session, options] { session.finish(create(session, *options)); });

  CLI::App* print = key->add_subcommand("show", "print the public half");
  print->add_option("file", options->file, "the key's file")->required();
  print->footer("Example: fleetsweep key show alice.key");
  print->callback([&session, options] { session.finish(show(session, *options)); });

  const auto about_holder = [&](const char* name, const char* help, auto run, const char* example) {
    CLI::App* sub = key->add_subcommand(name, help);
    sub->add_option("holder", options->holder, "whose keys; or one key in hex")->required();
    sub->add_option("--key", options->submission.keys, "a signer's key; repeat for a quorum")
        ->required();
    add_wait_flag(*sub, options->submission);
    sub->add_option("--reason", options->reason, "why; stands in the log")->required();
    sub->footer(std::string("Example: fleetsweep key ") + example);
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
  };
  about_holder("revoke", "a key is lost or stolen: one signature, and it counts no more", revoke,
               "revoke alice --key bob.key --reason \"laptop stolen\"");
  about_holder("reinstate", "lift such a stop; takes a quorum", reinstate,
               "reinstate alice --key bob.key --key carol.key --reason \"found again\"");
}

}  // namespace fleetsweep::cli
