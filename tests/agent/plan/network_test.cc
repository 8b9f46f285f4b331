#include "agent/plan/network.h"

#include <gmock/gmock.h>

namespace fleetsweep::plan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string shown(const AddressRange& range) {
  std::string text = range.v6 ? "6" : "4";
  for (const auto* address : {&range.first, &range.last}) {
    text += " ";
    for (std::size_t i = 0; i < (range.v6 ? 16u : 4u); ++i)
      text += fmt::format("{:02x}", (*address)[i]);
  }
  return text;
}
std::string read(std::string_view text) {
  const auto range = parse_addresses(text);
  return range ? shown(*range) : "nothing";
}

model::PlanStep step(model::Identity identity, std::vector<std::string> list = {}) {
  model::PlanStep step;
  step.action.kind = model::ActionKind::kBlock;
  step.action.direction = "out";
  step.action.ttl = std::chrono::hours(1);
  step.identity = std::move(identity);
  if (!list.empty()) step.action.select = {{model::Selector::Kind::kList, {}, std::move(list)}};
  return step;
}

TEST(PlanNetwork, AnAddressIsMisread) {
  EXPECT_EQ(read("192.0.2.66"), "4 c0000242 c0000242");
  EXPECT_EQ(read("192.0.2.66/25"), "4 c0000200 c000027f");
  EXPECT_EQ(read("0.0.0.0/0"), "4 00000000 ffffffff");
  EXPECT_EQ(read("2001:db8::60/124"),
            "6 20010db8000000000000000000000060 20010db800000000000000000000006f");
  EXPECT_EQ(read("::ffff:192.0.2.66"), read("192.0.2.66"));
  EXPECT_EQ(read("::ffff:192.0.2.0/120"), read("192.0.2.0/24"));
  using namespace std::string_view_literals;
  for (const auto wrong : {""sv, "192.0.2"sv, "192.0.2.66/33"sv, "192.0.2.66/"sv, "192.0.2.66/a"sv,
                           "2001:db8::/129"sv, "a.example"sv, "192.0.2.6\0"sv})
    EXPECT_EQ(read(wrong), "nothing") << wrong;
}

TEST(PlanNetwork, OverlappingPrefixesAreTwo) {
  const auto all = [](std::initializer_list<const char*> texts) {
    std::vector<AddressRange> ranges;
    for (const auto* text : texts) ranges.push_back(*parse_addresses(text));
    std::vector<std::string> result;
    for (const auto& range : merged(ranges)) result.push_back(shown(range));
    return result;
  };
  EXPECT_THAT(all({"192.0.2.7", "192.0.2.0/24", "192.0.3.0/24", "192.0.5.1", "192.0.2.7"}),
              ElementsAre("4 c0000200 c00003ff", "4 c0000501 c0000501"));
  EXPECT_THAT(all({"255.255.255.0/24", "255.255.255.255", "::1"}),
              ElementsAre("4 ffffff00 ffffffff",
                          "6 00000000000000000000000000000001 00000000000000000000000000000001"));
}

TEST(PlanNetwork, ASocketWithoutAFarEndBlocksEverything) {
  model::ConnectionIdentity socket;
  socket.protocol = "tcp";
  socket.local_port = 4444;
  socket.remote_address = "::";
  EXPECT_THAT(blocked_by(step(socket)), ElementsAre("tcp/4444"));
  EXPECT_EQ(describe_network(step(socket)), "in to port tcp/4444, for 1h");
  socket.protocol = "raw";
  EXPECT_THAT(blocked_by(step(socket)), IsEmpty());
  socket.remote_address = "192.0.2.66";
  EXPECT_THAT(blocked_by(step(socket)), ElementsAre("192.0.2.66"));
  EXPECT_THAT(blocked_by(step(model::FileIdentity{})), IsEmpty());
  EXPECT_THAT(blocked_by(step(socket, {"192.0.2.1"})), ElementsAre("192.0.2.1"));
}

TEST(PlanNetwork, ALongListFillsTheScreen) {
  EXPECT_EQ(describe_network(step(model::ConnectionIdentity{},
                                  {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5",
                                   "192.0.2.6", "192.0.2.7"})),
            "out 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5 and 2 more, for 1h");
}

TEST(PlanNetwork, APortIsMisread) {
  EXPECT_EQ(parse_local_port("udp/53"), (LocalPort{true, 53}));
  for (const char* wrong : {"", "53", "tcp/", "tcp/0", "tcp/65536", "tcp/1x", "sctp/1"})
    EXPECT_FALSE(parse_local_port(wrong)) << wrong;
}

}  // namespace
}  // namespace fleetsweep::plan
