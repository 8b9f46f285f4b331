#include "cli/action_terms.h"

#include <nlohmann/json.hpp>

namespace fleetsweep::cli {
namespace {

using model::ActionKind;
using model::HostState;
using model::ObjectKind;
using model::Outcome;
using model::Reason;
using nlohmann::json;

// OCSF 1.1: classes of category 7, and their activities, which are tactics of D3FEND.
enum Class { kNoClass = 0, kAnything = 7001, kFile = 7002, kProcess = 7003, kNetwork = 7004 };
enum Activity { kIsolate = 1, kEvict = 2, kRestore = 3 };

struct Terms {
  const char* openc2;
  const char* react;   // nullptr: none
  const char* d3fend;  // nullptr: none
  Class ocsf_class;
  Activity activity;
};

Terms of_removal(ObjectKind object) {
  switch (object) {
    case ObjectKind::kFile:
      return {"delete file", "RA_4301_remove_file", "D3-FEV", kFile, kEvict};
    case ObjectKind::kWindowsRegistryKey:
      return {"delete", "RA_4501_remove_registry_key", "D3-RKD", kAnything, kEvict};
    default:
      return {"delete", "RA_4502_remove_service", nullptr, kAnything, kEvict};
  }
}

Terms of_action(ActionKind action, ObjectKind object) {
  switch (action) {
    case ActionKind::kReport:
      return {"scan", nullptr, nullptr, kNoClass, {}};
    case ActionKind::kCollect:
      return {"copy", nullptr, nullptr, kNoClass, {}};
    case ActionKind::kSuspend:
      return {"contain process", nullptr, "D3-PS", kProcess, kIsolate};
    case ActionKind::kDisable:
      return {"set", "RA_3501_disable_system_service", nullptr, kAnything, kIsolate};
    case ActionKind::kBlock:
      return {"deny", "RA_3101_block_external_ip_address", "D3-NTF", kNetwork, kIsolate};
    case ActionKind::kRemove:
      return of_removal(object);
    case ActionKind::kKill:
      return {"stop process", nullptr, "D3-PT", kProcess, kEvict};
    case ActionKind::kQuarantine:
      return {"contain file", "RA_3303_quarantine_file_by_path", "D3-FEV", kFile, kIsolate};
    case ActionKind::kRestart:
      return {"restart process", nullptr, nullptr, kProcess, kRestore};
    case ActionKind::kRestoreFromPackage:
      return {"restore file", nullptr, "D3-RF", kFile, kRestore};
    case ActionKind::kPurge:
      return of_removal(ObjectKind::kFile);
    case ActionKind::kIsolate:
      return {"contain device", nullptr, "D3-NTF", kNetwork, kIsolate};
  }
  return {};
}

// What is put back is the same object, restored.
Terms of_undo(ActionKind action, ObjectKind object) {
  Terms undo{"restore", nullptr, nullptr, of_action(action, object).ocsf_class, kRestore};
  if (action == ActionKind::kDisable) undo.react = "RA_5501_enable_disabled_service";
  if (action != ActionKind::kQuarantine) return undo;
  undo.react = "RA_5301_restore_quarantined_file";
  undo.d3fend = "D3-RF";
  return undo;
}

// OCSF's status_id; "Does Not Exist" is of its remediation classes.
int ocsf_status(const model::ReceiptItem& item) {
  constexpr int kSuccess = 1, kFailure = 2, kDoesNotExist = 3, kOther = 99;
  if (item.outcome == Outcome::kDone || item.outcome == Outcome::kUndone) return kSuccess;
  if (item.outcome == Outcome::kFailed) return kFailure;
  return item.reason == Reason::kGone ? kDoesNotExist : kOther;
}

}  // namespace

json terms_of(const model::ReceiptItem& item) {
  if (item.outcome == Outcome::kFound) return {{"openc2", "scan"}};
  const Terms terms = item.outcome == Outcome::kUndone ? of_undo(item.action, item.object)
                                                       : of_action(item.action, item.object);
  json result = {{"openc2", terms.openc2}};
  if (terms.react != nullptr) result["react"] = terms.react;
  if (terms.d3fend != nullptr) result["d3fend"] = terms.d3fend;
  if (terms.ocsf_class != kNoClass)
    result["ocsf"] = {{"class_uid", static_cast<int>(terms.ocsf_class)},
                      {"activity_id", static_cast<int>(terms.activity)},
                      {"status_id", ocsf_status(item)}};
  return result;
}

int openc2_status(HostState state, Reason reason) {
  constexpr int kProcessing = 102, kOk = 200, kBadRequest = 400, kUnauthorized = 401,
                kForbidden = 403, kInternalError = 500, kNotImplemented = 501;
  switch (state) {
    case HostState::kPending:
    case HostState::kOffered:
    case HostState::kScanning:
    case HostState::kWaiting:
    case HostState::kCleaning:
    case HostState::kUnreachable:
    case HostState::kNeedsReboot:
      return kProcessing;
    case HostState::kClean:
    case HostState::kFound:
    case HostState::kCleaned:
    case HostState::kVerified:
    case HostState::kUndone:
      return kOk;
    case HostState::kResidual:
    case HostState::kRespawned:
    case HostState::kFailed:
    case HostState::kUntrusted:
    case HostState::kExpired:
      return kInternalError;
    case HostState::kRefused:
      break;
  }
  switch (reason) {
    case Reason::kMalformed:
    case Reason::kPolicyMissing:
    case Reason::kPolicyMismatch:
    case Reason::kClassMismatch:
      return kBadRequest;
    case Reason::kUntrusted:
    case Reason::kTenant:
    case Reason::kRootVersion:
    case Reason::kRootExpired:
    case Reason::kQuorum:
      return kUnauthorized;
    case Reason::kSchema:
    case Reason::kPlatform:
    case Reason::kCapability:
      return kNotImplemented;
    case Reason::kIo:
    case Reason::kInternal:
      return kInternalError;
    default:
      return kForbidden;
  }
}

}  // namespace fleetsweep::cli
