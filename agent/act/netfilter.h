#pragma once

// What an operation keeps from the network, as messages to the kernel's packet filter. Pure.
//
// Each operation has a table of its own, made and taken away as a whole. What it drops depends on
// elements of sets that the kernel forgets when their time is over: no process of ours has to live
// for a host to come back. The host's own rules stay: ours come before them and only ever drop.

#include <optional>
#include <string>
#include <vector>

#include "agent/plan/network.h"
#include "protocol/base/bytes.h"
#include "protocol/base/time.h"

namespace fleetsweep::act {

// Where this agent's controller answers. It stays reachable whatever is dropped.
struct OpenEndpoint {
  std::optional<plan::AddressRange> address;  // nothing: a name, which only `uid` may ask for
  std::uint16_t port = 0;                     // TCP
};

struct Ruleset {
  std::vector<plan::AddressRange> out, in;  // merged(): dropped on the way there, from there
  std::vector<plan::LocalPort> ports;       // of this host: dropped on the way in
  bool isolate = false;                     // everything is dropped but what follows
  Seconds ttl{};
  std::vector<OpenEndpoint> open;
  std::uint32_t uid = 0;                      // core's
  std::vector<plan::AddressRange> resolvers;  // asked for the names; only with `isolate`
};

// Numbers of the messages: the first and the last of a batch.
struct Batch {
  Bytes bytes;
  std::uint32_t last = 0;  // of the message that is answered when all of them worked
};
// Makes the table with everything in it; fails as a whole if there is one of this name.
Batch make_table(const std::string& name, const Ruleset& rules, std::uint32_t first);
// The same in the place of the one that there is, at once: nothing slips through in between.
Batch replace_table(const std::string& name, const Ruleset& rules, std::uint32_t first);
Batch delete_table(const std::string& name, std::uint32_t first);
// Not batches: the answer says whether there is such a table, and whether it still isolates.
Batch get_table(const std::string& name, std::uint32_t number);
Batch get_isolation(const std::string& name, std::uint32_t number);

// An answer of the kernel: of which message, and the errno (0: it worked). Nothing: it is none, or
// it is cut off. `bytes` loses it.
struct KernelAnswer {
  std::uint32_t number = 0;
  int error = 0;
};
std::optional<KernelAnswer> next_answer(BytesView& bytes);

}  // namespace fleetsweep::act
