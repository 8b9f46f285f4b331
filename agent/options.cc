#include "agent/options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "agent/local/enrolment.h"
#include "protocol/base/limits.h"
#include "protocol/base/version.h"
#include "protocol/runtime/config/config.h"

namespace fleetsweep::agent {

namespace {

constexpr const char* kDefaultState = "/var/lib/fleetsweep/agent";
// Of those that neither Debian nor systemd hands out.
constexpr const char* kDefaultCoreUser = "65521";
constexpr Seconds kRekeyIntervalMin{3600};  // the edge takes a few keys a day
constexpr Seconds kVaultKeepMin{24 * 3600};
enum Exit { kDone = 0, kRefused = 1, kUsage = 2 };

std::string own_path() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

// "500ms" or what parse_seconds() takes.
Result<Duration> parse_wait(const std::string& text) {
  if (text.ends_with("ms")) {
    std::int64_t count = 0;
    const char* end = text.data() + text.size() - 2;
    if (std::from_chars(text.data(), end, count).ptr == end && count > 0) return Duration(count);
    return fail(Code::kInvalid, "'{}': expected 50ms, 1s, 5m", text);
  }
  FS_TRY(const Seconds seconds, parse_seconds(text));
  return Duration(seconds);
}

// "990" or "990:991".
Result<runtime::User> parse_user(const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto number = [](std::string_view part) -> Result<unsigned> {
    unsigned value = 0;
    const char* end = part.data() + part.size();
    if (part.empty() || std::from_chars(part.data(), end, value).ptr != end || value == 0)
      return fail(Code::kInvalid, "'{}': expected a numeric user id above 0, or UID:GID", part);
    return value;
  };
  const std::string_view view(text);
  FS_TRY(const unsigned uid, number(view.substr(0, colon)));
  if (colon == std::string::npos) return runtime::User{uid, uid};
  FS_TRY(const unsigned gid, number(view.substr(colon + 1)));
  return runtime::User{uid, gid};
}

std::string whole_path(const std::string& path) {
  std::error_code error;
  std::string whole = std::filesystem::absolute(path, error).lexically_normal().string();
  if (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  return whole;
}

// File and command line together; the command line wins.
Status read_run_options(const std::string& file, std::vector<config::Setting> given,
                        Options& options) {
  FS_TRY(auto reader, config::Reader::open(file, std::move(given)));
  monitor::Options& monitor = options.monitor;
  CoreOptions& core = options.core;
  const std::string own = own_path();
  options.state = reader.text("state", kDefaultState);
  // One that cannot be read stops the agent when it looks whether this is its machine.
  const std::string enrolled = enrolled_root(options.state).value_or("/");
  monitor.root = whole_path(reader.text("root", enrolled));
  monitor.libexec = reader.text("libexec", std::filesystem::path(own).parent_path().string());
  core.labels = reader.list("label");
  for (std::string& folder : reader.list("mirror"))
    if (folder.starts_with('/'))
      core.mirrors.push_back(std::move(folder));
    else
      reader.reject("mirror", fmt::format("'{}': expected an absolute path", folder));
  const auto wait = [&](const char* key, const char* fallback, Duration& target) {
    const auto value = parse_wait(reader.text(key, fallback));
    if (value)
      target = *value;
    else
      reader.reject(key, value.error().message);
  };
  wait("reconnect_min", "1s", core.reconnect_min);
  wait("reconnect_max", "300s", core.reconnect_max);
  core.rekey_interval = reader.duration("rekey_interval", core.rekey_interval);
  if (core.rekey_interval < kRekeyIntervalMin)
    reader.reject("rekey_interval", "at least 1h was expected");
  if (reader.has("vault_keep")) {
    monitor.vault_keep = reader.duration("vault_keep", Seconds(0));
    if (*monitor.vault_keep < kVaultKeepMin)
      reader.reject("vault_keep", "at least 1d was expected");
  }
  monitor.vault_quota =
      reader.number("vault_quota_bytes", monitor.vault_quota, limits::kVaultBytesLeast,
                    std::numeric_limits<std::int64_t>::max());
  const auto user = [&](const char* key, std::optional<runtime::User>& target) {
    if (!reader.has(key)) return;
    const auto value = parse_user(reader.text(key, ""));
    if (!value) return reader.reject(key, value.error().message);
    if (::geteuid() != 0) return reader.reject(key, "only root can start processes as other users");
    target = *value;
  };
  if (::geteuid() == 0) {
    const std::string text = reader.text("core_user", kDefaultCoreUser);
    const auto value = parse_user(text);
    if (value)
      monitor.core_user = *value;
    else if (text != "root")
      reader.reject("core_user", value.error().message);
  } else {
    user("core_user", monitor.core_user);
  }
  user("parser_user", monitor.parser_user);
  FS_CHECK(reader.finish());

  std::error_code error;
  options.state = std::filesystem::absolute(options.state, error).string();
  monitor.state = options.state;
  monitor.restart_min = core.reconnect_min;
  monitor.core = {own,
                  "core",
                  "--state",
                  options.state,
                  "--root",
                  monitor.root,
                  "--reconnect-min",
                  fmt::format("{}ms", core.reconnect_min.count()),
                  "--reconnect-max",
                  fmt::format("{}ms", core.reconnect_max.count()),
                  "--rekey-interval",
                  fmt::format("{}s", core.rekey_interval.count())};
  // Full: users of their own for core and parser, and Landlock for the parser, which is nobody's
  // unless it is told; scan says in each result what it got.
  const bool is_full = monitor.core_user && runtime::landlock_abi() > 0;
  monitor.core.insert(monitor.core.end(), {"--sandbox", is_full ? "full" : "reduced"});
  for (const std::string& label : core.labels)
    monitor.core.insert(monitor.core.end(), {"--label", label});
  for (const std::string& folder : core.mirrors)
    monitor.core.insert(monitor.core.end(), {"--mirror", folder});
  return {};
}

// What is not said is what the agent was enrolled for.
Status settle_root(std::string& root, const std::string& state) {
  if (root.empty()) {
    FS_TRY(root, enrolled_root(state));
  }
  return {};
}

Parsed mistake(const std::string& what) {
  std::fprintf(stderr, "fleetsweep-agent: %s\n", what.c_str());
  return {kUsage, {}};
}

}  // namespace

Parsed parse_options(int count, char** arguments) {
  Options options;
  options.state = kDefaultState;
  CLI::App app(
      "Finds, cleans, verifies and undoes on this host what its tenant's signed orders name.\n"
      "The owner of the host stays in charge: see halt, why, undo and DIR/consent.conf.");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("fleetsweep-agent {}", kVersion));

