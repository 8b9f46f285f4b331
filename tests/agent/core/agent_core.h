#pragma once

// A host as the tests of core meet it: connected, with people who sign for it.

#include <gtest/gtest.h>

#include "tests/agent/core/harness.h"

namespace fleetsweep::agent {

class AgentCore : public ::testing::Test {
 protected:
  DocumentId dry_run_found() {
    const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
    host.scan_answers(host.found());
    return id;
  }
  // Signed by two, cooled off, scanned again: act has the request now.
  DocumentId acting() {
    const DocumentId id =
        host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
    cool_off();
    EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
    host.scan_answers(host.found());
    return id;
  }
  // An hour in which the controller keeps talking.
  void cool_off(Harness& host) {
    for (int i = 0; i < 7; ++i) {
      host.pass(std::chrono::minutes(10));
      host.deliver();
    }
  }
  void cool_off() { cool_off(host); }
  // So much later; the log went on, and what is long over is forgotten.
  void later(Seconds time) {
    host.disconnect();
    host.clock.local += time;
    host.uptime += time;
    host.connect();
    const auto number = static_cast<std::uint8_t>(host.log.entries().size());
    host.document(host.tenant.sign(
        model::Stop{.nonce = Nonce{{number}}, .orders = {DocumentId{{9}}}}, {"carol"}));
  }
  Bytes stop_all() { return host.tenant.sign(model::Stop{.halt_all = true}, {"carol"}); }

  Harness host;
};

}  // namespace fleetsweep::agent
