// What the host's owner does with the vault, with the real programs: list, export, purge.

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "agent/act/anchor.h"
#include "agent/act/clock.h"
#include "agent/act/ledger.h"
#include "agent/act/retention.h"
#include "agent/act/vault.h"
#include "protocol/base/unique_fd.h"
#include "protocol/crypto/digest.h"
#include "protocol/runtime/files/files.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::agent {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using act::ActHost;
using act::Answer;
using act::read_text;
using act::write_text;
using model::HostState;

constexpr const char* kEvil = "harmless content of a look-alike";

struct Ran {
  int exit = -1;
  std::string said;
};

// A person at a terminal.
class Typed {
 public:
  explicit Typed(const std::string& command) {
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    terminal_.reset(terminal);
  }
  // False: it ended before it said so.
  bool sees(const std::string& words) {
    while (said_.find(words) == std::string::npos)
      if (!reads()) return false;
    return true;
  }
  void types(const std::string& line) {
    said_.clear();
    EXPECT_EQ(::write(terminal_.get(), (line + "\n").data(), line.size() + 1),
              static_cast<ssize_t>(line.size() + 1));
  }
  Ran ended() {
    while (reads()) continue;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return {WEXITSTATUS(status), said_};
  }

 private:
  bool reads() {
    char buffer[4096];
    const auto got = ::read(terminal_.get(), buffer, sizeof buffer);
    if (got > 0) said_.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }
  pid_t pid_ = -1;
  UniqueFd terminal_;
  std::string said_;
};

struct VaultProgram : testing::Test {
  ActHost host;
  act::TempDir out;
  model::ActRequest request;

  void SetUp() override {
    host.infect();
    host.policy.limits.undo_ttl = std::chrono::hours(24 * 30);
    request = host.request();
    ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  }
  std::string command(const std::string& words) const {
    return std::string(FS_BINARY_DIR) + "/fleetsweep-agent vault " + words + " --state " +
           fs::path(host.state()).parent_path().string();
  }
  Ran vault(const std::string& words) {
    Ran ran;
    std::FILE* pipe = ::popen((command(words) + " < /dev/null 2>&1").c_str(), "r");
    char buffer[4096];
    for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
      ran.said.append(buffer, got);
    ran.exit = WEXITSTATUS(::pclose(pipe));
    return ran;
  }
  Json list() {
    const Ran ran = vault("list --json");
    EXPECT_EQ(ran.exit, 0) << ran.said;
    return Json::parse(ran.said, nullptr, false);
  }
  Json entry_of(const std::string& path) {
    const Json all = list();
    for (const Json& entry : all["entries"])
      if (entry.value("path", "") == path &&
          entry.value("entry", "").find('-') == std::string::npos)
        return entry;
    ADD_FAILURE() << path << " is not in " << all.dump(1);
    return {};
  }
};

TEST_F(VaultProgram, OwnerSeesWhatWasTakenByWhichOrderAndWhy) {
  const Json evil = entry_of("/tmp/kit/evil");
  EXPECT_EQ(evil["order"], fixture::id_of(request.order).hex());
  EXPECT_EQ(evil["sha256"], crypto::sha256(as_bytes(std::string_view(kEvil))).hex());
  EXPECT_EQ(evil["mode"], "0755");
  EXPECT_EQ(evil["verdict"], "confirmed");
  EXPECT_EQ(evil["rule_strings"].dump(), "[]");
  EXPECT_EQ(evil["data"], Json::parse("[[0, 32]]"));
  EXPECT_FALSE(evil["undone"]);
  EXPECT_EQ(entry_of("/usr/lib/libevil.so")["names"],
            Json::parse(R"(["/usr/lib/libevil.so", "/usr/lib/libevil.so.1"])"));
  const Json worker = entry_of("/opt/kit/worker");
  struct stat space {};
  ASSERT_EQ(::stat("/proc/self/ns/mnt", &space), 0);
  EXPECT_EQ(worker["mount_namespace"], space.st_ino);
  EXPECT_EQ(worker["pids"].size(), 1u);

  const Ran text = vault("list");
  EXPECT_NE(text.said.find("/tmp/kit/evil  (confirmed, by_hash, kept until "), std::string::npos)
      << text.said;
  EXPECT_NE(text.said.find(" of 512.0 MiB"), std::string::npos) << text.said;
}

