// A thief has the controller: its machine, its database, its log key, its conductor's key. What he
// tries, and that no host acts. Each case shows from the record that what he sent was sent, what
// the host said to it, that nothing on the host changed, and that the same host would have acted.

#include "protocol/base/prng.h"
#include "protocol/crypto/digest.h"
#include "tests/stolen/world.h"

namespace fleetsweep::stolen {
namespace {

using model::Reason;

// One world for all that leaves it as it was.
class StolenController : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }
  void SetUp() override { world_->find(); }
  void TearDown() override { world_->controller.hook = nullptr; }

  static std::unique_ptr<World> world_;
};
std::unique_ptr<World> StolenController::world_;

Bytes flipped(Bytes bytes, std::size_t bit) {
  bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  return bytes;
}

// The payload is another one; the signatures are those of the old one.
template <class T>
Bytes with_old_signatures(const Bytes& envelope, const std::function<void(T&)>& change) {
  auto opened = codec::decode<model::Envelope>(envelope);
  auto document = codec::decode<T>(opened->payload);
  change(*document);
  opened->payload = codec::encode(*document);
  return codec::encode(*opened);
}

// The note with its cosignature's time moved: the signature is over another one.
std::string with_other_time(const std::string& text, std::uint64_t later) {
  auto note = log::Note::parse(text);
  Bytes& signature = note->signatures.at(1).signature;
  std::uint64_t time = 0;
  for (int i = 0; i < 8; ++i) time = time << 8 | signature[static_cast<std::size_t>(i)];
  time += later;
  for (int i = 7; i >= 0; --i, time >>= 8)
    signature[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(time);
  return note->text();
}

// As the witness wrote it.
std::uint64_t time_of(const std::string& text) {
  const auto note = log::Note::parse(text);
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < 8; ++i) time = time << 8 | note->signatures.at(1).signature[i];
  return time;
}

TEST_F(StolenController, WithoutAHookTheOrderOfTheseCasesIsCarriedOut) {
  World& world = *world_;
  world.expect_cleaned(world.sign(world.clean()));
}

// --- documents

TEST_F(StolenController, ChangesOneBitOfASignedOrderAndNobodySignedIt) {
  World& world = *world_;
  const Bytes honest = world.sign(world.clean());
  const auto opened = codec::decode<model::Envelope>(honest);
  std::vector<World::Refused> changed_ones;
  const std::size_t bits = opened->payload.size() * 8;
  for (std::size_t i = 0; i < 16; ++i) {
    model::Envelope changed = *opened;
    changed.payload = flipped(opened->payload, i * bits / 16 + i % 8);
    changed_ones.push_back({codec::encode(changed), "untrusted: no key of root version 1"});
  }
  for (std::size_t i = 0; i < opened->signatures.size(); ++i) {
    model::Envelope changed = *opened;
    changed.signatures[i].signature = flipped(changed.signatures[i].signature, 77 * (i + 1));
    changed_ones.push_back({codec::encode(changed), "quorum: "});
  }
  world.expect_refused(changed_ones);
  world.expect_cleaned(honest);
}

TEST_F(StolenController, WidensTheScopeAndNobodySignedIt) {
  World& world = *world_;
  model::Order order = world.clean();
  order.scope.groups = {"db"};
  const Bytes honest = world.sign(order);
  const Bytes wider = with_old_signatures<model::Order>(
      honest, [](model::Order& changed) { changed.scope.groups = {"web"}; });
  world.expect_refused({{honest, "scope: "}, {wider, "untrusted: "}});
  order.scope.groups = {"web"};
  world.expect_cleaned(world.sign(order));
}

