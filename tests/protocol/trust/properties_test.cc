// What holds for every log, every set of signatures and every bit, not only for those that somebody
// thought of. Each failure says the seed or the bit that repeats it.

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "protocol/trust/examine.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::start;
using fixture::Tenant;
using model::Reason;
using model::Role;

// A sanitizer looks at code, which some of the bits reach, and is several times slower.
#if defined(FS_SANITIZED)
constexpr std::size_t kStep = 13;
#else
constexpr std::size_t kStep = 1;
#endif

Bytes flipped(Bytes bytes, std::size_t bit) {
  bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  return bytes;
}

// Documents that count one after the other, as a seed has them. Each is signed by so many people as
// it needs and no more.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed, std::size_t size) : prng_(seed) {
    entries_ = {tenant_.root_envelope()};
    while (entries_.size() < size) add();
  }
  const Tenant& tenant() const { return tenant_; }
  const std::vector<Bytes>& entries() const { return entries_; }

  // What a thief of the log key could put between: noise, one bit off, too few, strangers, another
  // tenant's, and what stands there already.
  Bytes junk(std::size_t before) {
    const Bytes& honest = entries_[prng_.below(before)];
    switch (prng_.below(6)) {
      case 0: {
        Bytes bytes(prng_.below(200));
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng_.next());
        return bytes;
      }
      case 1:
        return flipped(honest, prng_.below(honest.size() * 8));
      case 2:
        return tenant_.sign(order(model::Mode::kApply), {person()});
      case 3:
        return tenant_.sign(order(model::Mode::kDryRun), {"dave", "erin"});
      case 4: {
        model::Order foreign = order(model::Mode::kDryRun);
        foreign.tenant.value.fill(6);
        return tenant_.sign(foreign, {"alice", "bob", "carol"});
      }
      default:
        return honest;
    }
  }

 private:
  std::string person() { return std::vector<std::string>{"alice", "bob", "carol"}[prng_.below(3)]; }
  template <class T>
  Bytes by_two(const T& document) {
    const auto absent = prng_.below(3);
    if (absent == 0) return tenant_.sign(document, {"bob", "carol"});
    if (absent == 1) return tenant_.sign(document, {"alice", "carol"});
    return tenant_.sign(document, {"alice", "bob"});
  }
  Nonce nonce() {
    Nonce nonce;
    for (auto& byte : nonce.value) byte = static_cast<std::uint8_t>(prng_.next());
    return nonce;
  }
  model::Order order(model::Mode mode) {
    const model::Policy policy = fixture::hash_policy();
    model::Order order =
        mode == model::Mode::kDryRun ? fixture::dry_run(policy) : fixture::apply(policy, {});
    order.nonce = nonce();
    order.dry_run_order.value.fill(static_cast<std::uint8_t>(mode == model::Mode::kApply));
    order.campaign = fmt::format("campaign-{}", prng_.below(5));
    order.waves = {{100, {}, model::Gate::kNone, {}},
                   {1000, {}, prng_.chance(0.5) ? model::Gate::kAuto : model::Gate::kManual, {}}};
    return order;
  }
  void add() {
    switch (prng_.below(9)) {
      case 0:
      case 1: {
        const bool looks = prng_.chance(0.5);
        entries_.push_back(looks ? tenant_.sign(order(model::Mode::kDryRun), {person()})
                                 : by_two(order(model::Mode::kApply)));
        orders_.push_back(fixture::id_of(entries_.back()));
        return;
      }
      case 2: {
        if (orders_.empty()) return;
        const DocumentId& id = orders_[prng_.below(orders_.size())];
        if (!released_.insert(id).second) return;
        entries_.push_back(
            tenant_.sign(model::Release{1, {}, id, 1, {}, start() + kDay}, {person()}));
        return;
      }
      case 3: {
        model::Stop stop;
        stop.nonce = nonce();
        stop.halt_all = prng_.chance(0.3);
        if (!stop.halt_all && !orders_.empty())
          stop.orders = {orders_[prng_.below(orders_.size())]};
        entries_.push_back(tenant_.sign(stop, {person()}));
        stops_.push_back(fixture::id_of(entries_.back()));
        return;
      }
      case 4: {
        if (stops_.empty()) return;
        const std::size_t which = prng_.below(stops_.size());
        entries_.push_back(by_two(model::Resume{.stops = {stops_[which]}}));
        stops_.erase(stops_.begin() + static_cast<std::ptrdiff_t>(which));
        return;
      }
      case 5: {
        model::EnrolBatch batch;
        batch.batch = nonce();
        batch.not_after = start() + kDay;
        batch.jurisdiction = "DE";
        entries_.push_back(tenant_.sign(batch, {person()}));
        return;
      }
      case 6:
        entries_.push_back(tenant_.sign(model::Endpoints{.version = ++endpoints_}, {person()}));
        return;
      case 7:
        if (head_.version() < 6) {
          entries_.push_back(by_two(tenant_.next(head_, {})));
          head_ = *accept_next_root(head_, *codec::decode<model::Envelope>(entries_.back()));
        }
        return;
      default: {
        model::Close close;
        close.campaign = fmt::format("closed-{}", closes_++);
        entries_.push_back(tenant_.sign(close, {person()}));
      }
    }
  }

  Prng prng_;
  Tenant tenant_;
  VerifiedRoot head_ = tenant_.verified();
  std::vector<Bytes> entries_;
  std::vector<DocumentId> orders_;
  std::set<DocumentId> released_;
  std::vector<DocumentId> stops_;
  std::uint64_t endpoints_ = 0;
  unsigned closes_ = 0;
};

