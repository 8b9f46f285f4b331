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
      return true;
    case ActionKind::kBlock:
    case ActionKind::kRestart:
    case ActionKind::kRestoreFromPackage:
    case ActionKind::kPurge:
    case ActionKind::kIsolate:
      return false;
  }
  return false;
}

bool agents_take(model::Selector::Kind kind) {
  return kind != model::Selector::Kind::kServicesMapping && kind != model::Selector::Kind::kList;
}

bool agents_disable(model::PersistenceKind kind) {
  return kind == model::PersistenceKind::kSystemdUnit ||
         kind == model::PersistenceKind::kSystemdTimer ||
         kind == model::PersistenceKind::kSystemdSocket ||
         kind == model::PersistenceKind::kSystemdPath ||
         kind == model::PersistenceKind::kInitScript ||
         kind == model::PersistenceKind::kWindowsService;
}

}  // namespace fleetsweep::compiler
