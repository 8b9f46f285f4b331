#include <zmq.h>

#include "protocol/base/assert.h"
#include "protocol/runtime/net/net.h"
#include "protocol/runtime/net/raw.h"

namespace fleetsweep::net {

static_assert(sizeof(zmq_msg_t) == 64);

namespace {
void release(void*, void* bytes) {
  delete static_cast<Bytes*>(bytes);
}
}  // namespace

Payload::Payload() {
  zmq_msg_init(raw_message(message_));
}

Payload::Payload(Bytes bytes) {
  auto* kept = new Bytes(std::move(bytes));
  FS_ASSERT(zmq_msg_init_data(raw_message(message_), kept->data(), kept->size(), release, kept) ==
            0);
}

Payload::Payload(const Payload& other) : Payload() {
  FS_ASSERT(zmq_msg_copy(raw_message(message_), raw_message(other.message_)) == 0);
}

Payload::Payload(Payload&& other) noexcept : Payload() {
  zmq_msg_move(raw_message(message_), raw_message(other.message_));
}

Payload& Payload::operator=(Payload other) noexcept {
  zmq_msg_move(raw_message(message_), raw_message(other.message_));
  return *this;
}

Payload::~Payload() {
  zmq_msg_close(raw_message(message_));
}

BytesView Payload::view() const {
  zmq_msg_t* raw = raw_message(message_);
  return {static_cast<const std::uint8_t*>(zmq_msg_data(raw)), zmq_msg_size(raw)};
}

}  // namespace fleetsweep::net
