// What a thief of the controller keeps back, and what he shows instead. Each case has a world of
// its own, because the host is not the same afterwards.

#include <time.h>

#include "protocol/base/limits.h"
#include "tests/stolen/world.h"

namespace fleetsweep::stolen {
namespace {

using model::Reason;

constexpr Seconds kFresh{2};  // how old a checkpoint may be, to clean on it

World::Options impatient() {
  return {.shape_root = [](model::Root& root) { root.policy.checkpoint_age_max.fill(kFresh); }};
}

// Due in a moment, when a host that hears nothing new is not fresh any more.
model::Order due_soon(World& world) {
  model::Order order = world.clean();
  order.schedule.not_before = timestamp(::time(nullptr)) + kFresh + Seconds(2);
  return order;
}

// Nothing of the log from this size on reaches a host; it hears the last head before it instead.
struct Withholding {
  explicit Withholding(Controller& controller)
      : size(controller.log().size()), head(frame_of(model::Checkpoint{controller.note()})) {
    controller.hook = [this](const Bytes& frame) -> std::vector<Bytes> {
      if (const auto entries = in<model::Entries>(frame);
          entries && entries->from + entries->entries.size() > size) {
        dropped.push_back(*entries);
        return {head};
      }
      if (in<model::Checkpoint>(frame)) {
        ++stale;
        return {head};
      }
      return {frame};
    };
  }
  const std::uint64_t size;
  const Bytes head;
  std::vector<model::Entries> dropped;
  std::size_t stale = 0;  // heads that went out instead of a newer one
};

TEST(StolenControllerThatWithholds, DropsAStopAndTheHostRefusesAsStale) {
  World world(impatient());
  world.find();
  const DocumentId order = world.submit(world.sign(due_soon(world)));
  world.expect_why(order, "waiting for time: ");
  ASSERT_TRUE(world.serve_until([&] { return world.has_folded(); }));

  Withholding thief(world.controller);
  const Bytes stop = world.stop_all();
  world.submit(stop);
  world.expect_why(order, "refused: stale: ");
  world.expect_receipt(order, Reason::kStale);
  ASSERT_FALSE(thief.dropped.empty());
  EXPECT_EQ(thief.dropped[0].entries, std::vector<Bytes>{stop});
  EXPECT_FALSE(world.controller.record().has_entry(stop));
  EXPECT_GT(thief.stale, 0u);
  EXPECT_TRUE(world.controller.record().has_frame(thief.head));
  world.expect_untouched();

  // Whoever stands before the host needs no controller.
  world.host().halt();
  world.expect_why(order, "refused: halted: ");
  world.host().resume();

  // The rightful controller is back: the Stop arrives and holds until a quorum lifts it.
  world.controller.hook = nullptr;
  world.host().restart();
  world.expect_why(order, "refused: stopped: ");
  world.expect_untouched();
  world.submit(world.sign(model::Resume{.stops = {fixture::id_of(stop)}}));
  world.expect_cleaned(order);
}

// A Stop that never comes into the log is a Stop that no host can know of: heads stay fresh. The
// people who brought it see that it is not in the log. The same bytes as a file need no log, and
// the host's owner can halt; both hold against a thief who goes on with the order.
TEST(StolenControllerThatWithholds, SwallowsAStopAtItsDoorAndTheSameStopAsAFileHolds) {
  World world;
  world.find();
  const DocumentId id = world.submit(world.sign(world.held()));
  world.expect_why(id, "waiting for release: ");
  const Bytes stop = world.stop_all();  // "logged", says the thief, and throws it away
  EXPECT_THAT(world.controller.log(), testing::Not(testing::Contains(stop)));
  EXPECT_FALSE(world.controller.record().has_entry(stop));
  EXPECT_EQ(world.host().give(stop), "taken");
  world.submit(world.release(id));
  ASSERT_TRUE(world.serve_until([&] { return world.has_folded(); }));
  world.expect_why(id, "refused: stopped: ");
  world.expect_receipt(id, Reason::kStopped);
  world.host().restart();  // it does not forget
  world.expect_why(id, "refused: stopped: ");
  world.expect_untouched();

  world.host().halt();
  world.submit(world.sign(model::Resume{.stops = {fixture::id_of(stop)}}));
  world.expect_why(id, "refused: halted: ");
  world.expect_receipt(id, Reason::kHalted);
  EXPECT_EQ(world.host().give(stop), "lifted");  // for ever
  world.expect_untouched();
  world.host().resume();
  world.expect_cleaned(id);
}

TEST(StolenControllerThatWithholds, ServesAStaleHead) {
  World world(impatient());
  world.find();
  const DocumentId order = world.submit(world.sign(due_soon(world)));
  world.expect_why(order, "waiting for time: ");
  ASSERT_TRUE(world.serve_until([&] { return world.has_folded(); }));
  Withholding thief(world.controller);
  world.expect_why(order, "refused: stale: ");
  world.expect_receipt(order, Reason::kStale);
  EXPECT_GT(thief.stale, 0u);
  EXPECT_TRUE(world.controller.record().has_frame(thief.head));
  world.expect_untouched();
  world.controller.hook = nullptr;
  world.expect_cleaned(order);
}

// The Stop is witnessed, so the thief needs another history without it. The witness cosigns none.
TEST(StolenControllerThatWithholds, ForksTheLogToHideAStopAndTheWitnessRefuses) {
  World world(impatient());
  world.find();
  const DocumentId order = world.submit(world.sign(due_soon(world)));
  world.expect_why(order, "waiting for time: ");
  ASSERT_TRUE(world.serve_until([&] { return world.has_folded(); }));
  const std::uint64_t at = world.controller.log().size();
  {
    Withholding thief(world.controller);
    const std::string before = world.controller.note();
    world.submit(world.stop_all());
    ASSERT_TRUE(world.serve_until([&] { return world.controller.note() != before; }));
    world.controller.hook = nullptr;
  }
  const Bytes instead = to_bytes("nothing happened here");
  world.controller.database().rewritten[at] = instead;
  world.controller.database().forgets_checkpoint = true;
  world.controller.restart();
  const auto says = [&](const std::string& text) {
    const auto& events = world.controller.events();
    return std::any_of(events.begin(), events.end(), [&](const std::string& event) {
      return event.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(world.serve_until([&] { return says("witness_quorum_missing"); }));
  const Bytes forged =
      frame_of(model::Checkpoint{world.controller.sign(world.controller.log()).text()});
  world.expect_log("untrusted: checkpoint: ", [&] {
    world.controller.push(model::Entries{at, {instead}});
    world.controller.push(forged);
  });
  EXPECT_TRUE(world.controller.record().has_entry(instead));
  EXPECT_TRUE(world.controller.record().has_frame(forged));
  world.expect_why(order, "refused: stale: ");
  world.expect_receipt(order, Reason::kStale);
  EXPECT_EQ(world.host().status()["forked"], false);
  world.expect_untouched();
}

// With the witness in the same hands a fork can be cosigned. Whoever saw the first history keeps to
// it, and acts on nothing any more.
TEST(StolenWitness, ForksTheLogAndTheHostFreezesForGood) {
  World world;
  world.find();
  world.expect_cleaned(world.sign(world.clean()));
  world.find();
  const DocumentId id = world.submit(world.sign(world.held()));
  world.expect_why(id, "waiting for release: ");
  const std::uint64_t at = world.controller.log().size();
  world.submit(world.stop_all());
  world.expect_why(id, "refused: stopped: ");

  const Bytes release = world.release(id);
  world.controller.database().rewritten[at] = release;  // a true one, where the Stop was
  world.controller.database().forgets_checkpoint = true;
  world.controller.steal_witness();
  world.controller.restart();
  EXPECT_TRUE(world.serve_until([&] { return world.host().status().value("forked", false); }));
  world.controller.push(model::Entries{at, {release}});
  EXPECT_TRUE(world.controller.record().has_entry(release));
  EXPECT_THAT(world.controller.record().messages<model::Checkpoint>(),
              testing::Contains(model::Checkpoint{world.controller.note()}));
  world.expect_why(id, "refused: log_fork");
  world.expect_receipt(id, Reason::kLogFork);
  world.host().restart();  // it does not forget
  world.expect_why(id, "refused: log_fork");
  world.expect_untouched();
}

// Time for a Stop to arrive: only the witness's time counts, and the thief cannot make any.
TEST(StolenControllerThatHurries, ForgesTheTimeAndTheOrderCoolsOffAllTheSame) {
  static constexpr Seconds kCoolOff{4};
  World world({.shape_root = [](model::Root& root) { root.policy.cool_off[3] = kCoolOff; }});
  world.find();
  const DocumentId order = world.submit(world.sign(world.clean()));
  world.expect_why(order, "waiting for cool-off: ");
  const auto newest = log::Note::parse(world.controller.note());
  ASSERT_TRUE(newest);
  log::Note later = *newest;
  later.signatures.at(1).signature[6] ^= 1;  // 256 s, of the 8 bytes of its time
  const Bytes forged = frame_of(model::Checkpoint{later.text()});
  world.expect_log("untrusted: checkpoint: ", [&] { world.controller.push(forged); });
  EXPECT_TRUE(world.controller.record().has_frame(forged));
  world.expect_why(order, "waiting for cool-off: ");
  world.expect_untouched();
  world.expect_cleaned(order);
}

// He shows the roots that please him. A root that took a person's key away stands in the log.
TEST(StolenControllerThatWithholds, BringsAnOldRootBackAndTheOrderStaysDead) {
  World world;
  world.find();
  const Bytes signed_order = world.sign(world.held());
  const DocumentId id = world.submit(signed_order);
  world.expect_why(id, "waiting for release: ");
  const Bytes next =
      world.sign(world.tenant.next(world.tenant.verified(),
                                   [&](model::Root& root) {
                                     root.keys[1] = {world.tenant.key("dave").public_key(),
                                                     model::Scheme::kEd25519, "dave", 0, ""};
                                   }),
                 {"alice", "carol", "dave"});
  world.submit(next);
  world.expect_why(id, "refused: quorum: ");
  const Bytes old = world.tenant.root_envelope();
  world.write_into_log({old, signed_order, world.release(id)});
  world.expect_why(fixture::id_of(old), "refused: root_version: ");
  world.expect_why(id, "refused: quorum: ");
  world.expect_receipt(id, Reason::kQuorum);
  EXPECT_EQ(world.host().status()["root_version"], 2);
  world.expect_untouched();
  world.expect_cleaned(world.sign(world.clean(), {"alice", "dave"}));
}

// More than a day's worth of log: the host takes none of the rest, says so, and stands still.
TEST(StolenControllerThatFloods, FillsTheLogBeyondADaysIntakeAndTheHostFreezes) {
  World world(impatient());
  world.find();
  world.expect_cleaned(world.sign(world.clean()));
  world.find();
  std::vector<Bytes> junk;
  for (std::size_t i = 0; i <= limits::kIntakeEntriesPerDay; ++i)
    junk.push_back(to_bytes(fmt::format("junk {}", i)));
  const std::size_t size = world.controller.log().size();
  world.controller.write_into_log(junk);
  const DocumentId order = world.submit(world.sign(world.clean()));
  world.expect_log(fmt::format("limit: more than {} entries", limits::kIntakeEntriesPerDay));
  const auto sent = world.controller.record().messages<model::Entries>();
  std::size_t entries = 0;
  for (const model::Entries& batch : sent)
    if (batch.from >= size) entries += batch.entries.size();
  EXPECT_GT(entries, limits::kIntakeEntriesPerDay - size);
  world.expect_why(order, "unknown: ");
  EXPECT_LT(world.host().status()["log_size"], world.controller.log().size());
  world.expect_untouched();
}

}  // namespace
}  // namespace fleetsweep::stolen