// Without positions, which junk before an entry does move.
State without_positions(State state) {
  state.size = 0;
  for (auto& [id, entry] : state.orders) entry.logged.index = 0;
  for (auto& [id, entry] : state.releases) entry.logged.index = 0;
  for (auto& [id, entry] : state.stops) entry.logged.index = 0;
  for (auto& [id, entry] : state.resumes) entry.logged.index = 0;
  for (auto& [id, entry] : state.batches) entry.logged.index = 0;
  return state;
}

TEST(TrustProperty, JunkNeverChangesTheStateOfHonestEntries) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomHistory history(seed, 25);
    Prng prng(seed);
    Fold clean(history.tenant().id(), Fold::Keep::kForController);
    Fold mixed(history.tenant().id(), Fold::Keep::kForController);
    for (std::size_t next = 0; next < history.entries().size(); ++next) {
      for (; next > 0 && prng.chance(0.4);) {
        const State before = without_positions(mixed.state());
        ASSERT_NE(mixed.append(history.junk(next), start()).taken, Taken::kAccepted);
        ASSERT_EQ(without_positions(mixed.state()), before);
      }
      ASSERT_EQ(clean.append(history.entries()[next], start()).taken, Taken::kAccepted) << next;
      ASSERT_EQ(mixed.append(history.entries()[next], start()).taken, Taken::kAccepted) << next;
    }
    EXPECT_EQ(without_positions(mixed.state()), without_positions(clean.state()));
  }
}

// However the entries reach a host, in batches of any size, with repeats and restarts between, it
// stands after each prefix where everybody stands who has folded that prefix.
TEST(TrustProperty, FoldIsDeterministicAndPrefixConsistent) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomHistory history(seed, 25);
    Prng prng(seed);
    fixture::Log log;
    for (std::size_t i = 0; i < history.entries().size(); ++i) {
      if (i > 0 && prng.chance(0.2)) log.append(history.junk(i));
      log.append(history.entries()[i]);
    }
    const std::vector<Bytes>& all = log.entries();
    std::vector<State> after;
    Fold fold(history.tenant().id(), Fold::Keep::kForHost);
    for (const Bytes& entry : all) {
      fold.append(entry, start());
      after.push_back(fold.state());
    }
    const ClockReading clock{.local = start(), .boottime = fixture::kHour, .synchronised = true};
    auto view = std::make_unique<LogView>(history.tenant().verified());
    while (view->size() < all.size()) {
      const std::uint64_t from = prng.below(view->wanted() + 1);
      const std::uint64_t to = std::min(all.size(), view->wanted() + 1 + prng.below(6));
      ASSERT_TRUE(view->append(from,
                               {all.begin() + static_cast<std::ptrdiff_t>(from),
                                all.begin() + static_cast<std::ptrdiff_t>(to)},
                               clock));
      const std::uint64_t size = view->size() + 1 + prng.below(to - view->size());
      ASSERT_TRUE(view->checkpoint(log.note(start(), size), clock));
      ASSERT_EQ(view->size(), size);
      ASSERT_EQ(view->state(), after[size - 1]) << "after " << size;
      if (!prng.chance(0.3)) continue;
      const LogView::Saved saved = view->saved();
      view = std::make_unique<LogView>(history.tenant().verified());
      for (std::uint64_t i = 0; i < size; ++i) view->replay(all[i], start());
      ASSERT_TRUE(view->resume(saved));
      ASSERT_EQ(view->state(), after[size - 1]) << "restarted after " << size;
    }
  }
}

