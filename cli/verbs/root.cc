#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/documents.h"
#include "cli/root_change.h"
#include "cli/root_specification.h"
#include "cli/signer.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/seal.h"
#include "protocol/log/note.h"
#include "protocol/trust/log_view.h"
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
  std::string log;   // a vkey
  std::string from;  // the version before, in a file; empty: ask the controller
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

struct Specified {
  model::Root root;
  std::string evidence_key;  // to be written, see EvidenceKey
  bool sets_evidence_key = false, sets_path_salt = false;
};

Result<Specified> read_specification(const Options& options) {
  Specified result;
  FS_TRY(const std::string text, read_text_file(options.specification));
  const auto directory = std::filesystem::path(options.specification).parent_path();
  FS_TRY(result.root,
         parse_root_specification(text, directory.empty() ? "." : directory.string(), now()));
  const auto json = nlohmann::json::parse(text);
  result.sets_evidence_key = json.contains("evidence_key");
  result.sets_path_salt = json.contains("path_salt");
  if (!options.evidence_key.empty()) {
    FS_TRY(const EvidenceKey evidence, evidence_key(options.evidence_key));
    result.root.evidence_key = evidence.pub;
    result.evidence_key = evidence.new_text;
    result.sets_evidence_key = true;
  }
  return result;
}

Result<model::Envelope> write_root(const Options& options, const model::Root& root,
                                   const std::string& new_evidence_key) {
  if (const auto mistakes = trust::mistakes(root); !mistakes.empty())
    return fail(Code::kInvalid, "no host would accept this root:\n{}", fmt::join(mistakes, "\n"));
  const model::Envelope envelope{std::string(model::kPayloadRoot), codec::encode(root), {}};
  if (!new_evidence_key.empty())
    FS_CHECK(write_text_file(options.evidence_key, new_evidence_key, true));
  FS_CHECK(write_document(options.out, envelope));
  return envelope;
}

// The version before, and from the controller also what its log amounts to.
struct Before {
  KnownRoot root;
  std::optional<trust::State> state;
};

// `version` 0: the newest there is.
Result<Before> version_before(Session& session, const Options& options, std::uint64_t version) {
  Before before;
  model::Envelope envelope;
  if (!options.from.empty()) {
    FS_TRY(envelope, read_document(options.from, model::kPayloadRoot));
  } else {
    FS_TRY(LogHistory history, fetch_history(session));
    const auto& chain = history.state.root_chain;
    if (version > chain.size())
      return fail(Code::kNotFound, "the controller's log has no root version {}", version);
    FS_TRY(envelope,
           codec::decode<model::Envelope>(version == 0 ? chain.back() : chain[version - 1]));
    before.state = std::move(history.state);
  }
  FS_TRY(before.root, known_root(envelope));
  if (version != 0 && before.root.root.version != version)
    return fail(Code::kInvalid, "{} is version {}, version {} was expected", options.from,
                before.root.root.version, version);
  return before;
}

// What a signer should know of a root beyond its own words.
struct Review {
  std::vector<std::string> changes, delays, ends, missing;
  std::optional<std::string> expiry;

  std::string text() const {
    std::string result;
    const auto list = [&](std::string_view head, const std::vector<std::string>& lines) {
      if (!lines.empty()) result += fmt::format("{}\n  {}\n", head, fmt::join(lines, "\n  "));
    };
    list("What it changes", changes);
    list("What becomes weaker, and waits", delays);
    list("Open orders that lose their approval", ends);
    list("Signatures still missing", missing);
    if (expiry) result += *expiry + "\n";
    return result;
  }
  nlohmann::json json() const {
    nlohmann::json result{
        {"changes", changes}, {"delays", delays}, {"ends", ends}, {"missing", missing}};
    if (expiry) result["expiry"] = *expiry;
    return result;
  }
};

Review review(const model::Envelope& envelope, const model::Root& root, const Before* before) {
  Review result;
  if (before) {
    result.changes = differences(before->root.root, root);
    result.delays = delays(before->root.root, root);
    if (before->state && before->state->root->version() < root.version)
      result.ends = orders_that_end(*before->state, root, now());
  }
  result.missing = signatures_missing(envelope, root, before ? &before->root : nullptr);
  result.expiry = expiry_warning(root, now());
  return result;
}

