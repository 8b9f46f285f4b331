#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/root_specification.h"
#include "cli/signer.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/seal.h"
#include "protocol/trust/root_chain.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::cli {
namespace {

struct Options {
  std::string specification;
  std::string file;
  std::string key;
  std::string out;
  std::string evidence_key;
};

// The key to which hosts seal paths and evidence: made once, its secret stays with the operators.
struct EvidenceKey {
  CurveKey pub;
  std::string new_text;  // to be written; empty when the file is there
};

Result<EvidenceKey> evidence_key(const std::string& path) {
  if (std::filesystem::exists(path)) {
    FS_TRY(const std::string text, read_text_file(path));
    const auto secret = Fixed<32, struct SecretTag>::parse_hex(text.substr(0, 64));
    if (!secret) return fail(secret.error().within(path));
    return EvidenceKey{crypto::box_public(secret->value), ""};
  }
  const crypto::BoxKeyPair pair = crypto::generate_box_key();
  return EvidenceKey{pair.pub, to_hex(pair.secret) + "\n"};
}

Status init(Session& session, const Options& options) {
  if (options.specification.empty()) {
    session.console.print(root_specification_template());
    session.console.next(
        "save this as root.json, fill it in, then: fleetsweep root init --spec root.json "
        "--out root.dsse");
    return {};
  }
  FS_TRY(const std::string text, read_text_file(options.specification));
  const auto directory = std::filesystem::path(options.specification).parent_path();
  FS_TRY(model::Root root,
         parse_root_specification(
             text, directory.empty() ? "." : directory.string(),
             to_timestamp(std::chrono::floor<Duration>(std::chrono::system_clock::now()))));
  EvidenceKey evidence;
  if (!options.evidence_key.empty()) {
    FS_TRY(evidence, evidence_key(options.evidence_key));
    root.evidence_key = evidence.pub;
  }
  if (const auto mistakes = trust::mistakes(root); !mistakes.empty())
    return fail(Code::kInvalid, "no host would accept this root:\n{}", fmt::join(mistakes, "\n"));
  const model::Envelope envelope{std::string(model::kPayloadRoot), codec::encode(root), {}};
  if (!evidence.new_text.empty())
    FS_CHECK(write_text_file(options.evidence_key, evidence.new_text, true));
  FS_CHECK(write_document(options.out, envelope));
  const TenantId tenant = trust::tenant_id(envelope.payload);
  if (session.console.json)
    session.console.print(nlohmann::json{{"file", options.out}, {"tenant", tenant.hex()}}.dump());
  else
    session.console.print(fmt::format("{}\ntenant {}", options.out, tenant.hex()));
  session.console.next(
      fmt::format("each founder runs  fleetsweep root sign {} --key THEIR.key", options.out));
  return {};
}

Status show(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file, model::kPayloadRoot));
  FS_TRY(const std::string text, describe(envelope, session.console.json));
  session.console.print(text);
  return {};
}

Status sign(Session& session, const Options& options) {
  FS_TRY(model::Envelope envelope, read_document(options.file, model::kPayloadRoot));
  FS_CHECK(check_signable(envelope));
  FS_TRY(const model::Root root, codec::decode<model::Root>(envelope.payload));
  FS_TRY(const Signer signer, open_signer(session, options.key));
  const bool is_named =
      std::ranges::find(root.keys, signer.key, &model::Key::pub) != root.keys.end();
  // A later version is signed by people whom only the one before it names, too.
  if (!is_named && root.version == 1)
    return fail(Code::kUntrusted,
                "{} does not name the key in {}: its signature would count for nothing\n"
                "next:  `fleetsweep root show {}` lists the keys that sign",
                options.file, options.key, options.file);
  FS_TRY(const std::string text, describe(envelope, false));
  FS_CHECK(session.console.confirm(text, "Sign exactly this?"));
  FS_CHECK(add_signature(signer, envelope));
  FS_CHECK(write_document(options.file, envelope));
  session.console.print(
      session.console.json
          ? nlohmann::json{{"file", options.file}, {"signatures", envelope.signatures.size()}}
                .dump()
          : fmt::format("{} now has {}", options.file,
                        counted(envelope.signatures.size(), "signature")));
  return {};
}

Status submit(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file, model::kPayloadRoot));
  FS_TRY(const model::Root root, codec::decode<model::Root>(envelope.payload));
  FS_TRY(const std::string text, describe(envelope, false));
  FS_CHECK(session.console.confirm(
      text, root.version == 1 ? "Found the tenant with this root?" : "Submit this root?"));
  const std::string body = codec::to_dsse_json(envelope);
  FS_TRY(const nlohmann::json answer, root.version == 1 ? post_global(session, "/v1/tenants", body)
                                                        : post(session, "documents", body));
  session.console.print(session.console.json
                            ? answer.dump()
                            : fmt::format("root version {} accepted, tenant {}", root.version,
                                          trust::tenant_id(envelope.payload).hex()));
  return {};
}

}  // namespace

void add_root_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* root =
      app.add_subcommand("root", "who may do what in one tenant: keys, quorums, log, witnesses");
  root->require_subcommand(1);

  CLI::App* make = root->add_subcommand(
      "init",
      "make Root version 1 from a JSON specification; without --spec prints one to fill in");
  make->add_option("--spec", options->specification, "the specification");
  make->add_option("--out", options->out, "the new document")->default_val("root.dsse");
  make->add_option("--evidence-key", options->evidence_key,
                   "file of the key that opens sealed paths; made if it is not there");
  make->footer(
      "Example: fleetsweep root init --spec root.json --evidence-key evidence.key --out root.dsse");
  make->callback([&session, options] { session.finish(init(session, *options)); });

  const auto with_file = [&](const char* name, const char* help,
                             Status (*verb)(Session&, const Options&), const char* example) {
    CLI::App* sub = root->add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep root ") + example);
    sub->add_option("file", options->file, "the root document")->required();
    sub->callback([&session, options, verb] { session.finish(verb(session, *options)); });
    return sub;
  };
  with_file("show", "in plain words", show, "show root.dsse");
  with_file("sign", "add your signature to the file", sign, "sign root.dsse --key alice.key")
      ->add_option("--key", options->key, "your key")
      ->required();
  with_file("submit", "hand it to the controller; version 1 founds the tenant", submit,
            "submit root.dsse");
}

}  // namespace fleetsweep::cli
