// Block and isolate with real packets: a host and a peer, each in a network namespace of its own,
// joined by a pair of virtual interfaces. nft, which is not ours, reads what we made.

#include "agent/act/actions/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "agent/act/firewall.h"
#include "agent/act/reach.h"
#include "agent/local/enrolment.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {
namespace {

using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kController = "192.0.2.1";  // of the peer, as are the next two
constexpr const char* kBad = "192.0.2.66";
constexpr const char* kOther = "192.0.2.99";
constexpr const char* kBadV6 = "2001:db8::66";
constexpr const char* kOtherV6 = "2001:db8::99";
constexpr std::uint16_t kControllerPort = 7600;
constexpr auto kDeadline = std::chrono::seconds(10);

int open_namespace(pid_t pid) {
  return ::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC);
}

class Wire {
 public:
  static Wire& get() {
    static Wire wire;
    return wire;
  }

  // A socket belongs to the network it was made in.
  template <class F>
  auto at_peer(const F& work) {
    EXPECT_EQ(::setns(peer_.get(), CLONE_NEWNET), 0);
    auto result = work();
    EXPECT_EQ(::setns(ours_.get(), CLONE_NEWNET), 0);
    return result;
  }

 private:
  Wire() {
    ours_ = UniqueFd(open_namespace(::getpid()));
    EXPECT_EQ(::unshare(CLONE_NEWNET), 0);
    peer_ = UniqueFd(open_namespace(::getpid()));
    const pid_t holder = ::fork();
    if (holder == 0) {
      ::pause();
      ::_exit(0);
    }
    EXPECT_EQ(::setns(ours_.get(), CLONE_NEWNET), 0);
    output_of(
        fmt::format("ip link set lo up && ip link add here type veth peer name there netns {}"
                    " && ip link set here up && ip address add 192.0.2.2/24 dev here"
                    " && ip address add 2001:db8::2/64 dev here nodad",
                    holder));
    at_peer([] {
      output_of(
          "ip link set lo up && ip link set there up"
          " && for last in 1 66 99; do ip address add 192.0.2.$last/24 dev there; done"
          " && for last in 1 66 99; do ip address add 2001:db8::$last/64 dev there nodad; done");
      return 0;
    });
    ::kill(holder, SIGKILL);
    ::waitpid(holder, nullptr, 0);
  }
  UniqueFd ours_, peer_;
};

sockaddr_storage end_point(const std::string& address, std::uint16_t port, socklen_t& size) {
  sockaddr_storage storage{};
  if (address.find(':') == std::string::npos) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &v4.sin_addr), 1);
    size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr), 1);
    size = sizeof v6;
  }
  return storage;
}

UniqueFd bound(int type, const std::string& address, std::uint16_t port) {
  socklen_t size = 0;
  const auto at = end_point(address, port, size);
  UniqueFd fd(::socket(at.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), size), 0)
      << address << " " << port << ": " << std::strerror(errno);
  if (type == SOCK_STREAM) {
    EXPECT_EQ(::listen(fd.get(), 8), 0);
  }
  return fd;
}

UniqueFd at_peer(int type, const std::string& address, std::uint16_t port) {
  return Wire::get().at_peer([&] { return bound(type, address, port); });
}

// A packet that the host's own filter drops on its way out is refused at once.
bool may_send(const std::string& address, std::uint16_t port) {
  socklen_t size = 0;
  const auto to = end_point(address, port, size);
  const UniqueFd fd(::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto sent = ::sendto(fd.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), size);
  EXPECT_TRUE(sent == 1 || errno == EPERM) << std::strerror(errno);
  return sent == 1;
}

UniqueFd calling(const std::string& address, std::uint16_t port, const std::string& from = "",
                 std::uint16_t from_port = 0) {
  socklen_t size = 0;
  const auto to = end_point(address, port, size);
  UniqueFd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!from.empty()) {
    const auto ours = end_point(from, from_port, size);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&ours), size), 0);
  }
  (void)::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size);
  return fd;
}

bool becomes(int fd, short event) {
  pollfd ready{fd, event, 0};
  const auto wait = std::chrono::milliseconds(kDeadline).count();
  return ::poll(&ready, 1, static_cast<int>(wait)) == 1 && (ready.revents & event) != 0;
}

