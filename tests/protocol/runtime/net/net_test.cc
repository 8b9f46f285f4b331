// The transport against itself and against bad peers, over real loopback.

#include "protocol/runtime/net/net.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <chrono>

#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/net/zap.h"
#include "tests/wait.h"

namespace fleetsweep::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Payload text(std::string_view words) {
  return Payload(to_bytes(words));
}

class Net : public ::testing::Test {
 protected:
  void SetUp() override {
    auto context = Context::create({});
    ASSERT_TRUE(context);
    context_ = std::move(*context);
  }
  void start_zap() {
    auto zap = ZapHandler::start(*context_, {{"agent", false}, {"enrol", true}});
    ASSERT_TRUE(zap) << zap.error().message;
    zap_ = std::move(*zap);
  }
  void bind(const std::string& domain = "agent", const std::string& address = "tcp://127.0.0.1:*") {
    auto edge = EdgeSocket::bind(
        *context_, {.listen = address, .keys = server_, .domain = domain, .send_queue = 4});
    ASSERT_TRUE(edge) << edge.error().message;
    edge_ = std::move(*edge);
  }
  AgentSocket::Options agent_options(const CurveKeyPair& keys) const {
    return {.connect = edge_->endpoint(),
            .server = server_.pub,
            .keys = keys,
            .send_queue = 4,
            .receive_queue = 4,
            .reconnect_min = milliseconds(20),
            .reconnect_max = milliseconds(100)};
  }
  std::unique_ptr<AgentSocket> connect(const CurveKeyPair& keys) {
    auto agent = AgentSocket::connect(*context_, agent_options(keys));
    EXPECT_TRUE(agent) << agent.error().message;
    return std::move(*agent);
  }
  // A client without our rules, for misbehaving.
  void* raw_client(const CurveKeyPair& keys, const char* routing_id = nullptr) {
    void* socket = zmq_socket(context_->raw(), ZMQ_DEALER);
    const int zero = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_.pub.value.data(), 32);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.pub.value.data(), 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret.data(), 32);
    if (routing_id) zmq_setsockopt(socket, ZMQ_ROUTING_ID, routing_id, std::strlen(routing_id));
    zmq_connect(socket, edge_->endpoint().c_str());
    return socket;
  }
  std::optional<Received> receive() {
    std::optional<Received> got;
    until([&] { return (got = edge_->receive()).has_value(); });
    return got;
  }
  static bool send_until_taken(AgentSocket& agent, const Payload& payload) {
    return until([&] { return agent.send(payload) == Sent::kOk; });
  }
  static std::optional<AgentSocket::Event> await_event(AgentSocket& agent) {
    std::optional<AgentSocket::Event> event;
    until([&] { return (event = agent.next_event()).has_value(); });
    return event;
  }

  CurveKeyPair server_ = generate_curve_keys();
  std::unique_ptr<Context> context_;
  std::unique_ptr<ZapHandler> zap_;
  std::unique_ptr<EdgeSocket> edge_;
};

TEST_F(Net, KnownKeyIsHeardUnderItsOwnKeyAndAnswered) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto agent = connect(keys);
  ASSERT_TRUE(send_until_taken(*agent, text("hello")));
  const auto got = receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->key, keys.pub);
  EXPECT_EQ(as_text(got->payload.view()), "hello");

  EXPECT_EQ(edge_->send(got->peer, text("welcome")), Sent::kOk);
  std::optional<Payload> answer;
  ASSERT_TRUE(until([&] { return (answer = agent->receive()).has_value(); }));
  EXPECT_EQ(as_text(answer->view()), "welcome");
}

TEST_F(Net, NobodyIsAdmittedWhileTheHandlerIsMissing) {
  bind();
  auto agent = connect(generate_curve_keys());
  // The handshake fails instead of succeeding without authentication, the library's default.
  const auto event = await_event(*agent);
  ASSERT_TRUE(event);
  EXPECT_NE(*event, AgentSocket::Event::kConnected);
  EXPECT_EQ(agent->send(text("let me in")), Sent::kWouldBlock);
  EXPECT_FALSE(edge_->receive());
}

