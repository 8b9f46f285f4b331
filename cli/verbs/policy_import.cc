#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/verbs/verbs.h"
#include "policies/compiler/compiler.h"
#include "policies/compiler/import/import.h"
#include "policies/compiler/import/write.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;
namespace feeds = fleetsweep::indicators;

constexpr std::size_t kNotTakenShown = 20;

struct Options {
  std::string format;
  std::vector<std::string> files;
  std::string out;
  std::string platform = "linux";
  std::string lifetime = "30d";
  feeds::PolicyHead head;
};

struct Gathered {
  std::vector<feeds::Indicator> indicators;
  std::vector<feeds::NotTaken> not_taken;
  std::size_t read = 0;  // before the same from several places became one
  std::vector<feeds::HashFile> hash_files;
};

// How a policy that lies in the folder of --out names this file. Only what lies beside it or
// beneath can be named.
Result<std::string> path_beside(const Options& options, const std::string& file) {
  std::error_code error;
  const auto folder = std::filesystem::absolute(options.out, error).parent_path();
  const auto path = std::filesystem::relative(
      file, options.out.empty() ? std::filesystem::current_path(error) : folder, error);
  if (!error && !path.empty() && *path.begin() != "..") return path.string();
  return fail(Code::kInvalid,
              "{}: so many hashes stay in their file, which has to lie beside the policy\nnext:  "
              "copy it to the folder of --out",
              escaped(file));
}

Result<Gathered> gather(const Options& options) {
  FS_TRY(const Seconds lifetime, parse_seconds(options.lifetime));
  Gathered all;
  std::vector<feeds::Imported> feeds_read;
  for (const std::string& file : options.files) {
    FS_TRY(const std::string bytes, read_text_file(file, limits::kHashListBytes));
    const feeds::Context context{.source = file,
                                 .now = options.head.now,
                                 .platform = options.head.platform,
                                 .lifetime = lifetime};
    FS_TRY(feeds::Imported one,
           feeds::import_feed(*from_name<feeds::Format>(options.format), bytes, context));
    if (one.hash_file) {
      FS_TRY(one.hash_file->path, path_beside(options, file));
      all.hash_files.push_back(std::move(*one.hash_file));
    }
    feeds_read.push_back(std::move(one));
  }
  feeds::Imported together = feeds::joined(std::move(feeds_read));
  all.not_taken = std::move(together.not_taken);
  all.read = together.indicators.size();
  all.indicators = feeds::merged(std::move(together.indicators), options.head.confidence);
  return all;
}

std::string place(const feeds::Origin& origin) {
  std::string text = escaped(origin.source);
  if (origin.line) text += fmt::format(":{}", origin.line);
  return origin.id.empty() ? text : text + " " + origin.id;
}

std::string and_more(std::size_t count) {
  return count == 1 ? std::string() : fmt::format(" and {} more", count - 1);
}

json in_json(const std::vector<feeds::NotTaken>& not_taken) {
  json list = json::array();
  for (const feeds::NotTaken& one : not_taken)
    list.push_back({{"file", escaped(one.origin.source)},
                    {"line", one.origin.line},
                    {"id", one.origin.id},
                    {"value", one.value},
                    {"indicators", one.count},
                    {"why", one.why}});
  return list;
}

std::string counts(const feeds::WrittenPolicy& written) {
  std::vector<std::string> parts;
  for (std::size_t kind = 0; kind < written.taken.size(); ++kind)
    if (written.taken[kind])
      parts.push_back(
          fmt::format("{} {}", written.taken[kind], name(static_cast<feeds::Kind>(kind))));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::size_t count_of(const std::vector<feeds::NotTaken>& not_taken) {
  std::size_t count = 0;
  for (const feeds::NotTaken& one : not_taken) count += one.count;
  return count;
}

void tell(Console& console, const Gathered& all, const feeds::WrittenPolicy& written,
          const std::vector<compiler::Diagnostic>& mistakes) {
  console.note(fmt::format(
      "taken: {}{}", counts(written),
      all.read > all.indicators.size()
          ? fmt::format("; {} stood there more than once", all.read - all.indicators.size())
          : ""));
  if (!all.not_taken.empty()) console.note(fmt::format("not taken: {}", count_of(all.not_taken)));
  for (std::size_t i = 0; i < std::min(all.not_taken.size(), kNotTakenShown); ++i)
    console.note(fmt::format("  {}: {}{}: {}", place(all.not_taken[i].origin),
                             all.not_taken[i].value, and_more(all.not_taken[i].count),
                             all.not_taken[i].why));
  if (all.not_taken.size() > kNotTakenShown)
    console.note(fmt::format("  and {} more lines: --json has all of them",
                             all.not_taken.size() - kNotTakenShown));
  for (const compiler::Diagnostic& mistake : mistakes)
    console.note(fmt::format("to do, line {}: {}{}", mistake.line, mistake.message,
                             mistake.hint.empty() ? "" : ": " + mistake.hint));
}

// What is there may be reviewed and signed, or a feed itself.
Status check_out(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) return {};
  return fail(Code::kInvalid, "'{}' is there\nnext:  name another file, and compare",
              escaped(path));
}

