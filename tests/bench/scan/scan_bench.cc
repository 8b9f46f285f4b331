// Scans of a copied system tree against what the machine needs at least for the same (walking and
// looking, reading) and against what people use today: sha256sum, yara, clamscan. All in one run,
// in turns; processor seconds of all processes decide, wall seconds stand beside them.
//
//   scan_bench [--write-docs docs/performance.md]

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "protocol/base/assert.h"
#include "protocol/base/time.h"
#include "protocol/codec/codec.h"
#include "tests/bench/scan/measure.h"
#include "tests/bench/scan/report.h"
#include "tests/bench/scan/tree.h"

namespace fleetsweep::bench {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::Match;

constexpr int kTurns = 3;
constexpr int kQuickTurns = 8;  // of what takes less than a second
constexpr int kFamilies = 10;
constexpr int kListLength = 1000;  // hashes that are not here
constexpr Seconds kUnderLimit{20}, kProbe{2};
constexpr int kProbes = 6;
constexpr int kRules = 50;                     // of one family
constexpr std::uint32_t kProcessorLimit = 10;  // percent of one processor

model::Predicate texts(Field field, Match match, std::vector<std::string> values) {
  model::Predicate predicate{.field = field, .match = match};
  for (std::string& value : values) predicate.values.push_back({.text = std::move(value)});
  return predicate;
}

// SHA-256 and size of the planted files among others that are not here.
model::Detection hash_list(const Tree& tree, int family) {
  model::Predicate sizes{.field = Field::kFileSize};
  model::Predicate hashes{.field = Field::kFileSha256};
  for (const Tree::Planted& planted : tree.planted) {
    sizes.values.push_back({.number = static_cast<std::int64_t>(planted.size)});
    hashes.values.push_back({.text = planted.sha256});
  }
  for (int i = 0; i < kListLength; ++i) {
    sizes.values.push_back({.number = 1'000'000 + 7 * i});
    hashes.values.push_back({.text = fmt::format("{:060x}{:04x}", i, family)});
  }
  return {.id = "hash", .any_of = {{sizes, hashes}}};
}

// No sizes: after it every file's hash is known.
model::Policy bare_hashes(int family) {
  model::Predicate hashes{.field = Field::kFileSha256};
  for (int i = 0; i < kListLength; ++i)
    hashes.values.push_back({.text = fmt::format("{:060x}{:04x}", i, family)});
  model::Policy policy;
  policy.detections.push_back({.id = "hash", .any_of = {{hashes}}});
  return policy;
}

// What one rule of a family looks for, beside the mark: three texts, and a pattern with a gap.
struct RuleStrings {
  std::string texts[3];
  std::uint16_t number;
};
RuleStrings strings_of(int family, int rule) {
  const int n = rule * 2477 + family * 131;
  return {{fmt::format("/opt/evil{:02}{:02}/dropper-{:04x}", rule, family, n),
           fmt::format("GET /gate{:04x}.php?host=", n),
           fmt::format("stratum+tcp://pool{:02}{:04x}.bench.example", family, n)},
          static_cast<std::uint16_t>(n)};
}

// What a rule is about: in eleven of the thirteen rule files shipped each tells how its file
// begins.
enum class About { kAnyFile, kPrograms };

std::string rule_source(int family, About about) {
  std::string source;
  for (int rule = 0; rule < kRules; ++rule) {
    const RuleStrings strings = strings_of(family, rule);
    source += fmt::format("rule Bench{}_{} {{ strings:\n", family, rule);
    for (int i = 0; i < 3; ++i) source += fmt::format("  $s{} = \"{}\"\n", i, strings.texts[i]);
    source += fmt::format("  $h = {{ 4D 41 4C 57 ?? 52 45 2D 42 45 4E 43 48 {:02X} {:02X} }}\n",
                          strings.number >> 8, strings.number & 0xff);
    if (rule == 0) source += fmt::format("  $m = \"{}\"\n", kMark);
    source += fmt::format(
        "condition: {}any of them }}\n",
        about == About::kPrograms ? "uint32(0) == 0x464c457f and filesize < 16MB and " : "");
  }
  return source;
}

// Names, hashes and content of one family.
model::Policy family_policy(const Tree& tree, int family, About about = About::kAnyFile) {
  model::Policy policy;
  policy.rules.push_back(
      {.id = "r", .source = rule_source(family, about), .license = "Apache-2.0"});
  policy.detections.push_back(
      {.id = "name",
       .any_of = {{texts(Field::kFileName, Match::kRegex,
                         {"^kdevbench$", fmt::format("^kworker-{}[a-z]{{6}}$", family)})},
                  {texts(Field::kFilePath, Match::kEndsWith,
                         {fmt::format("/etc/cron.d/bench{}", family), "/.X25-unix/.rsync"})}}});
  policy.detections.push_back(hash_list(tree, family));
  policy.detections.push_back({.id = "rule", .rule = 0});
  return policy;
}

std::size_t occurrences(const std::string& all, std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; at += text.size())
    ++count;
  return count;
}

