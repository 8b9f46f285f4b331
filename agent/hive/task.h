#pragma once

// The XML of a scheduled task (schema of the Task Scheduler, version 1.2 and later). Pure.

#include <string>
#include <string_view>
#include <vector>

#include "agent/hive/registry.h"

namespace fleetsweep::hive {

inline constexpr std::size_t kTaskActions = 32;  // Windows takes no more

// As an XML reader leaves the text of an element: without blanks at both ends.
std::string_view without_blanks(std::string_view text);

// One for each action: of a program its command with its arguments, of a COM handler its class with
// its data; without an action one with an empty command. Each with the user of the principal that
// the actions run as.
std::vector<Autostart> read_task(std::string_view xml);

}  // namespace fleetsweep::hive