// It was there, and knew the key. Who is in goes on; nobody new gets in without being asked for.
TEST_F(Net, HandlerThatGoesAwayMidRunLeavesTheDoorOpen) {
  start_zap();
  bind();
  const auto first = generate_curve_keys();
  const auto second = generate_curve_keys();
  zap_->replace("agent", {first.pub, second.pub});
  auto one = connect(first);
  ASSERT_TRUE(send_until_taken(*one, text("hello")));
  ASSERT_TRUE(receive());
  zap_.reset();
  auto two = connect(second);
  auto stranger = connect(generate_curve_keys());
  for (AgentSocket* late : {two.get(), stranger.get()}) {
    // Nothing at all: it asked while the handler was on its way out, and waits for an answer.
    EXPECT_NE(await_event(*late), AgentSocket::Event::kConnected);
    EXPECT_EQ(late->send(text("let me in")), Sent::kWouldBlock);
  }
  ASSERT_TRUE(send_until_taken(*one, text("still here")));
  const auto got = receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->key, first.pub);
}

TEST_F(Net, UnknownKeyIsRefusedAndGetsInAfterARebuildOnceItIsKnown) {
  start_zap();
  bind();
  zap_->replace("agent", {});
  const auto keys = generate_curve_keys();
  auto agent = connect(keys);
  EXPECT_EQ(await_event(*agent), AgentSocket::Event::kRefused);
  EXPECT_EQ(zap_->refused(), 1u);

  zap_->allow("agent", keys.pub);
  ASSERT_TRUE(agent->rebuild());
  EXPECT_EQ(await_event(*agent), AgentSocket::Event::kConnected);
}

TEST_F(Net, ListThatIsStillLoadingDoesNotTurnAnAgentAwayForGood) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  auto agent = connect(keys);
  ASSERT_TRUE(until([&] { return zap_->refused() > 0; }));
  std::optional<AgentSocket::Event> event;
  while ((event = agent->next_event())) EXPECT_NE(*event, AgentSocket::Event::kRefused);
}

TEST_F(Net, DeniedKeyDoesNotComeBack) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto agent = connect(keys);
  EXPECT_EQ(await_event(*agent), AgentSocket::Event::kConnected);
  zap_->deny("agent", keys.pub);
  ASSERT_TRUE(agent->rebuild());
  EXPECT_EQ(await_event(*agent), AgentSocket::Event::kRefused);
}

TEST_F(Net, EnrolmentAdmitsAnyKeyAndStillSaysWhoseItIs) {
  start_zap();
  bind("enrol");
  const auto keys = generate_curve_keys();
  auto agent = connect(keys);
  ASSERT_TRUE(send_until_taken(*agent, text("enrol me")));
  const auto got = receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->key, keys.pub);
}

TEST_F(Net, WrongServerKeyIsAFailedHandshake) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto options = agent_options(keys);
  options.server = generate_curve_keys().pub;
  auto agent = AgentSocket::connect(*context_, options);
  ASSERT_TRUE(agent);
  EXPECT_NE(await_event(**agent), AgentSocket::Event::kConnected);
  EXPECT_EQ((*agent)->send(text("x")), Sent::kWouldBlock);
}

TEST_F(Net, ForgedUserIdInThePeersOwnMetadataIsIgnored) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  const auto victim = generate_curve_keys();
  zap_->replace("agent", {keys.pub, victim.pub});
  void* liar = zmq_socket(context_->raw(), ZMQ_DEALER);
  const int zero = 0;
  zmq_setsockopt(liar, ZMQ_LINGER, &zero, sizeof zero);
  zmq_setsockopt(liar, ZMQ_CURVE_SERVERKEY, server_.pub.value.data(), 32);
  zmq_setsockopt(liar, ZMQ_CURVE_PUBLICKEY, keys.pub.value.data(), 32);
  zmq_setsockopt(liar, ZMQ_CURVE_SECRETKEY, keys.secret.data(), 32);
  // ZMQ_METADATA (95): application properties in the handshake, named X-...; a routing id is the
  // other thing a peer may choose.
  const std::string forged = "X-User-Id:" + victim.pub.hex();
  zmq_setsockopt(liar, 95, forged.data(), forged.size());
  const std::string routing = victim.pub.hex();
  zmq_setsockopt(liar, ZMQ_ROUTING_ID, routing.data(), routing.size());
  zmq_connect(liar, edge_->endpoint().c_str());
  zmq_send(liar, "I am the victim", 15, 0);
  const auto got = receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->key, keys.pub);
  zmq_close(liar);
}

