#pragma once

// A stolen controller and hosts with the real agent, all four processes, each in a private root
// with a harmless look-alike in it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/agent/process.h"
#include "tests/stolen/controller.h"
#include "tests/wait.h"

namespace fleetsweep::stolen {

inline constexpr const char* kBad = "a harmless look-alike\n";
inline constexpr const char* kInnocent = "just a file\n";

class Host {
 public:
  Host(const std::string& folder, std::size_t number);

  bool enrol(Controller& controller, std::size_t token);
  void start();
  void stop();  // as if the power went
  // The other host's machine id and whole state beside this one's files: a copied image.
  void become_copy_of(const Host& other);
  // A virtual machine: what it is now, while it is stopped, and back to that.
  void take_snapshot() const;
  void go_back();

  void infect();
  bool is_infected() const;
  // Everything in its root, with what would tell of a change, and what act wrote into its journal.
  std::string everything() const;

  nlohmann::json status() const;
  // "refused: quorum: ...", "waiting for release: ...", "done: cleaned"
  std::string why(const DocumentId& order) const;
  // A Stop that its owner has as a file; how the host took it: "taken", "refused" ...
  std::string give(const Bytes& stop) const;
  void halt() const { tell("halt"); }
  void resume() const { tell("resume"); }
  void restart();
  std::string log() const;  // what the agent's processes wrote
  bool is_running() { return process_ && process_->is_running(); }

 private:
  std::string bad_file() const { return root_ + "/var/tmp/.x/lookalike"; }
  nlohmann::json tell(const std::string& verb, const std::string& argument = "") const;
  // With whose files they are: core is a user of its own.
  void copy(const std::string& from, const std::string& to) const;

  std::string folder_;
  std::string root_;
  std::string state_;
  std::unique_ptr<agent::Process> process_;
};

class World {
 public:
  struct Options {
    std::size_t hosts = 1;
    std::function<void(model::Root&)> shape_root;
  };
  explicit World(const Options& options);
  World() : World(Options{}) {}
  ~World();  // on failure it tells what was said

  Host& host(std::size_t number = 0) { return *hosts_[number]; }
  const std::string& folder() const { return folder_; }
  bool serve_until(const std::function<bool()>& holds, Duration limit = kPatience) {
    return controller.serve_until(holds, limit);
  }

  // The look-alike is there, and a dry run of this host has found it: a clean order with a quorum
  // would clean.
  void find();
  // A new policy that finds what is in this file, stored at the controller.
  model::Policy policy(std::string_view content = kBad,
                       model::ActionKind kind = model::ActionKind::kQuarantine);
  // Orders with a nonce of their own, unsigned.
  model::Order dry_run() { return dry_run(policy_); }
  model::Order dry_run(const model::Policy& policy);
  model::Order clean() { return clean(policy_); }
  model::Order clean(const model::Policy& policy);
  // One wave, which a person releases.
  model::Order held();
  // Two waves, the first without a gate, and the only host is in the second.
  Bytes signed_for_second_wave(model::Gate gate, Seconds delay);
  Bytes release(const DocumentId& order, std::uint16_t wave = 0, const std::string& by = "alice");
  Bytes stop_all(const std::string& by = "carol");  // another document each time
  Timestamp tomorrow() const { return begun_ + fixture::kDay; }
  template <class T>
  Bytes sign(const T& document, std::initializer_list<std::string> people = {"alice", "bob"}) {
    return tenant.sign(document, people);
  }
  // Through the door.
  DocumentId submit(const Bytes& envelope);
  // Past the door, into the log, and folded by every host; the record must show it.
  void write_into_log(const std::vector<Bytes>& entries);
  // What a thief writes into the log, and the reason with which every host refuses it.
  struct Refused {
    Bytes entry;
    std::string reason;
  };
  // All of them so, and nothing changed on any host.
  void expect_refused(const std::vector<Refused>& entries);

  // What `fleetsweep audit verify` says of this controller, and whether it found everything right.
  struct Audit {
    bool holds = false;
    std::string text;
  };
  Audit audit();
  // Until this host has folded the whole log of the controller.
  bool has_folded(std::size_t number = 0);
  // The host says so about this order; waits for it.
  void expect_why(const DocumentId& order, const std::string& begins);
  // A signed receipt with this reason came back; waits for it.
  void expect_receipt(const DocumentId& order, model::Reason reason);
  // Each host's processes write this into their log after `what`, or else since find(); waits.
  void expect_log(const std::string& text, const std::function<void()>& what = nullptr);
  // Nothing changed on any host since find(), nothing was begun, and no receipt says otherwise.
  void expect_untouched();
  // With this order, through the door, the very same hosts clean: nothing but the case held them.
  void expect_cleaned(const Bytes& envelope);
  // The same for an order that is in the log.
  void expect_cleaned(const DocumentId& order);

  fixture::Tenant tenant;

 private:
  std::string folder_;
  Timestamp begun_;
  std::uint8_t nonces_ = 0;
  std::vector<std::string> before_;  // by host, as find() left it, like the next
  std::vector<std::size_t> logged_;
  std::size_t receipts_before_ = 0;

 public:
  Controller controller;

 private:
  std::vector<std::unique_ptr<Host>> hosts_;
  model::Policy policy_;
  DocumentId dry_run_;
};

// Frames, taken apart and put together, for hooks.
std::optional<model::Message> message_in(const Bytes& frame);
template <class T>
std::optional<T> in(const Bytes& frame) {
  const auto message = message_in(frame);
  const auto* one = message ? std::get_if<T>(&*message) : nullptr;
  return one ? std::optional<T>(*one) : std::nullopt;
}
Bytes frame_of(const model::Message& message);

}  // namespace fleetsweep::stolen
