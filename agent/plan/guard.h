#pragma once

// The all-or-nothing checks of a plan. Pure; each returns kNone or why the whole plan is refused.

#include <set>

#include "agent/plan/plan.h"
#include "protocol/model/disabling.h"

namespace fleetsweep::plan {

struct Refusal {
  model::Reason reason = model::Reason::kNone;
  std::string detail;
  explicit operator bool() const { return reason != model::Reason::kNone; }
};

// What the policy asks for and this engine lacks: found before anything is looked at.
Refusal check_capability(const model::Policy& policy, model::Platform here);
// Different object types; a hash, or a YARA rule scored 90 or more, counts as two. An entry that
// stands in a file which was found too is that file once more, and so is a value of the registry
// that says what an entry is.
unsigned independent(const model::Policy& policy,
                     const std::vector<const model::Finding*>& evidence);
// `objects`: distinct, of steps that change something.
Refusal check_limits(const Input& input, const std::vector<const model::PlanStep*>& objects);
Refusal check_object(const Input& input, const model::PlanStep& step);

// What is changed in part along with the object of a step.
Refusal check_path(const Input& input, std::string_view path);
// A link that goes with the object of a step.
Refusal check_link(const Input& input, std::string_view path);

// Whether a process may be ended. sshd may where it is started again at once.
enum class Ending { kForGood, kForRestart };
Refusal check_process(const Input& input, const model::ProcessIdentity& process, Ending ending);

// A file that entries name goes only together with all of them.
Refusal check_names(const Input& input, const std::vector<model::PlanStep>& steps);

// Changes the host: everything but report, collect and what is only proposed.
bool is_intrusive(model::ActionKind kind);
// Takes files off the host: quarantine and purge.
bool takes_files(model::ActionKind kind);
// It is gone afterwards.
bool is_whole_file(const model::PlanStep& step);
// It can be taken under each: none lies where nobody looked.
bool has_all_names(const model::FileIdentity& file, const ObjectFacts& facts);
// As its kind, save where the program that starts it looks at nothing that could be turned off.
model::Disabling disabling_of(const model::PersistenceIdentity& entry);

}  // namespace fleetsweep::plan
