#include "policies/compiler/engine.h"

namespace fleetsweep::compiler {

bool agents_do(model::ActionKind kind) {
  using model::ActionKind;
  switch (kind) {
    case ActionKind::kReport:
    case ActionKind::kCollect:
    case ActionKind::kSuspend:
    case ActionKind::kDisable:
    case ActionKind::kRemove:
    case ActionKind::kKill:
    case ActionKind::kQuarantine:
    case ActionKind::kBlock:
    case ActionKind::kIsolate:
    case ActionKind::kRestoreFromPackage:
    case ActionKind::kRestart:
    case ActionKind::kPurge:
      return true;
  }
  return false;
}

bool agents_take(model::ActionKind action, model::Selector::Kind kind) {
  if (kind == model::Selector::Kind::kList) return action == model::ActionKind::kBlock;
  return (kind == model::Selector::Kind::kServicesMapping) ==
         (action == model::ActionKind::kRestart);
}

}  // namespace fleetsweep::compiler
