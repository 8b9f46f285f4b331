#include "protocol/runtime/pipe/pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "tests/wait.h"

namespace fleetsweep::runtime {
namespace {

constexpr Duration kShort = std::chrono::milliseconds(20);

model::LocalMessage reply(std::string text) {
  return model::LocalReply{.ok = true, .json = std::move(text)};
}
std::string text_of(const Pipe::Received& received) {
  return std::get<model::LocalReply>(received.message).json;
}
// The bytes that send() would write.
Bytes frame_of(const model::LocalMessage& message, std::uint8_t descriptors = 0) {
  const Bytes body = codec::encode(message);
  Bytes frame;
  for (int i = 0; i < 4; ++i) frame.push_back(static_cast<std::uint8_t>(body.size() >> (8 * i)));
  frame.push_back(descriptors);
  append(frame, body);
  return frame;
}

class PipeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto both = Pipe::pair();
    ASSERT_TRUE(both.has_value());
    left_.emplace(std::move(both->first));
    right_.emplace(std::move(both->second));
  }
  void write_raw(BytesView bytes) {
    ASSERT_EQ(::send(left_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::optional<Pipe> left_, right_;
};

TEST_F(PipeTest, MessagesArriveInOrderAndWhole) {
  for (const char* text : {"one", "two", ""}) ASSERT_TRUE(left_->send(reply(text)));
  for (const char* text : {"one", "two", ""}) {
    auto received = right_->receive(kPatience);
    ASSERT_TRUE(received.has_value()) << received.error().message;
    EXPECT_EQ(text_of(*received), text);
    EXPECT_FALSE(received->fd);
  }
}

TEST_F(PipeTest, AMessageThatComesByteByByteIsNothingUntilItIsWhole) {
  const Bytes frame = frame_of(reply("slow"));
  for (std::size_t i = 0; i + 1 < frame.size(); ++i) {
    write_raw(BytesView(frame).subspan(i, 1));
    const auto nothing = right_->try_receive();
    ASSERT_TRUE(nothing.has_value()) << nothing.error().message;
    EXPECT_FALSE(nothing->has_value());
  }
  write_raw(BytesView(frame).last(1));
  const auto received = right_->try_receive();
  ASSERT_TRUE(received.has_value() && received->has_value());
  EXPECT_EQ(text_of(**received), "slow");
}

TEST_F(PipeTest, PollIsTrueWhileAnotherMessageWaits) {
  ASSERT_TRUE(left_->send(reply("one")));
  ASSERT_TRUE(left_->send(reply("two")));
  ASSERT_TRUE(right_->try_receive()->has_value());
  pollfd item{right_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&item, 1, 0), 1);
  ASSERT_TRUE(right_->try_receive()->has_value());
  EXPECT_EQ(::poll(&item, 1, 0), 0);
}

TEST_F(PipeTest, NothingInTimeLosesNothing) {
  const Bytes frame = frame_of(reply("late"));
  write_raw(BytesView(frame).first(7));
  const auto timeout = right_->receive(kShort);
  ASSERT_FALSE(timeout.has_value());
  EXPECT_EQ(timeout.error().code, Code::kUnavailable);
  write_raw(BytesView(frame).subspan(7));
  const auto received = right_->receive(kPatience);
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(text_of(*received), "late");
}

TEST_F(PipeTest, APeerThatLeavesAfterItsLastWordIsGone) {
  ASSERT_TRUE(left_->send(reply("bye")));
  left_.reset();
  ASSERT_TRUE(right_->receive(kPatience).has_value());
  for (int i = 0; i < 2; ++i) {
    const auto gone = right_->receive(kPatience);
    ASSERT_FALSE(gone.has_value());
    EXPECT_EQ(gone.error().code, Code::kNotFound);
  }
}

TEST_F(PipeTest, APeerThatDiesInTheMiddleOfAMessageIsAnErrorOfItsOwn) {
  const Bytes frame = frame_of(reply("half"));
  for (const std::size_t size : {std::size_t{3}, std::size_t{5}, frame.size() - 1}) {
    SetUp();
    write_raw(BytesView(frame).first(size));
    left_.reset();
    const auto broken = right_->receive(kPatience);
    ASSERT_FALSE(broken.has_value());
    EXPECT_EQ(broken.error().code, Code::kInvalid) << size;
  }
}

TEST_F(PipeTest, SendingToADeadPeerIsAnErrorAndNotASignal) {
  right_.reset();
  const auto sent = left_->send(reply("hello?"));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, Code::kNotFound);
}

TEST_F(PipeTest, APeerThatTakesNothingIsNotWaitedForForEver) {
  const model::LocalMessage large = reply(std::string(limits::kLocalReplyBytes, 'x'));
  const auto sent = left_->send(large, -1, kShort);
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, Code::kUnavailable);
}

TEST_F(PipeTest, ALargeMessageIsLargerThanTheSocketsBuffer) {
  std::thread sender([this] {
    EXPECT_TRUE(left_->send(reply(std::string(limits::kLocalReplyBytes, 'x')), -1, kPatience));
  });
  const auto received = right_->receive(kPatience);
  sender.join();
  ASSERT_TRUE(received.has_value()) << received.error().message;
  EXPECT_EQ(text_of(*received).size(), limits::kLocalReplyBytes);
}

TEST_F(PipeTest, AnOversizedLengthIsRefusedBeforeItsBytes) {
  write_raw(Bytes{0xff, 0xff, 0xff, 0x7f, 0});
  const auto refused = right_->receive(kPatience);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kInvalid);
}

TEST_F(PipeTest, BytesThatDoNotDecodeEndTheConversation) {
  write_raw(Bytes{3, 0, 0, 0, 0, 1, 2, 3});
  const auto refused = right_->receive(kPatience);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_FALSE(right_->receive(kShort).has_value());
}

TEST_F(PipeTest, ADescriptorArrivesWithItsMessageAndIsTheSameFile) {
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(left_->send(reply("plain")));
  ASSERT_TRUE(left_->send(reply("with"), file.get()));
  ASSERT_TRUE(left_->send(reply("plain")));
  EXPECT_FALSE(right_->receive(kPatience)->fd);
  const auto received = right_->receive(kPatience);
  ASSERT_TRUE(received.has_value() && received->fd);
  struct stat sent {
  }, got{};
  ASSERT_EQ(::fstat(file.get(), &sent), 0);
  ASSERT_EQ(::fstat(received->fd.get(), &got), 0);
  EXPECT_EQ(sent.st_ino, got.st_ino);
  EXPECT_TRUE(::fcntl(received->fd.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_FALSE(right_->receive(kPatience)->fd);
}

TEST_F(PipeTest, AHeaderThatPromisesADescriptorWithoutOneIsRefused) {
  write_raw(frame_of(reply("liar"), 1));
  const auto refused = right_->receive(kPatience);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace fleetsweep::runtime
