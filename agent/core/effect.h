#pragma once

// What the core wants done. The driver runs the kinds in this order: commit all records, then the
// actions, then the notes. A failed commit drops the actions, and the process starts afresh from
// the store.

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/record.h"

namespace fleetsweep::agent {

struct Send {
  model::Message message;
};
struct SendReceipts {  // from the store
  std::vector<std::uint64_t> seqs;
};
struct StartScan {
  std::vector<Digest> policies;  // answered in one walk; bytes from the store
  bool verify = false;
};
// The driver adds the policy's bytes and the sealed findings of the dry run.
struct StartAct {
  model::ActRequest request;
  Digest policy;       // zero: none (undo)
  DocumentId dry_run;  // zero: none
};
// So that act remembers what Stops and Resumes there are (Core::stops_request()), whoever shows it
// the next order, and keeps an isolation while the controller is heard. It is not answered.
struct RememberStops {};
// What the scan would answer nobody waits for: it is to end now.
struct EndScan {};
// No new step, please: finish or roll back the one in flight, then answer.
struct AskActToStop {};
// A connection from scratch.
struct Reconnect {};
// Draw a new transport key and hand it to on_transport_key().
struct MakeTransportKey {};
// The next connection is made with this one.
struct UseTransport {
  TransportKey key;
};
using Action = std::variant<Send, SendReceipts, StartScan, EndScan, StartAct, RememberStops,
                            AskActToStop, Reconnect, MakeTransportKey, UseTransport>;

// An event for the local log: a name and fields, never what was found inside a file.
struct Note {
  std::string event;
  std::vector<std::pair<std::string, std::string>> fields;
  bool is_warning = false;
};

struct Effects {
  std::vector<Record> records;
  std::vector<Action> actions;
  std::vector<Note> notes;
};

}  // namespace fleetsweep::agent