class Bench {
 public:
  Bench()
      : build_(fs::path(FS_BINARY_DIR).parent_path()),
        tree_(make_tree(build_ / "bench-tree")),
        work_(build_ / "bench-work") {
    fs::remove_all(work_);
    fs::create_directories(work_);
    write_policy("hash", {.detections = {hash_list(tree_, 0)}});
    write_policy("bare", bare_hashes(1));
    for (int turn = 0; turn < kQuickTurns; ++turn)
      write_policy(fmt::format("new{}", turn), bare_hashes(2 + turn));
    for (int family = 0; family < kFamilies; ++family)
      write_policy(fmt::format("family{}", family), family_policy(tree_, family));
    model::Policy limited = family_policy(tree_, 0);
    limited.limits.cpu_percent = kProcessorLimit;
    limited.limits.timeout = kUnderLimit;
    write_policy("limited", limited);
    write_policy("programs", family_policy(tree_, 0, About::kPrograms));
    write_rules("any", About::kAnyFile);
    write_rules("programs", About::kPrograms);
  }

  // `after_stage` is called whenever there are more figures; a run that is cut short has shown
  // them.
  bool run(const std::function<void(const Report&)>& after_stage) {
    std::printf("%lu files, %.2f GB; %d planted\n", static_cast<unsigned long>(tree_.files),
                static_cast<double>(tree_.bytes) * 1e-9, kPlanted);
    for (const auto stage :
         {&Bench::manners, &Bench::warm, &Bench::known_tree, &Bench::memory, &Bench::cold,
          &Bench::sha256sum, &Bench::yara, &Bench::clamscan, &Bench::cold_clamscan}) {
      (this->*stage)();
      fine_ &= report_.print_new();
      std::fflush(stdout);
      after_stage(report_);
    }
    return fine_;
  }

 private:
  void write_policy(const std::string& name, const model::Policy& policy) {
    write_file(work_ / (name + ".policy"), as_text(codec::encode(policy)));
  }

  // The same rules for yara, their strings and the hashes for clamscan: 6 is a program of Linux.
  void write_rules(const std::string& name, About about) {
    write_file(work_ / (name + ".yar"), rule_source(0, about));
    const int kind = about == About::kPrograms ? 6 : 0;
    const auto hex = [](std::string_view text) { return to_hex(as_bytes(text)); };
    std::string strings = fmt::format("Bench.Mark:{}:*:{}\n", kind, hex(kMark)), hashes;
    for (int rule = 0; rule < kRules; ++rule) {
      const RuleStrings all = strings_of(0, rule);
      for (int i = 0; i < 3; ++i)
        strings += fmt::format("Bench.S{}x{}:{}:*:{}\n", rule, i, kind, hex(all.texts[i]));
      strings +=
          fmt::format("Bench.H{}:{}:*:4d414c57??52452d42454e4348{:04x}\n", rule, kind, all.number);
    }
    for (const Tree::Planted& planted : tree_.planted)
      hashes += fmt::format("{}:{}:Bench.Planted\n", planted.sha256, planted.size);
    for (int i = 0; i < kListLength; ++i)
      hashes += fmt::format("{:060x}{:04x}:{}:Bench.Hash{}\n", i, 0, 1'000'000 + 7 * i, i);
    fs::create_directories(work_ / name);
    write_file(work_ / name / "bench.ndb", strings);
    write_file(work_ / name / "bench.hsb", hashes);
  }

  std::vector<std::string> scan_arguments(const std::vector<std::string>& policies,
                                          const std::string& table = {}) const {
    std::vector<std::string> result = {FS_BINARY_DIR "/fleetsweep-scan", "--root",
                                       tree_.path.string(), "--json"};
    for (const std::string& policy : policies)
      result.insert(result.end(), {"--policy", (work_ / (policy + ".policy")).string()});
    if (!table.empty()) result.insert(result.end(), {"--table", (work_ / table).string()});
    return result;
  }