  auto* enrol = app.add_subcommand("enrol", "join a tenant, once, with a token from its operators");
  auto* token = enrol->add_option("TOKEN", options.enrol.token, "one line that starts with fs1-");
  enrol
      ->add_option("--token-file", options.enrol.token_file,
                   "the file that holds it instead: other users can read a command line")
      ->excludes(token);
  enrol
      ->add_option("--connect", options.enrol.connect,
                   "the controller's enrolment socket, tcp://HOST:7601")
      ->required();
  enrol->add_option("--agents", options.enrol.agents,
                    "where agents connect afterwards (default: what the tenant signed, else the "
                    "port below --connect's)");
  enrol->add_option("--state", options.state, "folder of this agent's keys and memory")
      ->capture_default_str();
  enrol->add_option("--root", options.enrol.root, "the tree to look after")->capture_default_str();
  enrol->add_option("--consent", options.enrol.consent,
                    "your limits, put in place as DIR/consent.conf before the first contact");
  enrol->add_flag("--json", options.json, "print the result as JSON");

  auto* run = app.add_subcommand("run", "run the agent (as a service)");
  std::string config_file;
  std::vector<config::Setting> given;
  run->add_option("--config", config_file,
                  "file of `key = value` lines; every option here is a key");
  const auto setting = [&](const std::string& key, const std::string& what) {
    std::string names = "--" + key;
    if (key.find('_') != std::string::npos) {
      std::string hyphens = key;
      std::replace(hyphens.begin(), hyphens.end(), '_', '-');
      names += ",--" + hyphens;
    }
    run->add_option_function<std::vector<std::string>>(
           names,
           [&given, key](const std::vector<std::string>& values) {
             for (const std::string& value : values) given.push_back({key, value, "--" + key});
           },
           what)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  setting("state", "folder of this agent's keys and memory");
  setting("root", "the tree to look after (default: the one it was enrolled for)");
  setting("libexec", "where fleetsweep-scan and fleetsweep-act are (default: beside this program)");
  setting(
      "core_user",
      "as root: numeric UID[:GID] for the process with the network (65521), or root: then without "
      "any capability");
  setting("parser_user", "as root: numeric UID[:GID] for the process that reads hostile files");
  setting("reconnect_min", "shortest wait before connecting again (1s)");
  setting("reconnect_max", "longest wait before connecting again (300s)");
  setting("rekey_interval", "a key of the private line to the controller serves so long (30d)");
  setting("vault_keep",
          "keep what was taken so long, such as 90d, if its policy's undo_ttl is shorter");
  setting("vault_quota_bytes",
          "so much the vault may hold; what does not fit is not taken (536870912)");
  setting("label", "what this host says about itself; may be repeated");
  setting("mirror",
          "a folder in which a Stop may lie as *.dsse when no controller brings it; may be "
          "repeated");

  // Not for people: the monitor starts it.
  auto* core = app.add_subcommand("core", "")->group("");
  std::string sandbox = "reduced", reconnect_min = "1s", reconnect_max = "300s", rekey = "30d";
  core->add_option("--state", options.core.state)->required();
  core->add_option("--root", options.core.root);
  core->add_option("--core-fd", options.core.monitor_fd)->required();
  core->add_option("--sandbox", sandbox);
  core->add_option("--reconnect-min", reconnect_min);
  core->add_option("--reconnect-max", reconnect_max);
  core->add_option("--rekey-interval", rekey);
  core->add_option("--label", options.core.labels);
  core->add_option("--mirror", options.core.mirrors);

  const auto command = [&](const char* verb, const char* what) {
    auto* sub = app.add_subcommand(verb, what);
    sub->add_option("--state", options.state, "folder of the agent's state")->capture_default_str();
    sub->add_flag("--json", options.json, "print the answer as JSON");
    return sub;
  };
  auto* status = command("status", "what this agent is doing, and every order it knows");
  auto* why = command("why", "in one line: why an order is waiting, was refused, or what it did");
  why->add_option("ORDER", options.command.argument,
                  "its id, or the first 8 digits or more; without: all orders");
  auto* halt = command("halt", "begin nothing on this host until `resume`; survives a reboot");
  auto* resume = command("resume", "take back `halt`");
  auto* rekey_now = command(
      "rekey", "take a new key for the private line to the controller, now instead of by its age");
  auto* undo = command("undo", "put back what an order took away from this host; needs no quorum");
  undo->add_option("ORDER", options.command.argument, "its id, or the first 8 digits or more")
      ->required();
  auto* offline =
      undo->add_flag("--offline", options.offline,
                     "by its journal alone, where no agent can run: its tenant is not told");
  undo->add_option("--root", options.undo.root,
                   "the tree the agent looked after (default: the one it was enrolled for)")
      ->needs(offline);

  auto* stop = command("stop", "take a Stop that the tenant's people signed, from a file");
  stop->add_option("FILE", options.stop_file, "as `fleetsweep stop --out FILE` writes it")
      ->required();
  stop->footer("Example: fleetsweep-agent stop /media/usb/stop.dsse");

  // For the list of what there is: main() hands it to fleetsweep-vault.
  app.add_subcommand("vault", "what was taken from this host: list it, export it, purge it");

  auto* baseline = app.add_subcommand(
      "baseline", "what is meant to start by itself on this host, for policies that hunt the rest");
  baseline->require_subcommand(1);
  auto* write = baseline->add_subcommand("write", "take what starts by itself now as meant to");
  auto* shown = baseline->add_subcommand("show", "the baseline as it was written");
  for (CLI::App* sub : {write, shown}) {
    sub->add_option("--state", options.state, "folder of the agent's state")->capture_default_str();
    sub->add_flag("--json", options.json, "print it as JSON");
  }
  options.baseline.libexec = std::filesystem::path(own_path()).parent_path().string();
  write->add_option("--root", options.baseline.root,
                    "the tree the agent looks after (default: the one it was enrolled for)");
  write->add_option("--libexec", options.baseline.libexec, "where fleetsweep-scan is")
      ->capture_default_str();
  write->add_flag("--replace", options.baseline.replace, "the one that was written before");
  write->footer("Example: fleetsweep-agent baseline write --state /var/lib/fleetsweep/agent");
  shown->footer("Example: fleetsweep-agent baseline show --json");

  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return {app.exit(error) == 0 ? kDone : kUsage, {}};
  }
  using Verb = Options::Verb;
  if (*enrol) {
    options.verb = Verb::kEnrol;
    if (options.enrol.token.empty() && options.enrol.token_file.empty())
      return mistake("enrol: expected the TOKEN or --token-file FILE");
    options.enrol.state = options.state;
    options.enrol.root = whole_path(options.enrol.root);
  } else if (*run) {
    options.verb = Verb::kRun;
    if (auto read = read_run_options(config_file, std::move(given), options); !read)
      return mistake(read.error().message);
  } else if (*core) {
    options.verb = Verb::kCore;
    const auto min = parse_wait(reconnect_min), max = parse_wait(reconnect_max);
    const auto level = from_name<model::SandboxLevel>(sandbox);
    const auto interval = parse_seconds(rekey);
    if (!min || !max || !level || !interval)
      return mistake("core is started by `fleetsweep-agent run`");
    options.core.reconnect_min = *min;
    options.core.reconnect_max = *max;
    options.core.rekey_interval = *interval;
    options.core.sandbox = *level;
  } else if (*baseline) {
    options.verb = Verb::kBaseline;
    options.show = static_cast<bool>(*shown);
    options.baseline.state = options.state;
    if (const auto root = settle_root(options.baseline.root, options.state); !root)
      return mistake(root.error().message);
  } else {
    options.verb = Verb::kCommand;
    for (const CLI::App* sub : {status, why, halt, resume, rekey_now, undo, stop})
      if (*sub) options.command.verb = sub->get_name();
    options.undo.state = options.state;
    options.undo.libexec = options.baseline.libexec;
    options.undo.order = options.command.argument;
    if (options.offline)
      if (const auto root = settle_root(options.undo.root, options.state); !root)
        return mistake(root.error().message);
  }
  return {std::nullopt, std::move(options)};
}

}  // namespace fleetsweep::agent
