#include "protocol/runtime/sealed/sealed.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fleetsweep::runtime {
namespace {

UniqueFd sealed(std::string_view first, std::string_view second) {
  auto writer = SealedWriter::create();
  EXPECT_TRUE(writer && writer->append(as_bytes(first)) && writer->append(as_bytes(second)));
  auto fd = std::move(*writer).seal();
  EXPECT_TRUE(fd) << fd.error().message;
  return std::move(*fd);
}

TEST(Sealed, WhoWroteItCannotChangeWhatTheOtherChecked) {
  const UniqueFd fd = sealed("what was ", "checked");
  const auto mapped = Mapped::of_sealed(fd.get());
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_LT(::pwrite(fd.get(), "X", 1, 0), 0);
  EXPECT_NE(::ftruncate(fd.get(), 3), 0);
  EXPECT_EQ(::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0), MAP_FAILED);
  EXPECT_EQ(as_text(mapped->bytes()), "what was checked");
}

TEST(Sealed, ADescriptorThatCanStillBeWrittenToIsRefused) {
  const UniqueFd open(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::write(open.get(), "bytes", 5), 5);
  EXPECT_FALSE(Mapped::of_sealed(open.get()));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  EXPECT_FALSE(Mapped::of_sealed(reader.get()));
  EXPECT_FALSE(Mapped::of_sealed(-1));
}

TEST(Sealed, NothingIsMappedAsNothing) {
  const auto mapped = Mapped::of_sealed(sealed("", "").get());
  ASSERT_TRUE(mapped);
  EXPECT_TRUE(mapped->bytes().empty());
}

TEST(Sealed, AFileIsMappedUpToItsBound) {
  const std::string path = testing::TempDir() + "sealed_test_file";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_TRUE(file && std::fputs("12345", file) >= 0 && std::fclose(file) == 0);
  const auto mapped = Mapped::of_file(path, 5);
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_EQ(as_text(mapped->bytes()), "12345");
  EXPECT_EQ(Mapped::of_file(path, 4).error().code, Code::kInvalid);
  ::unlink(path.c_str());
  EXPECT_EQ(Mapped::of_file(path, 5).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace fleetsweep::runtime
