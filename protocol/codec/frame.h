#pragma once

// The frame of every encode and decode: one segment without a segment table, canonical, and
// refused unless encoding the decoded value gives back the very same bytes.

#include <capnp/message.h>

#include <memory>
#include <span>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/codec/read.h"
#include "protocol/codec/write.h"

namespace fleetsweep::codec {

// Messages up to this size are built and read on the stack.
inline constexpr std::size_t kScratchWords = 512;

// Uninitialised words on the stack, or on the heap if they are many.
class Words {
 public:
  explicit Words(std::size_t count) : count_(count) {
    if (count > kScratchWords) large_ = std::make_unique_for_overwrite<std::uint64_t[]>(count);
  }
  std::span<std::uint64_t> span() { return {large_ ? large_.get() : small_, count_}; }

 private:
  std::size_t count_;
  std::unique_ptr<std::uint64_t[]> large_;
  std::uint64_t small_[kScratchWords];
};

// A builder that starts on the stack.
class Builder {
 public:
  template <class Schema, class Model>
  explicit Builder(const Model& model, Schema*) : message_(kj::arrayPtr(scratch_, kScratchWords)) {
    write(Out{}, model, message_.initRoot<Schema>());
  }
  capnp::MessageBuilder& message() { return message_; }

 private:
  capnp::word scratch_[kScratchWords] = {};
  capnp::MallocMessageBuilder message_;
};

Bytes canonical_bytes(capnp::MessageBuilder& message);
// Success if `bytes` are the canonical bytes of the message.
Status check_canonical(std::string_view what, BytesView bytes, capnp::MessageBuilder& message);

// Bytes as a reader wants them, in aligned words: a frame of the network is not.
class Reader {
 public:
  explicit Reader(BytesView bytes);
  capnp::MessageReader& message() { return message_; }

 private:
  Words words_;
  kj::ArrayPtr<const capnp::word> segments_[1];
  capnp::SegmentArrayMessageReader message_;
};

Status check_frame(std::string_view what, BytesView bytes, std::size_t size_max);
Error refusal(std::string_view what, const In& in);
Error refusal(std::string_view what, const kj::Exception& exception);
// A document of another schema that does not read is not broken: it is of another time.
Error explain(Error error, std::string_view what, unsigned schema);

template <class Schema, class Model>
Bytes encode_frame(const Model& model) {
  Builder builder(model, static_cast<Schema*>(nullptr));
  return canonical_bytes(builder.message());
}

// The only schema number so far.
inline constexpr std::uint16_t kSchema = 1;

template <class Schema, class Model>
Result<Model> decode_frame(std::string_view what, BytesView bytes, std::size_t size_max) try {
  FS_CHECK(check_frame(what, bytes, size_max));
  Reader reader(bytes);
  const auto root = reader.message().getRoot<Schema>();
  Model model;
  In in;
  read(in, root, model);
  const Status status =
      in.failed()
          ? fail(refusal(what, in))
          : check_canonical(what, bytes, Builder(model, static_cast<Schema*>(nullptr)).message());
  if (status) return model;
  if constexpr (requires { root.getSchema(); })
    return fail(explain(status.error(), what, root.getSchema()));
  else
    return fail(status.error());
} catch (const kj::Exception& exception) {
  return fail(refusal(what, exception));
}

}  // namespace fleetsweep::codec
