// The monitor alone, in a process of its own.

#include "agent/monitor/monitor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "tests/wait.h"

namespace fleetsweep::monitor {
namespace {

TEST(Monitor, ACoreThatCannotBeStartedIsTriedWithoutPause) {
  char folder[] = "/tmp/fleetsweep-monitor-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  int log[2];
  ASSERT_EQ(::pipe2(log, O_CLOEXEC), 0);
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const event_log::EventLog to_test(event_log::Level::kInfo, log[1]);
    Options options;
    options.state = folder;
    options.core = {"/nowhere/fleetsweep-agent"};
    options.restart_min = Duration(10);
    auto monitor = Monitor::create(options, to_test);
    ::_exit(monitor && (*monitor)->run() ? 0 : 1);
  }
  ::close(log[1]);
  std::FILE* lines = ::fdopen(log[0], "r");
  char line[4096];
  for (int tries = 0; tries < 6; ++tries) {
    ASSERT_NE(std::fgets(line, sizeof line, lines), nullptr);
    EXPECT_THAT(line, testing::HasSubstr("cannot start /nowhere/fleetsweep-agent: it does not"));
  }
  // 10 + 20 + 40 + 80 + 160 ms
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(300));
  EXPECT_THAT(line, testing::HasSubstr("tried_again_in_ms=320"));
  ::kill(pid, SIGTERM);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  std::fclose(lines);
  std::filesystem::remove_all(folder);
}

TEST(Monitor, NobodyPurgesTheVaultOfAnOwnerWhoSaidHowLongToKeepIt) {
  char folder[] = "/tmp/fleetsweep-monitor-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string told = std::string(folder) + "/told";
  {
    std::ofstream script(std::string(folder) + "/fleetsweep-vault");
    script << "#!/bin/sh\necho \"$@\" > " << told << ".new && mv " << told << ".new " << told
           << "\n";
  }
  ASSERT_EQ(::chmod((std::string(folder) + "/fleetsweep-vault").c_str(), 0755), 0);
  const std::string state = std::string(folder) + "/state";
  std::filesystem::create_directory(state);
  ASSERT_EQ(::mkdir((state + "/act").c_str(), 0700), 0);
  std::ofstream(state + "/act/journal") << "something was taken";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const event_log::EventLog log(event_log::Level::kError);
    Options options;
    options.state = state;
    options.libexec = folder;
    options.core = {"/bin/false"};
    options.vault_keep = Seconds(90 * 24 * 3600);
    auto monitor = Monitor::create(options, log);
    ::_exit(monitor && (*monitor)->run() ? 0 : 1);
  }
  until([&] { return std::filesystem::exists(told); });
  std::ifstream file(told);
  std::string words;
  std::getline(file, words);
  EXPECT_EQ(words, "purge --unattended --state " + state + " --keep 7776000s");
  ::kill(pid, SIGTERM);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace fleetsweep::monitor