// An order with exactly its quorum, every bit of its entry: whatever it hits, the order does not
// count. The histogram shows that each kind of byte was hit.
TEST(TrustProperty, EveryBitOfAnOrdersEntryHoldsIt) {
  const Tenant tenant;
  Fold fold(tenant.id(), Fold::Keep::kForHost);
  fold.append(tenant.root_envelope(), start());
  model::Order order = fixture::apply(fixture::hash_policy(), {});
  order.dry_run_order.value.fill(1);
  const Bytes honest = tenant.sign(order, {"alice", "bob"});
  std::map<Reason, std::size_t> histogram;
  for (std::size_t bit = 0; bit < honest.size() * 8; ++bit) {
    Fold changed = fold;
    const Notice notice = changed.append(flipped(honest, bit), start());
    ASSERT_EQ(notice.taken, Taken::kRefused) << "bit " << bit;
    ASSERT_TRUE(changed.state().orders.empty()) << "bit " << bit;
    ++histogram[notice.refusal.reason];
  }
  std::size_t all = 0;
  for (const auto& [reason, count] : histogram) {
    RecordProperty(std::string(name(reason)), static_cast<int>(count));
    all += count;
  }
  EXPECT_EQ(all, honest.size() * 8);
  // The payload and its type: nobody signed it. A signature or its key id: one too few. The frame
  // around them: no envelope. The type's text: no document of a log.
  const auto opened = codec::decode<model::Envelope>(honest);
  EXPECT_GE(histogram[Reason::kUntrusted], opened->payload.size() * 8);
  EXPECT_EQ(histogram[Reason::kQuorum], 2 * (32 + 64) * 8u);
  EXPECT_GE(histogram[Reason::kSchema], 30 * 8u);
  EXPECT_GT(histogram[Reason::kMalformed], 0u);
  EXPECT_EQ(histogram.size(), 4u);
  EXPECT_EQ(fold.append(honest, start()).taken, Taken::kAccepted);
}

// The first two roots and one document of each other type, with exactly its quorum.
TEST(TrustProperty, EveryBitOfEveryLoggedDocumentHoldsIt) {
  std::map<std::string, std::size_t> tried;
  for (std::uint64_t seed = 1; seed <= 20 && tried.size() < 9; ++seed) {
    SCOPED_TRACE(seed);
    RandomHistory history(seed, 25);
    Fold fold(history.tenant().id(), Fold::Keep::kForController);
    for (const Bytes& entry : history.entries()) {
      const std::string kind = fold.state().root
                                   ? codec::decode<model::Envelope>(entry)->payload_type
                                   : "the first root";
      for (std::size_t bit = 0; !tried.contains(kind) && bit < entry.size() * 8; bit += kStep) {
        const Bytes changed = flipped(entry, bit);
        const auto opened = open_entry(changed);
        ASSERT_FALSE(opened && examine(fold.state(), *opened, changed, {0, start()}))
            << kind << ", bit " << bit;
      }
      tried.emplace(kind, entry.size() * 8);
      ASSERT_EQ(fold.append(entry, start()).taken, Taken::kAccepted);
    }
  }
  for (const auto& [kind, bits] : tried) RecordProperty(kind, static_cast<int>(bits));
  EXPECT_EQ(tried.size(), 9u);
}

TEST(TrustProperty, EveryBitOfACheckpointHoldsTheLog) {
  const Tenant tenant;
  fixture::Log log;
  log.append(tenant.root_envelope());
  const ClockReading clock{.local = start(), .boottime = fixture::kHour, .synchronised = true};
  LogView view(tenant.verified());
  ASSERT_TRUE(view.append(0, log.entries(), clock));
  const std::string note = log.note(start());
  for (std::size_t bit = 0; bit < note.size() * 8; ++bit) {
    const auto advance = view.checkpoint(as_text(flipped(to_bytes(note), bit)), clock);
    ASSERT_FALSE(advance) << "bit " << bit;
    ASSERT_EQ(advance.error().reason, Reason::kUntrusted) << "bit " << bit;
    ASSERT_EQ(view.size(), 0u) << "bit " << bit;
  }
  EXPECT_TRUE(view.checkpoint(note, clock));
  EXPECT_EQ(view.size(), 1u);
}

TEST(TrustProperty, AnyBitOfAnyEntryUnderACheckpointHoldsThemAll) {
  RandomHistory history(3, 12);
  fixture::Log log;
  for (const Bytes& entry : history.entries()) log.append(entry);
  const ClockReading clock{.local = start(), .boottime = fixture::kHour, .synchronised = true};
  const std::string note = log.note(start());
  Prng prng(5);
  for (int i = 0; i < 500; ++i) {
    std::vector<Bytes> entries = log.entries();
    Bytes& entry = entries[prng.below(entries.size())];
    const std::size_t bit = prng.below(entry.size() * 8);
    entry = flipped(std::move(entry), bit);
    LogView view(history.tenant().verified());
    ASSERT_TRUE(view.append(0, entries, clock));
    const auto advance = view.checkpoint(note, clock);
    ASSERT_FALSE(advance) << i;
    ASSERT_EQ(advance.error().reason, Reason::kLogFork) << i;
    ASSERT_EQ(view.size(), 0u) << i;
    ASSERT_FALSE(view.forked()) << i;
  }
}