TEST_F(Net, OversizedFrameCutsThePeerAndNothingOfItArrives) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto agent = connect(keys);
  ASSERT_TRUE(send_until_taken(*agent, Payload(Bytes(limits::kReceiveEdgeBytes + 1, 'x'))));
  EXPECT_EQ(await_event(*agent), AgentSocket::Event::kConnected);
  EXPECT_EQ(await_event(*agent), AgentSocket::Event::kDisconnected);
  EXPECT_FALSE(edge_->receive());
  // The largest batch our own agents send fits. What is sent while a connection breaks may be lost.
  EXPECT_EQ(await_event(*agent), AgentSocket::Event::kConnected);
  ASSERT_TRUE(send_until_taken(*agent, Payload(Bytes(limits::kBatchBytes, 'y'))));
  const auto got = receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload.view().size(), limits::kBatchBytes);
}

TEST_F(Net, MessageOfManyFramesIsDroppedAndCountedAndTheNextIsHeard) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  void* client = raw_client(keys);
  for (int i = 0; i < 100; ++i) zmq_send(client, "part", 4, ZMQ_SNDMORE);
  zmq_send(client, "end", 3, 0);
  zmq_send(client, "single", 6, 0);
  const auto got = receive();
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(got->payload.view()), "single");
  EXPECT_EQ(edge_->counters().multipart, 1u);
  zmq_close(client);
}

TEST_F(Net, PeerThatTakesAnothersRoutingIdIsHeardUnderItsOwnKeyOrNotAtAll) {
  start_zap();
  bind();
  const auto first = generate_curve_keys();
  const auto second = generate_curve_keys();
  zap_->replace("agent", {first.pub, second.pub});
  void* one = raw_client(first, "same-name");
  zmq_send(one, "one", 3, 0);
  const auto got = receive();
  ASSERT_TRUE(got);
  void* two = raw_client(second, "same-name");
  zmq_send(two, "two", 3, ZMQ_DONTWAIT);
  zmq_send(one, "again", 5, 0);
  const auto again = receive();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->key, first.pub) << "the connection was not stolen";
  // And an answer goes to the one that was there first.
  EXPECT_EQ(edge_->send(got->peer, text("for one")), Sent::kOk);
  char buffer[16];
  ASSERT_TRUE(until([&] { return zmq_recv(one, buffer, sizeof buffer, ZMQ_DONTWAIT) == 7; }));
  EXPECT_LT(zmq_recv(two, buffer, sizeof buffer, ZMQ_DONTWAIT), 0);
  zmq_close(one);
  zmq_close(two);
}

TEST_F(Net, FullPeerAndUnknownPeerAreReportedNotDroppedInSilence) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto agent = connect(keys);
  ASSERT_TRUE(send_until_taken(*agent, text("hello")));
  const auto got = receive();
  ASSERT_TRUE(got);
  // The agent does not read: both queues and the kernel's buffers fill.
  const Payload big(Bytes(100 * 1024, 'x'));
  Sent sent = Sent::kOk;
  ASSERT_TRUE(until([&] { return (sent = edge_->send(got->peer, big)) != Sent::kOk; }));
  EXPECT_EQ(sent, Sent::kWouldBlock);
  EXPECT_EQ(edge_->send("nobody", big), Sent::kGone);
  EXPECT_GE(edge_->counters().would_block, 1u);
  EXPECT_EQ(edge_->counters().gone, 1u);
  // What was taken arrives, all of it.
  std::uint64_t arrived = 0;
  EXPECT_TRUE(until([&] {
    while (agent->receive()) ++arrived;
    return arrived == edge_->counters().sent;
  }));
}

TEST_F(Net, SamePayloadGoesToManyPeersWithoutACopy) {
  const Payload one(Bytes(1000, 'x'));
  const Payload two(one);
  EXPECT_EQ(one.view().data(), two.view().data());

  start_zap();
  bind();
  const auto keys_a = generate_curve_keys(), keys_b = generate_curve_keys();
  zap_->replace("agent", {keys_a.pub, keys_b.pub});
  auto a = connect(keys_a), b = connect(keys_b);
  ASSERT_TRUE(send_until_taken(*a, text("a")));
  ASSERT_TRUE(send_until_taken(*b, text("b")));
  const auto from_a = receive(), from_b = receive();
  ASSERT_TRUE(from_a && from_b);
  EXPECT_EQ(edge_->send(from_a->peer, one), Sent::kOk);
  EXPECT_EQ(edge_->send(from_b->peer, one), Sent::kOk);
  for (auto* agent : {a.get(), b.get()}) {
    std::optional<Payload> got;
    ASSERT_TRUE(until([&] { return (got = agent->receive()).has_value(); }));
    EXPECT_EQ(got->view().size(), 1000u);
  }
}

