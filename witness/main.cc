// fleetsweep-witness: its address answers POST /add-checkpoint (C2SP tlog-witness), POST /time and
// GET /healthz.

#include <poll.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "protocol/runtime/files/files.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/log/event_log.h"
#include "protocol/runtime/loop/signals.h"
#include "witness/driver.h"
#include "witness/options.h"

namespace fleetsweep::witness {
namespace {

constexpr int kExitRefused = 1;
// Connections that are served or wait, and the files of one answer.
constexpr std::size_t kDescriptors = 64;

int refuse(const Error& error) {
  std::fprintf(stderr, "fleetsweep-witness: %s\n", error.message.c_str());
  return kExitRefused;
}

int init(const InitOptions& options) {
  const auto keys = create(options.state, options.name);
  if (!keys) return refuse(keys.error());
  std::printf("%s\n",
              nlohmann::json{{"vkey", keys->verifier.text()}, {"time_key", keys->time.hex()}}
                  .dump()
                  .c_str());
  return 0;
}

Timestamp now() {
  return std::chrono::floor<Seconds>(std::chrono::system_clock::now());
}

void note_answer(const event_log::EventLog& log, const http::Request& request,
                 const Answer& answer) {
  if (answer.status == 200)
    log.debug("cosigned", {{"origin", answer.checkpoint.origin}, {"size", answer.checkpoint.size}});
  else if (answer.alarming)
    log.error("fork", {{"origin", answer.checkpoint.origin},
                       {"size", answer.checkpoint.size},
                       {"root", answer.checkpoint.root.hex()},
                       {"peer", request.peer}});
  else if (answer.status == 409)  // a controller that has just started asks where we are
    log.info("size_told", {{"origin", answer.checkpoint.origin}, {"peer", request.peer}});
  else
    log.warning("refused",
                {{"status", answer.status}, {"peer", request.peer}, {"why", answer.text}});
}

int run(RunOptions options) {
  // Without them it would listen and never answer.
  if (const auto enough = files::check_descriptors(kDescriptors, "the witness needs"); !enough)
    return refuse(enough.error());
  auto signals = loop::Signals::block();
  if (!signals) return refuse(signals.error());
  const event_log::EventLog log;
  auto driver = Driver::open(options.state, std::move(options.logs));
  if (!driver) return refuse(driver.error());

  http::Server server;
  server.route("POST", "/add-checkpoint", [&](const http::Request& request) {
    const Answer answer = (*driver)->add_checkpoint(request.body, now());
    note_answer(log, request, answer);
    return http::Response{answer.status, answer.content_type, answer.text, {}};
  });
  server.route("POST", "/time", [&](const http::Request& request) {
    const Answer answer = (*driver)->tell_time(request.body, now());
    if (answer.status == 200)
      log.debug("time_told", {{"peer", request.peer}});
    else
      log.warning("time_refused",
                  {{"status", answer.status}, {"peer", request.peer}, {"why", answer.text}});
    return http::Response{answer.status, answer.content_type, answer.text, {}};
  });
  server.route("GET", "/healthz", [](const http::Request&) {
    return http::Response{.content_type = "text/plain", .body = "ok\n"};
  });
  const Status started = server.start({.listen = options.listen,
                                       .allow_remote = options.allow_remote,
                                       .body_bytes_max = limits::kAddCheckpointBytes});
  if (!started) return refuse(started.error());
  log.info("listening", {{"address", server.address()}, {"witness", (*driver)->verifier().text()}});

  pollfd wait{signals->fd(), POLLIN, 0};
  while (!signals->next()) poll(&wait, 1, -1);
  server.stop();
  log.info("stopped");
  return 0;
}

}  // namespace
}  // namespace fleetsweep::witness

int main(int count, char** arguments) {
  using namespace fleetsweep::witness;
  Options options = parse_options(count, arguments);
  if (const int* code = std::get_if<int>(&options)) return *code;
  if (const auto* init_options = std::get_if<InitOptions>(&options)) return init(*init_options);
  return run(std::move(std::get<RunOptions>(options)));
}
