#include "tests/stolen/world.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "agent/local/control.h"
#include "protocol/base/assert.h"
#include "protocol/base/unique_fd.h"
#include "protocol/crypto/digest.h"
#include "tests/wait.h"

namespace fleetsweep::stolen {

namespace fs = std::filesystem;
using model::HostState;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

constexpr const char* kMachineId = "/etc/machine-id";

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string new_folder() {
  char name[] = "/tmp/fleetsweep-stolen-XXXXXX";
  FS_ASSERT(::mkdtemp(name));
  fs::permissions(name, fs::perms(0755));  // core is a user of its own and passes through
  return name;
}

Timestamp real_now() {
  return timestamp(::time(nullptr));
}

void shape_root(model::Root& root, const std::function<void(model::Root&)>& more) {
  root.issued = real_now() - fixture::kDay;
  root.expires = real_now() + 365 * fixture::kDay;
  root.policy.cool_off = {};  // a test does not wait an hour
  if (more) more(root);
}

}  // namespace

Host::Host(const std::string& folder, std::size_t number)
    : folder_(fmt::format("{}/host-{}", folder, number)),
      root_(folder_ + "/root"),
      state_(folder_ + "/state") {
  fs::create_directories(root_ + "/var/tmp/.x");
  fs::create_directories(root_ + "/etc");
  std::ofstream(root_ + "/etc/hostname") << "host-" << number << "\n";
  std::ofstream(root_ + kMachineId) << fmt::format("{:032x}\n", number + 1);
  std::ofstream(root_ + "/var/tmp/innocent") << kInnocent;
  infect();
}

bool Host::enrol(Controller& controller, std::size_t token) {
  agent::Process enrol({FS_BINARY_DIR "/fleetsweep-agent", "enrol", "--connect",
                        controller.enrol_address(), "--agents", controller.agent_address(),
                        "--state", state_, "--root", root_, controller.token(token)},
                       folder_ + "/log");
  return controller.serve_until([&] { return !enrol.is_running(); }) && enrol.exit_code() == 0;
}

void Host::start() {
  process_ = std::make_unique<agent::Process>(
      std::vector<std::string>{FS_BINARY_DIR "/fleetsweep-agent", "run", "--state", state_,
                               "--root", root_, "--reconnect-min", "50ms", "--reconnect-max",
                               "500ms"},
      folder_ + "/log");
}