TEST_F(StolenController, WritesAnOrderOfItsOwnWithTheKeysItHas) {
  World& world = *world_;
  const model::Order order = world.clean();
  const Bytes by_conductor = world.sign(order, {"conductor"});
  const auto opened = codec::decode<model::Envelope>(world.sign(world.clean(), {}));
  model::Envelope by_log = *opened;
  ASSERT_TRUE(crypto::add_signature(by_log, fixture::key_named("log")));
  // What it claims to be is for the host to compute; who may sign a lesser class may not either.
  model::Order modest = world.clean();
  modest.action_class = model::Class::kObserve;
  const Bytes understated = world.sign(modest, {"conductor"});
  world.expect_refused({{by_conductor, "quorum: role clean"},
                        {codec::encode(by_log), "untrusted: "},
                        {understated, "quorum: role observe"}});
  world.expect_cleaned(world.sign(order));
}

TEST_F(StolenController, GivesAnOrderThatAnotherTenantSigned) {
  World& world = *world_;
  model::Order order = world.clean();
  order.tenant.value.fill(9);
  world.expect_refused({{world.sign(order), "tenant: "}});
  order.tenant = {};
  world.expect_cleaned(world.sign(order));
}

TEST_F(StolenController, ReplaysAnOrderThatWasCarriedOut) {
  World& world = *world_;
  const Bytes order = world.sign(world.clean());
  const DocumentId id = world.submit(order);
  world.expect_cleaned(id);
  world.find();
  auto turned = codec::decode<model::Envelope>(order);  // the same document in other bytes
  std::swap(turned->signatures[0], turned->signatures[1]);
  world.write_into_log({order, codec::encode(*turned)});
  world.expect_why(id, "done: verified");
  world.expect_untouched();
  world.expect_cleaned(world.sign(world.clean()));
}

TEST_F(StolenController, ReplaysAnOrderThatEnded) {
  World& world = *world_;
  model::Order order = world.clean();
  order.schedule.not_before -= Seconds(7200);
  order.schedule.not_after = order.schedule.not_before + Seconds(3600);
  const Bytes ended = world.sign(order);
  const Bytes prolonged = with_old_signatures<model::Order>(
      ended, [](model::Order& changed) { changed.schedule.not_after += fixture::kDay; });
  world.expect_refused({{ended, "expired: "}, {prolonged, "untrusted: "}});
  world.expect_cleaned(world.sign(world.clean()));
}

TEST_F(StolenController, SwapsThePolicyForOneOfTheSameLength) {
  World& world = *world_;
  const Bytes wanted = fixture::policy_bytes(world.policy("nowhere on this host"));
  const Bytes other = fixture::policy_bytes(world.policy(kInnocent));
  ASSERT_EQ(wanted.size(), other.size());
  const Digest digest = crypto::sha256(wanted);
  Bytes swapped;
  world.controller.hook = [&](const Bytes& frame) -> std::vector<Bytes> {
    auto blob = in<model::Blob>(frame);
    if (!blob || blob->digest != digest) return {frame};
    blob->bytes = other;
    return {swapped = frame_of(*blob)};
  };
  const DocumentId order =
      world.submit(world.sign(world.dry_run(*codec::decode<model::Policy>(wanted))));
  world.expect_why(order, "refused: policy_mismatch: ");
  world.expect_receipt(order, Reason::kPolicyMismatch);
  EXPECT_TRUE(world.controller.record().has_frame(swapped));
  world.expect_untouched();
  world.controller.hook = nullptr;
  world.expect_cleaned(world.sign(world.clean()));
}

// --- waves and time

TEST_F(StolenController, SkipsAWaveWithReleasesThatItSignsItself) {
  World& world = *world_;
  const Bytes order = world.signed_for_second_wave(model::Gate::kManual, Seconds(0));
  const DocumentId id = world.submit(order);
  world.expect_refused(
      {{world.release(id, 1, "conductor"), "quorum: role release"},
       {world.release(id, 0, "conductor"), "quorum: role release"},
       {world.release(id, 2, "conductor"), "malformed: releases wave 2 of an order with 2"}});
  world.expect_why(id, "waiting for release: wave 2 of 2");
  world.submit(world.release(id, 1));
  world.expect_cleaned(id);
}

