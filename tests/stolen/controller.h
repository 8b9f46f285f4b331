#pragma once

// The real controller, stolen: its core, driver, gateway and API are those of the shipped program,
// on real sockets with CURVE. Between the driver and the gateway sits the thief, who also has the
// database. He holds what such a machine holds (log key, conductor's key, edge key) and no
// operator's key. The witness stands on another machine: its core is real, and honest unless a test
// steals it too.
//
// It runs in the test's own thread, in serve_until().

#include <deque>
#include <functional>
#include <memory>

#include "controller/api/api.h"
#include "controller/driver/cosign.h"
#include "controller/gateway/gateway.h"
#include "protocol/runtime/loop/mailbox.h"
#include "tests/controller/store/forwarding_store.h"
#include "tests/protocol/trust/fixture.h"
#include "tests/stolen/record.h"
#include "tests/wait.h"
#include "witness/core.h"

namespace fleetsweep::stolen {

using controller::HostRef;

// The database in a thief's hands.
class Database final : public store::ForwardingStore {
 public:
  // An entry of the log that is another one when it is read.
  std::map<std::uint64_t, Bytes> rewritten;
  bool forgets_checkpoint = false;  // else the real controller does not start on a rewritten log

  Result<std::vector<store::Entry>> entries(store::TenantNo tenant) override;
  Result<std::optional<store::Checkpoint>> checkpoint(store::TenantNo tenant) override;
};

class Controller final : public controller::Outlet,
                         public controller::Crew,
                         public controller::Telemetry {
 public:
  // Founds the tenant and its batch, one token a host. `folder` gets the record and the API token.
  // `tenant` outlives it.
  Controller(const fixture::Tenant& tenant, const std::string& folder, std::size_t tokens);
  ~Controller() override;

  // Serves until `holds` or the time is over.
  bool serve_until(const std::function<bool()>& holds, Duration limit = kPatience);

  // What honest people bring, through the door that the API opens.
  Result<DocumentId> submit(const Bytes& envelope);
  Digest put_policy(const Bytes& policy);
  std::string token(std::size_t number) const;
  std::string agent_address() const { return gateway_->agent_endpoint(); }
  std::string enrol_address() const { return gateway_->enrol_endpoint(); }
  std::string api_address() const { return api_server_.address(); }
  std::string api_token_file() const { return folder_ + "/api.token"; }

  // What came back, verified by the controller's own code.
  std::vector<model::Receipt> receipts;
  // Forks of receipt chains that it noticed.
  std::size_t forks();

  // --- the thief
  // What goes out instead of a frame; empty: nothing. Unset: honest.
  std::function<std::vector<Bytes>(const Bytes& frame)> hook;
  // To every host that is connected, now.
  void push(const Bytes& frame);
  void push(const model::Message& message);
  // Past every check, into the database; the program starts anew on it and serves it.
  void write_into_log(const std::vector<Bytes>& entries);
  void write(const std::vector<store::Record>& records);
  void restart();
  Database& database() { return database_; }
  // Another witness with the key of the honest one, who has seen nothing yet.
  void steal_witness();
  // A checkpoint of these entries, signed by the log alone.
  log::Note sign(const std::vector<Bytes>& entries) const;
  const std::string& note() const { return tenant_view().note; }
  const std::vector<Bytes>& log() const { return tenant_view().entries; }
  const Record& record() const { return record_; }
  const std::vector<std::string>& events() const { return events_; }

  // Outlet, Crew, Telemetry.
  Taken send(const HostRef& host, const controller::Frame& frame) override;
  void admit(const HostRef& host, const CurveKey& key) override { gateway_->admit(host, key); }
  void retire(const CurveKey& key) override { gateway_->retire(key); }
  void replace(const std::vector<std::pair<CurveKey, HostRef>>& admitted) override {
    gateway_->replace(admitted);
  }
  bool verify(controller::VerifyReceipts work) override;
  bool cosign(controller::CosignLog work) override;
  bool ask_time(controller::AskTime) override { return false; }  // no host here has reason to ask
  void on(const controller::Count&) override {}
  void on(const controller::Event& event) override;
  void on_campaign(const controller::Tenant&, const campaign::Rollout&, Instant) override {}
  void on_commit(std::size_t, bool) override {}

 private:
  const controller::Tenant& tenant_view() const {
    return *driver_->core().find(store::TenantNo{1});
  }
  void load();
  void verify_what_came(Instant at);
  void turn();
  Result<controller::WitnessAnswer> ask_witness(const log::AddCheckpoint& request);

  const fixture::Tenant& tenant_;
  std::string folder_;
  Record record_;
  crypto::SecretKey log_key_;
  crypto::SecretKey witness_key_;
  log::VerifierKey log_name_;
  log::VerifierKey witness_name_;
  witness::Core witness_;
  net::CurveKeyPair edge_ = net::generate_curve_keys();
  metrics::Metrics metrics_;
  Database database_;
  loop::Loop loop_;
  std::unique_ptr<controller::Gateway> gateway_;
  std::unique_ptr<controller::Cosigner> cosigner_;
  std::unique_ptr<controller::Driver> driver_;
  std::deque<controller::VerifyReceipts> to_verify_;
  std::deque<controller::CosignLog> to_cosign_;
  std::set<store::HostNo> hosts_;
  std::vector<std::string> events_;
  controller::Hub hub_;
  loop::Mailbox<controller::Call> calls_{64};
  controller::Api api_;
  http::Server api_server_;
};

}  // namespace fleetsweep::stolen
