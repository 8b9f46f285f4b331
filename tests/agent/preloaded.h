#pragma once

// A harmless stand-in for a rootkit: a library made here, named in an /etc/ld.so.preload that
// exists in one mount namespace alone.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace fleetsweep {

// A program that starts what its arguments say, and all that starts from there, with `source`
// compiled and preloaded. Empty: it could not be made.
inline std::string preloading(const std::filesystem::path& folder, const std::string& source) {
  const std::string base = folder.string() + "/preload", library = base + "/libquiet.so";
  std::filesystem::create_directory(base);
  std::ofstream(base + "/quiet.c") << source;
  const std::string make =
      "cc -shared -fPIC -w -o " + library + " " + base + "/quiet.c && cp -a /etc " + base;
  if (std::system(make.c_str()) != 0) return {};
  std::ofstream(base + "/etc/ld.so.preload") << library << '\n';
  std::ofstream(base + "/start") << "mount --bind " << base << "/etc /etc && exec \"$@\"\n";
  return "unshare -m --propagation private sh " + base + "/start";
}

}  // namespace fleetsweep