// A person's release of the canaries, with another wave's number in it.
TEST_F(StolenController, ChangesTheNumberOfAReleasedWave) {
  World& world = *world_;
  const DocumentId id =
      world.submit(world.signed_for_second_wave(model::Gate::kManual, Seconds(0)));
  const Bytes canaries = world.release(id, 0);
  world.write_into_log({canaries});
  world.expect_refused({{with_old_signatures<model::Release>(
                             canaries, [](model::Release& release) { release.wave = 1; }),
                         "untrusted: "}});
  world.expect_why(id, "waiting for release: wave 2 of 2");
  world.submit(world.release(id, 1));
  world.expect_cleaned(id);
}

// The conductor's key is on the stolen machine: it opens an `auto` gate, and not a minute early.
TEST_F(StolenController, HastensAWaveAndTheHostWaitsForWitnessTime) {
  World& world = *world_;
  const DocumentId id =
      world.submit(world.signed_for_second_wave(model::Gate::kAuto, Seconds(3600)));
  world.write_into_log({world.release(id, 1, "conductor")});
  world.expect_why(id, "waiting for wave-delay: ");
  const Bytes forged = frame_of(model::Checkpoint{with_other_time(world.controller.note(), 7200)});
  world.expect_log("untrusted: checkpoint: ", [&] { world.controller.push(forged); });
  EXPECT_TRUE(world.controller.record().has_frame(forged));
  world.expect_why(id, "waiting for wave-delay: ");
  world.expect_untouched();
  const DocumentId next =
      world.submit(world.signed_for_second_wave(model::Gate::kAuto, Seconds(0)));
  world.write_into_log({world.release(next, 1, "conductor")});
  world.expect_cleaned(next);
}

// --- the log

TEST_F(StolenController, ReordersEntriesAndTheHostFoldsNoneOfThem) {
  World& world = *world_;
  std::uint64_t from = world.controller.log().size();
  world.controller.hook = [&](const Bytes& frame) -> std::vector<Bytes> {
    auto entries = in<model::Entries>(frame);
    if (!entries) return {frame};
    if (entries->entries.size() < 2) return {};  // until there are two
    std::reverse(entries->entries.begin(), entries->entries.end());
    return {frame_of(*entries)};
  };
  const Bytes first = world.sign(world.held());
  const DocumentId id = world.submit(first);
  const Bytes second = world.release(id);
  world.submit(second);
  world.expect_log("checkpoint_refused");
  world.expect_log("log_fork: ");
  const auto sent = world.controller.record().messages<model::Entries>();
  EXPECT_THAT(sent, testing::Contains(model::Entries{from, {second, first}}));
  EXPECT_EQ(world.host().status()["log_size"], from);
  EXPECT_EQ(world.host().status()["forked"], false);
  world.expect_why(id, "unknown: ");
  world.expect_untouched();
  world.controller.hook = nullptr;
  world.expect_cleaned(id);
}

// The log key alone makes no checkpoint: not bare, not with a stranger's cosignature under the
// witness's name, not with the witness's cosignature of another tree.
TEST_F(StolenController, ForksTheLogWithoutTheWitness) {
  World& world = *world_;
  Controller& controller = world.controller;
  const Bytes order = world.sign(world.clean());
  const std::uint64_t from = controller.log().size();
  std::vector<Bytes> fork = controller.log();
  fork.push_back(order);
  const log::Note bare = controller.sign(fork);
  const auto honest = log::Note::parse(controller.note());
  ASSERT_TRUE(honest);
  ASSERT_EQ(honest->signatures.size(), 2u);
  log::Note own = bare, pasted = bare;
  own.signatures.push_back(log::cosign(bare.body, honest->signatures[1].name,
                                       fixture::key_named("mallory"), world.tomorrow()));
  own.signatures[1].id = honest->signatures[1].id;
  pasted.signatures.push_back(honest->signatures[1]);
  for (const log::Note& note : {bare, own, pasted}) {
    const Bytes frame = frame_of(model::Checkpoint{note.text()});
    world.expect_log("untrusted: checkpoint: ", [&] {
      controller.push(model::Entries{from, {order}});
      controller.push(frame);
    });
    EXPECT_TRUE(controller.record().has_frame(frame));
  }
  EXPECT_TRUE(controller.record().has_entry(order));
  EXPECT_EQ(world.host().status()["log_size"], from);
  world.expect_why(fixture::id_of(order), "unknown: ");
  world.expect_untouched();
  world.expect_cleaned(order);
}

