#include "tests/stolen/controller.h"

#include <fstream>

#include "controller/driver/verify.h"
#include "controller/metrics_table.h"
#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/trust/token.h"

namespace fleetsweep::stolen {

namespace {

constexpr Duration kHeartbeat = std::chrono::milliseconds(250);
constexpr Duration kCheckpointInterval = std::chrono::milliseconds(500);

log::VerifierKey parsed(const std::string& vkey) {
  auto key = log::VerifierKey::parse(vkey);
  FS_ASSERT(key);
  return *key;
}

crypto::SecretKey token_key(std::size_t number) {
  return fixture::key_named(fmt::format("token-{}", number));
}

Timestamp now() {
  return to_timestamp(loop::wall_now());
}

}  // namespace

Result<std::vector<store::Entry>> Database::entries(store::TenantNo tenant) {
  auto all = ForwardingStore::entries(tenant);
  if (all)
    for (const auto& [index, envelope] : rewritten) all->at(index).envelope = envelope;
  return all;
}

Result<std::optional<store::Checkpoint>> Database::checkpoint(store::TenantNo tenant) {
  if (forgets_checkpoint) return std::optional<store::Checkpoint>();
  return ForwardingStore::checkpoint(tenant);
}

Controller::Controller(const fixture::Tenant& tenant, const std::string& folder, std::size_t tokens)
    : tenant_(tenant),
      folder_(folder),
      record_(folder + "/sent"),
      log_key_(fixture::key_named("log")),
      witness_key_(fixture::key_named("witness")),
      log_name_(parsed(tenant.root().logs.at(0).vkey)),
      witness_name_(parsed(tenant.root().witnesses.at(0))),
      witness_({log_name_}),
      metrics_(controller::kMetrics),
      api_([this](controller::Call call) { return calls_.push(std::move(call)); }, hub_) {
  auto gateway = controller::Gateway::open(
      {.agent_listen = "tcp://127.0.0.1:*", .enrol_listen = "tcp://127.0.0.1:*", .keys = edge_},
      metrics_);
  FS_ASSERT(gateway);
  gateway_ = std::move(*gateway);
  cosigner_ = std::make_unique<controller::Cosigner>(
      log_key_, std::vector<std::string>{"witness"},
      [this](const std::string&, const log::AddCheckpoint& request) {
        return ask_witness(request);
      });
  loop_.watch(calls_.fd(), [this](Instant at) {
    for (controller::Call& call : calls_.take()) call(*driver_, at);
  });
  load();
  FS_ASSERT(driver_->create_tenant(tenant.root_envelope(), "test", loop::wall_now()));
  model::EnrolBatch batch;
  batch.not_after = now() + fixture::kDay;
  for (std::size_t i = 0; i < tokens; ++i) batch.tokens.push_back({token_key(i).public_key(), 1});
  batch.groups = {"web"};
  batch.jurisdiction = "DE";
  FS_ASSERT(submit(tenant.sign(batch, {"alice"})));

  const controller::NewToken token =
      controller::make_api_token(store::ApiRole::kViewer, std::nullopt, now());
  write({token.row});
  std::ofstream(api_token_file()) << token.text << "\n";
  api_.serve(api_server_);
  FS_ASSERT(api_server_.start({.listen = "127.0.0.1:0"}));
}

Controller::~Controller() {
  while (!calls_.take().empty()) {
  }
  api_server_.stop();
}

void Controller::load() {
  auto driver = controller::Driver::load({.log_key = log_key_.public_key(),
                                          .heartbeat = kHeartbeat,
                                          .checkpoint_interval = kCheckpointInterval},
                                         {database_, *this, *this, *this, tenant_.key("conductor")},
                                         loop::wall_now());
  if (!driver) fmt::print(stderr, "stolen controller: {}\n", driver.error().message);
  FS_ASSERT(driver);
  driver_ = std::move(*driver);
  gateway_->attach(*driver_, loop_);
}

void Controller::restart() {
  gateway_->detach(loop_);
  // A host sends again what was lost with a program, but later than these tests wait.
  verify_what_came(loop::wall_now());
  driver_->flush(loop::wall_now());
  to_verify_.clear();
  to_cosign_.clear();
  load();
}

void Controller::verify_what_came(Instant at) {
  while (!to_verify_.empty()) {
    const controller::VerifyReceipts work = std::move(to_verify_.front());
    to_verify_.pop_front();
    std::vector<controller::VerifiedReceipt> verified = controller::verify(work);
    for (const controller::VerifiedReceipt& one : verified)
      if (one.receipt) receipts.push_back(*one.receipt);
    driver_->on_verified(std::move(verified), at);
  }
}

void Controller::turn() {
  FS_ASSERT(loop_.turn(std::chrono::milliseconds(5)));
  const Instant at = loop::wall_now();
  verify_what_came(at);
  while (!to_cosign_.empty()) {
    const controller::CosignLog work = std::move(to_cosign_.front());
    to_cosign_.pop_front();
    driver_->on_cosigned(cosigner_->cosign(work, to_timestamp(at)), at);
  }
  if (driver_->next_deadline() <= at) driver_->on_time(at);
  driver_->flush(at);
}

bool Controller::serve_until(const std::function<bool()>& holds, Duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    turn();
  }
  return true;
}

