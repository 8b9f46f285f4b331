#include "tests/agent/catalog/plant.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"

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
  const std::string sign = word(line), verb = word(line);
  FS_ASSERT(sign == "+" || sign == "?" || sign == "-");
  one.expected = static_cast<Expected>(sign[0]);
  one.path = unescaped(word(line));
  one.text = unescaped(line);
  constexpr std::string_view kVerbs[] = {"program", "run", "ghost", "text", "line", "made"};
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

void put(Planted& one, const std::string& family, act::ActHost& host) {
  const std::string path = host.at(one.path);
  switch (one.shape) {
    case Shape::kProgram:
      return make_program(path, one.text);
    case Shape::kRunning:
      one.pid = host.start(one.path);
      return;
    case Shape::kGhost:
      make_program(path, one.text);
      one.pid = host.start(one.path);
      fs::remove(path);
      return;
    case Shape::kText:
      return write(path, one.text, std::ios::trunc);
    case Shape::kMade:
      return write(path, act::output_of("sh " + kCatalog + family + "/testdata/make"),
                   std::ios::trunc);
    case Shape::kLine:
      return write(path, one.text + "\n", std::ios::app);
  }
}

}  // namespace

bool Planted::is_found_in(const std::vector<model::Finding>& findings) const {
  for (const model::Finding& finding : findings) {
    if (const auto* file = std::get_if<model::FileIdentity>(&finding.identity)) {
      if (shape != Shape::kRunning && shape != Shape::kLine && file->path.starts_with(path) &&
          (file->path == path || file->path.substr(path.size()) == " (deleted)"))
        return true;
    } else if (const auto* process = std::get_if<model::ProcessIdentity>(&finding.identity)) {
      if (pid != 0 && process->pid == pid) return true;
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

std::vector<Planted> plant(const std::string& family, act::ActHost& host) {
  for (const char* folder : {"bin", "lib", "sbin"}) {
    fs::create_directories(host.at(std::string("/usr/") + folder));
    fs::create_directory_symlink(std::string("usr/") + folder, host.at(std::string("/") + folder));
  }
  write(host.at("/etc/passwd"),
        "root:x:0:0:root:/root:/bin/bash\nowner:x:1000:1000::/home/owner:/bin/sh\n",
        std::ios::trunc);
  write(host.at("/etc/crontab"), "SHELL=/bin/sh\n17 * * * * root run-parts /etc/cron.hourly\n",
        std::ios::trunc);
  std::ifstream file(kCatalog + family + "/testdata/plant.txt");
  FS_ASSERT(file.is_open());
  std::vector<Planted> all;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    all.push_back(parsed(line));
    put(all.back(), family, host);
  }
  return all;
}

}  // namespace fleetsweep::catalog
