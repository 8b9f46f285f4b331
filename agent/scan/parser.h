#pragma once

// The process that reads hostile bytes. It inherits the compiled detections, confines itself,
// compiles the policy's rules, says hello, and then answers jobs until its walker closes the
// channel. It returns facts and never opinions: the walker decides again from them.

#include <optional>

#include "agent/scan/channel.h"
#include "agent/scan/evaluate/matcher.h"
#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::scan {

struct ParserOptions {
  std::optional<runtime::User> user;  // to become, as root
  // With an answer, beside the time that its bytes need; then it is replaced.
  Duration patience = std::chrono::seconds(30);
};

// The first frame: the level reached, or why there is no parser.
struct Hello {
  model::SandboxLevel level = model::SandboxLevel::kNone;
  std::string sandbox_error;
  std::string rules_error;
};
void write(Writer& writer, const Hello& hello);
Hello read_hello(Reader& reader);

// `memory` is where its walker puts the content of small files.
[[noreturn]] void run_parser(Channel channel, BytesView memory, const Matcher& matcher,
                             const model::Policy& policy, const ParserOptions& options);

}  // namespace fleetsweep::scan