// Of a document whose predecessor may be out of reach: then only --from is asked for in vain.
Result<Review> review_file(Session& session, const Options& options,
                           const model::Envelope& envelope, const model::Root& root) {
  if (root.version < 2) return review(envelope, root, nullptr);
  const auto before = version_before(session, options, root.version - 1);
  if (before) return review(envelope, root, &*before);
  if (!options.from.empty()) return fail(before.error());
  session.console.note(fmt::format("what it changes is not shown: give --from with root version {}",
                                   root.version - 1));
  return review(envelope, root, nullptr);
}

// Where a log of another key takes over: after what the witnesses of this root have seen.
Result<model::LogOrigin> take_over(Session& session, const model::Root& root,
                                   const std::string& vkey) {
  FS_TRY(const log::VerifierKey key, log::VerifierKey::parse(vkey));
  FS_TRY(const trust::NoteKeys keys, trust::note_keys(root));
  FS_TRY(const std::string note, get_raw(session, "checkpoint"));
  FS_TRY(const std::vector<Bytes> entries, fetch_log(session));
  Result<log::VerifiedCheckpoint> head = fail(Code::kUntrusted, "the root names no log");
  for (const log::VerifierKey& old : keys.logs) {
    head = log::verify_checkpoint(note, old, keys.witnesses, keys.quorum);
    if (head) break;
  }
  if (!head) return fail(head.error().within("the newest checkpoint"));
  log::CompactRange tree;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(head->checkpoint.size, entries.size()); ++i)
    tree.append(log::leaf_hash(entries[i]));
  if (tree.size() != head->checkpoint.size || tree.root() != head->checkpoint.root)
    return fail(Code::kUntrusted,
                "the controller's entries do not make the tree of its checkpoint");
  return model::LogOrigin{key.text(), tree.size(), tree.root(), tree.frontier()};
}

Status spec(Session& session, const Options& options) {
  FS_TRY(Before before, version_before(session, options, 0));
  if (!options.log.empty()) {
    FS_TRY(model::LogOrigin log, take_over(session, before.root.root, options.log));
    before.root.root.logs = {std::move(log)};
  }
  const std::string text = root_specification(before.root.root);
  if (options.out.empty()) {
    session.console.print(text);
  } else {
    FS_CHECK(write_text_file(options.out, text + "\n"));
    session.console.print(session.console.json ? nlohmann::json{{"file", options.out}}.dump()
                                               : options.out);
  }
  session.console.next("change it, then: fleetsweep root next --spec root.json --out next.dsse");
  return {};
}

Status next(Session& session, const Options& options) {
  FS_TRY(const Before before, version_before(session, options, 0));
  FS_TRY(const Specified specified, read_specification(options));
  const model::Root root =
      successor(specified.root, before.root, specified.sets_evidence_key, specified.sets_path_salt);
  FS_TRY(const model::Envelope envelope, write_root(options, root, specified.evidence_key));
  const Review found = review(envelope, root, &before);
  if (session.console.json) {
    nlohmann::json result = found.json();
    result["file"] = options.out;
    result["version"] = root.version;
    session.console.print(result.dump());
  } else {
    session.console.print(fmt::format("{}\nRoot version {}, until {}\n{}", options.out,
                                      root.version, to_rfc3339(root.expires), found.text()));
  }
  session.console.next(
      fmt::format("each signer runs  fleetsweep root sign {} --key THEIR.key", options.out));
  return {};
}

Status init(Session& session, Options options) {
  if (options.out.empty()) options.out = "root.dsse";
  if (options.specification.empty()) {
    session.console.print(root_specification_template());
    session.console.next(
        "save this as root.json, fill it in, then: fleetsweep root init --spec root.json "
        "--out root.dsse");
    return {};
  }
  FS_TRY(const Specified specified, read_specification(options));
  FS_TRY(const model::Envelope envelope,
         write_root(options, specified.root, specified.evidence_key));
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
  FS_TRY(const KnownRoot known, known_root(envelope));
  FS_TRY(const Review found, review_file(session, options, envelope, known.root));
  FS_TRY(std::string text, describe(envelope, session.console.json));
  if (session.console.json) {
    nlohmann::json result = nlohmann::json::parse(text);
    result.update(found.json());
    text = result.dump();
  } else {
    text += found.text();
  }
  session.console.print(text);
  return {};
}

