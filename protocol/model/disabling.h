#pragma once

// How `disable` turns off what starts by itself and leaves it where it is, by what the program that
// starts it goes by. The one table behind the agent and the compiler.

#include "protocol/model/finding.h"

namespace fleetsweep::model {

enum class Disabling : std::uint8_t {
  kLinks,    // the links that enable it go
  kComment,  // its line becomes a comment
  kSetting,  // a desktop entry or D-Bus service says itself that it starts nothing
  kMode,     // it loses the permission or capability that it needs
  kStart,    // a service of Windows: Start=4
  kNone,     // nothing turns it off but removing it
};

// Of an entry that is a line of its file, or of one that is the whole file.
constexpr Disabling disabling_of(PersistenceKind kind, bool is_line) {
  using Kind = PersistenceKind;
  switch (kind) {
    case Kind::kWindowsService:
      return Disabling::kStart;
    case Kind::kWindowsTask:
    case Kind::kWindowsRun:
    case Kind::kWindowsWinlogon:
    case Kind::kAccount:  // passwd has no comments
    case Kind::kPamModule:
    case Kind::kPolkitRule:
    case Kind::kWebScript:
      return Disabling::kNone;
    default:
      break;
  }
  if (is_line) return Disabling::kComment;
  switch (kind) {
    case Kind::kSystemdUnit:
    case Kind::kSystemdTimer:
    case Kind::kSystemdSocket:
    case Kind::kSystemdPath:
    case Kind::kInitScript:
      return Disabling::kLinks;
    case Kind::kXdgAutostart:
    case Kind::kDbusService:
      return Disabling::kSetting;
    case Kind::kCron:  // run-parts
    case Kind::kAt:    // atd waits for it
    case Kind::kSystemdGenerator:
    case Kind::kMotdScript:
    case Kind::kGitHook:
    case Kind::kNetworkmanagerDispatcher:
    case Kind::kPathShadow:
    case Kind::kSetuidProgram:
    case Kind::kFileCapability:
      return Disabling::kMode;
    default:
      return Disabling::kNone;
  }
}

constexpr bool can_be_disabled(PersistenceKind kind) {
  return disabling_of(kind, true) != Disabling::kNone ||
         disabling_of(kind, false) != Disabling::kNone;
}

}  // namespace fleetsweep::model
