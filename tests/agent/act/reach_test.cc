#include "agent/act/reach.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>
#include <functional>

#include "agent/local/enrolment.h"
#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

// What `act` says as the child of a monitor whose other child, core, has a user of its own.
std::string beside_core(const std::function<std::string()>& act) {
  int said[2] = {-1, -1};
  EXPECT_EQ(::pipe(said), 0);
  const pid_t monitor = ::fork();
  if (monitor == 0) {
    int ready[2] = {-1, -1};
    if (::pipe(ready) != 0) ::_exit(1);
    const pid_t core = ::fork();
    if (core == 0) {
      if ((::geteuid() == 0 && ::setuid(65534) != 0) || ::write(ready[1], "", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    if (::read(ready[0], &byte, 1) == 1 && ::fork() == 0) {
      const std::string text = act();
      ::_exit(::write(said[1], text.data(), text.size()) < 0);
    }
    int status = 0;
    for (pid_t ended = core; ended == core;) ended = ::wait(&status);
    ::kill(core, SIGKILL);
    ::_exit(0);
  }
  ::close(said[1]);
  std::string text;
  char part[4096];
  for (ssize_t got = 0; (got = ::read(said[0], part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(got));
  ::close(said[0]);
  ::waitpid(monitor, nullptr, 0);
  return text;
}

struct CutOff : testing::Test {
  TempDir host;

  void SetUp() override {
    agent::Enrolment enrolment;
    enrolment.address = "tcp://controller.example:7600";
    enrolment.root_chain = {to_bytes("a root")};
    write_text(host / "enrolment", agent::enrolment_text(enrolment));
    std::filesystem::create_directories(host / "etc");
  }
  std::string resolvers() const {
    return beside_core([this]() -> std::string {
      const auto tree = Tree::open(host.path());
      const auto reach = reach_of(*tree, host / "enrolment", true, {});
      if (!reach) return Error(reach.error()).message;
      std::string all;
      for (const auto& address : reach->resolvers) all += address + " ";
      return all;
    });
  }
};

TEST_F(CutOff, AHostWhoseResolvConfIsALinkLosesItsResolver) {
  write_text(host / "run/netconfig/resolv.conf", "nameserver 192.0.2.53\n");
  std::filesystem::create_symlink("/run/netconfig/resolv.conf", host / "etc/resolv.conf");
  EXPECT_EQ(resolvers(), "192.0.2.53 ");
  write_text(host / "run/netconfig/resolv.conf", "nameserver 127.0.0.1\n");
  write_text(host / "run/NetworkManager/no-stub-resolv.conf", "nameserver 192.0.2.54\n");
  EXPECT_EQ(resolvers(), "192.0.2.54 ");
}

TEST_F(CutOff, AControllersNameIsToBeFoundWithoutAnyResolver) {
  write_text(host / "etc/resolv.conf", "nameserver 127.0.0.1\n");
  EXPECT_THAT(resolvers(), testing::HasSubstr("names no resolver"));
  write_text(host / "etc/hosts", "# controller.example\n192.0.2.1 a # controller.example\n");
  EXPECT_THAT(resolvers(), testing::HasSubstr("names no resolver"));
  write_text(host / "etc/hosts", "127.0.0.1 localhost\n192.0.2.1\tc controller.example # ours\n");
  EXPECT_EQ(resolvers(), "") << "nobody is asked for it";
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
