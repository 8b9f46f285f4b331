#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "protocol/runtime/http/events.h"
#include "protocol/runtime/http/http.h"
#include "tests/protocol/runtime/http/raw_socket.h"
#include "tests/wait.h"

namespace fleetsweep::http {
namespace {

using testing::HasSubstr;

// What the test knows of the feeds that a server opened.
struct Watch {
  std::atomic<int> open = 0;
  std::mutex mutex;
  std::condition_variable changed;

  bool wait_until_open_is(int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, [&] { return open == count; });
  }
  void add(int difference) {
    const std::lock_guard lock(mutex);
    open += difference;
    changed.notify_all();
  }
};

// Gives its events, then ends or is silent for ever.
class ListFeed : public Feed {
 public:
  ListFeed(Watch& watch, std::vector<Event> events, State afterwards)
      : watch_(watch), events_(std::move(events)), afterwards_(afterwards) {
    watch_.add(1);
  }
  ~ListFeed() override { watch_.add(-1); }
  State next(Duration patience, Event& event) override {
    if (at_ < events_.size()) {
      event = events_[at_++];
      return State::kEvent;
    }
    if (afterwards_ == State::kNothingYet) {
      std::unique_lock lock(watch_.mutex);
      watch_.changed.wait_for(lock, patience);
    }
    return afterwards_;
  }

 private:
  Watch& watch_;
  std::vector<Event> events_;
  State afterwards_;
  std::size_t at_ = 0;
};

class HttpStream : public testing::Test {
 protected:
  void SetUp() override {
    server_.stream("/events/{kind}", [this](const Request& request, std::unique_ptr<Feed>& feed) {
      if (request.param("kind") == "refused") return error_response(403, "untrusted", "not you");
      const bool ends = request.param("kind") == "finite";
      feed = std::make_unique<ListFeed>(watch_, events_,
                                        ends ? Feed::State::kEnd : Feed::State::kNothingYet);
      return Response{};
    });
    server_.route("GET", "/plain", [](const Request&) { return Response{.body = "{}"}; });
    ASSERT_TRUE(server_.start({.listen = "127.0.0.1:0", .workers = 1, .streams_max = 2}));
  }
  std::string url(std::string_view target) const {
    return fmt::format("http://{}{}", server_.address(), target);
  }

  const std::vector<Event> events_ = {{"", "one"}, {"progress", "two\nlines\n"}, {"", ""}};
  Watch watch_;
  Server server_;
};

TEST_F(HttpStream, EventsArriveChangedOrNotAtAll) {
  std::vector<Event> received;
  const Status status = follow_events(url("/events/finite"), {}, {}, [&](const Event& event) {
    received.push_back(event);
    return true;
  });
  EXPECT_TRUE(status) << status.error().message;
  EXPECT_EQ(received, events_);
}

TEST_F(HttpStream, AClientThatHasEnoughStaysConnected) {
  int count = 0;
  EXPECT_TRUE(
      follow_events(url("/events/endless"), {}, {}, [&](const Event&) { return ++count < 2; }));
  EXPECT_EQ(count, 2);
  EXPECT_TRUE(watch_.wait_until_open_is(0)) << "the server keeps the feed of a client that is gone";
}

TEST_F(HttpStream, ADeadlineIsHeededOnlyWhenSomethingChanges) {
  EXPECT_TRUE(follow_events(
      url("/events/endless"), {}, {}, [](const Event&) { return true; }, [] { return false; }));
  EXPECT_TRUE(watch_.wait_until_open_is(0));
}

TEST_F(HttpStream, MoreStreamsThanAllowedLeaveNoWorker) {
  const std::string ask =
      "GET /events/endless HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n";
  const RawSocket first(server_.address()), second(server_.address());
  first.send(ask);
  second.send(ask);
  ASSERT_TRUE(watch_.wait_until_open_is(2));
  EXPECT_EQ(request("GET", url("/events/endless"), {}, "")->status, 503);
  EXPECT_EQ(request("GET", url("/plain"), {}, "")->status, 200);
  std::string text;
  while (text.find("data: one\n") == std::string::npos) {
    const std::string more = first.receive_some();
    ASSERT_FALSE(more.empty()) << text;
    text += more;
  }
  EXPECT_THAT(text, HasSubstr("text/event-stream"));
}

TEST_F(HttpStream, AClosedStreamKeepsItsPlace) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(follow_events(url("/events/finite"), {}, {}, [](const Event&) { return true; }));
    EXPECT_TRUE(watch_.wait_until_open_is(0));  // the client sees the end a moment earlier
  }
  EXPECT_EQ(request("GET", url("/events/finite"), {}, "")->status, 200);
}

TEST_F(HttpStream, ARefusalIsTakenForAStream) {
  const Status status =
      follow_events(url("/events/refused"), {}, {}, [](const Event&) { return true; });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUntrusted);
  EXPECT_THAT(status.error().message, HasSubstr("not you"));
  EXPECT_EQ(follow_events(url("/nothing"), {}, {}, [](const Event&) { return true; }).error().code,
            Code::kNotFound);
}

TEST_F(HttpStream, AnOpenStreamHoldsTheServerWhenItStops) {
  std::atomic<bool> ended = false;
  std::thread client([&] {
    (void)follow_events(url("/events/endless"), {}, {}, [](const Event&) { return true; });
    ended = true;
  });
  ASSERT_TRUE(watch_.wait_until_open_is(1));
  server_.stop();
  EXPECT_EQ(watch_.open, 0);
  client.join();
  EXPECT_TRUE(ended);
}

TEST_F(HttpStream, ASilentServerIsFollowedForEver) {
  const Status status =
      follow_events(url("/events/endless"), {}, {.timeout = std::chrono::milliseconds(50)},
                    [](const Event&) { return true; });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnavailable);
}

TEST(EventParser, EventsDependOnHowTheyAreCut) {
  const std::string text =
      ": comment\n\nevent: a\r\ndata: 1\r\n\r\ndata:2\ndata: 3\nid: 9\n\nevent: lost\n\ndata\n\n"
      "data: never ends";
  const std::vector<Event> expected = {{"a", "1"}, {"", "2\n3"}, {"", ""}};
  for (std::size_t size = 1; size <= text.size(); ++size) {
    EventParser parser;
    std::vector<Event> received;
    for (std::size_t at = 0; at < text.size(); at += size)
      ASSERT_TRUE(parser.take(std::string_view(text).substr(at, size), [&](const Event& event) {
        received.push_back(event);
        return true;
      }));
    EXPECT_EQ(received, expected) << "pieces of " << size;
  }
}

TEST(EventParser, AnEventHasNoEnd) {
  for (const char* piece : {"data: xxxxxxxxxxxxxxxx\n", "xxxxxxxxxxxxxxxxxxxxx"}) {
    EventParser parser;
    bool refused = false;
    for (std::size_t sent = 0; sent < 4 * limits::kHttpEventBytes && !refused; sent += 16)
      refused = !parser.take(piece, [](const Event&) { return true; });
    EXPECT_TRUE(refused) << piece;
  }
}

}  // namespace
}  // namespace fleetsweep::http