  Cost scan(const std::vector<std::string>& policies, std::size_t found,
            const std::string& table = {}) {
    const Cost cost =
        measure([&] { return run_program(scan_arguments(policies, table), output()); });
    const std::size_t count = occurrences(read_file(output()), "\"number\": ");
    if (count != found) {
      std::printf("%s: %zu findings where %zu were expected\n", policies.front().c_str(), count,
                  found);
      fine_ = false;
    }
    return cost;
  }

  Cost floor(Floor floor, int threads) {
    return measure([&] { return run_floor(tree_.path, floor, threads); });
  }
  Cost peer(const std::string& command) {
    return measure([&] { return run_program({"/bin/sh", "-c", command}, output()); });
  }
  fs::path output() const { return work_ / "output"; }

  // As root everything the kernel keeps of any disk; the whole machine pays for it.
  static void forget_cache() {
    ::sync();
    const int fd = ::open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "3", 1) != 1) {
      std::fprintf(stderr, "scan_bench: only root can measure a cold cache\n");
      std::exit(77);
    }
    ::close(fd);
  }

  void cold() {
    const auto cold = [](const auto& body) {
      forget_cache();
      return body();
    };
    const Cost look = cold([&] { return floor(Floor::kLook, 1); });
    const Cost read = cold([&] { return floor(Floor::kRead, 2); });
    const Cost hash = cold([&] { return scan({"hash"}, kPlanted); });
    const Cost family = cold([&] { return scan({"family0"}, 3 * kPlanted); });
    cold_programs_ = cold([&] { return scan({"programs"}, 2 * kPlanted + kPlantedPrograms); });
    const Cost again = cold([&] { return scan({"family0"}, 3 * kPlanted, "table"); });
    report_.set("hash list, cold", "walk and statx", {look, hash});
    report_.set("hash list, cold", "sha256sum, 2 processes",
                {cold([&] { return run_sha256sum(); }), hash});
    report_.set("one family, any files, cold", "read only, 2 threads", {read, family});
    report_.set("one family, programs, cold", "read only, 2 threads", {read, cold_programs_});
    report_.set("one family, programs, cold", "yara -r -p 2",
                {cold([&] { return run_yara("programs", kPlantedPrograms); }), cold_programs_});
    report_.set("one family, any files, second sweep, cold", "walk and statx", {look, again});
  }

  // How a scan lives beside others, before /proc/pressure is hidden.
  void manners() {
    std::vector<std::string> limited = scan_arguments({"limited"});
    // In the classes that an agent gives it; it is ended by its timeout, which is no success.
    limited.insert(limited.begin(), {"/bin/sh", "-c", "\"$@\"; test $? = 1", "limited", "chrt",
                                     "--idle", "0", "ionice", "--class", "idle"});
    const auto run_limited = [&] { return run_program(limited, output()); };
    const Cost cost = measure(run_limited);
    report_.set(kOffTheLimit, std::abs(100 * cost.processor / cost.wall - kProcessorLimit));
    double alone = 0, beside = 0;
    for (int turn = 0; turn < kProbes; ++turn) {
      alone = std::max(alone, foreground_work(kProbe));
      const Background scan(run_limited);
      beside = std::max(beside, foreground_work(kProbe));
    }
    report_.set(kSlowedBy, 100 * (1 - beside / alone));
    // What follows is about the work, and nobody waits for the machine.
    hide_pressure();
    floor(Floor::kRead, 2);  // warm
  }

  void warm() {
    Cost look, read, hash, family, programs, ten;
    for (int turn = 0; turn < kQuickTurns; ++turn) {
      look.take_best(floor(Floor::kLook, 1));
      hash.take_best(scan({"hash"}, kPlanted));
    }
    for (int turn = 0; turn < kTurns; ++turn) {
      read.take_best(floor(Floor::kRead, 2));
      family.take_best(scan({"family0"}, 3 * kPlanted));
      programs.take_best(scan({"programs"}, 2 * kPlanted + kPlantedPrograms));
      ten.take_best(scan(all_families(), kFamilies * 3 * kPlanted));
    }
    report_.set("hash list", "walk and statx", {look, hash});
    report_.set("one family, any files", "read only, 2 threads", {read, family});
    report_.set("one family, programs", "read only, 2 threads", {read, programs});
    report_.set("ten families in one walk", "one family, any files", {family, ten});
    hash_ = hash;
    any_ = family;
    programs_ = programs;
  }

  void sha256sum() { report_.set("hash list", "sha256sum, 2 processes", {run_sha256sum(), hash_}); }
  Cost run_sha256sum() {
    return peer("find " + quoted_tree() + " -type f -print0 | xargs -0 -n 500 -P 2 sha256sum");
  }

  void yara() {
    report_.set("one family, any files", "yara -r -p 2", {run_yara("any", kPlanted), any_});
    report_.set("one family, programs", "yara -r -p 2",
                {run_yara("programs", kPlantedPrograms), programs_});
  }
  Cost run_yara(const std::string& rules, std::size_t found) {
    const Cost cost =
        peer("yara -r -p 2 '" + (work_ / (rules + ".yar")).string() + "' " + quoted_tree());
    expect("yara", "Bench0_0 ", found);
    return cost;
  }

  void clamscan() {
    report_.set("one family, any files", "clamscan", {run_clamscan("any"), any_});
    report_.set("one family, programs", "clamscan", {run_clamscan("programs"), programs_});
  }
  void cold_clamscan() {
    forget_cache();
    report_.set("one family, programs, cold", "clamscan",
                {run_clamscan("programs"), cold_programs_});
  }
  // Without its parsers, which look into more than we do; 1 says that something was found.
  Cost run_clamscan(const std::string& rules) {
    const Cost cost =
        peer("'" + (build_ / "peers/usr/bin/clamscan").string() + "' -r -i --no-summary -d '" +
             (work_ / rules).string() +
             "' --scan-pe=no --scan-elf=no --scan-ole2=no --scan-pdf=no --scan-swf=no "
             "--scan-html=no --scan-xmldocs=no --scan-hwp3=no --scan-onenote=no --scan-mail=no "
             "--scan-archive=no --scan-image=no --phishing-sigs=no --max-filesize=64M "
             "--max-scansize=64M " +
             quoted_tree() + "; test $? = 1");
    expect("clamscan", " FOUND", kPlanted);  // by its hash, whatever the file is
    return cost;
  }

  static std::vector<std::string> all_families() {
    std::vector<std::string> all;
    for (int i = 0; i < kFamilies; ++i) all.push_back(fmt::format("family{}", i));
    return all;
  }

  std::string quoted_tree() const { return "'" + tree_.path.string() + "'"; }

  void expect(const char* who, std::string_view text, std::size_t wanted) {
    const std::size_t count = occurrences(read_file(output()), text);
    if (count == wanted) return;
    std::printf("%s found %zu of %zu planted files\n", who, count, wanted);
    fine_ = false;
  }

  void known_tree() {
    scan({"family0"}, 3 * kPlanted, "table");
    scan({"hash"}, kPlanted, "table");
    scan({"bare"}, 0, "table");  // reads and hashes everything
    Cost look, family, hash, fresh;
    for (int turn = 0; turn < kQuickTurns; ++turn) {
      look.take_best(floor(Floor::kLook, 1));
      family.take_best(scan({"family0"}, 3 * kPlanted, "table"));
      hash.take_best(scan({"hash"}, kPlanted, "table"));
      fresh.take_best(scan({fmt::format("new{}", turn)}, 0, "table"));
    }
    report_.set("one family, any files, second sweep", "walk and statx", {look, family});
    report_.set("hash list, second sweep", "walk and statx", {look, hash});
    report_.set("new hash list, known tree", "walk and statx", {look, fresh});
    const std::string text = read_file(output());
    const std::size_t at = text.find("\"opened\": ");
    FS_ASSERT(at != std::string::npos);
    report_.set(kOpened, std::strtod(text.c_str() + at + std::strlen("\"opened\": "), nullptr));
  }

  void memory() {
    const auto peak = [&](const std::vector<std::string>& policies) {
      const auto bytes =
          peak_memory([&] { return run_program(scan_arguments(policies), output()); });
      return static_cast<double>(bytes) * 1e-6;
    };
    report_.set(kPeak, peak({"family0"}));
    report_.set(kPeakOfTen, peak(all_families()));
  }

  fs::path build_;
  Tree tree_;
  fs::path work_;
  Report report_{tree_};
  Cost hash_, any_, programs_, cold_programs_;
  bool fine_ = true;
};

int run(int argc, char** argv) {
  const bool writes = argc == 3 && std::strcmp(argv[1], "--write-docs") == 0;
  if (argc != 1 && !writes) {
    std::fprintf(stderr, "usage: scan_bench [--write-docs docs/performance.md]\n");
    return 2;
  }
  Bench bench;
  bool is_written = true;
  const bool fine = bench.run([&](const Report& report) {
    if (writes) is_written &= report.write_docs(argv[2]);
  });
  return fine && is_written ? 0 : 1;
}

}  // namespace
}  // namespace fleetsweep::bench

int main(int argc, char** argv) {
  return fleetsweep::bench::run(argc, argv);
}