// Three ways to each of them: the call, its answer, a byte and its echo.
bool talks(int ours, int listener) {
  char byte = 0;
  if (!becomes(listener, POLLIN)) return false;
  const UniqueFd theirs(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  return theirs && becomes(ours, POLLOUT) && ::send(ours, "x", 1, MSG_NOSIGNAL) == 1 &&
         becomes(theirs.get(), POLLIN) && ::read(theirs.get(), &byte, 1) == 1 &&
         ::send(theirs.get(), "y", 1, MSG_NOSIGNAL) == 1 && becomes(ours, POLLIN) &&
         ::read(ours, &byte, 1) == 1 && byte == 'y';
}
bool talks(const std::string& address, std::uint16_t port) {
  const UniqueFd listener = at_peer(SOCK_STREAM, address, port);
  const UniqueFd ours = calling(address, port);
  return talks(ours.get(), listener.get());
}

// What arrives here of what the peer sends, from each of `from`, in this order.
std::string heard(std::uint16_t port, const std::vector<std::string>& from) {
  const UniqueFd ours = bound(SOCK_DGRAM, "192.0.2.2", port);
  for (const auto& address : from) {
    const UniqueFd sender = at_peer(SOCK_DGRAM, address, 0);
    socklen_t size = 0;
    const auto to = end_point("192.0.2.2", port, size);
    const std::string last = address.substr(address.rfind('.') + 1) + " ";
    EXPECT_EQ(::sendto(sender.get(), last.data(), last.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to), size),
              static_cast<ssize_t>(last.size()));
  }
  std::string text;
  while (text.find(from.back().substr(from.back().rfind('.') + 1)) == std::string::npos &&
         becomes(ours.get(), POLLIN)) {
    char buffer[64];
    const auto got = ::recv(ours.get(), buffer, sizeof buffer, 0);
    text.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  return text;
}

std::string ruleset() {
  return output_of("nft list ruleset");
}

class Network : public testing::Test {
 protected:
  Network() : host_("/dev/shm") {
    Wire::get();
    agent::Enrolment enrolment;
    enrolment.address = fmt::format("tcp://{}:{}", kController, kControllerPort);
    enrolment.root_chain = {to_bytes("a root")};
    write_text(host_.state() + "/../enrolment", agent::enrolment_text(enrolment));
    write_text(host_.at("/usr/lib/libevil.so"), "harmless content of a look-alike");
    host_.find_file(kByName, "/usr/lib/libevil.so");
    host_.dry_run = host_.findings;
    host_.policy.limits.independent_min = 0;
    host_.policy.responses[0].actions.clear();
  }
  ~Network() override { EXPECT_THAT(ruleset(), IsEmpty()) << "left behind by this test"; }

  model::Action& add(ActionKind kind, model::Selector selector) {
    model::Action action;
    action.kind = kind;
    action.select = {std::move(selector)};
    action.direction = "out";
    action.ttl = std::chrono::hours(24);
    host_.policy.responses[0].actions.push_back(action);
    return host_.policy.responses[0].actions.back();
  }
  model::Action& block(std::vector<std::string> values) {
    return add(ActionKind::kBlock, {model::Selector::Kind::kList, {}, std::move(values)});
  }
  model::Action& isolate() { return add(ActionKind::kIsolate, {model::Selector::Kind::kAll}); }

  void find_socket(model::ConnectionIdentity connection) {
    model::Detection detection;
    detection.id = "by_socket";
    detection.object = model::ObjectKind::kNetworkTraffic;
    host_.policy.detections.push_back(detection);
    const auto index = static_cast<std::uint16_t>(host_.policy.detections.size() - 1);
    host_.policy.verdicts[0].condition.detections.push_back(index);
    host_.findings.push_back({index, 1, model::Finding::kNoJoin, std::move(connection), ""});
    host_.dry_run = host_.findings;
    add(ActionKind::kBlock, {model::Selector::Kind::kDetections, {index}, {}});
  }

  // By the order `of`, or by the host's own root.
  void undo(const model::ActRequest& of, bool locally = false) {
    const Answer undone =
        locally ? host_.run_locally(fixture::id_of(of.order)) : host_.run(host_.undo_request(of));
    EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  }

  ActHost host_;
};

TEST_F(Network, WhatIsBlockedIsStillReached) {
  block({kBad, "2001:db8::60/124", "203.0.113.0/24", "203.0.113.7"});
  const auto request = host_.request();
  ASSERT_TRUE(may_send(kBad, 53) && may_send(kBadV6, 53));
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  ASSERT_EQ(answer.done->items.size(), 1u);
  EXPECT_EQ(answer.done->items[0].outcome, Outcome::kDone);
  EXPECT_EQ(answer.done->acted, 1u);
  EXPECT_EQ(answer.done->paths[0],
            "out 192.0.2.66, 2001:db8::60/124, 203.0.113.0/24, 203.0.113.7, for 1d");

  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kBadV6, 53));
  EXPECT_TRUE(may_send(kOther, 53));
  EXPECT_TRUE(may_send(kOtherV6, 53));
  EXPECT_TRUE(talks(kOther, 8080));
  EXPECT_TRUE(talks(kOtherV6, 8080));
  EXPECT_EQ(heard(4000, {kBad, kOther}), "66 99 ") << "only the way there was to be closed";
  EXPECT_THAT(ruleset(), HasSubstr("elements = { 192.0.2.66 timeout 1d"));
  undo(request);
  EXPECT_TRUE(may_send(kBad, 53));
  EXPECT_TRUE(talks(kBad, 8080));
}