// One of a smaller tree, and one of this tree that was witnessed earlier.
TEST_F(StolenController, ServesAnOlderCheckpointAndTimeDoesNotGoBack) {
  World& world = *world_;
  Controller& controller = world.controller;
  const auto heard = [&] { return world.host().status()["witness_time"].get<std::string>(); };
  const std::string smaller = controller.note();
  const DocumentId id = world.submit(world.sign(world.held()));
  world.expect_why(id, "waiting for release: ");
  const std::string older = controller.note();
  const std::string then = to_rfc3339(timestamp(static_cast<std::int64_t>(time_of(older))));
  ASSERT_TRUE(world.serve_until([&] { return heard() > then; }));
  controller.hook = [](const Bytes& frame) {  // no honest one mends it
    return in<model::Checkpoint>(frame) ? std::vector<Bytes>{} : std::vector<Bytes>{frame};
  };
  const std::string before = heard();
  for (const std::string& note : {smaller, older}) {
    const Bytes frame = frame_of(model::Checkpoint{note});
    controller.push(frame);
    EXPECT_TRUE(controller.record().has_frame(frame));
  }
  world.expect_log("edge_talks_nonsense", [&] { controller.push(Bytes{1, 2, 3}); });
  EXPECT_GE(heard(), before);
  EXPECT_EQ(world.host().status()["log_size"], controller.log().size());
  world.expect_untouched();
  controller.hook = nullptr;
  world.submit(world.release(id));
  world.expect_cleaned(id);
}

TEST_F(StolenController, LiftsAStopWithWhatItHas) {
  World& world = *world_;
  const DocumentId first = world.submit(world.stop_all());
  const Bytes old_resume = world.sign(model::Resume{.stops = {first}});
  world.submit(old_resume);
  const DocumentId second = world.submit(world.stop_all());
  const DocumentId order = world.submit(world.sign(world.clean()));
  world.expect_why(order, "refused: stopped: ");
  const Bytes changed = with_old_signatures<model::Resume>(
      old_resume, [&](model::Resume& resume) { resume.stops = {second}; });
  const Bytes own = world.sign(model::Resume{.stops = {second}, .reason = "own"}, {"conductor"});
  world.write_into_log({old_resume});
  world.expect_refused({{changed, "untrusted: "}, {own, "quorum: role resume"}});
  world.expect_why(order, "refused: stopped: ");
  world.expect_receipt(order, Reason::kStopped);
  world.expect_untouched();
  world.submit(world.sign(model::Resume{.stops = {second}}));
  world.expect_cleaned(order);
}

TEST_F(StolenController, PutsJunkBetweenHonestEntries) {
  World& world = *world_;
  Prng prng(29);
  std::vector<Bytes> junk;
  for (std::size_t i = 0; i < 100; ++i) {
    Bytes entry(prng.below(300));
    for (std::uint8_t& byte : entry) byte = static_cast<std::uint8_t>(prng.next());
    junk.push_back(std::move(entry));
  }
  world.write_into_log(junk);
  EXPECT_EQ(world.host().status()["refused_entries"].back()["reason"], "malformed");
  world.expect_untouched();
  world.expect_cleaned(world.sign(world.clean()));
}

// --- the wire

