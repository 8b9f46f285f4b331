#pragma once

// Whether a folder is the root of a volume of Windows, and whether that sleeps.

#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::hive {

// It has Windows/System32/config/SOFTWARE, whatever the case of these names. kUnavailable: one of
// these folders cannot be read.
Result<bool> holds_windows(const std::string& root);

// By the beginning of its hiberfil.sys: its memory lies in there, with what it knows of the volume,
// and it will go on with that. A start leaves another mark, or zeroes.
bool is_hibernated(BytesView hiberfil);
inline constexpr std::size_t kHibernationMarkBytes = 4;
inline constexpr std::string_view kHibernated =
    "Windows is hibernated or was shut down with Fast Startup: start it and shut it down in full "
    "(shutdown /s /t 0)";

}  // namespace fleetsweep::hive
