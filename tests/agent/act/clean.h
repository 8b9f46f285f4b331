#pragma once

// A host with the infection that act cleans.

#include <gtest/gtest.h>

#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {

struct Clean : testing::Test {
  ActHost host;
  pid_t worker = 0;  // its process

  void SetUp() override {
    host.infect();
    worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
  }
  model::Reason reason_for(const Answer& answer, const std::string& path,
                           model::ActionKind action) {
    const auto item = answer.item(path, action);
    return item ? item->reason : model::Reason::kInternal;
  }
};

}  // namespace fleetsweep::act
