#pragma once

// What every test of this folder does: look-alikes on a host, and a policy that finds them.

#include <string>

#include "tests/agent/act/act_host.h"

namespace fleetsweep::host {

// A file of the host with its mode.
void put(const act::ActHost& host, const std::string& path, const std::string& content,
         unsigned mode = 0644);

// Finds what starts by itself and whose command or name holds `evil`, and removes it.
model::Policy marked();

}  // namespace fleetsweep::host
