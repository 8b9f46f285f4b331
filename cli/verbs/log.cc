#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/documents.h"
#include "cli/verbs/verbs.h"
#include "protocol/codec/codec.h"
#include "protocol/log/merkle.h"
#include "protocol/log/tlog_proof.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string what;
  std::string out;
  std::string document;
};

// The index of an entry, or the id of its document, or the beginning of one.
Result<std::size_t> resolve_entry(const std::vector<Bytes>& entries, const std::string& what) {
  constexpr std::size_t kIdDigitsMin = 8;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(what.data(), what.data() + what.size(), index);
  if (what.size() < kIdDigitsMin && error == std::errc() && end == what.data() + what.size()) {
    if (index < entries.size()) return index;
    return fail(Code::kNotFound, "the log has no entry {}: it has {}", index, entries.size());
  }
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto envelope = codec::decode<model::Envelope>(entries[i]);
    if (envelope && crypto::document_id(*envelope).hex().starts_with(what)) found.push_back(i);
  }
  if (found.size() == 1 && what.size() >= kIdDigitsMin) return found.front();
  return fail(found.empty() ? Code::kNotFound : Code::kInvalid,
              "{} documents of the log have an id that begins with {}; expected an entry's number "
              "or {} hex digits or more of one id",
              found.size(), escaped(what), kIdDigitsMin);
}

Status proof(Session& session, const Options& options) {
  FS_TRY(const std::string note, get_raw(session, "checkpoint"));
  FS_TRY(const std::vector<Bytes> entries, fetch_log(session));
  FS_TRY(const std::size_t index, resolve_entry(entries, options.what));
  FS_TRY(const log::Note parsed, log::Note::parse(note));
  FS_TRY(const log::Checkpoint head, log::Checkpoint::parse(parsed.body));
  if (index >= head.size || head.size > entries.size())
    return fail(Code::kUnavailable,
                "no witness vouches for entry {} yet\nnext:  try again in a moment", index);
  std::vector<Digest> leaves;
  for (const Bytes& entry : entries) leaves.push_back(log::leaf_hash(entry));
  const log::TlogProof proof{std::nullopt, index, log::inclusion_proof(leaves, index, head.size),
                             note};
  FS_TRY(const model::Envelope envelope, codec::decode<model::Envelope>(entries[index]));
  FS_CHECK(write_text_file(options.out, proof.text()));
  if (!options.document.empty()) FS_CHECK(write_document(options.document, envelope));
  const DocumentId id = crypto::document_id(envelope);
  session.console.print(
      session.console.json
          ? json{{"file", options.out}, {"index", index}, {"size", head.size}, {"id", id.hex()}}
                .dump()
          : fmt::format("{}: entry {} of {}, document {}", options.out, index, head.size,
                        id.hex()));
  return {};
}

}  // namespace

void add_log_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* log = app.add_subcommand("log", "proofs from the tenant's control log, for others");
  log->require_subcommand(1);
  CLI::App* one = log->add_subcommand(
      "proof", "that a document is in the log, as a C2SP tlog-proof that is checked offline");
  one->add_option("entry", options->what, "the document's id, the beginning of it, or its number")
      ->required();
  one->add_option("--out", options->out, "the proof, NAME.tlog-proof")->required();
  one->add_option("--document", options->document, "write the document too, exactly as logged");
  one->footer(
      "Example: fleetsweep log proof 3 --out order.tlog-proof --document order.dsse, then "
      "fleetsweep order verify order.dsse --root root.dsse --proof order.tlog-proof");
  one->callback([&session, options] { session.finish(proof(session, *options)); });
}

}  // namespace fleetsweep::cli
