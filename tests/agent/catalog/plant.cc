#include "tests/agent/catalog/plant.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"
#include "protocol/base/unique_fd.h"
#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::catalog {
namespace {

namespace fs = std::filesystem;

const std::string kCatalog = std::string(FS_SOURCE_DIR) + "/policies/catalog/";

// \n and \xNN.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\\n")) {
      result += '\n';
      ++i;
    } else if (text.substr(i).starts_with("\\x") && i + 3 < text.size()) {
      result += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string word(std::string& rest) {
  const auto end = rest.find(' ');
  std::string first = rest.substr(0, end);
  rest = end == std::string::npos ? "" : rest.substr(end + 1);
  return first;
}

Planted parsed(std::string line) {
  Planted one;
  const std::string sign = word(line);
  std::string verb = word(line);
  FS_ASSERT(sign == "+" || sign == "?" || sign == "-");
  one.expected = static_cast<Expected>(sign[0]);
  one.path = unescaped(word(line));
  one.text = unescaped(line);
  const auto takes = [&](std::string_view suffix) {
    const bool has = verb.ends_with(suffix);
    if (has) verb.resize(verb.size() - suffix.size());
    return has;
  };
  one.has_packet_socket = takes("+packet");
  one.is_immutable = takes("+immutable");
  constexpr std::string_view kVerbs[] = {"program", "run",  "ghost", "text",
                                         "line",    "made", "owned"};
  const auto found = std::find(std::begin(kVerbs), std::end(kVerbs), verb);
  FS_ASSERT(found != std::end(kVerbs));
  one.shape = static_cast<Shape>(found - std::begin(kVerbs));
  return one;
}

void write(const std::string& path, const std::string& text, std::ios::openmode mode) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, mode | std::ios::binary) << text;
}

void make_program(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  fs::copy_file("/bin/sleep", path);
  write(path, text, std::ios::app);
}

// Its program may hold a packet socket that hears nothing: of no protocol, and its filter lets
// nothing through.
pid_t start(const Planted& one, act::ActHost& host) {
  UniqueFd socket;
  if (one.has_packet_socket) {
    socket = UniqueFd(::socket(AF_PACKET, SOCK_RAW, 0));  // the program inherits it
    sock_filter nothing{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
    const sock_fprog program{.len = 1, .filter = &nothing};
    EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0)
        << "packet sockets need root";
  }
  return host.start(one.path);
}

void put(Planted& one, const std::string& family, act::ActHost& host) {
  const std::string path = host.at(one.path);
  switch (one.shape) {
    case Shape::kProgram:
      return make_program(path, one.text);
    case Shape::kRunning:
      one.pid = start(one, host);
      return;
    case Shape::kGhost:
      make_program(path, one.text);
      one.pid = start(one, host);
      fs::remove(path);
      return;
    case Shape::kText:
      return write(path, one.text, std::ios::trunc);
    case Shape::kMade:
      return write(path, act::output_of("sh " + kCatalog + family + "/testdata/make"),
                   std::ios::trunc);
    case Shape::kLine:
      return write(path, one.text + "\n", std::ios::app);
    case Shape::kOwned: {
      write(path, "look-alike\n", std::ios::trunc);
      const auto owner = static_cast<uid_t>(std::stoul(one.text));
      EXPECT_EQ(::chown(path.c_str(), owner, owner), 0) << path;
      return;
    }
  }
}

void make_immutable(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  if (::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_IMMUTABLE_FL;
  ::ioctl(file.get(), FS_IOC_SETFLAGS, &flags);
}

void put_linux(const act::ActHost& host) {
  for (const char* folder : {"bin", "lib", "sbin"}) {
    fs::create_directories(host.at(std::string("/usr/") + folder));
    fs::create_directory_symlink(std::string("usr/") + folder, host.at(std::string("/") + folder));
  }
  write(host.at("/etc/passwd"),
        "root:x:0:0:root:/root:/bin/bash\nowner:x:1000:1000::/home/owner:/bin/sh\n",
        std::ios::trunc);
  write(host.at("/etc/crontab"), "SHELL=/bin/sh\n17 * * * * root run-parts /etc/cron.hourly\n",
        std::ios::trunc);
}

void put_windows(const act::ActHost& host) {
  const Bytes software = hive::HiveBuilder()
                             .text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.3")
                             .build();
  write(host.at("/Windows/System32/config/SOFTWARE"), to_text(software), std::ios::trunc);
}

}  // namespace

bool Planted::is_found_in(const std::vector<model::Finding>& findings) const {
  const auto is_its_socket = [&](const model::Finding& finding) {
    const auto* socket = std::get_if<model::ConnectionIdentity>(&finding.identity);
    return socket != nullptr && socket->pid == pid && socket->protocol == "packet";
  };
  if (has_packet_socket && expected != Expected::kStays &&
      std::none_of(findings.begin(), findings.end(), is_its_socket))
    return false;
  for (const model::Finding& finding : findings) {
    if (const auto* file = std::get_if<model::FileIdentity>(&finding.identity)) {
      if (shape != Shape::kRunning && shape != Shape::kLine && file->path.starts_with(path) &&
          (file->path == path || file->path.substr(path.size()) == " (deleted)"))
        return true;
    } else if (const auto* process = std::get_if<model::ProcessIdentity>(&finding.identity)) {
      if (pid != 0 && process->pid == pid) return true;
    } else if (is_its_socket(finding)) {
      if (shape == Shape::kRunning) return true;
    } else if (const auto* entry = std::get_if<model::PersistenceIdentity>(&finding.identity)) {
      if (entry->file.path == path && (shape == Shape::kText || entry->entry == text)) return true;
    }
  }
  return false;
}

bool Planted::is_gone_from(const act::ActHost& host) const {
  if (pid != 0) return host.process_state(pid) == 0 || host.process_state(pid) == 'Z';
  if (shape != Shape::kLine) return !fs::exists(fs::symlink_status(host.at(path)));
  std::ifstream file(host.at(path));
  for (std::string line; std::getline(file, line);)
    if (line == text) return false;
  return true;
}

std::string Planted::described() const {
  return escaped(fmt::format("{} {}", path, text.substr(0, 60)));
}

std::vector<Planted> plant(const std::string& family, model::Platform platform,
                           act::ActHost& host) {
  platform == model::Platform::kWindows ? put_windows(host) : put_linux(host);
  std::ifstream file(kCatalog + family + "/testdata/plant.txt");
  FS_ASSERT(file.is_open());
  std::vector<Planted> all;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    all.push_back(parsed(line));
    put(all.back(), family, host);
  }
  for (const Planted& one : all)
    if (one.is_immutable) make_immutable(host.at(one.path));
  return all;
}

}  // namespace fleetsweep::catalog