TEST_F(Network, WhatIsBlockedStillReachesUs) {
  block({kBad}).direction = "in";
  const auto request = host_.request();
  EXPECT_EQ(heard(4000, {kBad, kOther}), "66 99 ");
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_EQ(heard(4000, {kBad, kOther}), "99 ");
  EXPECT_TRUE(may_send(kBad, 53));
  undo(request, true);
  EXPECT_EQ(heard(4000, {kBad, kOther}), "66 99 ");
}

TEST_F(Network, TheFarEndOfAConnectionThatWasFoundIsNotBlocked) {
  model::ConnectionIdentity connection;
  connection.local_address = "192.0.2.2";
  connection.local_port = 50000;
  connection.remote_address = kBad;
  connection.remote_port = 8080;
  connection.protocol = "tcp";
  find_socket(connection);
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_FALSE(may_send(kBad, 9999));
  EXPECT_TRUE(may_send(kOther, 8080));
  undo(request);
}

TEST_F(Network, ABackDoorThatListensIsNotClosed) {
  model::ConnectionIdentity socket;
  socket.local_address = "0.0.0.0";
  socket.local_port = 4444;
  socket.remote_address = "0.0.0.0";
  socket.protocol = "udp";
  socket.listening = true;
  find_socket(socket);
  const auto request = host_.request();
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->paths[0], "in to port udp/4444, for 1d");
  EXPECT_EQ(heard(4445, {kBad}), "66 ");
  const UniqueFd door = bound(SOCK_DGRAM, "192.0.2.2", 4444);
  const UniqueFd sender = at_peer(SOCK_DGRAM, kBad, 0);
  socklen_t size = 0;
  const auto to = end_point("192.0.2.2", 4444, size);
  ASSERT_EQ(::sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), size), 1);
  EXPECT_EQ(heard(4445, {kBad}), "66 ") << "what was sent later has arrived";
  char byte = 0;
  EXPECT_EQ(::recv(door.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  undo(request);
}

TEST_F(Network, ABlockedAddressThatIsTheControllersCutsTheHostOff) {
  block({"192.0.2.0/24"});
  block({"192.0.2.0/24"}).direction = "in";
  const auto request = host_.request();
  const UniqueFd listener = at_peer(SOCK_STREAM, kController, kControllerPort);
  const UniqueFd before = calling(kController, kControllerPort);
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_TRUE(talks(before.get(), listener.get())) << "a connection from before";
  const UniqueFd later = calling(kController, kControllerPort);
  EXPECT_TRUE(talks(later.get(), listener.get()));
  EXPECT_FALSE(may_send(kController, kControllerPort)) << "TCP alone";
  EXPECT_FALSE(may_send(kBad, kControllerPort));
  undo(request);
}

TEST_F(Network, AnIsolatedHostStillTalks) {
  isolate();
  const auto request = host_.request();
  const UniqueFd controller = at_peer(SOCK_STREAM, kController, kControllerPort);
  const UniqueFd bad = at_peer(SOCK_STREAM, kBad, 8080);
  const UniqueFd before = calling(kBad, 8080);
  ASSERT_TRUE(talks(before.get(), bad.get()));
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->paths[0], "the host from everything but its controller, for 1d");

  for (const char* address : {kBad, kOther, kController, kBadV6, kOtherV6})
    EXPECT_FALSE(may_send(address, 53)) << address;
  // A call is dropped silently; one to the controller that began later goes through.
  const UniqueFd call = calling(kBad, 8080);
  const UniqueFd good = calling(kController, kControllerPort);
  EXPECT_TRUE(talks(good.get(), controller.get()));
  EXPECT_EQ(::accept4(bad.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  // Nobody calls this host, not even from the controller's address and port.
  const UniqueFd ours = bound(SOCK_STREAM, "192.0.2.2", 22);
  const UniqueFd caller =
      Wire::get().at_peer([] { return calling("192.0.2.2", 22, kController, 7599); });
  const UniqueFd later = calling(kController, kControllerPort);
  EXPECT_TRUE(talks(later.get(), controller.get()));
  EXPECT_EQ(::accept4(ours.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  // This host with itself.
  const UniqueFd local = bound(SOCK_STREAM, "127.0.0.1", 9000);
  EXPECT_TRUE(talks(calling("127.0.0.1", 9000).get(), local.get()));
  undo(request);
  EXPECT_TRUE(may_send(kBad, 53));
}

TEST_F(Network, AnIsolationOutlivesItsTimeWhenTheAgentIsGone) {
  isolate().ttl = std::chrono::seconds(1);
  block({kOther}).ttl = std::chrono::seconds(1);
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_FALSE(may_send(kBad, 53));
  while (!may_send(kOther, 53) && std::chrono::steady_clock::now() - start < kDeadline)
    ::usleep(20'000);
  EXPECT_TRUE(may_send(kBad, 53));
  EXPECT_TRUE(may_send(kOther, 53));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(800));
  undo(request);  // what ran out by itself is undone, too
}

// What core shows act: Stops, Endpoints, and a note if it has heard the controller since.
model::ActRequest shown(const ActHost& host, const model::ActRequest& of, bool is_heard) {
  model::ActRequest request;
  request.root_chain = {host.tenant.root_envelope()};
  if (is_heard) request.checkpoint = of.checkpoint;
  return request;
}

TEST_F(Network, AHostThatDoesNotReachItsControllerIsCutOffForGood) {
  isolate();
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_THAT(ruleset(), HasSubstr("ipv4 timeout 10m ")) << "and not for a day";
  (void)host_.run(shown(host_, request, false));
  EXPECT_THAT(ruleset(), HasSubstr("ipv4 timeout 10m "));
  (void)host_.run(shown(host_, request, true));
  EXPECT_THAT(ruleset(),
              testing::AnyOf(HasSubstr("ipv4 timeout 23h59m"), HasSubstr("ipv4 timeout 1d ")));
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kBadV6, 53));
  undo(request);
}

TEST_F(Network, ARelayThatWasSignedLaterIsCutOff) {
  isolate();
  const auto request = host_.request();
  const UniqueFd controller = at_peer(SOCK_STREAM, kController, kControllerPort);
  const UniqueFd relay = at_peer(SOCK_STREAM, kOther, 7700);
  const UniqueFd other = at_peer(SOCK_STREAM, kBad, 7700);
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  model::Endpoints endpoints;
  endpoints.relays = {{fmt::format("tcp://{}:7700", kOther), {}, {}, timestamp(4'000'000'000)}};
  auto renewed = shown(host_, request, true);
  renewed.stops = {host_.tenant.sign(endpoints, {"alice"})};
  (void)host_.run(renewed);
  EXPECT_TRUE(talks(calling(kOther, 7700).get(), relay.get()));
  EXPECT_FALSE(may_send(kOther, 53));

  // Whoever has core names one of his own.
  endpoints.version = 2;
  endpoints.relays[0].address = fmt::format("tcp://{}:7700", kBad);
  const auto forged = crypto::sign_envelope(model::kPayloadEndpoints, codec::encode(endpoints),
                                            fixture::key_named("somebody"));
  renewed.stops = {codec::encode(forged)};
  (void)host_.run(renewed);
  const UniqueFd call = calling(kBad, 7700);
  EXPECT_TRUE(talks(calling(kController, kControllerPort).get(), controller.get()));
  EXPECT_EQ(::accept4(other.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  undo(request);
}

TEST_F(Network, AnIsolationThatRanOutBeginsAgain) {
  isolate().ttl = std::chrono::seconds(1);
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  const auto start = std::chrono::steady_clock::now();
  while (!may_send(kBad, 53) && std::chrono::steady_clock::now() - start < kDeadline)
    ::usleep(20'000);
  Firewall firewall = Firewall::open();
  const std::string all = ruleset();
  const std::string table = all.substr(all.find("fleetsweep-"), 27);
  const auto isolates = firewall.isolates(table);
  ASSERT_TRUE(isolates) << isolates.error().detail;
  EXPECT_FALSE(*isolates);
  (void)host_.run(shown(host_, request, true));
  EXPECT_TRUE(may_send(kBad, 53));
  Op op;
  op.kind = OpKind::kIsolate;
  op.token = std::stoull(table.substr(table.find('-') + 1), nullptr, 16);
  EXPECT_TRUE(renew_isolation(firewall, op, Seconds(60)));
  EXPECT_TRUE(may_send(kBad, 53)) << "by a clock that was set back";
  undo(request);
}

TEST_F(Network, ATableThatIsGoneIsAConflictForItsUndo) {
  block({kBad});
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  output_of("nft flush ruleset");
  undo(request);
}

TEST_F(Network, TheUndoOfOneOrderLiftsTheBlockOfAnother) {
  block({kBad, kOther});
  const auto first = host_.request();
  ASSERT_EQ(host_.run(first).state(), HostState::kCleaned);
  host_.policy.responses[0].actions.clear();
  block({"192.0.2.64/26"}).ttl = std::chrono::hours(1);
  const auto second = host_.request();
  ASSERT_EQ(host_.run(second).state(), HostState::kCleaned);
  undo(second);
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kOther, 53));
  undo(first);
  EXPECT_TRUE(may_send(kBad, 53));
}

TEST_F(Network, TheLongestListDoesNotFitIntoOneMessage) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < 256; ++i)
    values.push_back(i % 2 == 0 ? fmt::format("2001:db8:1::{:x}", 2 * i)
                                : fmt::format("198.51.{}.{}", i, i));
  values.back() = kBad;
  block(values);
  const auto request = host_.request();
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_TRUE(may_send(kOther, 53));
  undo(request);
}

TEST_F(Network, TheWholeNetworkIsBlocked) {
  for (const char* value :
       {"0.0.0.0/0", "10.0.0.0/7", "::/0", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
        "::1", "ff02::1", "::ffff:127.0.0.1", "example.org"}) {
    host_.policy.responses[0].actions.clear();
    block({kBad, value});
    const Answer answer = host_.run(host_.request());
    EXPECT_EQ(answer.state(), HostState::kRefused) << value << ": " << answer.text();
    EXPECT_EQ(answer.reason(), Reason::kProtected) << value << ": " << answer.text();
  }
  EXPECT_THAT(ruleset(), IsEmpty());
}

TEST_F(Network, ABlockWithoutEndIsCarriedOut) {
  for (const Seconds ttl : {Seconds(0), plan::kNetworkTtlMax + Seconds(1)}) {
    host_.policy.responses[0].actions.clear();
    block({kBad}).ttl = ttl;
    EXPECT_EQ(host_.run(host_.request()).reason(), Reason::kLimit);
  }
}

TEST_F(Network, AHostIsCutOffThatDoesNotKnowItsController) {
  ::unlink((host_.state() + "/../enrolment").c_str());
  isolate();
  host_.policy.responses[0].actions.push_back({ActionKind::kQuarantine});
  host_.policy.responses[0].actions.back().select = {
      {model::Selector::Kind::kDetections, {kByName}, {}}};
  const std::string before = host_.manifest();
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.reason(), Reason::kCapability) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("it is not known what must stay reachable"));
  EXPECT_EQ(host_.manifest(), before) << "all or nothing";
}

TEST_F(Network, AControllerWithANameIsKeptReachableForEverybody) {
  agent::Enrolment enrolment;
  enrolment.address = "tcp://controller.example:7600";
  enrolment.root_chain = {to_bytes("a root")};
  write_text(host_.state() + "/../enrolment", agent::enrolment_text(enrolment));
  isolate();
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.reason(), Reason::kCapability) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("core has a user of its own"));
}