Status import(Session& session, Options options) {
  if (!options.out.empty()) FS_CHECK(check_out(options.out));
  options.head.now = to_timestamp(std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  options.head.platform = *from_name<model::Platform>(options.platform);
  options.head.sources = options.files;
  if (options.head.title.empty())
    options.head.title = fmt::format("{}: imported indicators", options.head.family);
  FS_TRY(Gathered all, gather(options));
  options.head.hash_files = std::move(all.hash_files);
  feeds::WrittenPolicy written = feeds::write_policy(all.indicators, options.head);
  // First: it stands for most.
  all.not_taken.insert(all.not_taken.begin(), written.not_taken.begin(), written.not_taken.end());
  if (std::all_of(written.taken.begin(), written.taken.end(),
                  [](std::size_t count) { return count == 0; })) {
    std::string why;
    if (!all.not_taken.empty())
      why = fmt::format("; the first: {}: {}: {}", place(all.not_taken[0].origin),
                        all.not_taken[0].value, all.not_taken[0].why);
    return fail(Code::kInvalid, "nothing was taken, {} refused{}\nnext:  --help has the formats",
                counted(count_of(all.not_taken), "indicator"), why);
  }
  const std::string shown = options.out.empty() ? "the policy" : options.out;
  const auto folder = std::filesystem::path(options.out).parent_path();
  const compiler::ReadFile beside = [&](const std::string& path,
                                        std::size_t most) -> Result<std::string> {
    FS_TRY(const Bytes bytes,
           files::read_file((folder / path).string(), most, files::Links::kFollow));
    return to_text(bytes);
  };
  const auto compiled = compiler::compile_text(written.yaml, shown, beside, options.head.now);
  if (!options.out.empty()) FS_CHECK(write_text_file(options.out, written.yaml));
  if (session.console.json) {
    json taken = json::object();
    for (std::size_t kind = 0; kind < written.taken.size(); ++kind)
      if (written.taken[kind])
        taken[std::string(name(static_cast<feeds::Kind>(kind)))] = written.taken[kind];
    json result = {{"taken", taken},
                   {"repeated", all.read - all.indicators.size()},
                   {"not_taken", in_json(all.not_taken)},
                   {"mistakes", json::parse(compiler::diagnostics_json(compiled.diagnostics))}};
    if (options.out.empty())
      result["policy"] = written.yaml;
    else
      result["file"] = options.out;
    session.console.print(result.dump());
    return {};
  }
  if (options.out.empty())
    session.console.print(std::string_view(written.yaml).substr(0, written.yaml.size() - 1));
  else
    session.console.print(fmt::format("{}  {} bytes", options.out, written.yaml.size()));
  tell(session.console, all, written, compiled.diagnostics);
  if (!options.out.empty())
    session.console.next(fmt::format("review it, then fleetsweep policy lint {}", options.out));
  return {};
}

}  // namespace

void add_policy_import(CLI::App& policy, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = policy.add_subcommand(
      "import", "feeds of indicators to a policy that reports, for review; changes no host");
  sub->footer(
      "Example: fleetsweep policy import loki hash-iocs.txt c2-iocs.txt --family Example --license "
      "DRL-1.1 --out example.yaml\nFormats: docs/importing.md");
  std::vector<std::string> formats;
  for (const auto name : Names<feeds::Format>::kAll) formats.emplace_back(name);
  sub->add_option("format", options->format, "of the files")
      ->required()
      ->check(CLI::IsMember(formats));
  sub->add_option("files", options->files, "the feeds, as they were fetched")
      ->required()
      ->expected(-1);
  sub->add_option("--family", options->head.family, "the malware's name")->required();
  sub->add_option("--title", options->head.title, "of the policy");
  sub->add_option("--author", options->head.author, "of the policy")
      ->default_val("imported, not reviewed");
  sub->add_option("--license", options->head.license, "of the feeds, an SPDX name");
  sub->add_option("--legal-basis", options->head.legal_basis)
      ->check(CLI::IsMember({"owner-consent", "contract", "court-order", "statutory"}))
      ->capture_default_str();
  sub->add_option("--issuer", options->head.issuer, "who orders it; TODO until you say it");
  sub->add_option("--reference", options->head.reference, "a ticket; TODO until you say it");
  sub->add_option("--confidence", options->head.confidence, "of what the feed does not say, 0-100")
      ->check(CLI::Range(0, 100))
      ->default_val(50);
  sub->add_option("--lifetime", options->lifetime,
                  "how long an address counts after it was last seen, or after now")
      ->capture_default_str();
  sub->add_option("--platform", options->platform)
      ->check(CLI::IsMember({"linux", "windows"}))
      ->capture_default_str();
  sub->add_option("--scope", options->head.scope,
                  "where files are looked for, such as /opt or @temporary; may be repeated. "
                  "Default: everywhere");
  sub->add_option("--out", options->out, "a new file; default: standard output");
  sub->callback([&session, options] { session.finish(import(session, *options)); });
}

}  // namespace fleetsweep::cli
