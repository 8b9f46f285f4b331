// The last key with which root can log in.

#include <filesystem>
#include <optional>

#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Reason;

// What is left of root's keys when this one and the whole file are to go.
struct LastKey : Clean {
  static constexpr const char* kKeys = "/root/.ssh/authorized_keys";
  static constexpr const char* kIntruder = "ssh-rsa AAAAINTRUDER mdrfckr";

  Answer clean(const std::string& keys, bool whole, std::optional<model::ActRequest>& request) {
    write_text(host.at(kKeys), keys);
    if (whole)
      host.find_file(kByName, kKeys);
    else
      host.find_line(kByCron, model::PersistenceKind::kAuthorizedKey, kKeys, kIntruder);
    host.dry_run = host.findings;
    request = host.request();
    return host.run(*request);
  }
  void expect_left(const std::string& keys, bool whole, ActionKind action) {
    std::optional<model::ActRequest> request;
    const Answer answer = clean(keys, whole, request);
    EXPECT_EQ(answer.state(), HostState::kResidual) << answer.text();
    EXPECT_EQ(read_text(host.at(kKeys)), keys);
    const std::string named =
        std::string(kKeys) +
        ": left, for root would have no key to log in with: add the owner's, then order again";
    EXPECT_EQ(reason_for(answer, named, action), Reason::kProtected) << answer.text();
    EXPECT_NE(answer.done->detail.find("not touched: " + named), std::string::npos);
    EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil"))) << "the rest stayed";
    EXPECT_EQ(host.process_state(worker), 0) << "the rest stayed";
    EXPECT_EQ(host.run(host.undo_request(*request)).state(), HostState::kUndone);
  }
};

TEST_F(LastKey, OfRootGoesOrKeepsTheRestFromBeingCleaned) {
  expect_left(std::string("# keys\n") + kIntruder + "\n", false, ActionKind::kRemove);
}

TEST_F(LastKey, OfRootGoesWithItsWholeFile) {
  expect_left(std::string(kIntruder) + "\nssh-ed25519 AAAAOWNER owner\n", true,
              ActionKind::kQuarantine);
}

TEST_F(LastKey, AnIntrudersKeyStaysBesideTheOwners) {
  std::optional<model::ActRequest> request;
  const Answer answer =
      clean(std::string(kIntruder) + "\nssh-ed25519 AAAAOWNER owner\n", false, request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(read_text(host.at(kKeys)), "ssh-ed25519 AAAAOWNER owner\n");
}

TEST_F(LastKey, AFileWithoutAnyKeyIsTakenForTheLast) {
  std::optional<model::ActRequest> request;
  const Answer answer = clean("# none\n", true, request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(kKeys)));
}

}  // namespace
}  // namespace fleetsweep::act
