#pragma once

// The command line of fleetsweep-controller, parsed into one value.

#include <string>
#include <variant>

#include "controller/service/service.h"

namespace fleetsweep::controller {

struct InitCommand {
  std::string state, origin;
};
struct RotateLogKey {
  std::string state, origin;
};
struct OriginCommand {
  std::string state, origin;
};
struct CreateToken {
  std::string state, role, tenant, life, out;
};
struct ListTokens {
  std::string state;
};
struct RotateToken {
  std::string state, id, overlap, out;
};
struct RevokeToken {
  std::string state, id;
};
struct RebuildCommand {
  std::string state;
};
using Command = std::variant<InitCommand, RotateLogKey, OriginCommand, ServiceOptions, CreateToken,
                             ListTokens, RotateToken, RevokeToken, RebuildCommand>;

struct Usage {  // nothing to do but print and exit
  std::string text;
  int exit_code = 0;
};

std::variant<Command, Usage> parse_command(int argc, const char* const* argv);

}  // namespace fleetsweep::controller
