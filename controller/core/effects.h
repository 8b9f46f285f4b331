#pragma once

// What the controller's core wants done. The driver runs the kinds in this order: all `persist` of
// a turn in one transaction, then `send`, then `work`, then `notice`. When the transaction fails
// nothing of the rest happens and the core is loaded anew.

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controller/store/records.h"
#include "protocol/log/note.h"
#include "protocol/log/time_query.h"
#include "protocol/model/order.h"
#include "protocol/model/wire.h"

namespace fleetsweep::controller {

using store::HostNo;
using store::TenantNo;

struct HostRef {
  TenantNo tenant = 0;
  HostNo host = 0;
  auto operator<=>(const HostRef&) const = default;
};

// One message to many: encoded once, its bytes shared.
struct Send {
  std::vector<HostRef> to;
  model::Message message;
};
// A chunk of a blob; the driver has the bytes.
struct SendBlob {
  HostRef to;
  Digest digest;
  std::uint64_t offset = 0;
};
// A new host may connect from now on.
struct Admit {
  HostRef host;
  CurveKey key;
};
// A key that opens the door no more.
struct Retire {
  CurveKey key;
};
using SendEffect = std::variant<Send, SendBlob, Admit, Retire>;

// Work for other threads; the answers come back as events.
struct VerifyReceipts {
  HostRef host;
  TenantId tenant;
  AgentId agent;
  PublicKey identity;
  std::vector<Bytes> receipts;
};
struct CosignLog {
  TenantNo tenant = 0;
  log::Checkpoint checkpoint;
  std::vector<Digest> leaves;
  std::vector<std::string> witnesses;  // verifier keys
  unsigned quorum = 0;
};
struct SignRelease {
  TenantNo tenant = 0;
  model::Release release;
};
struct AskTime {  // a witness, for a host whose clock is in doubt
  HostRef host;
  log::TimeQuery query;
};
using Work = std::variant<VerifyReceipts, CosignLog, SignRelease, AskTime>;

struct Count {  // a counter or a histogram of metrics_names.h
  std::string_view metric;
  std::vector<std::pair<std::string_view, std::string>> labels;
  double value = 1;
  bool observe = false;
};
struct CampaignChanged {
  TenantNo tenant = 0;
  std::string campaign;
};
struct Event {  // a line in the log
  std::string name;
  std::vector<std::pair<std::string_view, std::string>> fields;
  bool warning = false;
};
using Notice = std::variant<Count, CampaignChanged, Event>;

struct Effects {
  std::vector<store::Record> persist;
  std::vector<SendEffect> send;
  std::vector<Work> work;
  std::vector<Notice> notice;
};

}  // namespace fleetsweep::controller
