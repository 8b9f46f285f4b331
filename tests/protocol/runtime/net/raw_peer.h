#pragma once

// A peer that speaks ZMTP 3 and CURVE (RFC 23, 26) byte by byte, so that it can speak them wrongly.
// Blocking; nothing of the library in between.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"
#include "protocol/base/ids.h"
#include "protocol/base/unique_fd.h"
#include "protocol/runtime/net/curve.h"

namespace fleetsweep::net {

class RawPeer {
 public:
  // "tcp://127.0.0.1:7600"
  explicit RawPeer(const std::string& endpoint, int send_seconds = 60) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    fd_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      fd_ = UniqueFd();
    const timeval patience{60, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const timeval held{send_seconds, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &held, sizeof held);
  }

  bool is_connected() const { return static_cast<bool>(fd_); }
  // False: the edge ended it, or has read nothing for so long (errno EAGAIN).
  bool write(BytesView bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // All of so many bytes; empty: the edge ended it, or said nothing for a minute.
  std::optional<Bytes> read(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t at = 0; at < size;) {
      const ssize_t got = ::recv(fd_.get(), bytes.data() + at, size - at, 0);
      if (got <= 0) return std::nullopt;
      at += static_cast<std::size_t>(got);
    }
    return bytes;
  }
  // Reads on until the edge ends the connection.
  bool is_ended(int patience_ms = 60'000) {
    std::array<std::uint8_t, 4096> buffer;
    pollfd waits{fd_.get(), POLLIN, 0};
    while (::poll(&waits, 1, patience_ms) == 1)
      if (::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) <= 0) return true;
    return false;
  }

  static Bytes greeting(std::string_view mechanism, std::uint8_t major = 3,
                        bool as_server = false) {
    Bytes bytes(64, 0);
    bytes[0] = 0xff;
    bytes[8] = 1;
    bytes[9] = 0x7f;
    bytes[10] = major;
    std::copy(mechanism.begin(), mechanism.end(), bytes.begin() + 12);
    bytes[32] = as_server;
    return bytes;
  }
  // A frame, or only its head with whatever length it claims.
  static Bytes head(std::uint8_t flags, std::uint64_t size, bool is_long) {
    Bytes bytes = {static_cast<std::uint8_t>(flags | (is_long ? 2 : 0))};
    for (int shift = is_long ? 56 : 0; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(size >> shift));
    return bytes;
  }
  static Bytes frame(std::uint8_t flags, BytesView body) {
    Bytes bytes = head(flags, body.size(), body.size() > 255);
    append(bytes, body);
    return bytes;
  }
  static constexpr std::uint8_t kCommand = 4;

  Bytes hello(const CurveKey& server, bool is_valid = true) {
    server_ = server;
    crypto_box_keypair(short_public_.data(), short_secret_.data());
    Bytes body = to_bytes("\x05HELLO");
    body.insert(body.end(), {1, 0});
    body.resize(body.size() + 72);
    append(body, BytesView(short_public_));
    const Bytes box =
        seal("CurveZMQHELLO---", Bytes(64, 0), server.value.data(), short_secret_.data(), body);
    append(body, is_valid ? BytesView(box) : BytesView(Bytes(box.size(), 7)));
    return frame(kCommand, body);
  }
  // As far as READY; false: the edge ended it.
  bool shake_hands(const CurveKey& server, const CurveKeyPair& keys, BytesView metadata) {
    if (!write(greeting("CURVE")) || !read(64) || !write(hello(server))) return false;
    const auto welcome = read(2 + 168);
    if (!welcome) return false;
    const BytesView body = BytesView(*welcome).subspan(2);
    Bytes nonce = to_bytes("WELCOME-");
    append(nonce, body.subspan(8, 16));
    Bytes opened(128);
    if (crypto_box_open_easy(opened.data(), body.data() + 24, 144, nonce.data(),
                             server.value.data(), short_secret_.data()) != 0)
      return false;
    std::copy_n(opened.begin(), 32, server_short_.begin());

    Bytes vouched(short_public_.begin(), short_public_.end());
    append(vouched, server.view());
    Bytes vouch_nonce = to_bytes("VOUCH---");
    vouch_nonce.resize(24);
    randombytes_buf(vouch_nonce.data() + 8, 16);
    Bytes vouch(vouched.size() + crypto_box_MACBYTES);
    FS_ASSERT(crypto_box_easy(vouch.data(), vouched.data(), vouched.size(), vouch_nonce.data(),
                              server_short_.data(), keys.secret.data()) == 0);
    Bytes plain(keys.pub.value.begin(), keys.pub.value.end());
    append(plain, BytesView(vouch_nonce).subspan(8));
    append(plain, vouch);
    append(plain, metadata);
    Bytes initiate = to_bytes("\x08INITIATE");
    append(initiate, BytesView(opened).subspan(32, 96));
    append(initiate,
           seal("CurveZMQINITIATE", plain, server_short_.data(), short_secret_.data(), initiate));
    if (!write(frame(kCommand, initiate))) return false;
    const auto first = read(2);
    if (!first || !((*first)[0] & kCommand)) return false;
    const auto rest = read((*first)[1]);
    return rest && rest->size() > 6 && as_text(*rest).substr(1, 5) == "READY";
  }
  static Bytes property(std::string_view name, std::string_view value) {
    Bytes bytes = {static_cast<std::uint8_t>(name.size())};
    append(bytes, as_bytes(name));
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(value.size() >> shift));
    append(bytes, as_bytes(value));
    return bytes;
  }
  static Bytes dealer() { return property("Socket-Type", "DEALER"); }
  // After the handshake.
  Bytes message(BytesView payload, bool more = false) {
    Bytes plain = {static_cast<std::uint8_t>(more)};
    append(plain, payload);
    Bytes body = to_bytes("\x07MESSAGE");
    append(body, seal("CurveZMQMESSAGEC", plain, server_short_.data(), short_secret_.data(), body));
    return frame(0, body);
  }

 private:
  // nonce of 8 bytes || box; the nonce goes into `body` first when the box stands behind it.
  Bytes seal(std::string_view prefix, const Bytes& plain, const std::uint8_t* to,
             const std::uint8_t* secret, Bytes& body) {
    Bytes nonce = to_bytes(prefix);
    ++counter_;
    for (int shift = 56; shift >= 0; shift -= 8)
      nonce.push_back(static_cast<std::uint8_t>(counter_ >> shift));
    Bytes box(plain.size() + crypto_box_MACBYTES);
    FS_ASSERT(crypto_box_easy(box.data(), plain.data(), plain.size(), nonce.data(), to, secret) ==
              0);
    append(body, BytesView(nonce).subspan(16));
    return box;
  }

  UniqueFd fd_;
  CurveKey server_;
  std::array<std::uint8_t, 32> short_public_{}, short_secret_{}, server_short_{};
  std::uint64_t counter_ = 0;
};

}  // namespace fleetsweep::net
