// fleetsweep-forge FILE.dsse: prints, as hex digits, the entry that the control log would hold for
// this document, whatever it is worth. For stories of a stolen controller, which write it into its
// database themselves. Never installed.

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "protocol/codec/codec.h"

int main(int count, char** arguments) {
  using namespace fleetsweep;
  if (count != 2) return 2;
  std::ifstream file(arguments[1]);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto envelope = codec::from_dsse_json(text);
  if (!envelope) {
    std::fprintf(stderr, "%s: %s\n", arguments[1], envelope.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", to_hex(codec::encode(*envelope)).c_str());
}