// Act may outlive its monitor, but not this.
void Host::stop() {
  ::kill(process_->pid(), SIGSTOP);
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", process_->pid()));
  std::vector<UniqueFd> others;
  for (pid_t pid = 0; children >> pid;)
    others.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  process_.reset();
  for (const UniqueFd& other : others) {
    if (!other) continue;  // it was gone before
    ::syscall(SYS_pidfd_send_signal, other.get(), SIGKILL, nullptr, 0);
    pollfd end{other.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&end, 1, 30'000), 1) << "a process of the agent does not end";
  }
}

void Host::become_copy_of(const Host& other) {
  copy(other.state_, state_);
  fs::copy_file(other.root_ + kMachineId, root_ + kMachineId, fs::copy_options::overwrite_existing);
}

void Host::take_snapshot() const {
  copy(root_, folder_ + "/root-then");
  copy(state_, folder_ + "/state-then");
}

void Host::go_back() {
  fs::remove_all(root_);
  fs::remove_all(state_);
  copy(folder_ + "/root-then", root_);
  copy(folder_ + "/state-then", state_);
}

void Host::copy(const std::string& from, const std::string& to) const {
  agent::Process copy({"/bin/cp", "-a", from, to}, folder_ + "/log");
  while (copy.is_running()) ::poll(nullptr, 0, 5);
  EXPECT_EQ(copy.exit_code(), 0) << log();
}

void Host::infect() {
  std::ofstream(bad_file()) << kBad;
}

bool Host::is_infected() const {
  return read_text(bad_file()) == kBad;
}

std::string Host::everything() const {
  std::vector<std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    struct stat is {};
    FS_ASSERT(::lstat(entry.path().c_str(), &is) == 0);
    lines.push_back(fmt::format(
        "{} {:o} {}:{} {} {} {}.{:09} {}.{:09} {}", entry.path().string(), is.st_mode, is.st_uid,
        is.st_gid, is.st_ino, is.st_size, is.st_mtim.tv_sec, is.st_mtim.tv_nsec, is.st_ctim.tv_sec,
        is.st_ctim.tv_nsec,
        S_ISREG(is.st_mode) ? crypto::sha256(as_bytes(read_text(entry.path()))).hex() : ""));
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all + "journal " + crypto::sha256(as_bytes(read_text(state_ + "/act/journal"))).hex();
}

nlohmann::json Host::tell(const std::string& verb, const std::string& argument) const {
  const auto reply = agent::command(state_, {verb, argument}, kPatience);
  if (!reply) return {{"error", reply.error().message}};  // it is restarting
  return nlohmann::json::parse(reply->json);
}

nlohmann::json Host::status() const {
  return tell("status");
}

std::string Host::why(const DocumentId& order) const {
  return tell("why", order.hex()).value("why", "");
}

std::string Host::give(const Bytes& stop) const {
  return tell("stop", to_text(stop)).value("taken", "");
}

void Host::restart() {
  stop();
  start();
}

std::string Host::log() const {
  return read_text(folder_ + "/log");
}

World::World(const Options& options)
    : tenant([&](model::Root& root) { shape_root(root, options.shape_root); }),
      folder_(new_folder()),
      begun_(real_now()),
      controller(tenant, folder_, options.hosts) {
  for (std::size_t i = 0; i < options.hosts; ++i) {
    hosts_.push_back(std::make_unique<Host>(folder_, i));
    EXPECT_TRUE(host(i).enrol(controller, i)) << host(i).log();
    host(i).start();
    EXPECT_TRUE(serve_until([&] { return has_folded(i); })) << host(i).log();
  }
  policy_ = policy();
}

World::~World() {
  if (testing::Test::HasFailure()) {
    for (const auto& host : hosts_) std::cerr << host->log();
    for (const std::string& event : controller.events()) std::cerr << event << "\n";
    for (const model::Receipt& receipt : controller.receipts)
      std::cerr << fmt::format("receipt {} {} {} {}\n", receipt.order.hex().substr(0, 8),
                               name(receipt.kind), name(receipt.state), name(receipt.reason));
  }
  hosts_.clear();
  fs::remove_all(folder_);
}

model::Policy World::policy(std::string_view content, model::ActionKind kind) {
  model::Policy policy = fixture::hash_policy();
  policy.title = fmt::format("policy {:03}", ++nonces_);  // all of one length
  model::Detection& detection = policy.detections[0];
  detection.scope.paths = {"/var/tmp"};
  detection.any_of[0][0].values[0].text = crypto::sha256(as_bytes(content)).hex();
  policy.responses[0].actions[0].kind = kind;
  policy.verify.rescans = {Seconds(0)};
  controller.put_policy(fixture::policy_bytes(policy));
  return policy;
}

model::Order World::dry_run(const model::Policy& policy) {
  model::Order order = fixture::dry_run(policy);
  order.nonce.value[0] = ++nonces_;
  order.schedule.not_before = begun_ - Seconds(60);
  order.schedule.not_after = begun_ + fixture::kDay;
  return order;
}

model::Order World::clean(const model::Policy& policy) {
  model::Order order = fixture::apply(policy, dry_run_);
  order.nonce.value[0] = ++nonces_;
  order.schedule.not_before = begun_ - Seconds(60);
  order.schedule.not_after = begun_ + fixture::kDay;
  return order;
}

model::Order World::held() {
  model::Order order = clean();
  order.waves = {{1000, Seconds(0), model::Gate::kManual, Seconds(0)}};
  return order;
}

Bytes World::release(const DocumentId& order, std::uint16_t wave, const std::string& by) {
  return sign(model::Release{.order = order, .wave = wave, .expires = tomorrow()}, {by});
}

Bytes World::stop_all(const std::string& by) {
  model::Stop stop;
  stop.nonce.value[0] = ++nonces_;
  stop.halt_all = true;
  return sign(stop, {by});
}

Bytes World::signed_for_second_wave(model::Gate gate, Seconds delay) {
  const AgentId agent = controller.receipts.back().agent;
  model::Order order = clean();
  order.waves = {{1, Seconds(0), model::Gate::kNone, Seconds(0)}, {1000, delay, gate, Seconds(0)}};
  for (;; ++order.nonce.value[1]) {
    Bytes envelope = sign(order);
    if (trust::wave_of(order.waves, fixture::id_of(envelope), agent) == 1) return envelope;
  }
}

DocumentId World::submit(const Bytes& envelope) {
  const auto id = controller.submit(envelope);
  EXPECT_TRUE(id) << id.error().message;
  return id.value_or(DocumentId{});
}

bool World::has_folded(std::size_t number) {
  return host(number).status().value("log_size", std::size_t{0}) == controller.log().size();
}

void World::write_into_log(const std::vector<Bytes>& entries) {
  controller.write_into_log(entries);
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    EXPECT_TRUE(serve_until([&] { return has_folded(i); })) << "host " << i;
  for (const Bytes& entry : entries) EXPECT_TRUE(controller.record().has_entry(entry));
}

void World::expect_refused(const std::vector<Refused>& entries) {
  std::vector<Bytes> envelopes;
  for (const Refused& one : entries) envelopes.push_back(one.entry);
  write_into_log(envelopes);
  for (const Refused& one : entries)
    expect_why(fixture::id_of(one.entry), "refused: " + one.reason);
  expect_untouched();
}

World::Audit World::audit() {
  const std::string root = folder_ + "/root.dsse", said = folder_ + "/audit";
  std::ofstream(root) << codec::to_dsse_json(
      *codec::decode<model::Envelope>(tenant.root_envelope()));
  fs::remove(said);
  agent::Process audit(
      {FS_BINARY_DIR "/fleetsweep", "--url", "http://" + controller.api_address(), "--token-file",
       controller.api_token_file(), "audit", "verify", "--root", root},
      said);
  EXPECT_TRUE(serve_until([&] { return !audit.is_running(); }));
  return {audit.exit_code() == 0, read_text(said)};
}

void World::find() {
  for (const auto& host : hosts_)
    if (!host->is_infected()) host->infect();
  const std::size_t first = controller.receipts.size();
  dry_run_ = submit(sign(dry_run(), {"alice"}));
  EXPECT_TRUE(serve_until([&] {
    std::set<AgentId> found;
    for (std::size_t i = first; i < controller.receipts.size(); ++i)
      if (const model::Receipt& receipt = controller.receipts[i];
          receipt.order == dry_run_ && receipt.state == HostState::kFound)
        found.insert(receipt.agent);
    return found.size() == hosts_.size();
  }));
  before_.clear();
  logged_.clear();
  for (const auto& host : hosts_) {
    before_.push_back(host->everything());
    logged_.push_back(host->log().size());
  }
  receipts_before_ = controller.receipts.size();
}

void World::expect_why(const DocumentId& order, const std::string& begins) {
  for (const auto& host : hosts_) {
    std::string said;
    serve_until([&] { return (said = host->why(order)).starts_with(begins); });
    EXPECT_THAT(said, StartsWith(begins));
  }
}

void World::expect_receipt(const DocumentId& order, model::Reason reason) {
  EXPECT_TRUE(serve_until([&] {
    return std::any_of(controller.receipts.begin(), controller.receipts.end(),
                       [&](const model::Receipt& receipt) {
                         return receipt.order == order && receipt.reason == reason;
                       });
  })) << "no receipt on "
      << order.hex() << " says " << name(reason);
}

void World::expect_log(const std::string& text, const std::function<void()>& what) {
  std::vector<std::size_t> from = logged_;
  if (what) {
    for (std::size_t i = 0; i < hosts_.size(); ++i) from[i] = host(i).log().size();
    what();
  }
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    EXPECT_TRUE(serve_until([&] { return host(i).log().find(text, from[i]) != std::string::npos; }))
        << "no line says " << text;
}

void World::expect_untouched() {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    EXPECT_EQ(host(i).everything(), before_.at(i));
    EXPECT_TRUE(host(i).is_running());
  }
  for (std::size_t i = receipts_before_; i < controller.receipts.size(); ++i)
    EXPECT_EQ(controller.receipts[i].acted, 0u);
}

void World::expect_cleaned(const Bytes& envelope) {
  expect_cleaned(submit(envelope));
}

void World::expect_cleaned(const DocumentId& order) {
  expect_why(order, "done: verified");
  for (const auto& host : hosts_) {
    EXPECT_FALSE(host->is_infected());
    EXPECT_THAT(host->everything(), HasSubstr("/innocent"));
  }
}

std::optional<model::Message> message_in(const Bytes& frame) {
  auto message = codec::decode<model::Message>(frame);
  return message ? std::optional(std::move(*message)) : std::nullopt;
}

Bytes frame_of(const model::Message& message) {
  return codec::encode(message);
}

}  // namespace fleetsweep::stolen
