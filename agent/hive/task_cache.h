#pragma once

// The scheduled tasks that a SOFTWARE hive holds in the key TaskCache of the Task Scheduler: "Tree"
// has their names and ids, "Tasks" what each id does. Windows starts tasks by what stands here, and
// reads the XML below System32/Tasks only to show or change one: a task may have none (Microsoft on
// Tarrask, 2022), or one that says something else. Pure.

#include <functional>
#include <string_view>
#include <vector>

#include "agent/hive/edit.h"
#include "agent/hive/registry.h"

namespace fleetsweep::hive {

inline constexpr std::string_view kTaskCache =
    "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache";

// For each action of each task that starts something: its command, as read_task() gives it, and
// with the path below Tree as its name. Without such an action one with an empty command. Whom it
// runs as is not said.
void each_cached_task(const Hive& software, const std::function<void(Autostart)>& visit);

// What takes a task out, and nothing of the tasks below a key that is a folder as well, or of one
// that has the same id. kNotFound: there is none of this name, or none of its actions is `expected`
// any more; if that is empty, there may be nothing to take out.
Result<std::vector<Edit>> removal_of_task(const Hive& software, std::string_view name,
                                          std::string_view expected);

// The value "Actions" of a task: a version; from the second on, the name of a principal; then the
// actions, each with a mark of its kind and an id. A text is its length in bytes and UTF-16. Those
// that send mail or show a message are skipped, nothing that does not hold together is read.
std::vector<std::string> commands_of(BytesView actions);

}  // namespace fleetsweep::hive