Result<DocumentId> Controller::submit(const Bytes& envelope) {
  FS_TRY(const controller::Submitted logged,
         driver_->submit(tenant_.id(), envelope, "test", loop::wall_now()));
  return logged.id;
}

Digest Controller::put_policy(const Bytes& policy) {
  const auto digest = driver_->put_policy(tenant_.id(), policy, "test", loop::wall_now());
  FS_ASSERT(digest);
  return *digest;
}

std::string Controller::token(std::size_t number) const {
  trust::EnrolToken token;
  token.tenant = tenant_.id();
  token.edge = edge_.pub;
  token.seed = token_key(number).seed();
  token.expires = now() + fixture::kDay;
  return trust::token_text(token);
}

std::size_t Controller::forks() {
  const auto all = database_.forks(1);
  return all ? all->size() : 0;
}

void Controller::write(const std::vector<store::Record>& records) {
  FS_ASSERT(database_.commit(records));
}

void Controller::write_into_log(const std::vector<Bytes>& entries) {
  std::vector<store::Record> rows;
  for (const Bytes& entry : entries)
    rows.push_back(store::Entry{1, log().size() + rows.size(), entry, now()});
  write(rows);
  restart();
}

void Controller::steal_witness() {
  witness_ = witness::Core({log_name_});
  cosigner_ = std::make_unique<controller::Cosigner>(
      log_key_, std::vector<std::string>{"witness"},
      [this](const std::string&, const log::AddCheckpoint& request) {
        return ask_witness(request);
      });
}

log::Note Controller::sign(const std::vector<Bytes>& entries) const {
  std::vector<Digest> leaves;
  for (const Bytes& entry : entries) leaves.push_back(log::leaf_hash(entry));
  return log::sign_checkpoint({log_name_.name, entries.size(), log::tree_root(leaves)}, log_key_);
}

void Controller::push(const Bytes& frame) {
  for (const store::HostNo host : hosts_)
    if (gateway_->send({1, host}, std::make_shared<const Bytes>(frame)) == Taken::kOk)
      record_.add(host, frame);
}

void Controller::push(const model::Message& message) {
  push(codec::encode(message));
}

controller::Outlet::Taken Controller::send(const HostRef& host, const controller::Frame& frame) {
  hosts_.insert(host.host);
  for (const Bytes& bytes : hook ? hook(*frame) : std::vector<Bytes>{*frame}) {
    const Taken taken = gateway_->send(host, std::make_shared<const Bytes>(bytes));
    if (taken != Taken::kOk) return taken;
    record_.add(host.host, bytes);
  }
  return Taken::kOk;
}

bool Controller::verify(controller::VerifyReceipts work) {
  to_verify_.push_back(std::move(work));
  return true;
}

bool Controller::cosign(controller::CosignLog work) {
  to_cosign_.push_back(std::move(work));
  return true;
}

void Controller::on(const controller::Event& event) {
  std::string line = event.name;
  for (const auto& [key, value] : event.fields) line += fmt::format(" {}={}", key, value);
  events_.push_back(std::move(line));
}

Result<controller::WitnessAnswer> Controller::ask_witness(const log::AddCheckpoint& request) {
  const witness::Verdict verdict = witness_.judge(request.text());
  if (verdict.status == 409)
    return controller::WitnessAnswer{{}, witness_.seen(verdict.checkpoint.origin).size};
  if (verdict.status != 200) return fail(Code::kUntrusted, "witness: {}", verdict.text);
  witness_.remember(verdict.checkpoint);
  return controller::WitnessAnswer{
      {log::cosign(verdict.note.body, witness_name_.name, witness_key_, now())}, std::nullopt};
}

}  // namespace fleetsweep::stolen
