// Documents that gather signatures.

#include "tests/controller/driver/driver_fixture.h"

namespace fleetsweep::controller {
namespace {

class Inbox : public DriverTest {
 protected:
  Result<DocumentId> post(const Bytes& envelope) {
    return driver_->post_pending(tenant_.id(), envelope, "test", now_);
  }
  Bytes stop_because(const std::string& reason, std::initializer_list<std::string> people = {}) {
    model::Stop stop;
    stop.issued = fixture::start();
    stop.reason = reason;
    return tenant_.sign(stop, people);
  }
  const std::map<DocumentId, PendingDocument>& pending() const {
    return driver_->core().find(tenant_.id())->pending;
  }
};

TEST_F(Inbox, SignatureThatIsNotDurableIsShownAsThere) {
  ASSERT_TRUE(post(stop_because("x")));
  store_.broken = true;
  EXPECT_EQ(post(stop_because("x", {"alice"})).error().code, Code::kUnavailable);
  EXPECT_FALSE(pending().begin()->second.awaited->met());
  store_.broken = false;
  ASSERT_TRUE(post(stop_because("x", {"alice"})));
  EXPECT_TRUE(pending().begin()->second.awaited->met());
  load();
  EXPECT_TRUE(pending().begin()->second.awaited->met()) << "lost by a restart";
}

TEST_F(Inbox, SignatureInTheWayKeepsTheTrueOneOut) {
  ASSERT_TRUE(post(stop_because("x")));
  model::Envelope forged = *codec::decode<model::Envelope>(stop_because("x", {"alice"}));
  forged.signatures[0].signature[7] ^= 1;
  EXPECT_EQ(post(codec::encode(forged)).error().code, Code::kUntrusted);
  ASSERT_TRUE(post(stop_because("x", {"alice"})));
  EXPECT_EQ(*post(codec::encode(forged)), pending().begin()->first)
      << "a key that signed signs no second time";
  EXPECT_TRUE(pending().begin()->second.awaited->met());
}

TEST_F(Inbox, DocumentsFillTheStoreWithoutEnd) {
  for (std::size_t i = 0; i < limits::kPendingDocuments; ++i)
    ASSERT_TRUE(post(stop_because(std::to_string(i))));
  EXPECT_EQ(post(stop_because("one more")).error().code, Code::kOverloaded);
  EXPECT_TRUE(post(stop_because("0", {"alice"}))) << "who is there may still be signed";
  const std::size_t commits = store_.commits;
  EXPECT_TRUE(post(stop_because("0", {"alice"})));
  EXPECT_EQ(store_.commits, commits) << "what changes nothing writes nothing";
  now_ += limits::kPendingLife;
  driver_->on_time(now_);
  driver_->flush(now_);
  EXPECT_TRUE(pending().empty());
  EXPECT_TRUE(store_.pending(1)->empty());
  EXPECT_TRUE(post(stop_because("one more")));
}

TEST_F(Inbox, OrderThatIsOverIsStillAskedFor) {
  const DocumentId dry_run = order({{}});
  model::Order clean = fixture::apply(fixture::hash_policy(), dry_run);
  ASSERT_TRUE(post(tenant_.sign(clean, {"alice"})));
  now_ = Instant(clean.schedule.not_after);
  driver_->on_time(now_);
  driver_->flush(now_);
  EXPECT_TRUE(pending().empty());
}

TEST_F(Inbox, RootThatTheLogHasOvertakenIsStillAskedFor) {
  const auto next = [&](Seconds more) {
    return tenant_.next(tenant_.verified(), [&](model::Root& root) { root.expires += more; });
  };
  ASSERT_TRUE(post(tenant_.sign(next(Seconds{1}), {"alice"})));
  ASSERT_TRUE(post(tenant_.sign(next(Seconds{2}), {"alice"})));
  ASSERT_TRUE(submit(tenant_.sign(next(Seconds{2}), {"alice", "bob"})));
  ASSERT_EQ(pending().size(), 1u) << "what is in the log waits no longer";
  EXPECT_FALSE(pending().begin()->second.awaited);
}

}  // namespace
}  // namespace fleetsweep::controller
