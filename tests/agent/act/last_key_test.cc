// The last key with which an administrator can log in.

#include <filesystem>
#include <optional>

#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Reason;

// What is left of an account's keys when this one or the whole file is to go.
struct LastKey : Clean {
  static constexpr const char* kIntruder = "ssh-rsa AAAAINTRUDER mdrfckr";
  static constexpr const char* kOwner = "ssh-ed25519 AAAAOWNER owner";
  std::string keys_path = "/root/.ssh/authorized_keys";
  std::string account = "root";
  std::vector<std::string> others = {};  // files with the same keys, of which a line was found too

  // Ann administers the host, www does not.
  void write_accounts() {
    write_text(host.at("/etc/passwd"),
               "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"
               "eve:x:1001:10::/home/eve:/bin/sh\nwww:x:33:33::/srv/www:/bin/sh\n");
    write_text(host.at("/etc/group"), "root:x:0:\nsudo:x:27:bob,ann\nwheel:x:10:\nwww:x:33:\n");
  }
  void find_intruder(const std::string& path) {
    host.find_line(kByCron, model::PersistenceKind::kAuthorizedKey, path, kIntruder);
  }

  Answer clean(const std::string& keys, bool whole, std::optional<model::ActRequest>& request) {
    write_text(host.at(keys_path), keys);
    if (whole)
      host.find_file(kByName, keys_path);
    else
      find_intruder(keys_path);
    for (const auto& other : others) {
      write_text(host.at(other), keys);
      find_intruder(other);
    }
    host.dry_run = host.findings;
    request = host.request();
    return host.run(*request);
  }
  void expect_left(const std::string& keys, bool whole, ActionKind action) {
    std::optional<model::ActRequest> request;
    const Answer answer = clean(keys, whole, request);
    EXPECT_EQ(answer.state(), HostState::kResidual) << answer.text();
    EXPECT_EQ(read_text(host.at(keys_path)), keys);
    for (const auto& other : others) EXPECT_EQ(read_text(host.at(other)), keys) << other;
    const std::string named =
        keys_path + ": left, for " + account +
        " would have no key to log in with: add the owner's, then order again";
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

TEST_F(LastKey, OfWhoMaySudoGoes) {
  write_accounts();
  account = "ann";
  keys_path = "/home/ann/.ssh/authorized_keys";
  // bob is in no passwd, eve's own group is wheel
  others = {"/home/bob/.ssh/authorized_keys", "/home/eve/.ssh/authorized_keys2"};
  expect_left(std::string(kIntruder) + "\n", false, ActionKind::kRemove);
}

TEST_F(LastKey, GoesFromWhereSshdIsToldToLook) {
  write_accounts();
  write_text(host.at("/etc/ssh/sshd_config"), "Include /etc/ssh/more/*.conf\n");
  write_text(host.at("/etc/ssh/more/keys.conf"), "AuthorizedKeysFile /etc/ssh/keys/%u none\n");
  write_text(host.at("/root/.ssh/authorized_keys"), std::string(kOwner) + "\n");
  keys_path = "/etc/ssh/keys/root";
  expect_left(std::string(kIntruder) + "\n", false, ActionKind::kRemove);
}

TEST_F(LastKey, GoesBehindALinkedHome) {
  fs::create_directories(host.at("/srv/root/.ssh"));
  fs::create_directory_symlink("/srv/root", host.at("/root"));
  keys_path = "/srv/root/.ssh/authorized_keys";
  expect_left(std::string(kIntruder) + "\n", false, ActionKind::kRemove);
}

TEST_F(LastKey, IsTakenForOneOfTwoThatBothGo) {
  others = {"/root/.ssh/authorized_keys2"};
  expect_left(std::string(kIntruder) + "\n", false, ActionKind::kRemove);
}

TEST_F(LastKey, IsNotTheLastBesideALineThatIsNone) {
  expect_left(std::string(kIntruder) + "\nno key\n", false, ActionKind::kRemove);
}

TEST_F(LastKey, AnIntrudersOwnFileStaysBesideTheOwners) {
  write_text(host.at("/root/.ssh/authorized_keys2"), std::string(kOwner) + "\n");
  std::optional<model::ActRequest> request;
  const Answer answer = clean(std::string(kIntruder) + "\n", true, request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(keys_path)));
}

TEST_F(LastKey, OfAServiceIsKeptForTheIntruder) {
  write_accounts();
  write_text(host.at("/etc/ssh/sshd_config"), "AuthorizedKeysFile /etc/ssh/keys/%u\n");
  keys_path = "/etc/ssh/keys/www";
  std::optional<model::ActRequest> request;
  const Answer answer = clean(std::string(kIntruder) + "\n", false, request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(read_text(host.at(keys_path)), "");
  EXPECT_EQ(host.run(host.undo_request(*request)).state(), HostState::kUndone);
  EXPECT_EQ(read_text(host.at(keys_path)), std::string(kIntruder) + "\n");
}

TEST_F(LastKey, AHostKeyIsTakenForOne) {
  keys_path = "/etc/ssh/ssh_host_rsa_key.pub";
  std::optional<model::ActRequest> request;
  EXPECT_EQ(clean(std::string(kIntruder) + "\n", false, request).reason(), Reason::kProtected);
  EXPECT_EQ(read_text(host.at(keys_path)), std::string(kIntruder) + "\n");
}

TEST_F(LastKey, AnIntrudersKeyStaysBesideTheOwners) {
  std::optional<model::ActRequest> request;
  const Answer answer =
      clean(std::string(kIntruder) + "\nssh-ed25519 AAAAOWNER owner\n", false, request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(read_text(host.at(keys_path)), "ssh-ed25519 AAAAOWNER owner\n");
}

TEST_F(LastKey, AFileWithoutAnyKeyIsTakenForTheLast) {
  std::optional<model::ActRequest> request;
  const Answer answer = clean("# none\n", true, request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(keys_path)));
}

}  // namespace
}  // namespace fleetsweep::act
