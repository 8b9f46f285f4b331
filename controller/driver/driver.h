#pragma once

// The same in production and in simulation: gathers the effects of a turn, commits what must last
// in one transaction, then sends, then hands out work, then tells. A failed commit drops the rest
// and loads the core anew from what is durable; hosts and operators ask again.

#include <functional>
#include <memory>

#include "controller/core/core.h"
#include "controller/driver/results_log.h"
#include "controller/store/store.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::controller {

using Frame = std::shared_ptr<const Bytes>;  // one encoded message for many peers

// Where frames go: the gateway, or a simulated network.
class Outlet {
 public:
  virtual ~Outlet() = default;
  enum class Taken { kOk, kFull, kGone };
  virtual Taken send(const HostRef& host, const Frame& frame) = 0;
  virtual void admit(const HostRef& host, const CurveKey& key) = 0;
  virtual void retire(const CurveKey& key) = 0;
  // The core was loaded anew: these and no others may connect.
  virtual void replace(const std::vector<std::pair<CurveKey, HostRef>>& admitted) = 0;
};

// Other threads, or a simulation that answers later. False: too busy, the work is dropped.
class Crew {
 public:
  virtual ~Crew() = default;
  virtual bool verify(VerifyReceipts work) = 0;
  virtual bool cosign(CosignLog work) = 0;
  virtual bool ask_time(AskTime work) = 0;
};

class Telemetry {
 public:
  virtual ~Telemetry() = default;
  virtual void on(const Count& count) = 0;
  virtual void on(const Event& event) = 0;
  virtual void on_campaign(const Tenant& tenant, const campaign::Rollout& rollout, Instant now) = 0;
  virtual void on_commit(std::size_t records, bool ok) = 0;
};

class Driver {
 public:
  // All of them outlive the driver.
  struct Parts {
    store::Store& store;
    Outlet& outlet;
    Crew& crew;
    Telemetry& telemetry;
    const crypto::SecretKey& conductor;
    // Times a commit; empty in simulation.
    std::function<void(const std::function<void()>&)> timed = nullptr;
  };
  static Result<std::unique_ptr<Driver>> load(const CoreOptions& options, const Parts& parts,
                                              Instant now);

  // Events of the hosts and workers; their effects wait for flush() at the end of the turn.
  void on_message(const HostRef& host, model::Message message, Instant now);
  void on_key_used(const HostRef& host, const CurveKey& key, Instant now);
  void on_verified(std::vector<VerifiedReceipt> receipts, Instant now);
  void on_cosigned(const Cosigned& cosigned, Instant now);
  void on_time_told(const TimeTold& told);
  void on_flood(const HostRef& host);  // it was cut: says which
  void on_time(Instant now);
  void flush(Instant now);

  // Answered only when durable. kUnavailable: the store failed, ask again. A Close is refused with
  // kConflict unless it names the beginning of the campaign's results log: only the first counts.
  Result<Enrolled> enrol(BytesView agent_key, const CurveKey& key, Instant now);
  Result<Submitted> create_tenant(BytesView root_envelope, const std::string& who, Instant now);
  Result<Submitted> submit(const TenantId& tenant, BytesView envelope, const std::string& who,
                           Instant now);
  Result<Digest> put_policy(const TenantId& tenant, BytesView policy, const std::string& who,
                            Instant now);
  Status set_quota(const TenantId& tenant, store::QuotaKind kind, std::uint64_t most,
                   const std::string& who, Instant now);

  // As long as it has not ended; notes, to the minute, that it was used.
  Result<std::optional<store::ApiToken>> api_token(const Digest& hash, Instant now);

  Result<DocumentId> post_pending(const TenantId& tenant, BytesView envelope,
                                  const std::string& who, Instant now);
  Result<DocumentId> withdraw_pending(const TenantId& tenant, const DocumentId& id,
                                      const std::string& who, Instant now);

  const Core& core() const { return *core_; }
  store::Store& store() { return parts_.store; }
  // Lives until the next call.
  Result<const ResultsLog*> results_log(const Tenant& tenant, const std::string& campaign) {
    return results_.of(parts_.store, tenant.no, campaign);
  }
  Status health() const;  // the last commit's or reload's error
  Instant next_deadline() const { return core_->next_deadline(); }

 private:
  Driver(const CoreOptions& options, const Parts& parts) : options_(options), parts_(parts) {}
  Status reload(Instant now, bool counted);
  bool commit(Instant now);
  bool recover(Instant now);
  Status check_close(const TenantId& tenant, BytesView envelope);
  void perform(std::vector<SendEffect> sends, Instant now);
  void send(const Send& send, Instant now);
  void send(const SendBlob& send, Instant now);
  void refused(const HostRef& host, const SendEffect& effect, Outlet::Taken taken, Instant now);
  void start(std::vector<Work> work, Instant now);
  void tell(const std::vector<Notice>& notices, Instant now);
  template <class T>
  Result<T> durable(Result<T> result, Instant now);

  CoreOptions options_;
  Parts parts_;
  ResultsLogs results_;
  std::unique_ptr<Core> core_;
  Effects pending_;
  std::size_t receipts_pending_ = 0;
  Status health_;
  bool stale_ = false;
  // Chunks of the blob that was asked for last: a policy goes to many hosts at the same time.
  TenantNo blob_tenant_ = 0;
  Digest blob_digest_;
  std::optional<Bytes> blob_;
  std::map<std::uint64_t, Frame> blob_frames_;
};

}  // namespace fleetsweep::controller
