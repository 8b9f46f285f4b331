#pragma once

// A host and a peer, each in a network namespace of its own, joined by a pair of virtual
// interfaces, and real packets between them. The host is this process.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::act {

// The peer's addresses.
inline constexpr const char* kController = "192.0.2.1";
inline constexpr const char* kBad = "192.0.2.66";
inline constexpr const char* kOther = "192.0.2.99";
inline constexpr const char* kBadV6 = "2001:db8::66";
inline constexpr const char* kOtherV6 = "2001:db8::99";
inline constexpr std::uint16_t kControllerPort = 7600;

class Wire {
 public:
  static Wire& get();

  // A socket belongs to the network it was made in.
  template <class F>
  auto at_peer(const F& work) {
    EXPECT_EQ(::setns(peer_.get(), CLONE_NEWNET), 0);
    auto result = work();
    EXPECT_EQ(::setns(ours_.get(), CLONE_NEWNET), 0);
    return result;
  }

 private:
  Wire();
  UniqueFd ours_, peer_;
};

sockaddr_storage end_point(const std::string& address, std::uint16_t port, socklen_t& size);

// SOCK_STREAM: it listens.
UniqueFd bound(int type, const std::string& address, std::uint16_t port);
UniqueFd at_peer(int type, const std::string& address, std::uint16_t port);
UniqueFd calling(const std::string& address, std::uint16_t port, const std::string& from = "",
                 std::uint16_t from_port = 0);

bool may_send(const std::string& address, std::uint16_t port);
bool becomes(int fd, short event);  // within kPatience
bool talks(int ours, int listener);
bool talks(const std::string& address, std::uint16_t port);
// What arrives here of what the peer sends, from each of `from`, in this order.
std::string heard(std::uint16_t port, const std::vector<std::string>& from);

}  // namespace fleetsweep::act