// The rules themselves, for what the host above does not need.
TEST_F(Network, AnIsolatedHostLosesItsAddressOrTheControllersName) {
  Ruleset rules;
  rules.isolate = true;
  rules.ttl = Seconds(60);
  rules.open = {{std::nullopt, kControllerPort}};
  rules.uid = 65521;
  rules.resolvers = {*plan::parse_addresses(kOther), *plan::parse_addresses(kOtherV6)};
  Firewall firewall = Firewall::open();
  ASSERT_TRUE(firewall.check());
  ASSERT_TRUE(firewall.add("fleetsweep-test", rules));
  EXPECT_EQ(firewall.add("fleetsweep-test", rules).error().reason, Reason::kConflict);

  EXPECT_TRUE(may_send(kOther, 53));
  EXPECT_TRUE(may_send(kOtherV6, 53));
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kOther, 54));
  {
    // What a resolver answers comes in; what came before it, from elsewhere, did not.
    const UniqueFd ours = bound(SOCK_DGRAM, "192.0.2.2", 4000);
    socklen_t size = 0;
    const auto to = end_point("192.0.2.2", 4000, size);
    const auto address = reinterpret_cast<const sockaddr*>(&to);
    for (const char* from : {kBad, kOther}) {
      const UniqueFd sender = at_peer(SOCK_DGRAM, from, 53);
      ASSERT_GT(::sendto(sender.get(), from, std::strlen(from), 0, address, size), 0);
    }
    char buffer[64];
    ASSERT_TRUE(becomes(ours.get(), POLLIN));
    const auto got = ::recv(ours.get(), buffer, sizeof buffer, 0);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0))), kOther);
  }
  {
    const UniqueFd client = bound(SOCK_DGRAM, "0.0.0.0", 68);
    socklen_t size = 0;
    const auto server = end_point(kBad, 67, size);
    EXPECT_EQ(::sendto(client.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&server), size),
              1);
  }
  // The name's address is not known here: core's user may look for it, root may not.
  const UniqueFd listener = at_peer(SOCK_STREAM, kBad, kControllerPort);
  const UniqueFd roots = calling(kBad, kControllerPort);
  ASSERT_EQ(::seteuid(65521), 0);
  const UniqueFd cores = calling(kBad, kControllerPort);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(talks(cores.get(), listener.get()));
  EXPECT_EQ(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  EXPECT_TRUE(firewall.remove("fleetsweep-test"));
  EXPECT_TRUE(firewall.remove("fleetsweep-test")) << "again";
}