// Any number of signatures: valid ones, of strangers, repeated, broken, under another's key id; and
// any division of keys among people and organisations; usual and sealed clauses, keys that a Stop
// names. What counts is told by another count.
TEST(TrustProperty, ThresholdsAreNeverMetByFewerDistinctHolders) {
  const Tenant tenant;
  std::vector<crypto::SecretKey> keys;
  for (int i = 0; i < 8; ++i) keys.push_back(fixture::key_named(fmt::format("key {}", i)));
  const model::Envelope bare =
      *codec::decode<model::Envelope>(tenant.sign(fixture::dry_run(fixture::hash_policy()), {}));
  std::size_t met = 0, refused = 0, sealed = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    model::Root root = tenant.root();
    root.keys.clear();
    root.roles.clear();
    for (std::size_t i = 0; i < 6; ++i) {  // the last two are strangers
      const auto person = prng.below(4);
      root.keys.push_back({keys[i].public_key(),
                           {},
                           fmt::format("person{}", person),
                           static_cast<std::uint8_t>(person % 2),
                           ""});
    }
    const auto role = static_cast<Role>(prng.below(kCount<Role>));
    model::RoleRule rule;
    rule.role = role;
    // Not always as a root's own rules want them: this holds by itself.
    const auto clauses = [&](double each) {
      std::vector<model::Clause> some;
      for (std::uint8_t org : {0, 1}) {
        model::Clause clause{org, {}, static_cast<std::uint8_t>(prng.below(3))};
        for (std::uint16_t i = 0; i < root.keys.size(); ++i)
          if (root.keys[i].org == org && prng.chance(0.8)) clause.keys.push_back(i);
        if (prng.chance(each)) some.push_back(clause);
      }
      return some;
    };
    rule.clauses = clauses(0.7);
    rule.sealed = clauses(0.3);
    root.roles.push_back(rule);
    Keys stopped;
    for (const model::Key& key : root.keys)
      if (prng.chance(0.15)) stopped.push_back(key.pub);
    std::sort(stopped.begin(), stopped.end());

    model::Envelope envelope = bare;
    std::set<std::size_t> valid;  // keys that signed so that it counts
    for (std::uint64_t n = prng.below(9); n > 0; --n) {
      const std::size_t signer = prng.below(keys.size());
      model::Envelope alone = bare;
      EXPECT_TRUE(crypto::add_signature(alone, keys[signer]));
      model::EnvelopeSignature signature = alone.signatures[0];
      const auto fault = prng.below(4);
      if (fault == 0) signature.signature = flipped(signature.signature, prng.below(512));
      if (fault == 1) signature.key = crypto::key_id(keys[(signer + 1) % keys.size()].public_key());
      if (fault > 1 && signer < root.keys.size()) valid.insert(signer);
      envelope.signatures.push_back(signature);
    }
    const bool all_count = role == Role::kRoot || role == Role::kResume || role == Role::kStop;
    const auto enough_people = [&](const std::vector<model::Clause>& wanted) {
      std::set<std::string> everybody;
      for (const model::Clause& clause : wanted) {
        std::set<std::string> people;
        for (const std::uint16_t i : clause.keys)
          if (valid.contains(i) &&
              (all_count || !std::count(stopped.begin(), stopped.end(), root.keys[i].pub)))
            people.insert(root.keys[i].holder);
        if (clause.threshold == 0 || people.size() < clause.threshold) return false;
        everybody.insert(people.begin(), people.end());
      }
      return everybody.size() >= floor(role);
    };
    const bool usual = enough_people(rule.clauses);
    const bool enough =
        !rule.clauses.empty() && (usual || (!rule.sealed.empty() && enough_people(rule.sealed)));
    const auto approval = meets(root, role, signers(envelope, root), stopped);
    EXPECT_EQ(approval.has_value(), enough);
    EXPECT_EQ(approval.value_or(Approval::kUsual),
              enough && !usual ? Approval::kSealed : Approval::kUsual);
    sealed += enough && !usual;
    ++(enough ? met : refused);
  }
  EXPECT_GT(met, 50u);
  EXPECT_GT(refused, 50u);
  EXPECT_GT(sealed, 5u);
}

}  // namespace
}  // namespace fleetsweep::trust