Status sign(Session& session, const Options& options) {
  FS_TRY(model::Envelope envelope, read_document(options.file, model::kPayloadRoot));
  FS_CHECK(check_signable(envelope));
  FS_TRY(const KnownRoot known, known_root(envelope));
  const model::Root& root = known.root;
  FS_TRY(const Signer signer, open_signer(session, options.key));
  const bool is_named =
      std::ranges::find(root.keys, signer.key, &model::Key::pub) != root.keys.end();
  // A later version is signed by people whom only the one before it names, too.
  if (!is_named && root.version == 1)
    return fail(Code::kUntrusted,
                "{} does not name the key in {}: its signature would count for nothing\n"
                "next:  `fleetsweep root show {}` lists the keys that sign",
                options.file, options.key, options.file);
  FS_TRY(std::string text, describe(envelope, false));
  FS_TRY(const Review found, review_file(session, options, envelope, root));
  FS_CHECK(session.console.confirm(text + found.text(), "Sign exactly this?"));
  FS_CHECK(add_signature(signer, envelope));
  FS_CHECK(write_document(options.file, envelope));
  FS_TRY(const Review left, review_file(session, options, envelope, root));
  session.console.print(session.console.json
                            ? nlohmann::json{{"file", options.file},
                                             {"signatures", envelope.signatures.size()},
                                             {"missing", left.missing}}
                                  .dump()
                            : fmt::format("{} now has {}", options.file,
                                          counted(envelope.signatures.size(), "signature")));
  if (!session.console.json)
    for (const std::string& line : left.missing) session.console.print("missing: " + line);
  if (left.missing.empty())
    session.console.next(fmt::format("fleetsweep root submit {}", options.file));
  return {};
}

Status submit(Session& session, const Options& options) {
  FS_TRY(const model::Envelope envelope, read_document(options.file, model::kPayloadRoot));
  FS_TRY(const KnownRoot known, known_root(envelope));
  FS_TRY(const std::string text, describe(envelope, false));
  FS_TRY(const Review found, review_file(session, options, envelope, known.root));
  const bool founds = known.root.version == 1;
  FS_CHECK(session.console.confirm(
      text + found.text(), founds ? "Found the tenant with this root?" : "Submit this root?"));
  const std::string body = codec::to_dsse_json(envelope);
  FS_TRY(const nlohmann::json answer,
         founds ? post_global(session, "/v1/tenants", body) : post(session, "documents", body));
  session.console.print(session.console.json ? answer.dump()
                                             : fmt::format("root version {} accepted, tenant {}",
                                                           known.root.version, known.tenant.hex()));
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
  make->add_option("--out", options->out, "the new document; default: root.dsse");
  make->add_option("--evidence-key", options->evidence_key,
                   "file of the key that opens sealed paths; made if it is not there");
  make->footer(
      "Example: fleetsweep root init --spec root.json --evidence-key evidence.key --out root.dsse");
  make->callback([&session, options] { session.finish(init(session, *options)); });

  const auto from = [options](CLI::App* sub, const char* help) {
    sub->add_option("--from", options->from, help);
  };
  CLI::App* written = root->add_subcommand(
      "spec", "the JSON specification of a root, to change it for the next version");
  from(written, "the root; default: the newest of the controller's log");
  written->add_option("--log", options->log,
                      "the log's key was lost: the vkey of the log that takes over where witnesses "
                      "last saw this one");
  written->add_option("--out", options->out, "the new file; default: standard output");
  written->footer("Example: fleetsweep root spec --from root.dsse --out root.json");
  written->callback([&session, options] { session.finish(spec(session, *options)); });

  CLI::App* following = root->add_subcommand(
      "next", "make the next version from a JSON specification; says what changes and who signs");
  from(following, "the version before it; default: the newest of the controller's log");
  following->add_option("--spec", options->specification, "the specification")->required();
  following->add_option("--out", options->out, "the new document")->required();
  following->add_option("--evidence-key", options->evidence_key,
                        "file of another key that opens sealed paths; default: it stays");
  following->footer(
      "Example: fleetsweep root next --from root.dsse --spec root.json --out next.dsse");
  following->callback([&session, options] { session.finish(next(session, *options)); });

  const auto with_file = [&](const char* name, const char* help,
                             Status (*verb)(Session&, const Options&), const char* example) {
    CLI::App* sub = root->add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep root ") + example);
    sub->add_option("file", options->file, "the root document")->required();
    from(sub, "the version before it, to show what changes; default: ask the controller");
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
