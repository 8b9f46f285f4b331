#include "agent/act/loader_cache.h"

#include <gtest/gtest.h>

#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

using Paths = std::vector<std::string>;

TEST(LoaderCache, ALibraryThatTheLoaderStillKnowsIsNotSeen) {
  using namespace std::string_literals;
  const std::string text =
      "glibc-ld.so.cache1.1\0\0libevil.so\0/usr/local/lib/libevil.so\0"
      "liba.so\0/lib/x86_64-linux-gnu/liba.so\0libb.so\0/usr/lib/libb.so\0"s;
  const auto cache = as_bytes(text);
  EXPECT_EQ(paths_in_cache(cache, {"/usr/local/lib/libevil.so"}),
            Paths{"/usr/local/lib/libevil.so"});
  EXPECT_EQ(paths_in_cache(cache, {"/usr/lib/x86_64-linux-gnu/liba.so", "/lib/libb.so"}),
            (Paths{"/usr/lib/x86_64-linux-gnu/liba.so", "/lib/libb.so"}))
      << "two names of a merged system";
  EXPECT_EQ(paths_in_cache(cache, {"/usr/local/lib/libevil", "/local/lib/libevil.so", "libevil.so",
                                   "/usr/local/lib/libevil.so.1", "/tmp/x"}),
            Paths{"libevil.so"})
      << "whole texts only";
  EXPECT_EQ(paths_in_cache({}, {"/usr/lib/libb.so"}), Paths{});
}

TEST(LoaderCache, TheRealCacheIsOfAnotherShape) {
  const std::string cache = read_text("/etc/ld.so.cache");
  if (cache.empty()) GTEST_SKIP() << "no cache here";
  const std::string library = "/usr/lib/x86_64-linux-gnu/libc.so.6";
  EXPECT_EQ(paths_in_cache(as_bytes(cache), {library, "/usr/lib/libevil.so"}), Paths{library});
}

}  // namespace
}  // namespace fleetsweep::act
