#include "tests/stolen/record.h"

#include <algorithm>
#include <fstream>

#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::stolen {

void Record::add(store::HostNo host, BytesView frame) {
  std::ofstream file(file_, std::ios::binary | std::ios::app);
  const std::uint32_t head[] = {host, static_cast<std::uint32_t>(frame.size())};
  file.write(reinterpret_cast<const char*>(head), sizeof head);
  file.write(reinterpret_cast<const char*>(frame.data()),
             static_cast<std::streamsize>(frame.size()));
  FS_ASSERT(file.flush().good());
}

std::vector<Sent> Record::read() const {
  std::vector<Sent> all;
  std::ifstream file(file_, std::ios::binary);
  for (std::uint32_t head[2]; file.read(reinterpret_cast<char*>(head), sizeof head);) {
    Sent sent{head[0], Bytes(head[1])};
    file.read(reinterpret_cast<char*>(sent.frame.data()), head[1]);
    FS_ASSERT(file.good());
    all.push_back(std::move(sent));
  }
  return all;
}

std::vector<model::Message> Record::decoded() const {
  std::vector<model::Message> all;
  for (const Sent& sent : read())
    if (auto message = codec::decode<model::Message>(sent.frame))
      all.push_back(std::move(*message));
  return all;
}

bool Record::has_entry(BytesView envelope) const {
  for (const model::Entries& batch : messages<model::Entries>())
    for (const Bytes& entry : batch.entries)
      if (equal(entry, envelope)) return true;
  return false;
}

bool Record::has_frame(BytesView frame) const {
  const auto all = read();
  return std::any_of(all.begin(), all.end(),
                     [&](const Sent& sent) { return equal(sent.frame, frame); });
}

}  // namespace fleetsweep::stolen
