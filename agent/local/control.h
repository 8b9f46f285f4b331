#pragma once

// The owner's commands, as a client of control.sock.

#include <string>

#include "protocol/model/local.h"

namespace fleetsweep::agent {

// kUnavailable: no agent is running with this state; kInvalid: it would not talk to this user.
Result<model::LocalReply> command(const std::string& state, const model::LocalCommand& command,
                                  Duration wait_max);

}  // namespace fleetsweep::agent