TEST_F(VaultProgram, AnalystOpensTheArchiveWithItsPassphraseAndNobodyElse) {
  write_text(out / "words", "four words of passphrase\nanother line\n");
  const std::string entry = entry_of("/tmp/kit/evil")["entry"];
  const std::string zip = out / "sample.zip";
  const std::string words =
      "export " + entry + " --to " + zip + " --passphrase-file " + (out / "words");
  const Ran exported = vault(words);
  ASSERT_EQ(exported.exit, 0) << exported.said;
  struct stat status {};
  ASSERT_EQ(::stat(zip.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(read_text(zip).find("harmless"), std::string::npos);
  EXPECT_EQ(read_text(zip).find("by_hash"), std::string::npos);

  // 7-Zip is another implementation than the one that wrote it.
  const auto opened_with = [&](const std::string& passphrase, const std::string& to) {
    return ::system(
        ("7zz x -y -p'" + passphrase + "' -o" + (out / to) + " " + zip + " >/dev/null 2>&1")
            .c_str());
  };
  EXPECT_NE(opened_with("another", "closed"), 0);
  ASSERT_EQ(opened_with("four words of passphrase", "open"), 0);
  const std::string name = crypto::sha256(as_bytes(std::string_view(kEvil))).hex();
  EXPECT_EQ(read_text(out / ("open/" + name)), kEvil);
  EXPECT_EQ(Json::parse(read_text(out / "open/metadata.json"))["path"], "/tmp/kit/evil");
  EXPECT_EQ(act::output_of("7zz l -slt " + zip + " | grep -c 'Method = AES-256'"), "2\n");

  const Ran again = vault(words);
  EXPECT_EQ(again.exit, 1);
  EXPECT_NE(again.said.find("is there already"), std::string::npos) << again.said;
}

TEST_F(VaultProgram, NoArchiveIsLeftOfAnExportThatFails) {
  write_text(out / "words", "four words\n");
  const Json evil = entry_of("/tmp/kit/evil");
  const auto export_it = [&](const std::string& entry) {
    return vault("export " + entry + " --to " + (out / "sample.zip") + " --passphrase-file " +
                 (out / "words"));
  };
  EXPECT_NE(export_it("3f2a51c09b7e/77").said.find("the vault has no entry"), std::string::npos);
  const std::string asked =
      vault("export " + evil["entry"].get<std::string>() + " --to " + (out / "sample.zip")).said;
  EXPECT_NE(asked.find("no terminal to ask on\nnext:  give --passphrase-file"), std::string::npos)
      << asked;
  const std::string entry = evil["entry"];
  std::string file;
  for (const auto& one : fs::recursive_directory_iterator(host.state() + "/vault"))
    if (one.path().filename() == entry.substr(entry.find('/') + 1) + ".fsq") file = one.path();
  ASSERT_NE(file, "");
  write_text(file, read_text(file).substr(0, 200));
  const Json all = list();
  const auto cut = std::find_if(all["entries"].begin(), all["entries"].end(),
                                [](const Json& entry) { return entry.contains("damage"); });
  ASSERT_NE(cut, all["entries"].end());
  EXPECT_EQ(export_it((*cut)["entry"]).exit, 1);
  EXPECT_FALSE(fs::exists(out / "sample.zip"));
}

struct PurgedByOrder : VaultProgram {
  void SetUp() override {
    host.policy.responses[0].actions.back().kind = model::ActionKind::kPurge;
    VaultProgram::SetUp();
  }
};

TEST_F(PurgedByOrder, WhatAnOrderPurgedIsExportedAsAnEmptyFile) {
  const Json evil = entry_of("/tmp/kit/evil");
  EXPECT_EQ(evil["sha256"], crypto::sha256(as_bytes(std::string_view(kEvil))).hex());
  EXPECT_EQ(evil["size"], 32);
  EXPECT_EQ(evil["mode"], "0755");
  EXPECT_FALSE(evil["content_kept"]);
  write_text(out / "words", "four words\n");
  const Ran exported = vault("export " + evil["entry"].get<std::string>() + " --to " +
                             (out / "sample.zip") + " --passphrase-file " + (out / "words"));
  EXPECT_EQ(exported.exit, 1);
  EXPECT_NE(exported.said.find("the vault never has the content"), std::string::npos)
      << exported.said;
  EXPECT_FALSE(fs::exists(out / "sample.zip"));
  ASSERT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_FALSE(entry_of("/tmp/kit/evil")["undone"]);
  const Ran text = vault("list");
  EXPECT_NE(text.said.find("/tmp/kit/evil  (confirmed, by_hash, content not kept, kept until "),
            std::string::npos)
      << text.said;
}

TEST_F(VaultProgram, WhatIsPurgedCannotComeBackAndTheUndoSaysSo) {
  EXPECT_EQ(vault("purge --older-than 1d --yes").said, "0 entries deleted, 0 B\n");
  const auto before = list()["entries"].size();
  const Ran asked = vault("purge --older-than 0s");
  EXPECT_EQ(asked.exit, 1);
  EXPECT_NE(asked.said.find("nothing was deleted"), std::string::npos) << asked.said;
  EXPECT_EQ(list()["entries"].size(), before);

  const Ran purged = vault("purge --older-than 0s --yes --json");
  EXPECT_EQ(Json::parse(purged.said)["entries"], before) << purged.said;
  const Json now = list();
  EXPECT_TRUE(now["entries"].empty());
  ASSERT_EQ(now["purged"].size(), 1u);
  EXPECT_EQ(now["purged"][0]["order"], fixture::id_of(request.order).hex());
  EXPECT_EQ(now["bytes"], 0);

  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kFailed) << undone.text();
  EXPECT_EQ(undone.reason(), model::Reason::kExpired) << undone.text();
  EXPECT_NE(undone.done->detail.find("was purged from the vault on"), std::string::npos)
      << undone.text();
  // Nothing starts what did not come back.
  EXPECT_FALSE(fs::is_symlink(host.at("/etc/systemd/system/multi-user.target.wants/evil.service")))
      << undone.text();
}

TEST_F(VaultProgram, AnEmptyAgePurgesTheWholeVault) {
  const auto before = list()["entries"].size();
  for (const char* words : {"purge --older-than '' --yes", "purge --older-than= --yes",
                            "purge --unattended --keep ''", "purge --yes"}) {
    const Ran empty = vault(words);
    EXPECT_EQ(empty.exit, 2) << words << ": " << empty.said;
    EXPECT_NE(empty.said.find("--"), std::string::npos) << empty.said;
  }
  EXPECT_EQ(list()["entries"].size(), before);
}

TEST_F(VaultProgram, AnOrderWaitsForWhoIsAskedOrReadsAPage) {
  const auto is_free = [&] {
    return files::StateLock::acquire(host.state(), "fleetsweep-act").has_value();
  };
  {
    auto ledger = act::Ledger::open(host.state() + "/journal");
    auto opened = act::Vault::open(host.state());
    ASSERT_TRUE(ledger && opened);
    act::Metadata long_one;
    long_one.path.assign(20'000, 'a');
    ASSERT_TRUE(opened->store_text(ledger->history().front().id, "long", long_one, {}));
  }
  std::FILE* page = ::popen(command("list --json").c_str(), "r");
  ASSERT_EQ(::fcntl(::fileno(page), F_SETPIPE_SZ, 4096), 4096);
  for (int there = 0; there < 4096; std::this_thread::sleep_for(std::chrono::milliseconds(5)))
    ASSERT_EQ(::ioctl(::fileno(page), FIONREAD, &there), 0);
  ASSERT_TRUE(is_free()) << "list";
  ::pclose(page);

  Typed exported(command("export " + entry_of("/tmp/kit/evil")["entry"].get<std::string>() +
                         " --to " + (out / "sample.zip")));
  ASSERT_TRUE(exported.sees("passphrase for the archive"));
  ASSERT_TRUE(is_free()) << "export";
  exported.types("four words of passphrase");
  ASSERT_TRUE(exported.sees("again"));
  exported.types("four words of passphrase");
  EXPECT_EQ(exported.ended().exit, 0);
  EXPECT_TRUE(fs::exists(out / "sample.zip"));

  Typed purged(command("purge --older-than 0s"));
  ASSERT_TRUE(purged.sees("[y/N]"));
  ASSERT_TRUE(is_free()) << "purge";
  const auto before = list()["entries"].size();
  EXPECT_GT(before, 0u);
  purged.types("y");
  const Ran ran = purged.ended();
  EXPECT_NE(ran.said.find(std::to_string(before) + " entries deleted"), std::string::npos)
      << ran.said;
  EXPECT_TRUE(list()["entries"].empty());
}

TEST_F(VaultProgram, WhatBeganWhileItsOwnerWasAskedIsPurgedUnseen) {
  Typed purged(command("purge --older-than 0s"));
  ASSERT_TRUE(purged.sees("[y/N]"));
  const Nonce later = act::transaction_id({}, 7, 0);
  {
    const auto lock = files::StateLock::acquire(host.state(), "fleetsweep-act");
    ASSERT_TRUE(lock) << lock.error().message;
    auto ledger = act::Ledger::open(host.state() + "/journal");
    auto opened = act::Vault::open(host.state());
    ASSERT_TRUE(ledger && opened);
    ASSERT_TRUE(ledger->write(later, act::Begin{}));
    ASSERT_TRUE(opened->store_text(later, "0", {}, as_bytes("of just now")));
    ASSERT_TRUE(ledger->write(later, act::End{}));
    ASSERT_TRUE(ledger->write(ledger->history().front().id, act::UndoBegin{}));
  }
  const auto before = list()["entries"].size();
  purged.types("y");
  EXPECT_NE(purged.ended().said.find("0 entries deleted"), std::string::npos);
  EXPECT_EQ(list()["entries"].size(), before);
}

// What an order of long ago took, beside the one of now.
TEST_F(VaultProgram, TheAgentPurgesWhatItsPolicyPromisedOrKeepsItForEver) {
  const Json mine = list();
  for (const Json& entry : mine["entries"])
    EXPECT_TRUE(entry["kept_until"].is_string()) << entry.dump();
  const std::string date = mine["entries"][0]["kept_until"].get<std::string>().substr(0, 10);
  EXPECT_NE(vault("list").said.find(", kept until " + date + ")"), std::string::npos);

  act::Begin begin;
  begin.order.value.fill(7);
  const auto anchor = act::load_anchor(host.state());
  ASSERT_TRUE(anchor && *anchor);
  begin.at = act::believable_now(act::read_clock(), (*anchor)->newest) - std::chrono::hours(49);
  begin.undo_ttl = std::chrono::hours(24);
  const Nonce old = act::transaction_id(begin.order, 0, 0);
  {
    auto ledger = act::Ledger::open(host.state() + "/journal");
    auto opened = act::Vault::open(host.state());
    ASSERT_TRUE(ledger && opened);
    ASSERT_TRUE(ledger->write(old, begin));
    ASSERT_TRUE(opened->store_text(old, "0", {}, as_bytes("of long ago")));
    ASSERT_TRUE(
        ledger->write(old, act::End{HostState::kCleaned, model::Reason::kNone, "", begin.at}));
  }
  const std::size_t before = list()["entries"].size();
  EXPECT_EQ(before, mine["entries"].size() + 1);
  const Ran longer = vault("purge --unattended --keep 3d");
  EXPECT_EQ(longer.exit, 0) << longer.said;
  EXPECT_EQ(list()["entries"].size(), before) << "the owner keeps it longer";
  const Ran older = vault("purge --unattended --older-than 3d");
  EXPECT_EQ(older.exit, 0) << older.said;
  EXPECT_EQ(list()["entries"].size(), before) << "so says a monitor from before an upgrade";
  EXPECT_EQ(vault("purge --keep 3d --older-than 0d --yes").exit, 2) << "for the agent alone";
  EXPECT_EQ(list()["entries"].size(), before);
  const Ran purged = vault("purge --unattended");
  EXPECT_EQ(purged.exit, 0) << purged.said;
  const Json now = list();
  EXPECT_EQ(now["entries"].size(), before - 1);
  ASSERT_EQ(now["purged"].size(), 1u);
  EXPECT_EQ(now["purged"][0]["order"], begin.order.hex());
  for (const Json& entry : now["entries"]) EXPECT_NE(entry["order"], begin.order.hex());
}

TEST_F(VaultProgram, WhatAnOlderJournalToldOfFillsTheVaultUnseen) {
  const auto before = list()["entries"].size();
  fs::rename(host.state() + "/journal", host.state() + "/journal.full");
  const Json evil = entry_of("/tmp/kit/evil");
  EXPECT_EQ(list()["entries"].size(), before);
  EXPECT_EQ(evil["order"], Json());
  EXPECT_EQ(evil["kept_until"], Json());
  const Ran text = vault("list");
  EXPECT_NE(text.said.find("(confirmed, by_hash, of an older journal, cannot be undone)"),
            std::string::npos)
      << text.said;
  write_text(out / "words", "four words\n");
  const Ran exported = vault("export " + evil["entry"].get<std::string>() + " --to " +
                             (out / "sample.zip") + " --passphrase-file " + (out / "words"));
  EXPECT_EQ(exported.exit, 0) << exported.said;

  EXPECT_EQ(vault("purge --unattended --keep 0s").exit, 0);
  EXPECT_EQ(vault("purge --older-than 1d --yes").said, "0 entries deleted, 0 B\n");
  EXPECT_EQ(list()["entries"].size(), before);
  const Ran purged = vault("purge --older-than 0s --yes");
  EXPECT_EQ(purged.exit, 0);
  EXPECT_NE(purged.said.find(std::to_string(before) + " entries deleted"), std::string::npos)
      << purged.said;
  EXPECT_NE(purged.said.find("an order of an older journal of "), std::string::npos);
  EXPECT_TRUE(list()["entries"].empty());
  EXPECT_TRUE(fs::is_empty(host.state() + "/vault"));
}

TEST_F(VaultProgram, ACrashInTheMiddleOfAPurgeIsFinishedByTheNextOne) {
  const auto id = act::transaction_id(fixture::id_of(request.order), 0, 0);
  auto ledger = act::Ledger::open(host.state() + "/journal");
  ASSERT_TRUE(ledger);
  const Nonce transaction = ledger->history().front().id;
  ASSERT_TRUE(ledger->write(transaction, act::Purged{timestamp(1), 1, 1}));
  EXPECT_FALSE(list()["entries"].empty()) << id.hex();
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.reason(), model::Reason::kExpired) << undone.text();
  EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil"))) << "half of it came back";
  EXPECT_FALSE(list()["entries"].empty());
  EXPECT_EQ(vault("purge --older-than 100d --yes").exit, 0);
  EXPECT_TRUE(list()["entries"].empty());
}

TEST_F(VaultProgram, WhoLooksIntoTheVaultWithoutItsKeyMakesAnother) {
  const std::string key = host.state() + "/vault.key", kept = read_text(key);
  fs::remove(key);
  const Ran listed = vault("list");
  EXPECT_EQ(listed.exit, 1);
  EXPECT_NE(listed.said.find("vault.key is gone"), std::string::npos) << listed.said;
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.reason(), model::Reason::kIo) << undone.text();
  EXPECT_FALSE(fs::exists(key));
  write_text(key, kept);
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
}

TEST_F(VaultProgram, AHostWithoutThisStateIsToldWhatToGive) {
  const std::string program = std::string(FS_BINARY_DIR) + "/fleetsweep-agent vault list";
  EXPECT_NE(
      act::output_of(program + " --state " + out.path() + " || true").find("give --state DIR"),
      std::string::npos);
  EXPECT_NE(act::output_of(program + " --help").find("fleetsweep-agent vault list --json"),
            std::string::npos);
}

}  // namespace
}  // namespace fleetsweep::agent
