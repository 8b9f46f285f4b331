#pragma once

// Shell and Userinit of Winlogon: lists of programs with commas between them, each of which Windows
// starts when somebody logs on. Pure.

#include "agent/hive/hive.h"

namespace fleetsweep::hive {

inline constexpr std::string_view kWinlogon = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";

bool is_program_list(std::string_view value_name);
// Each once; of a value that is no such list all that it says.
std::vector<std::string> programs_of(const Value& value);
// The data as it is without this program. Empty: nothing would be left, or it is no such list.
Bytes without_program(const Value& value, std::string_view program);

}  // namespace fleetsweep::hive
