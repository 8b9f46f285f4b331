#pragma once

// Enrolment: once in the life of a host, by its owner's hand.

#include <string>
#include <vector>

#include "agent/local/enrolment.h"

namespace fleetsweep::agent {

struct EnrolOptions {
  std::string token;
  std::string token_file;  // holds the token instead: a command line can be read by others
  std::string connect;     // tcp://host:port of the enrolment socket
  std::string agents;      // tcp://host:port for agents, if the tenant names none
  std::string state;
  std::string root = "/";
  std::string consent;  // a file to put in place before the first contact; empty: none
  Duration wait_max = std::chrono::seconds(30);
};

// Makes the keys, asks, verifies the answer against the token's tenant and writes the enrolment.
// May be repeated after an interruption: the keys stay the same. kConflict: enrolled already;
// kInvalid: the token or an option is wrong; kUntrusted: the answer is not the tenant's;
// kUnavailable: no answer.
Result<Enrolment> enrol(const EnrolOptions& options);

}  // namespace fleetsweep::agent
