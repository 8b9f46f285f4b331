#pragma once

// Stops and Resumes, and what it is worth that the controller says it logged one: nothing. A stolen
// one would say so too. So the log is read back until witnesses vouch that it stands there.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/log_history.h"
#include "cli/session.h"
#include "protocol/base/time.h"
#include "protocol/model/order.h"

namespace CLI {
class App;
}

namespace fleetsweep::cli {

struct Proven {
  DocumentId id;
  Witnessed witnessed;
  std::string doubt;  // why it proves nothing although it stands there; empty: it is proved
};

// How a Stop or Resume is submitted.
struct Submission {
  std::vector<std::string> keys;  // files; none: it is signed
  std::string file;               // in which it lies already; empty: nowhere
  std::string wait = "3m";        // so long for the witnesses' word
};
void add_wait_flag(CLI::App& verb, Submission& submission);

// kUnavailable: nobody vouches for it in time; kUntrusted: the controller contradicts what
// witnesses signed. Whatever goes wrong after it was signed, a Stop is kept in a file, which stops
// hosts without a controller, and the error names it.
Result<Proven> submit_proven(Session&, model::Envelope document, const Submission& submission);

// With --json the fields and what is proved; otherwise `text` and the same in words.
void print_proven(Session&, const Proven& proven, nlohmann::json fields, const std::string& text);

// Asks with the plan, then signs, submits, proves and prints it.
Status submit_resume(Session&, const model::Resume& resume, const std::string& plan,
                     const Submission& submission);

}  // namespace fleetsweep::cli
