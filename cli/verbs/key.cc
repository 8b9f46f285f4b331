#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/checks.h"
#include "cli/signer.h"
#include "cli/verbs/verbs.h"
#include "protocol/base/bytes.h"
#include "protocol/crypto/key_file.h"

namespace fleetsweep::cli {
namespace {

struct Options {
  std::string file;
  std::string holder;
  bool unencrypted = false;
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
}

}  // namespace fleetsweep::cli
