#include "tests/protocol/trust/fixture.h"

#include <algorithm>

#include "protocol/base/assert.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::fixture {

using model::Class;
using model::Role;

namespace {

constexpr std::string_view kOrigin = "log.example/fleetsweep";
constexpr std::string_view kWitness = "witness.example/one";

model::RoleRule rule(Role role, std::vector<std::uint16_t> keys, std::uint8_t threshold) {
  return {role, {{0, std::move(keys), threshold}}};
}

log::VerifierKey verifier(std::string_view name, log::KeyType type, std::string_view key) {
  return {std::string(name), type, key_named(key).public_key()};
}

model::RootPolicy root_policy() {
  model::RootPolicy policy;
  policy.checkpoint_age_max = {24 * kHour, 24 * kHour, kHour, kHour / 4, kHour / 4};
  policy.cool_off = {Seconds{0}, Seconds{0}, kHour / 12, kHour, kDay};
  policy.order_life_max = {90 * kDay, 30 * kDay, 7 * kDay, 3 * kDay, kDay};
  policy.offline_grace_max = {kDay, kDay, 6 * kHour, 6 * kHour, Seconds{0}};
  policy.dry_run_age_max = 7 * kDay;
  return policy;
}

}  // namespace

Timestamp start() {
  return timestamp(1'795'428'000);
}

crypto::SecretKey key_named(std::string_view name) {
  return crypto::SecretKey::from_seed(crypto::sha256(as_bytes(name)).value);
}

DocumentId id_of(const Bytes& envelope) {
  auto decoded = codec::decode<model::Envelope>(envelope);
  FS_ASSERT(decoded);
  return crypto::document_id(*decoded);
}

Tenant::Tenant(const std::function<void(model::Root&)>& change) {
  for (const char* name : {"alice", "bob", "carol", "dave", "erin", "conductor"})
    keys_.emplace(name, key_named(name));
  for (const char* name : {"alice", "bob", "carol", "conductor"})
    root_.keys.push_back({keys_.at(name).public_key(), model::Scheme::kEd25519, name, 0, ""});
  for (Role role : {Role::kObserve, Role::kStop, Role::kRelease, Role::kEnrol, Role::kInfra})
    root_.roles.push_back(rule(role, {0, 1, 2}, 1));
  for (Role role : {Role::kRoot, Role::kRead, Role::kContain, Role::kClean, Role::kResume})
    root_.roles.push_back(rule(role, {0, 1, 2}, 2));
  root_.roles.push_back(rule(Role::kDestroy, {0, 1, 2}, 3));
  root_.roles.push_back(rule(Role::kConductor, {3}, 1));
  root_.issued = start() - kDay;
  root_.expires = start() + 365 * kDay;
  root_.logs.push_back({verifier(kOrigin, log::KeyType::kEd25519, "log").text(), 0, {}, {}});
  root_.witnesses.push_back(verifier(kWitness, log::KeyType::kCosignatureV1, "witness").text());
  root_.witness_quorum = 1;
  root_.policy = root_policy();
  root_.evidence_key.value.fill(9);
  root_.path_salt.value.fill(7);
  if (change) change(root_);
  model::Envelope envelope{std::string(model::kPayloadRoot), codec::encode(root_), {}};
  for (const auto& [name, key] : keys_)  // everybody whom it names
    if (name != "conductor" &&
        std::ranges::find(root_.keys, key.public_key(), &model::Key::pub) != root_.keys.end())
      FS_ASSERT(crypto::add_signature(envelope, key));
  envelope_ = codec::encode(envelope);
  id_ = trust::tenant_id(codec::decode<model::Envelope>(envelope_)->payload);
}

trust::VerifiedRoot Tenant::verified() const {
  auto root = trust::accept_root_chain({envelope_}, id_);
  if (!root) fmt::print(stderr, "fixture: {}\n", root.error().detail);
  FS_ASSERT(root);
  return *root;
}

Bytes Tenant::sign_bytes(std::string_view payload_type, Bytes payload,
                         std::initializer_list<std::string> people) const {
  model::Envelope envelope{std::string(payload_type), std::move(payload), {}};
  for (const auto& person : people) FS_ASSERT(crypto::add_signature(envelope, keys_.at(person)));
  return codec::encode(envelope);
}

model::Root Tenant::next(const trust::VerifiedRoot& before,
                         const std::function<void(model::Root&)>& change) const {
  model::Root root = before.root();
  root.tenant = before.tenant();
  root.version += 1;
  root.previous = before.id();
  if (change) change(root);
  return root;
}

std::uint64_t Log::append(Bytes entry) {
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

std::string Log::note(Timestamp time, std::uint64_t size) const {
  std::vector<Digest> leaves;
  for (std::uint64_t i = 0; i < size; ++i) leaves.push_back(log::leaf_hash(entries_[i]));
  const log::Checkpoint checkpoint{std::string(kOrigin), size, log::tree_root(leaves)};
  log::Note note = log::sign_checkpoint(checkpoint, key_named("log"));
  note.signatures.push_back(
      log::cosign(note.body, std::string(kWitness), key_named("witness"), time));
  return note.text();
}

model::Policy hash_policy() {
  model::Policy policy;
  policy.id = "policy--00000000-0000-4000-8000-000000000001";
  policy.title = "Look-alike by hash";
  policy.family = "lookalike";
  policy.platform = model::Platform::kLinux;
  model::Predicate predicate;
  predicate.field = model::Field::kFileSha256;
  predicate.values.push_back({std::string(64, 'a'), 0, false});
  model::Detection detection;
  detection.id = "known_hash";
  detection.any_of = {{predicate}};
  detection.score = 100;
  policy.detections.push_back(detection);
  model::Verdict verdict;
  verdict.id = "confirmed";
  verdict.condition.detections = {0};
  verdict.confidence = 90;
  verdict.level = "high";
  policy.verdicts.push_back(verdict);
  model::Action action;
  action.kind = model::ActionKind::kQuarantine;
  action.select.push_back({model::Selector::Kind::kDetections, {0}, {}});
  policy.responses.push_back({{0}, 80, {action}});
  return policy;
}

Bytes policy_bytes(const model::Policy& policy) {
  return codec::encode(policy);
}

namespace {

model::Order order(const model::Policy* policy, model::Mode mode) {
  model::Order order;
  order.title = "test";
  order.campaign = "test";
  order.mode = mode;
  auto needed = trust::class_of(mode, policy ? *policy : model::Policy{});
  FS_ASSERT(needed);
  order.action_class = *needed;
  if (policy) {
    const Bytes bytes = policy_bytes(*policy);
    order.policy = crypto::sha256(bytes);
    order.policy_size = bytes.size();
  }
  order.scope.jurisdictions = {"DE"};
  order.schedule.not_before = start();
  order.schedule.not_after = start() + kDay;
  order.waves = {{1000, Seconds{0}, model::Gate::kNone, Seconds{0}}};
  order.authority = {"owner-consent", "Example Org, head of IT", "CHG-1", "it@example.org"};
  return order;
}

}  // namespace

model::Order dry_run(const model::Policy& policy) {
  return order(&policy, model::Mode::kDryRun);
}

model::Order apply(const model::Policy& policy, const DocumentId& dry_run_order) {
  model::Order result = order(&policy, model::Mode::kApply);
  result.dry_run_order = dry_run_order;
  return result;
}

model::Order undo(const DocumentId& apply_order) {
  model::Order result = order(nullptr, model::Mode::kUndo);
  result.undoes = apply_order;
  return result;
}

World::World(const std::function<void(model::Root&)>& change_root)
    : tenant(change_root), view(tenant.verified()) {
  clock.local = start();
  clock.boottime = kHour;
  clock.boot.value.fill(1);
  clock.synchronised = true;
  host.agent = crypto::agent_id(key_named("host").public_key());
  host.jurisdiction = "DE";
  host.groups = {"web"};
  host.capabilities = {"collect", "kill", "quarantine", "remove", "report", "suspend"};
  host.sandbox = model::SandboxLevel::kReduced;
  auto read = trust::policy_facts(policy_bytes(policy));
  FS_ASSERT(read);
  facts = *read;
  const trust::Notice notice = submit(tenant.root_envelope());
  FS_ASSERT(notice.taken == trust::Taken::kAccepted);
}

trust::Notice World::submit(Bytes entry) {
  const std::uint64_t index = log.append(entry);
  FS_ASSERT(view.append(index, {std::move(entry)}, clock));
  auto advance = view.checkpoint(log.note(clock.local), clock);
  if (!advance) fmt::print(stderr, "fixture: {}\n", advance.error().detail);
  FS_ASSERT(advance && advance->folded.size() == 1);
  return advance->folded[0].notice;
}

void World::witness() {
  FS_ASSERT(view.checkpoint(log.note(clock.local), clock));
}

void World::pass(Seconds time) {
  clock.local += time;
  clock.boottime += time;
}

trust::Verdict World::judge(const DocumentId& order) const {
  return trust::judge({view.state(), host, view.floor(), clock, view.forked(),
                       has_policy ? &facts : nullptr, executed, dry_runs, poisoned},
                      order);
}

model::Reason World::reason(const DocumentId& order) const {
  const trust::Verdict verdict = judge(order);
  const auto* refusal = std::get_if<trust::Refusal>(&verdict);
  return refusal ? refusal->reason : model::Reason::kNone;
}

DocumentId World::run_dry() {
  const DocumentId id = submit(dry_run(policy), {"alice"});
  executed.insert({id, 0});
  dry_runs.push_back({id, facts.digest, clock.local});
  return id;
}

DocumentId World::ready_apply(const std::function<void(model::Order&)>& change) {
  model::Order order = apply(policy, run_dry());
  if (change) change(order);
  const DocumentId id = submit(order, {"alice", "bob"});
  pass(kHour);
  witness();
  return id;
}

}  // namespace fleetsweep::fixture
