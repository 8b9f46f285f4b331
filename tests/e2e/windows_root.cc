// For stories; never installed.
//
//   fleetsweep-windows-root DIR                        makes a volume of Windows with a harmless
//   look-alike of Emotet and what is
//                                                      like it
//   fleetsweep-windows-root --says DIR HIVE KEY VALUE  prints the value; exit code 1 if there is
//   none

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "agent/hive/hive.h"
#include "agent/hive/text.h"
#include "tests/agent/hive/hive_builder.h"

namespace {

namespace fs = std::filesystem;
using fleetsweep::hive::HiveBuilder;

constexpr char kRun[] = "Software\\Microsoft\\Windows\\CurrentVersion\\Run";

void put(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string started(const std::string& user, const std::string& library) {
  return "C:\\Windows\\SysWOW64\\rundll32.exe C:\\Users\\" + user + "\\AppData\\Local\\" + library +
         ",ShowDialogA";
}

int say(const fs::path& path, const std::string& key, const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  const fleetsweep::Bytes bytes = fleetsweep::to_bytes(text.str());
  const auto hive = fleetsweep::hive::Hive::open(bytes);
  if (!hive) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), hive.error().message.c_str());
    return 2;
  }
  const auto at = hive->find(hive->root(), key);
  const auto value = at ? hive->value(*at, name) : std::nullopt;
  if (value) std::puts(fleetsweep::hive::text_of(*value).c_str());
  return value ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && argv[1] == std::string_view("--says"))
    return say(fs::path(argv[2]) / argv[3], argv[4], argv[5]);
  if (argc != 2) {
    std::fprintf(stderr, "usage: fleetsweep-windows-root DIR | --says DIR HIVE KEY VALUE\n");
    return 2;
  }
  const fs::path root = argv[1];
  const auto hive = [&](const char* path, const HiveBuilder& builder) {
    const fleetsweep::Bytes bytes = builder.build();
    put(root / path, fleetsweep::as_text(bytes));
  };
  hive("Windows/System32/config/SOFTWARE",
       HiveBuilder().text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.1"));
  HiveBuilder system;
  for (const char* set : {"ControlSet001", "ControlSet002"}) {
    const std::string services = std::string(set) + "\\Services\\";
    system.text(services + "mfpmp.ocx", "ImagePath", started("Ann", "Qwertz\\mfpmp.ocx"))
        .number(services + "mfpmp.ocx", "Start", 2)
        .text(services + "EventLog", "ImagePath", "svchost.exe -k local")
        .number(services + "EventLog", "Start", 2);
  }
  hive("Windows/System32/config/SYSTEM", system);
  hive("Users/Ann/NTUSER.DAT", HiveBuilder()
                                   .text(kRun, "OneDrive", "C:\\OneDrive.exe /background")
                                   .text(kRun, "mfpmp.ocx", started("Ann", "Qwertz\\mfpmp.ocx")));
  // Ben's library is started like it and is no program; his own tool is one and not started so.
  hive("Users/Ben/NTUSER.DAT",
       HiveBuilder().text(kRun, "notes.ocx", started("Ben", "Notes\\notes.ocx")));
  const std::string program = "MZ" + std::string(20'000, '\1');
  const fs::path loader = root / "Users/Ann/AppData/Local/Qwertz/mfpmp.ocx";
  put(loader, program + std::string("\0RunDLL\0", 8));
  fs::last_write_time(loader, fs::last_write_time(loader.parent_path()) - std::chrono::days(7));
  // As the module of 2021 left it, whose key stood before what it took away.
  put(root / "Users/Ann/AppData/Local/Temp/UDP41AF.tmp",
      "\xc3\xda\xda\x19\x63\x45\x2c\x86\x77\x3b\xe9\xfd\x24\x64\xfb\xb8"
      "\x07\xfe\x12\xd0\x2a\x48\x13\x38\x48\x68\xe8\xae\x91\x3c\xed\x82" +
          program);
  put(root / "Users/Ben/AppData/Local/Notes/notes.ocx",
      "a text of Ben's\n" + std::string(20'000, 'n'));
  put(root / "Users/Ben/AppData/Local/Tools/helper.dll", program);
  put(root / "Windows/System32/rundll32.exe", program);
}
