#pragma once

// What the sources of this folder share about the library. Not for other folders: it shows zmq.h.

#include <zmq.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace fleetsweep::net {

inline zmq_msg_t* raw_message(std::uint8_t (&storage)[64]) {
  return reinterpret_cast<zmq_msg_t*>(storage);
}

inline bool set_int(void* socket, int option, int value) {
  return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

inline bool set_int64(void* socket, int option, std::int64_t value) {
  return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

inline int get_int(void* socket, int option) {
  int value = 0;
  std::size_t size = sizeof value;
  return zmq_getsockopt(socket, option, &value, &size) == 0 ? value : -1;
}

inline bool has_input(void* socket) {
  return socket && (get_int(socket, ZMQ_EVENTS) & ZMQ_POLLIN) != 0;
}

inline bool has_more(void* socket) {
  return get_int(socket, ZMQ_RCVMORE) == 1;
}

// The library's thread waits for ever to tell a monitor that is gone, and every socket with it: so
// it stops telling first.
inline void close_watched(void* socket, void* monitor) {
  if (socket) zmq_socket_monitor(socket, nullptr, 0);
  if (monitor) zmq_close(monitor);
  if (socket) zmq_close(socket);
}

// Reads away the rest of a message whose frames nobody wants.
inline void drop_rest(void* socket) {
  while (has_more(socket)) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    const int got = zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT);
    zmq_msg_close(&frame);
    if (got < 0) return;
  }
}

}  // namespace fleetsweep::net
