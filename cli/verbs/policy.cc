#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/child.h"
#include "cli/json_text.h"
#include "cli/policy_files.h"
#include "cli/scan_report.h"
#include "cli/verbs/verbs.h"
#include "policies/compiler/compiler.h"
#include "policies/compiler/cost.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string file;
  std::vector<std::string> files;  // of `test`: the policies, or one policy and a folder
  std::string goodware;
  std::optional<std::string> baseline;
  std::string out;
  compiler::HostProfile host;
};

Result<compiler::Compiled> read_policy(const Options& options) {
  auto compiled = compiler::compile_file(
      options.file, std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  if (!compiled)
    return fail(Code::kInvalid, "{}\nnext:  give the path of a policy's YAML",
                compiled.error().message);
  return compiled;
}

std::string mistakes(const compiler::Compiled& compiled, const Options& options) {
  return compiler::lint_text(compiled.diagnostics, read_text_file(options.file).value_or(""));
}

Result<compiler::Compiled> compile(Session& session, const Options& options) {
  FS_TRY(compiler::Compiled compiled, read_policy(options));
  if (!compiled.ok()) return fail(Code::kInvalid, "{}", mistakes(compiled, options));
  if (!session.console.json && !compiled.diagnostics.empty())
    session.console.note(mistakes(compiled, options));
  return compiled;
}

Status lint(Session& session, const Options& options) {
  FS_TRY(const compiler::Compiled compiled, read_policy(options));
  if (session.console.json)
    session.console.print(compiler::diagnostics_json(compiled.diagnostics));
  else
    session.console.print(compiled.diagnostics.empty() ? options.file + ": no mistakes"
                                                       : mistakes(compiled, options));
  if (!compiled.ok()) session.exit = kUsage;
  return {};
}

// Without its last line end, which print() adds.
std::string shown_cost(const compiler::PolicyCost& cost, const compiler::HostProfile& host) {
  std::string text = compiler::cost_text(cost, host);
  text.pop_back();
  return text;
}

Status explain(Session& session, const Options& options) {
  FS_TRY(const compiler::Compiled compiled, compile(session, options));
  const compiler::PolicyCost cost = compiler::predict_cost(compiled.policy, options.host);
  const std::string text = compiler::explain(compiled.policy, compiled.defaults);
  if (!session.console.json) {
    session.console.print(text + "\n\n" + shown_cost(cost, options.host));
    return {};
  }
  json detections = json::array();
  for (const compiler::DetectionCost& one : cost.detections)
    detections.push_back({{"id", one.id}, {"opened", one.opened}, {"bytes_read", one.bytes_read}});
  session.console.print(json{
      {"text", text},
      {"cost",
       {{"host", {{"files", options.host.files}, {"bytes", options.host.bytes}}},
        {"walked", cost.walked},
        {"opened", cost.opened},
        {"bytes_read", cost.bytes_read},
        {"cpu_seconds", cost.cpu_seconds},
        {"detections",
         detections}}}}.dump());
  return {};
}

Status build(Session& session, const Options& options) {
  FS_TRY(const compiler::Compiled compiled, compile(session, options));
  const Bytes bytes = codec::encode(compiled.policy);
  const std::string out =
      options.out.empty()
          ? std::filesystem::path(options.file).replace_extension(".policy").string()
          : options.out;
  FS_CHECK(write_policy_files(out, bytes, compiled.hashes));
  const Digest digest = crypto::sha256(bytes);
  session.console.print(
      session.console.json
          ? json{{"file", out},
                 {"digest", digest.hex()},
                 {"size", bytes.size()},
                 {"hashes_size", compiled.hashes.size()}}
                .dump()
          : fmt::format("{}  {} bytes, digest {}{}", out, bytes.size(), digest.hex(),
                        compiled.hashes.empty()
                            ? ""
                            : fmt::format("; its hash sets in {}.hashes, {} bytes", out,
                                          compiled.hashes.size())));
  return {};
}

// Files of compiled policies that the engine is to look for, gone when it has.
class CompiledFiles {
 public:
  CompiledFiles() = default;
  CompiledFiles(const CompiledFiles&) = delete;
  CompiledFiles& operator=(const CompiledFiles&) = delete;
  ~CompiledFiles() {
    for (const std::string& path : paths_) {
      unlink(path.c_str());
      unlink((path + ".hashes").c_str());
    }
  }

  Status add(const compiler::Compiled& compiled) {
    char path[] = "/tmp/fleetsweep-policy-XXXXXX";
    const int descriptor = mkstemp(path);
    if (descriptor < 0)
      return fail(Code::kUnavailable, "no temporary file in /tmp: {}", std::strerror(errno));
    close(descriptor);
    paths_.emplace_back(path);
    // The manners of a scan beside a host's work are not those of a trial that somebody waits for.
    model::Policy policy = compiled.policy;
    policy.limits.timeout = Seconds{0};
    policy.limits.cpu_percent = 0;
    policy.limits.iops = 0;
    return write_policy_files(path, codec::encode(policy), compiled.hashes);
  }
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::vector<std::string> paths_;
};

// The engine that hosts run, on a folder: fleetsweep-scan stands beside this program. A report for
// each policy; at most kSweepPolicies.
Result<std::vector<json>> scan(std::span<const compiler::Compiled> policies,
                               const std::string& folder,
                               const std::optional<std::string>& baseline) {
  CompiledFiles files;
  std::vector<std::string> command = {
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fleetsweep-scan").string(),
      "--root", folder, "--json"};
  for (const compiler::Compiled& policy : policies) {
    FS_CHECK(files.add(policy));
    command.insert(command.end(), {"--policy", files.paths().back()});
  }
  if (baseline) command.insert(command.end(), {"--baseline", *baseline});
  FS_TRY(const Output output, run(command));
  json answer = json::parse(output.text, nullptr, false);
  if (answer.is_object()) answer = json::array({answer});
  if (!answer.is_array() || answer.size() != policies.size())
    return fail(output.exit_code == 0 ? Code::kInternal : Code::kInvalid,
                "the scanner did not take {} (its own words stand above)\nnext:  give a folder{} "
                "that can be read",
                escaped(folder), baseline ? " and a baseline" : "");
  return answer.get<std::vector<json>>();
}

Status answered(const json& report) {
  if (text_of(report, "reason") == "none") return {};
  return fail(Code::kConflict, "the host would answer {}: {}\nnext:  see docs/reasons.md",
              text_of(report, "reason"), report.value("detail", ""));
}

// Software that is known to be good: each verdict about it is a false alarm on every host that has
// it.
Status test_goodware(Session& session, const Options& options) {
  std::vector<compiler::Compiled> policies;
  for (const std::string& file : options.files) {
    FS_TRY(policies.emplace_back(), compile(session, Options{.file = file}));
  }
  json results = json::array();
  std::size_t alarms = 0, tried = 0;
  std::uint64_t scanned = 0;
  while (results.size() < policies.size()) {
    const std::size_t first = results.size();
    const std::size_t count = std::min(limits::kSweepPolicies, policies.size() - first);
    FS_TRY(const std::vector<json> reports,
           scan(std::span(policies).subspan(first, count), options.goodware, options.baseline));
    for (const json& report : reports) {
      const std::string& file = options.files[results.size()];
      const model::Policy& policy = policies[results.size()].policy;
      const bool is_for_another = text_of(report, "reason") == name(model::Reason::kPlatform);
      if (const auto ok = answered(report); !ok && !is_for_another)
        return fail(ok.error().within(file));
      const json hits = false_alarms(report);
      alarms += hits["verdicts"].size();
      tried += !is_for_another;
      scanned += count_of(report, "scanned");
      if (!session.console.json && is_for_another) {
        session.console.note(
            fmt::format("{}: for {}, not tried here", file, name(policy.platform)));
      } else if (!session.console.json) {
        session.console.print(fmt::format("{}: {}; {} scanned", file,
                                          counted(hits["verdicts"].size(), "false alarm"),
                                          counted(count_of(report, "scanned"), "file")));
        if (!hits["verdicts"].empty()) session.console.table(scan_table(hits));
        for (const std::string& line : unread_lines(report)) session.console.note(line);
      }
      json result = {
          {"policy", file}, {"verdicts", hits["verdicts"]}, {"findings", hits["findings"]}};
      for (const char* member :
           {"reason", "scanned", "unscannable", "unscannable_paths", "partial", "partial_paths"})
        if (report.contains(member)) result[member] = report[member];
      results.push_back(std::move(result));
    }
  }
  if (session.console.json) session.console.print(results.dump());
  if (tried == 0)
    return fail(
        Code::kConflict,
        "no policy was tried: none is for the system whose root is {}\nnext:  give a folder "
        "that is the root of such a host",
        escaped(options.goodware));
  if (scanned == 0)
    return fail(
        Code::kConflict,
        "no file was scanned: {} holds none where a policy looks\nnext:  give the root of a "
        "host's files",
        escaped(options.goodware));
  if (alarms == 0) return {};
  return fail(Code::kConflict,
              "{} on good software\nnext:  narrow the detections that are named, or the condition",
              counted(alarms, "false alarm"));
}

Status test(Session& session, const Options& options) {
  if (!options.goodware.empty()) return test_goodware(session, options);
  if (options.files.size() != 2)
    return fail(Code::kInvalid,
                "{} were given; expected a policy and a folder\nnext:  fleetsweep policy test "
                "POLICY FOLDER, or POLICY... --goodware FOLDER",
                counted(options.files.size(), "path"));
  FS_TRY(const compiler::Compiled compiled,
         compile(session, Options{.file = options.files.front()}));
  FS_TRY(const std::vector<json> reports,
         scan({&compiled, 1}, options.files.back(), options.baseline));
  const json& report = reports.front();
  if (session.console.json) session.console.print(report.dump());
  FS_CHECK(answered(report));
  if (session.console.json) return {};
  if (const auto rows = scan_table(report); rows.size() > 1) session.console.table(rows);
  for (const std::string& line : scan_summary(report)) session.console.print(line);
  return {};
}

}  // namespace

