#pragma once

// A TCP connection without any HTTP, for requests that no client would send.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace fleetsweep::http {

class RawSocket {
 public:
  explicit RawSocket(const std::string& address) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&target), sizeof target) == 0;
    const timeval patience{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawSocket() { close(socket_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view text) const {
    return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  std::string receive_some() const {
    std::string text(4096, '\0');
    const ssize_t size = recv(socket_, text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  std::string receive_all() const {
    std::string all;
    for (std::string some = receive_some(); !some.empty(); some = receive_some()) all += some;
    return all;
  }

 private:
  int socket_;
  bool connected_ = false;
};

}  // namespace fleetsweep::http
