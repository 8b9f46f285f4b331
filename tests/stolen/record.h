#pragma once

// Every frame that went out to a host, as it went, in a file: what a case sent is read back from
// there, so that none passes because nothing was sent.

#include <string>
#include <variant>
#include <vector>

#include "controller/store/records.h"
#include "protocol/model/wire.h"

namespace fleetsweep::stolen {

struct Sent {
  store::HostNo host = 0;
  Bytes frame;
};

class Record {
 public:
  explicit Record(std::string file) : file_(std::move(file)) {}

  void add(store::HostNo host, BytesView frame);
  std::vector<Sent> read() const;

  // Of what decodes, in order.
  template <class T>
  std::vector<T> messages() const {
    std::vector<T> found;
    for (const model::Message& message : decoded())
      if (const auto* one = std::get_if<T>(&message)) found.push_back(*one);
    return found;
  }
  bool has_entry(BytesView envelope) const;  // in some batch, these very bytes
  bool has_frame(BytesView frame) const;

 private:
  std::vector<model::Message> decoded() const;

  std::string file_;
};

}  // namespace fleetsweep::stolen
