#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/verbs/verbs.h"
#include "policies/compiler/compiler.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string file;
  std::string folder;
  std::string out;
};

Result<compiler::Compiled> compile(Session& session, const Options& options) {
  FS_TRY(compiler::Compiled compiled,
         compiler::compile_file(options.file,
                                std::chrono::floor<Duration>(std::chrono::system_clock::now())));
  if (!compiled.ok())
    return fail(
        Code::kInvalid, "{}",
        compiler::lint_text(compiled.diagnostics, read_text_file(options.file).value_or("")));
  if (!session.console.json && !compiled.diagnostics.empty())
    session.console.note(
        compiler::lint_text(compiled.diagnostics, read_text_file(options.file).value_or("")));
  return compiled;
}

Status lint(Session& session, const Options& options) {
  FS_TRY(const compiler::Compiled compiled,
         compiler::compile_file(options.file,
                                std::chrono::floor<Duration>(std::chrono::system_clock::now())));
  if (session.console.json)
    session.console.print(compiler::diagnostics_json(compiled.diagnostics));
  else
    session.console.print(
        compiled.diagnostics.empty()
            ? options.file + ": no mistakes"
            : compiler::lint_text(compiled.diagnostics, read_text_file(options.file).value_or("")));
  if (!compiled.ok()) session.exit = kRefused;
  return {};
}

Status explain(Session& session, const Options& options) {
  FS_TRY(const compiler::Compiled compiled, compile(session, options));
  const std::string text = compiler::explain(compiled.policy, compiled.defaults);
  session.console.print(session.console.json ? json{{"text", text}}.dump() : text);
  return {};
}

Status build(Session& session, const Options& options) {
  FS_TRY(const compiler::Compiled compiled, compile(session, options));
  const Bytes bytes = codec::encode(compiled.policy);
  const std::string out =
      options.out.empty()
          ? std::filesystem::path(options.file).replace_extension(".policy").string()
          : options.out;
  FS_CHECK(write_text_file(out, as_text(bytes)));
  const Digest digest = crypto::sha256(bytes);
  session.console.print(
      session.console.json
          ? json{{"file", out}, {"digest", digest.hex()}, {"size", bytes.size()}}.dump()
          : fmt::format("{}  {} bytes, digest {}", out, bytes.size(), digest.hex()));
  return {};
}

// The engine that hosts run, on a folder: fleetsweep-scan stands beside this program.
Status test(Session& session, const Options& options) {
  FS_TRY(const compiler::Compiled compiled, compile(session, options));
  char compiled_file[] = "/tmp/fleetsweep-policy-XXXXXX";
  const int descriptor = mkstemp(compiled_file);
  if (descriptor < 0)
    return fail(Code::kUnavailable, "no temporary file in /tmp: {}", std::strerror(errno));
  const Bytes bytes = codec::encode(compiled.policy);
  const bool written =
      write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  close(descriptor);
  const std::string scanner =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "fleetsweep-scan").string();
  std::vector<std::string> words = {scanner, "--root", options.folder, "--policy", compiled_file};
  if (session.console.json) words.push_back("--json");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error =
      written ? posix_spawn(&child, scanner.c_str(), nullptr, nullptr, arguments.data(), environ)
              : ENOSPC;
  int status = 0;
  if (error == 0) waitpid(child, &status, 0);
  unlink(compiled_file);
  if (error != 0)
    return fail(Code::kUnavailable, "cannot start {}: {}; it belongs beside this program", scanner,
                std::strerror(error));
  if (!WIFEXITED(status))
    return fail(Code::kInternal, "{} died of signal {}", scanner, WTERMSIG(status));
  session.exit = WEXITSTATUS(status);
  return {};
}

}  // namespace

void add_policy_verbs(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* policy = app.add_subcommand(
      "policy", "what to look for and what to do about it: write, check, try, build");
  policy->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help,
                        Status (*run)(Session&, const Options&)) {
    CLI::App* sub = policy->add_subcommand(name, help);
    sub->add_option("file", options->file, "the policy's YAML")->required();
    sub->callback([&session, options, run] { session.finish(run(session, *options)); });
    return sub;
  };
  verb("lint", "every mistake of the file at once, with line, column and hint", lint);
  verb("explain", "in plain words what it looks for and what it does", explain);
  CLI::App* trial =
      verb("test", "run it against a folder and show what matches; changes nothing", test);
  trial->add_option("folder", options->folder, "taken as the root of a host")->required();
  trial->footer(
      "Example: fleetsweep policy test policies/catalog/lookalike/policy.yaml /srv/image");
  verb("build", "compile to the bytes that an order names by digest", build)
      ->add_option("--out", options->out, "default: FILE.policy");
}

}  // namespace fleetsweep::cli
