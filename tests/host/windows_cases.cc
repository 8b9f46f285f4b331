#include "tests/host/windows_cases.h"

namespace fleetsweep::host {
namespace {

using Kind = model::PersistenceKind;

constexpr char kSystem[] = "/Windows/System32/config/SYSTEM";
constexpr char kSoftware[] = "/Windows/System32/config/SOFTWARE";
constexpr char kDefault[] = "/Windows/System32/config/DEFAULT";
constexpr char kAnn[] = "/Users/Ann/NTUSER.DAT";
constexpr char kTasks[] = "/Windows/System32/Tasks/";

constexpr char kCurrent[] = "Microsoft\\Windows\\CurrentVersion\\";
constexpr char kWinlogon[] = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";
constexpr char kCache[] = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\";

std::string current(const std::string& key) {
  return kCurrent + key;
}

void service(Volume& volume, const std::string& set, const std::string& name,
             const std::string& image) {
  const std::string key = set + "\\Services\\" + name;
  volume.hives[kSystem].text(key, "ImagePath", image, 2).number(key, "Start", 2);
}

void task(Volume& volume, const std::string& name, const std::string& id,
          const std::string& command) {
  volume.hives[kSoftware]
      .text(std::string(kCache) + "Tree\\" + name, "Id", id)
      .text(std::string(kCache) + "Tasks\\" + id, "Path", "\\" + name)
      .bytes(std::string(kCache) + "Tasks\\" + id, "Actions", 3,
             hive::task_actions({{command, ""}}));
}

std::string task_file(const std::string& command) {
  return "<Task><Actions><Exec><Command>" + command + "</Command></Exec></Actions></Task>";
}

// A value of this key is all that there is of it.
template <const char* kHive>
void value(Volume& volume, const std::string& key, const std::string& marker) {
  volume.hives[kHive].text(key, marker, "C:\\" + marker + ".exe");
}

}  // namespace

const std::vector<WindowsCase>& windows_cases() {
  static const std::vector<WindowsCase> kAll = {
      {Kind::kWindowsService, "a service", "evil-service",
       [](Volume& volume, bool is_infected) {
         if (is_infected) service(volume, "ControlSet001", "evil-service", "C:\\evil.exe");
       }},
      {Kind::kWindowsService, "a service of another control set", "evil-other-set",
       [](Volume& volume, bool is_infected) {
         if (is_infected) service(volume, "ControlSet002", "evil-other-set", "C:\\evil.exe");
       }},
      {Kind::kWindowsService, "a library that a shared process loads (ServiceDll)", "evil-library",
       [](Volume& volume, bool is_infected) {
         if (!is_infected) return;
         service(volume, "ControlSet001", "sync", "%SystemRoot%\\System32\\svchost.exe -k netsvcs");
         volume.hives[kSystem].text("ControlSet001\\Services\\sync\\Parameters", "ServiceDll",
                                    "C:\\evil-library.dll", 2);
       }},
      {Kind::kWindowsService, "a driver that says no path", "evil-driver",
       [](Volume& volume, bool is_infected) {
         if (is_infected)
           volume.hives[kSystem]
               .number("ControlSet001\\Services\\evil-driver", "Type", 1)
               .number("ControlSet001\\Services\\evil-driver", "Start", 0);
       }},
      {Kind::kWindowsRun, "a value of Run", "evil-run",
       [](Volume& volume, bool is_infected) {
         if (is_infected) value<kSoftware>(volume, current("Run"), "evil-run");
       }},
      {Kind::kWindowsRun, "a value of RunOnce", "evil-once",
       [](Volume& volume, bool is_infected) {
         if (is_infected) value<kSoftware>(volume, current("RunOnce"), "evil-once");
       }},
      {Kind::kWindowsRun, "a value of Run as 32-bit programs see it (Wow6432Node)", "evil-wow",
       [](Volume& volume, bool is_infected) {
         if (is_infected) value<kSoftware>(volume, "Wow6432Node\\" + current("Run"), "evil-wow");
       }},
      {Kind::kWindowsRun, "a value of the policies' Run", "evil-policy",
       [](Volume& volume, bool is_infected) {
         if (is_infected)
           value<kSoftware>(volume, current("Policies\\Explorer\\Run"), "evil-policy");
       }},
      {Kind::kWindowsRun, "a value of a user's Run", "evil-user-run",
       [](Volume& volume, bool is_infected) {
         if (is_infected) value<kAnn>(volume, "Software\\" + current("Run"), "evil-user-run");
       }},
      {Kind::kWindowsRun, "a value of a user's RunOnce", "evil-user-once",
       [](Volume& volume, bool is_infected) {
         if (is_infected) value<kAnn>(volume, "Software\\" + current("RunOnce"), "evil-user-once");
       }},
      {Kind::kWindowsRun, "Load of a user's settings", "evil-load",
       [](Volume& volume, bool is_infected) {
         if (is_infected)
           volume.hives[kAnn].text("Software\\Microsoft\\Windows NT\\CurrentVersion\\Windows",
                                   "Load", "C:\\evil-load.exe");
       }},
      {Kind::kWindowsRun, "a value of Run of the system's own profile (.DEFAULT)", "evil-default",
       [](Volume& volume, bool is_infected) {
         if (is_infected) value<kDefault>(volume, "Software\\" + current("Run"), "evil-default");
       }},
      {Kind::kWindowsWinlogon, "a program beside Windows's own in Userinit", "evil-userinit",
       [](Volume& volume, bool is_infected) {
         std::string programs = "C:\\Windows\\system32\\userinit.exe,";
         if (is_infected) programs += "C:\\evil-userinit.exe,";
         volume.hives[kSoftware].text(kWinlogon, "Userinit", programs);
       }},
      {Kind::kWindowsWinlogon, "a program beside Windows's own in a user's Shell", "evil-shell",
       [](Volume& volume, bool is_infected) {
         std::string programs = "explorer.exe";
         if (is_infected) programs += ",C:\\evil-shell.exe";
         volume.hives[kAnn].text(std::string("Software\\") + kWinlogon, "Shell", programs);
       }},
      {Kind::kWindowsWinlogon, "Taskman", "evil-taskman",
       [](Volume& volume, bool is_infected) {
         if (is_infected)
           volume.hives[kSoftware].text(kWinlogon, "Taskman", "C:\\evil-taskman.exe");
       }},
      {Kind::kWindowsWinlogon, "a library that winlogon tells (Notify)", "evil-notify",
       [](Volume& volume, bool is_infected) {
         if (is_infected)
           volume.hives[kSoftware].text(std::string(kWinlogon) + "\\Notify\\sync", "DllName",
                                        "C:\\evil-notify.dll");
       }},
      {Kind::kWindowsTask, "a task", "evil-task",
       [](Volume& volume, bool is_infected) {
         if (!is_infected) return;
         task(volume, "Updater", "{7}", "C:\\evil-task.exe");
         volume.files[std::string(kTasks) + "Updater"] = task_file("C:\\evil-task.exe");
       }},
      {Kind::kWindowsTask, "a task that hides its file", "evil-hidden",
       [](Volume& volume, bool is_infected) {
         if (is_infected) task(volume, "Hidden", "{8}", "C:\\evil-hidden.exe");
       }},
      {Kind::kWindowsTask, "a task below a folder of tasks", "evil-below",
       [](Volume& volume, bool is_infected) {
         if (!is_infected) return;
         task(volume, "Vendor\\Sync", "{9}", "C:\\evil-below.exe");
         volume.files[std::string(kTasks) + "Vendor/Sync"] = task_file("C:\\evil-below.exe");
       }},
  };
  return kAll;
}

Volume windows_volume(const WindowsCase* left_out) {
  Volume volume;
  volume.hives[kSoftware]
      .text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.3")
      .text(current("Run"), "SecurityHealth", "C:\\Windows\\system32\\SecurityHealthSystray.exe")
      .text(current("RunOnce"), "Own", "C:\\own.exe")
      .text("Wow6432Node\\" + current("Run"), "Own", "C:\\own.exe")
      .text(current("Policies\\Explorer\\Run"), "Own", "C:\\own.exe")
      .text(current("Uninstall\\evil"), "DisplayIcon", "C:\\evil.exe")
      .text(std::string(kWinlogon) + "\\Notify\\own", "DllName", "own.dll");
  task(volume, "Vendor\\Own", "{1}", "C:\\own.exe");
  volume.files[std::string(kTasks) + "Vendor/Own"] = task_file("C:\\own.exe");
  for (const std::string set : {"ControlSet001", "ControlSet002"}) {
    service(volume, set, "EventLog", "%SystemRoot%\\System32\\svchost.exe -k LocalService");
    const std::string off = set + "\\Services\\evil-disabled";
    volume.hives[kSystem].text(off, "ImagePath", "C:\\evil.exe").number(off, "Start", 4);
  }
  volume.hives[kAnn]
      .text("Software\\" + current("Run"), "OneDrive", "C:\\OneDrive.exe /background")
      .text("Software\\" + current("RunOnce"), "Own", "C:\\own.exe")
      .text("Software\\Microsoft\\Windows NT\\CurrentVersion\\Windows", "Device", "evil")
      .text("Environment", "evil", "C:\\evil.exe");
  volume.hives["/Users/Bob/NTUSER.DAT"].text("Software\\evil", "Path", "C:\\evil.exe");
  volume.hives[kDefault].text("Software\\" + current("Run"), "Own", "C:\\own.exe");
  volume.files["/Users/Ann/evil.txt"] = "a text\n";
  for (const WindowsCase& one : windows_cases()) one.plant(volume, &one != left_out);
  return volume;
}

std::map<std::string, Bytes> Volume::contents() const {
  std::map<std::string, Bytes> all;
  for (const auto& [path, hive] : hives) all[path] = hive.build();
  for (const auto& [path, text] : files) all[path] = to_bytes(text);
  return all;
}

}  // namespace fleetsweep::host