// Each message with entries one bit off, again and again, followed by the checkpoint that would
// make it count.
TEST_F(StolenController, ChangesOneBitOfEveryFrame) {
  World& world = *world_;
  Prng prng(31);
  std::set<Bytes> changed;
  world.controller.hook = [&](const Bytes& frame) -> std::vector<Bytes> {
    if (!in<model::Entries>(frame)) return {frame};
    std::vector<Bytes> frames;
    for (int i = 0; i < 24; ++i) {
      frames.push_back(flipped(frame, prng.below(frame.size() * 8)));
      changed.insert(frames.back());
      frames.push_back(frame_of(model::Checkpoint{world.controller.note()}));
    }
    return frames;
  };
  const auto sent = [&] {
    const auto all = world.controller.record().read();
    return std::count_if(all.begin(), all.end(),
                         [&](const Sent& one) { return changed.contains(one.frame); });
  };
  const std::size_t size = world.controller.log().size();
  const DocumentId order = world.submit(world.sign(world.clean()));
  EXPECT_TRUE(world.serve_until([&] { return sent() >= 100; }));
  world.expect_log("log_fork: ");
  EXPECT_EQ(world.host().status()["log_size"], size);
  world.expect_why(order, "unknown: ");
  world.expect_untouched();
  world.controller.hook = nullptr;
  world.expect_cleaned(order);
}

TEST_F(StolenController, ChangesOneBitOfEveryCheckpoint) {
  World& world = *world_;
  Prng prng(37);
  std::set<std::string> changed;
  world.controller.hook = [&](const Bytes& frame) -> std::vector<Bytes> {
    const auto checkpoint = in<model::Checkpoint>(frame);
    if (!checkpoint) return {frame};
    std::vector<Bytes> frames;
    for (int i = 0; i < 24; ++i) {
      std::string note = checkpoint->note;
      note[prng.below(note.size())] ^= static_cast<char>(1u << prng.below(7));
      frames.push_back(frame_of(model::Checkpoint{note}));
      changed.insert(std::move(note));
    }
    return frames;
  };
  const auto sent = [&] {
    const auto all = world.controller.record().messages<model::Checkpoint>();
    return std::count_if(all.begin(), all.end(),
                         [&](const model::Checkpoint& one) { return changed.contains(one.note); });
  };
  const std::size_t size = world.controller.log().size();
  const DocumentId order = world.submit(world.sign(world.clean()));
  EXPECT_TRUE(world.serve_until([&] { return sent() >= 40; }));
  world.expect_log("untrusted: checkpoint: ");
  EXPECT_EQ(world.host().status()["log_size"], size);
  world.expect_why(order, "unknown: ");
  world.expect_untouched();
  world.controller.hook = nullptr;
  world.expect_cleaned(order);
}

TEST_F(StolenController, SaysWhatNoEdgeHasToSay) {
  World& world = *world_;
  Prng prng(41);
  const std::vector<model::Message> strange = {
      model::Hello{},         model::Receipts{{Bytes(10)}},
      model::Want{},          model::EnrolRequest{Bytes(10)},
      model::EnrolReply{},    model::TimeReply{Bytes(10)},
      model::Rekeyed{},       model::ReceiptAck{{DocumentId{}}},
      model::Blob{},          model::Entries{1u << 30, {Bytes(10)}},
      model::Checkpoint{"x"}, model::RetryAfter{std::chrono::milliseconds(1), "later"}};
  for (const model::Message& message : strange) {
    world.controller.push(message);
    EXPECT_TRUE(world.controller.record().has_frame(frame_of(message)));
  }
  for (std::size_t size : {0, 1, 7, 8, 100, 60'000}) {
    Bytes noise(size);
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(prng.next());
    world.controller.push(noise);
    EXPECT_TRUE(world.controller.record().has_frame(noise));
  }
  world.expect_log("unexpected_message");
  world.expect_log("edge_talks_nonsense");
  world.expect_untouched();
  world.expect_cleaned(world.sign(world.clean()));
}

}  // namespace
}  // namespace fleetsweep::stolen
