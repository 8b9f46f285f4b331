#include "agent/scan/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/node_root.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::Match;
using model::ObjectKind;

TEST(Process, ANameWithParenthesesDoesNotShiftTheFields) {
  const auto line = parse_stat_line(
      "42 (a) (b c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 1 "
      "18446744073709551615");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->name, "a) (b c");
  EXPECT_EQ(line->flags, 4194560u);
  EXPECT_EQ(line->start_ticks, 123456u);
  EXPECT_FALSE(parse_stat_line("42 (x").has_value());
  EXPECT_FALSE(parse_stat_line("42 (x) S 1 2").has_value());
}

TEST(Process, KernelThreadNamesAreKnown) {
  for (const char* name : {"kworker/0:1", "kswapd0", "kdevtmpfsi", "kauditd0", "kdmtmpflush"})
    EXPECT_TRUE(is_kernel_thread_name(name, "")) << name;
  EXPECT_TRUE(is_kernel_thread_name("x", "[kthreadd]"));
  for (const char* name : {"bash", "sshd", "kwin_x11", "kdeconnectd"})
    EXPECT_FALSE(is_kernel_thread_name(name, "")) << name;
}

TEST(Process, SocketLinesOfBothFamiliesAreRead) {
  const auto four = parse_socket_line(
      "   1: 0100007F:1F90 AC10D82D:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "12345 1 0");
  ASSERT_TRUE(four.has_value());
  EXPECT_EQ(four->identity.local_address, "127.0.0.1");
  EXPECT_EQ(four->identity.local_port, 8080);
  EXPECT_EQ(four->identity.remote_address, "45.216.16.172");
  EXPECT_EQ(four->identity.remote_port, 443);
  EXPECT_EQ(four->inode, 12345u);
  const auto six = parse_socket_line(
      "0: 00000000000000000000000001000000:0016 0000000000000000FFFF00000100007F:0050 01 0:0 0:0 0 "
      "0 0 77");
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(six->identity.local_address, "::1");
  EXPECT_EQ(six->identity.remote_address, "127.0.0.1");
  EXPECT_FALSE(parse_socket_line("  sl  local_address rem_address   st tx_queue").has_value());
}

class ProcessScanTest : public TreeTest {
 protected:
  static std::set<int> pids(const nlohmann::json& result) {
    std::set<int> found;
    for (const auto& finding : result["findings"])
      if (finding.contains("process")) found.insert(finding["process"]["pid"].get<int>());
    return found;
  }
};

TEST_F(ProcessScanTest, OnlyProcessesOfTheTreeExistAndTheirProgramIsHashed) {
  const pid_t pid = start_program("/tmp/kinsing");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessExePath, "/tmp/kinsing")}));
  policy.detections.push_back(detection("all", ObjectKind::kProcess, {}));
  const auto result = scan(policy);
  ASSERT_EQ(pids(result), std::set<int>{pid}) << result.dump(1);
  EXPECT_EQ(result["findings"][0]["process"]["exe"]["sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(result["findings"][0]["process"]["name"], "kinsing");
}

TEST_F(ProcessScanTest, ADeletedProgramIsFoundAndItsBytesAreRead) {
  const pid_t pid = start_program("/tmp/gone");
  fs::remove(at("/tmp/gone"));
  model::Policy policy;
  policy.detections.push_back(
      detection("process", ObjectKind::kProcess, {number(Field::kProcessExeDeleted, 1)}));
  policy.detections.push_back(detection(
      "bytes", ObjectKind::kFile, {is(Field::kFileName, "gone"), is(Field::kFileMagic, "elf")}));
  policy.detections[1].scope.deleted_exe = true;
  const auto result = scan(policy);
  EXPECT_EQ(pids(result), std::set<int>{pid});
  EXPECT_EQ(files(result), std::set<std::string>{"bytes /tmp/gone"});
}

TEST_F(ProcessScanTest, ADeletedProgramAnswersForTheDetectionThatAskedForIt) {
  start_program("/tmp/gone");
  start_program("/tmp/gone");
  fs::remove(at("/tmp/gone"));
  model::Policy policy;
  for (const char* id : {"at_its_path", "deleted"})
    policy.detections.push_back(detection(id, ObjectKind::kFile, {is(Field::kFileName, "gone")}));
  policy.detections[1].scope.deleted_exe = true;
  const auto result = scan(policy);
  // Two processes, one program.
  EXPECT_EQ(result["findings"].size(), 1u) << result.dump(1);
  EXPECT_EQ(files(result), std::set<std::string>{"deleted /tmp/gone"});
}

TEST_F(ProcessScanTest, AProgramNamedLikeAKernelThreadIsNone) {
  const pid_t pid = start_program("/tmp/kswapd0");
  model::Policy policy;
  policy.detections.push_back(detection(
      "d", ObjectKind::kProcess,
      {number(Field::kProcessLooksLikeKernelThread, 1), number(Field::kProcessIsKernelThread, 0)}));
  EXPECT_EQ(pids(scan(policy)), std::set<int>{pid});
}

TEST_F(ProcessScanTest, ALongNameIsNotCutWhereTheProgramTellsTheRest) {
  const pid_t pid = start_program("/tmp/a-name-longer-than-fifteen");
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kProcess,
                                        {is(Field::kProcessName, "a-name-longer-than-fifteen")}));
  EXPECT_EQ(pids(scan(policy)), std::set<int>{pid});
}

TEST_F(ProcessScanTest, AContainerSeesTheProcessesOfItsNodeByTheirOwnPaths) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  const pid_t pid = start_program("/tmp/kinsing");
  const std::string exe = at("/tmp/kinsing");
  fs::create_directory(at("/host"));
  EXPECT_TRUE(with_node_at(at("/host"), [&] {
    const auto root = Root::open(at("/host"));
    if (!root) return false;
    for (const auto& process : list_processes(*root))
      if (process.identity.pid == pid) return process.identity.exe.path == exe;
    return false;
  }));
}

}  // namespace
}  // namespace fleetsweep::scan
