#pragma once

// @Names and %VARIABLES% for scope.paths, and keys of the registry: knowledge of where things live,
// in reviewed tables (protocol/model/persistence_places.h, windows_variables.h) instead of in each
// policy.

#include <string_view>
#include <vector>

#include "policies/compiler/sink.h"

namespace fleetsweep::compiler {

// With the @; none: there is no such location.
std::vector<std::string_view> location_paths(std::string_view name);
std::vector<std::string_view> location_names();  // with @home, which the host resolves

// "%APPDATA%" and the like begin a path on Windows; agents know those of windows_variables.h alone.
// True of a path with one of them, in any case, or with a drive; else says what is wrong.
bool begins_on_windows(std::string_view path, Position at, Sink& sink);

// Warns of a key of the registry that no agent ever reads, or that none can be called;
// `is_beginning`: only of its beginning.
void check_registry_key(std::string_view key, bool is_beginning, Position at, Sink& sink);

}  // namespace fleetsweep::compiler
