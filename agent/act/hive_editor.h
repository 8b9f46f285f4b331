#pragma once

// Edits registry hives without reading them: a confined process does that. It is given the old hive
// and its logs as descriptors and an empty one for the new; what it writes is only taken if it is
// as long as the old one and differs in few bytes.

#include <memory>
#include <string>

#include "agent/act/confined.h"
#include "agent/act/files.h"
#include "agent/hive/registry.h"

namespace fleetsweep::act {

// In the order of hive::Change::Kind.
inline constexpr std::string_view kChangeNames[] = {"remove_entry", "disable_service",
                                                    "remove_value", "remove_task"};

class HiveEditor {
 public:
  // Call it before anything secret is read. kUnavailable: no process, or no sandbox for it.
  static Result<std::unique_ptr<HiveEditor>> start();

  // The hive at `path`, with its logs beside it in `parent`, as it is after the change. kConflict:
  // dirty or damaged; kGone: it no longer says what was found.
  Checked<std::string> edited(const Parent& parent, std::string_view path, std::string_view before,
                              const hive::Change& change);
  // What that change takes out or sets, of the hive at `path` as a file of the registry editor; see
  // hive/export.h. Of a dirty hive too; reasons as above.
  Checked<Bytes> exported(std::string_view path, std::string_view current,
                          const hive::Change& change, std::size_t bytes_max);
  // The hive at `path`, which by now holds `current`, with what the change took out of `before`.
  // kConflict also: that place is taken, or there is no room.
  Checked<std::string> taken_back(const Parent& parent, std::string_view path,
                                  std::string_view before, std::string_view current,
                                  const hive::Change& change);
  // Before the hive `before` is put back whole. kConflict: a log beside it is newer than it, and
  // Windows would write that into it.
  Checked<void> check_logs(const Parent& parent, std::string_view path, std::string_view before);

 private:
  struct Question;
  Checked<Bytes> ask(std::string_view path, const hive::Change& change, const Question& question);
  // `current` is what is written to; the old one is `before`, where it is another.
  Checked<std::string> rewritten(const Parent& parent, std::string_view path,
                                 const hive::Change& change, std::string_view current,
                                 const std::string_view* before);

  explicit HiveEditor(std::unique_ptr<Confined> process) : process_(std::move(process)) {}
  std::unique_ptr<Confined> process_;
};

// The path as it is spelt on the disk. kGone; kConflict where names that differ only by case leave
// it open which one is meant.
Checked<std::string> find_folded(const Tree& tree, std::string_view path);

// kConflict: the Windows of this volume is hibernated. It knows what the volume held, and would
// write that over what is changed meanwhile.
Checked<void> check_awake(const Tree& tree);

}  // namespace fleetsweep::act