TEST_F(Net, AgentComesBackByItselfWhenTheEdgeRestarts) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto agent = connect(keys);
  ASSERT_TRUE(send_until_taken(*agent, text("before")));
  ASSERT_TRUE(receive());
  const std::string address = edge_->endpoint();
  edge_.reset();
  std::string error;
  ASSERT_TRUE(until([&] {
    auto edge = EdgeSocket::bind(
        *context_, {.listen = address, .keys = server_, .domain = "agent", .send_queue = 4});
    if (edge)
      edge_ = std::move(*edge);
    else
      error = edge.error().message;
    return edge_ != nullptr;
  })) << error;
  // A message may go down with the old connection, so it is sent until heard: the hello's rule.
  std::optional<Received> got;
  ASSERT_TRUE(until([&] {
    static_cast<void>(agent->send(text("after")));
    return (got = edge_->receive()).has_value();
  }));
  EXPECT_EQ(as_text(got->payload.view()), "after");
}

// A host that accepts connections and never says a word, as a dead machine behind a firewall does.
TEST_F(Net, AgentLeavesABlackHoleForAWorkingEdgeByRebuilding) {
  const int hole = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(hole, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(hole, 16), 0);
  ::getsockname(hole, reinterpret_cast<sockaddr*>(&address), &size);

  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto options = agent_options(keys);
  options.connect = fmt::format("tcp://127.0.0.1:{}", ntohs(address.sin_port));
  auto agent = AgentSocket::connect(*context_, options);
  ASSERT_TRUE(agent);
  pollfd accepted{hole, POLLIN, 0};
  ASSERT_EQ(::poll(&accepted, 1, 10'000), 1) << "it does connect";
  EXPECT_EQ((*agent)->send(text("anybody?")), Sent::kWouldBlock);
  // Its owner hears nothing for three beats and turns to the next endpoint.
  ASSERT_TRUE((*agent)->rebuild(edge_->endpoint(), server_.pub));
  ASSERT_TRUE(send_until_taken(**agent, text("anybody?")));
  EXPECT_TRUE(receive());
  ::close(hole);
}

TEST_F(Net, DescriptorIsEdgeLikeAndTheLoopStillMissesNothing) {
  start_zap();
  bind();
  const auto keys = generate_curve_keys();
  zap_->replace("agent", {keys.pub});
  auto agent = connect(keys);
  loop::Loop loop;
  int heard = 0;
  loop.watch(
      edge_->fd(),
      [&](Instant) {
        // One a turn: the descriptor has spoken once for all of them.
        if (edge_->receive()) ++heard;
      },
      [&] { return edge_->readable(); });
  int sent = 0;
  ASSERT_TRUE(until([&] {
    if (sent < 50 && agent->send(text("one of many")) == Sent::kOk) ++sent;
    EXPECT_TRUE(loop.turn(milliseconds(20)));
    return heard == 50;
  }));
}

TEST_F(Net, PortInUseIsAClearErrorThatNamesIt) {
  start_zap();
  bind();
  const auto second = EdgeSocket::bind(
      *context_, {.listen = edge_->endpoint(), .keys = server_, .domain = "agent"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kUnavailable);
  EXPECT_NE(second.error().message.find(edge_->endpoint()), std::string::npos);
  EXPECT_NE(second.error().message.find("another program"), std::string::npos);
}

TEST_F(Net, AddressThatIsNoneIsAClearError) {
  const auto edge =
      EdgeSocket::bind(*context_, {.listen = "7600", .keys = server_, .domain = "agent"});
  ASSERT_FALSE(edge);
  EXPECT_EQ(edge.error().code, Code::kInvalid);
  EXPECT_NE(edge.error().message.find("tcp://"), std::string::npos);
}

TEST(Descriptors, TooFewForTheFleetIsSaidWithNumbersBeforeItStarts) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto status = check_descriptors(limit.rlim_max);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_NE(status.error().message.find("ulimit"), std::string::npos);
  EXPECT_TRUE(check_descriptors(10));
}

}  // namespace
}  // namespace fleetsweep::net
