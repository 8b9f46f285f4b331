#pragma once

// A host on whose network act works. nft, which is not ours, reads what it made.

#include <gmock/gmock.h>

#include "agent/local/enrolment.h"
#include "tests/agent/act/act_host.h"
#include "tests/agent/act/wire.h"

namespace fleetsweep::act {

inline std::string ruleset() {
  return output_of("nft list ruleset");
}

class Network : public testing::Test {
 protected:
  Network() : host_("/dev/shm") {
    Wire::get();
    agent::Enrolment enrolment;
    enrolment.address = fmt::format("tcp://{}:{}", kController, kControllerPort);
    enrolment.root_chain = {to_bytes("a root")};
    write_text(host_.state() + "/../enrolment", agent::enrolment_text(enrolment));
    write_text(host_.at("/usr/lib/libevil.so"), "harmless content of a look-alike");
    host_.find_file(kByName, "/usr/lib/libevil.so");
    host_.dry_run = host_.findings;
    host_.policy.limits.independent_min = 0;
    host_.policy.responses[0].actions.clear();
  }
  ~Network() override { EXPECT_THAT(ruleset(), testing::IsEmpty()) << "left behind by this test"; }

  model::Action& add(model::ActionKind kind, model::Selector selector) {
    model::Action action;
    action.kind = kind;
    action.select = {std::move(selector)};
    action.direction = "out";
    action.ttl = std::chrono::hours(24);
    host_.policy.responses[0].actions.push_back(action);
    return host_.policy.responses[0].actions.back();
  }
  model::Action& block(std::vector<std::string> values) {
    return add(model::ActionKind::kBlock, {model::Selector::Kind::kList, {}, std::move(values)});
  }
  model::Action& isolate() {
    return add(model::ActionKind::kIsolate, {model::Selector::Kind::kAll});
  }

  void find_socket(model::ConnectionIdentity connection) {
    model::Detection detection;
    detection.id = "by_socket";
    detection.object = model::ObjectKind::kNetworkTraffic;
    host_.policy.detections.push_back(detection);
    const auto index = static_cast<std::uint16_t>(host_.policy.detections.size() - 1);
    host_.policy.verdicts[0].condition.detections.push_back(index);
    host_.findings.push_back({index, 1, model::Finding::kNoJoin, std::move(connection), {}});
    host_.dry_run = host_.findings;
    add(model::ActionKind::kBlock, {model::Selector::Kind::kDetections, {index}, {}});
  }

  // By the order `of`, or by the host's own root.
  void undo(const model::ActRequest& of, bool locally = false) {
    const Answer undone =
        locally ? host_.run_locally(fixture::id_of(of.order)) : host_.run(host_.undo_request(of));
    EXPECT_EQ(undone.state(), model::HostState::kUndone) << undone.text();
  }

  ActHost host_;
};

}  // namespace fleetsweep::act