TEST_F(Network, AnAgentInANetworkOfItsOwnClaimsToHaveBlocked) {
  block({kBad});
  host_.launcher = "unshare -n";
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.reason(), Reason::kCapability) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("a network of its own"));
}

TEST_F(Network, AMissingRightIsFoundWhenTheFirstStepIsDone) {
  block({kBad});
  host_.launcher = "setpriv --bounding-set -net_admin --inh-caps -net_admin";
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kPermission) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("NET_ADMIN"));
}

TEST(Reach, AResolverOfThisHostIsTakenForOneOfTheNetwork) {
  EXPECT_THAT(
      nameservers("# nameserver 192.0.2.8\nnameserver 127.0.0.53\n  nameserver\t192.0.2.9 x\n"
                  "search a\nnameserver fe80::1%eth0\nnameserver\nnameserver a.example\n"),
      testing::ElementsAre("192.0.2.9", "fe80::1"));
}

TEST(Reach, AnEndpointIsMisread) {
  const auto v6 = parse_endpoint("tcp://[2001:db8::1]:7600");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->port, 7600);
  EXPECT_FALSE(is_name("tcp://192.0.2.1:7600"));
  EXPECT_TRUE(is_name("tcp://controller.example:7600"));
  for (const char* wrong : {"", "tcp://", "tcp://a", "tcp://a:", "tcp://:1", "tcp://a:0",
                            "tcp://a:65536", "tcp://a:1x", "udp://a:1"})
    EXPECT_FALSE(parse_endpoint(wrong)) << wrong;
}

}  // namespace
}  // namespace fleetsweep::act

// In a network, among processes and with mounts of its own: the network is then that of the first
// process, as on a host.
int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  if (::geteuid() != 0) {
    std::printf("needs root for namespaces of its own\n");
    return 77;
  }
  if (::unshare(CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS) != 0) return 2;
  const pid_t init = ::fork();
  if (init == 0) {
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(2);
    ::_exit(RUN_ALL_TESTS());
  }
  int status = 0;
  ::waitpid(init, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