void add_policy_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* policy = app.add_subcommand(
      "policy", "what to look for and what to do about it: write, import, check, try, build");
  policy->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help, Status (*run)(Session&, const Options&),
                        const char* example) {
    CLI::App* sub = policy->add_subcommand(name, help);
    sub->footer(std::string("Example: fleetsweep policy ") + example);
    sub->add_option("file", options->file, "the policy's YAML")->required();
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
    return sub;
  };
  verb("lint", "every mistake of the file at once, with line, column and hint", lint,
       "lint policy.yaml");
  CLI::App* plain = verb("explain", "in plain words what it looks for, what it does and costs",
                         explain, "explain policy.yaml");
  plain->add_option("--files", options->host.files, "of a host, as its receipts count them")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  plain->add_option("--bytes", options->host.bytes, "of all its files")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI::App* trial = policy->add_subcommand(
      "test",
      "run it against a folder and show what matches; changes nothing. 0 whether or not something "
      "is found; with --goodware 1 if anything is, and policies for another system are left out");
  trial->footer(
      "Example: fleetsweep policy test policies/catalog/lookalike/policy.yaml /srv/image\n"
      "Example: fleetsweep policy test policies/catalog/*/policy.yaml --goodware "
      "/srv/golden-image\n"
      "Example: fleetsweep policy test policies/catalog/unknown-persistence/policy.yaml "
      "/srv/image --baseline baseline");
  trial
      ->add_option("paths", options->files,
                   "a policy and a folder, which is taken as the root of a host")
      ->required()
      ->expected(-1);
  trial->add_option("--goodware", options->goodware,
                    "a folder with known good software, or /: all paths are policies");
  trial->add_option("--baseline", options->baseline,
                    "what is meant to start by itself there, as `fleetsweep-scan --root FOLDER "
                    "--list-persistence` or `fleetsweep-agent baseline show` prints it");
  trial->callback([&session, options] { session.finish(test(session, *options)); });
  verb("build", "compile to the bytes that an order names by digest", build,
       "build policy.yaml --out web.policy")
      ->add_option("--out", options->out, "default: FILE.policy");
  add_policy_import(*policy, session);
}

}  // namespace fleetsweep::cli
