#include "protocol/runtime/descriptors/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

namespace fleetsweep::runtime {
namespace {

struct Descriptors : testing::Test {
  UniqueFd one, other;
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    one = UniqueFd(ends[0]);
    other = UniqueFd(ends[1]);
  }
};

bool is_same(int a, int b) {
  struct stat first {
  }, second{};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

TEST_F(Descriptors, AsManyAsMayBeSentArriveInOrderAndCloseOnExec) {
  std::vector<UniqueFd> files;
  std::vector<int> numbers;
  for (std::size_t i = 0; i < kDescriptorsSent; ++i) {
    files.emplace_back(::memfd_create("x", MFD_CLOEXEC));
    numbers.push_back(files.back().get());
  }
  char words[] = "ab";
  const iovec parts[] = {{words, 1}, {words + 1, 1}};
  ASSERT_EQ(send_with(one.get(), parts, numbers), 2);
  Bytes bytes(16);
  std::vector<UniqueFd> came;
  ASSERT_EQ(receive_with(other.get(), bytes, came), 2);
  EXPECT_EQ(bytes[0], 'a');
  EXPECT_EQ(bytes[1], 'b');
  ASSERT_EQ(came.size(), kDescriptorsSent);
  for (std::size_t i = 0; i < came.size(); ++i) {
    EXPECT_TRUE(is_same(came[i].get(), numbers[i])) << i;
    EXPECT_EQ(::fcntl(came[i].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC) << i;
  }
}

TEST_F(Descriptors, APeerThatIsGoneRaisesNoSignal) {
  other.reset();
  char word = 'x';
  const iovec part{&word, 1};
  EXPECT_EQ(send_with(one.get(), {&part, 1}, {}), -1);
  EXPECT_EQ(errno, EPIPE);
  Bytes bytes(1);
  std::vector<UniqueFd> came;
  EXPECT_EQ(receive_with(one.get(), bytes, came, MSG_DONTWAIT), 0);
}

}  // namespace
}  // namespace fleetsweep::runtime
