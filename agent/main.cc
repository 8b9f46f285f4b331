// fleetsweep-agent: enrol, run (the monitor, which starts this program again as its core), and the
// owner's commands.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/driver/host.h"
#include "agent/local/control.h"
#include "agent/local/enrolment.h"
#include "agent/options.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::agent {
namespace {

using Json = nlohmann::json;
enum Exit { kDone = 0, kRefused = 1, kBroken = 70 };
// A scan keeps up to 256 files open for its parser. Children inherit the limit.
constexpr std::size_t kDescriptors = 320;

int complain(const Error& error) {
  std::fprintf(stderr, "fleetsweep-agent: %s\n", escaped(error.message).c_str());
  return error.code == Code::kInternal ? kBroken : kRefused;
}

int run_enrol(const Options& options) {
  const auto enrolled = enrol(options.enrol);
  if (!enrolled) return complain(enrolled.error());
  if (options.json)
    std::printf("%s\n", Json{{"agent", enrolled->agent.hex()},
                             {"tenant", enrolled->tenant.hex()},
                             {"address", enrolled->address}}
                            .dump()
                            .c_str());
  else
    std::printf(
        "enrolled as %s\n  tenant %s\n  agents connect to %s\nnext: fleetsweep-agent run --state "
        "%s\n",
        enrolled->agent.hex().c_str(), enrolled->tenant.hex().c_str(), enrolled->address.c_str(),
        options.state.c_str());
  return kDone;
}

int run_monitor(const Options& options) {
  const event_log::EventLog log;
  if (::access((options.state + "/enrolment").c_str(), F_OK) != 0) {
    if (errno != ENOENT)
      return complain(files::system_error(errno, "look for an enrolment in " + options.state));
    return complain({Code::kNotFound,
                     fmt::format("{} holds no enrolment: run `fleetsweep-agent enrol "
                                 "--token-file FILE --connect tcp://HOST:7601 --state {}` first{}",
                                 options.state, options.state, way_to_undo(options.state))});
  }
  if (const auto enough = files::check_descriptors(kDescriptors, "the agent needs"); !enough)
    return complain(enough.error());
  if (const auto same = check_machine(options.state, read_host_digest(options.monitor.root)); !same)
    return complain(same.error());
  // It starts only our own programs, and none of them needs more than it has itself.
  if (auto given_up = runtime::no_new_privileges(); !given_up) return complain(given_up.error());
  const auto lock = files::StateLock::acquire(options.state, "fleetsweep-agent");
  if (!lock) return complain(lock.error());
  auto monitor = monitor::Monitor::create(options.monitor, log);
  if (!monitor) return complain(monitor.error());
  if (auto ran = (*monitor)->run(); !ran) return complain(ran.error());
  return kDone;
}

int run_core_process(const Options& options) {
  const event_log::EventLog log;
  if (auto ran = run_core(options.core, log); !ran) {
    log.error("core_ends", {{"why", ran.error().message}});
    return kRefused;
  }
  return kDone;
}

void print_orders(const Json& orders) {
  for (const Json& order : orders)
    std::printf("  %.12s  %s  (%s)\n", order.value("order", "").c_str(),
                escaped(order.value("why", "")).c_str(), escaped(order.value("title", "")).c_str());
  if (orders.empty()) std::printf("  no orders\n");
}

// What else the owner's file says, as it stands there.
std::string consent_limits(const Json& consent) {
  std::string text;
  for (const char* key : {"jurisdictions", "root", "deny"})
    for (const Json& value : consent.value(key, Json::array()))
      text += std::string(", ") + key + " " + escaped(value.get<std::string>());
  if (consent.contains("items_max")) text += ", items_max " + consent["items_max"].dump();
  if (consent.contains("expires")) text += ", until " + escaped(consent.value("expires", ""));
  return text;
}

void print(const std::string& verb, const Json& answer) {
  if (answer.contains("error")) {
    std::fprintf(stderr, "fleetsweep-agent: %s\n", escaped(answer.value("error", "")).c_str());
  } else if (verb == "status") {
    std::printf(
        "agent %s\n  %s, %s\n  transport key %.16s since %s%s\n  log %llu entries, root version "
        "%llu, witnesses said %s\n  %llu "
        "receipts, %llu not yet taken\n",
        answer.value("agent", "").c_str(), answer.value("activity", "").c_str(),
        answer.value("welcomed", false)    ? "in contact"
        : answer.value("connected", false) ? "connected, not yet welcomed"
                                           : "out of contact",
        answer.value("transport_key", "").c_str(), answer.value("transport_key_since", "").c_str(),
        answer.value("rekey_pending", false) ? ", a new one is offered" : "",
        answer.value("log_size", 0ull), answer.value("root_version", 0ull),
        answer.value("witness_time", "").c_str(), answer.value("receipts", 0ull),
        answer.value("outbox", 0ull));
    for (const Json& stop : answer.value("stops", Json::array()))
      std::printf("  a Stop %s\n", escaped(stop.get<std::string>()).c_str());
    if (const Json consent = answer.value("consent", Json()); consent.is_object())
      std::printf("  consent.conf (sha256 %.12s) allows up to class %s%s\n",
                  consent.value("sha256", "").c_str(), consent.value("max_class", "").c_str(),
                  consent_limits(consent).c_str());
    if (answer.value("consent_broken", false))
      std::printf("  consent.conf has a mistake: nothing runs until it is mended\n");
    if (const std::string clock = answer.value("clock", "ok"); clock != "ok")
      std::printf("  this host's clock is %s: %s\n", clock.c_str(),
                  answer.value("time_told", false) ? "orders are judged by what a witness host told"
                                                   : "orders that change anything are refused");
    if (const Json vault = answer.value("vault", Json()); vault.is_object())
      std::printf("  the vault holds %llu entries, %llu bytes: `fleetsweep-agent vault list`\n",
                  vault.value("entries", 0ull), vault.value("bytes", 0ull));
    if (answer.value("forked", false))
      std::printf("  the log contradicts what this host has seen: nothing runs\n");
    print_orders(answer.value("orders", Json::array()));
    for (const Json& entry : answer.value("refused_entries", Json::array()))
      std::printf("  log entry %llu  refused: %s: %s\n", entry.value("index", 0ull),
                  entry.value("reason", "").c_str(), escaped(entry.value("detail", "")).c_str());
  } else if (verb == "stop") {
    const std::string says = escaped(answer.value("says", ""));
    const std::string detail = escaped(answer.value("detail", ""));
    std::printf("Stop %s: %s%s%s\n%s%s%s", answer.value("stop", "").c_str(),
                answer.value("taken", "").c_str(), detail.empty() ? "" : ": ", detail.c_str(),
                says.empty() ? "" : "  ", says.c_str(), says.empty() ? "" : "\n");
  } else if (answer.contains("why")) {
    std::printf("%s\n", escaped(answer.value("why", "")).c_str());
  } else if (answer.contains("orders")) {
    print_orders(answer["orders"]);
  } else if (verb == "rekey") {
    std::printf(
        "transport key %.16s is in use; a new one is offered when the controller is in "
        "contact: `fleetsweep-agent status` shows it\n",
        answer.value("transport_key", "").c_str());
  } else if (answer.contains("halted")) {
    std::printf(answer.value("halted", false) ? "halted\n" : "resumed\n");
  } else {
    const std::string reason = answer.value("reason", "none");
    std::printf("%s: %s%s\n", answer.value("state", "").c_str(),
                reason == "none" ? "" : (reason + ": ").c_str(),
                escaped(answer.value("says", "")).c_str());
  }
}

// What is in the way is the owner's to judge; what was purged nobody brings back.
void print_next_undo(const Options& options, const Json& answer) {
  const Json left = answer.value("not_put_back", Json::array());
  if (std::ranges::all_of(left,
                          [](const Json& one) { return one.value("reason", "") == "expired"; }))
    return;
  std::printf(
      "next: make way for what is not back (docs/reasons.md), then `fleetsweep-agent undo %s%s "
      "--state "
      "%s` again: it goes on with that\n",
      escaped(options.command.argument).c_str(), options.offline ? " --offline" : "",
      options.state.c_str());
}

// Core, which answers, cannot look there; who may command the agent can. Null: he cannot either.
Json vault_json(const std::string& state) {
  std::uint64_t entries = 0, bytes = 0;
  std::error_code error;
  std::filesystem::recursive_directory_iterator at(state + "/act/vault", error);
  for (; !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (at->path().extension() != ".fsq") continue;
    ++entries;
    bytes += at->file_size(error);
  }
  return error ? Json() : Json{{"entries", entries}, {"bytes", bytes}};
}

int show(const Options& options, const model::LocalReply& reply) {
  Json answer = Json::parse(reply.json, nullptr, false);
  if (options.command.verb == "status" && answer.is_object())
    answer["vault"] = vault_json(options.state);
  if (answer.is_discarded())
    std::printf("%s\n", reply.json.c_str());
  else if (options.json)
    std::printf("%s\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  else
    print(options.command.verb, answer);
  if (options.command.verb == "undo" && !options.json && answer.is_object())
    print_next_undo(options, answer);
  return reply.ok ? kDone : kRefused;
}

// The file as the CLI writes it; core gets the envelope's bytes, and believes its signatures only.
Result<std::string> read_stop(const std::string& path) {
  FS_TRY(const Bytes content,
         files::read_file(path, limits::kDsseJsonBytes, files::Links::kFollow));
  const auto envelope = codec::from_dsse_json(as_text(content));
  if (!envelope) return fail(envelope.error().within(path));
  if (envelope->payload_type != model::kPayloadStop)
    return fail(Code::kInvalid, "{}: expected a Stop, this is '{}'", path,
                escaped(envelope->payload_type));
  return to_text(codec::encode(*envelope));
}

int complain_unanswered(const Options& options, Error error) {
  if (options.command.verb == "undo" && error.code == Code::kUnavailable)
    error.message += ": where none can run, --offline undoes without it";
  return complain(error);
}

int run_command(const Options& options) {
  Duration wait = std::chrono::seconds(30);
  model::LocalCommand asked = options.command;
  if (asked.verb == "stop") {
    auto stop = read_stop(options.stop_file);
    if (!stop) return complain(stop.error());
    asked.argument = std::move(*stop);
  }
  if (options.offline) {
    const auto reply = undo_offline(options.undo);
    if (!reply) return complain(reply.error());
    return show(options, *reply);
  }
  if (asked.verb == "undo") {
    // The monitor, which starts the undo, takes a whole id only: core knows which one is meant.
    if (!DocumentId::parse_hex(asked.argument)) {
      const auto meant = command(options.state, {"why", asked.argument}, wait);
      if (!meant) return complain_unanswered(options, meant.error());
      if (!meant->ok) return show(options, *meant);
      asked.argument = Json::parse(meant->json, nullptr, false).value("order", "");
    }
    wait = std::chrono::minutes(30);
  }
  const auto reply = command(options.state, asked, wait);
  if (!reply) return complain_unanswered(options, reply.error());
  return show(options, *reply);
}

Json baseline_json(const std::string& text) {
  Json entries = Json::array();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    if (second == std::string::npos) continue;
    entries.push_back({{"kind", escaped(line.substr(0, first))},
                       {"sha256", escaped(line.substr(first + 1, second - first - 1))},
                       {"path", escaped(line.substr(second + 1))}});
  }
  return {{"entries", std::move(entries)}};
}

int run_baseline(const Options& options) {
  const auto text =
      options.show ? read_baseline(options.baseline.state) : write_baseline(options.baseline);
  if (!text) return complain(text.error());
  const Json json = baseline_json(*text);
  if (options.json)
    std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  else if (options.show)
    std::fputs(text->c_str(), stdout);
  else
    std::printf("%zu entries in %s/baseline: read them with `fleetsweep-agent baseline show`\n",
                json["entries"].size(), options.baseline.state.c_str());
  return kDone;
}

// The program beside this one that knows the vault; its words come after `vault`.
int run_vault(char** arguments) {
  std::error_code error;
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "fleetsweep-vault";
  ::execv(program.c_str(), arguments);
  return complain(files::system_error(errno, "start " + program));
}

int run(int count, char** arguments) {
  if (count > 1 && std::string_view(arguments[1]) == "vault") return run_vault(arguments + 1);
  const Parsed parsed = parse_options(count, arguments);
  if (parsed.exit) return *parsed.exit;
  switch (parsed.options.verb) {
    case Options::Verb::kEnrol:
      return run_enrol(parsed.options);
    case Options::Verb::kRun:
      return run_monitor(parsed.options);
    case Options::Verb::kCore:
      return run_core_process(parsed.options);
    case Options::Verb::kCommand:
      return run_command(parsed.options);
    case Options::Verb::kBaseline:
      return run_baseline(parsed.options);
  }
  return kBroken;
}

}  // namespace
}  // namespace fleetsweep::agent

int main(int count, char** arguments) {
  return fleetsweep::agent::run(count, arguments);
}
