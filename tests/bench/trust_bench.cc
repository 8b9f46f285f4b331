// What it costs a host to believe its log, against the bare verification of each signature in it.
// `trust_bench fold FILE` is the child whose memory is measured: a fresh process that folds FILE.

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "protocol/base/assert.h"
#include "protocol/trust/examine.h"
#include "tests/bench/ratio.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::bench {
namespace {

using fixture::kDay;
using fixture::start;

constexpr std::size_t kEntries = 10'000;

// What stands between two entries of the file.
struct Head {
  std::int64_t seen = 0;
  std::uint64_t bytes = 0;
};

class LogFile {
 public:
  explicit LogFile(const std::string& path) : file_(path, std::ios::binary) {}
  void write(Timestamp seen, const Bytes& entry) {
    const Head head{unix_seconds(seen), entry.size()};
    file_.write(reinterpret_cast<const char*>(&head), sizeof head);
    file_.write(as_text(entry).data(), static_cast<std::streamsize>(entry.size()));
    ++entries_;
  }
  std::size_t entries() const { return entries_; }

 private:
  std::ofstream file_;
  std::size_t entries_ = 0;
};

// Three years with a campaign a day: it looks, cleans in two waves, is stopped and goes on, and
// ends; hosts join all the time. Returns the number of signatures.
std::size_t write_log(const fixture::Tenant& tenant, const model::Policy& policy, LogFile& file) {
  std::size_t signatures = 0;
  Timestamp now = start();
  const auto add = [&](const auto& document, std::initializer_list<std::string> people) {
    const Bytes entry = tenant.sign(document, people);
    file.write(now, entry);
    signatures += people.size();
    return fixture::id_of(entry);
  };
  file.write(now, tenant.root_envelope());
  for (std::uint64_t day = 0; file.entries() < kEntries; ++day, now += kDay) {
    const auto today = [&](model::Order order) {
      std::memcpy(order.nonce.value.data(), &day, sizeof day);
      order.campaign = fmt::format("campaign-{}", day);
      order.schedule.not_before = now;
      order.schedule.not_after = now + kDay;
      return order;
    };
    const DocumentId looked = add(today(fixture::dry_run(policy)), {"alice"});
    model::Order apply = today(fixture::apply(policy, looked));
    apply.waves = {{100, Seconds{0}, model::Gate::kNone, Seconds{0}},
                   {1000, Seconds{0}, model::Gate::kManual, Seconds{0}}};
    model::Release release;
    release.order = add(apply, {"alice", "bob"});
    release.wave = 1;
    release.expires = now + kDay;
    add(release, {"carol"});
    model::Stop stop;
    std::memcpy(stop.nonce.value.data(), &day, sizeof day);
    stop.issued = now;
    stop.orders = {release.order};
    model::Resume resume;
    resume.stops = {add(stop, {"bob"})};
    add(resume, {"alice", "carol"});
    model::Close close;
    close.campaign = apply.campaign;
    add(close, {"alice"});
    for (std::uint64_t i = 0; i < 4; ++i) {
      model::EnrolBatch batch;
      const std::uint64_t number = 4 * day + i;
      std::memcpy(batch.batch.value.data(), &number, sizeof number);
      batch.not_after = now + kDay;
      batch.tokens = {{tenant.key("dave").public_key(), 100}};
      batch.groups = {"web"};
      batch.jurisdiction = "DE";
      add(batch, {"bob"});
    }
  }
  return signatures;
}

double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Of this program, not of the one that started it, which getrusage would count too.
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024;
  FS_ASSERT(false);
  return 0;
}

fixture::Tenant long_lived_tenant() {
  return fixture::Tenant([](model::Root& root) { root.expires = start() + 5 * 365 * kDay; });
}

// Prints seconds and peak memory.
int fold(const std::string& path) {
  trust::LogView view(long_lived_tenant().verified());
  std::ifstream file(path, std::ios::binary);
  const double begun = processor_seconds();
  Head head;
  Bytes entry;
  while (file.read(reinterpret_cast<char*>(&head), sizeof head)) {
    entry.resize(head.bytes);
    file.read(reinterpret_cast<char*>(entry.data()), static_cast<std::streamsize>(entry.size()));
    const trust::Notice notice = view.replay(entry, timestamp(head.seen));
    if (notice.taken == trust::Taken::kAccepted) continue;
    std::fprintf(stderr, "entry %zu: %s\n", static_cast<std::size_t>(notice.index),
                 notice.refusal.detail.c_str());
    return 1;
  }
  std::printf("%f %f\n", processor_seconds() - begun, peak_bytes());
  return 0;
}

struct Cost {
  double seconds = 0, peak = 0;
};
Cost cost_of_fold(const std::string& path) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  std::FILE* child = ::popen(fmt::format("'{}' fold '{}'", self, path).c_str(), "r");
  FS_ASSERT(child != nullptr);
  Cost cost;
  const int read = std::fscanf(child, "%lf %lf", &cost.seconds, &cost.peak);
  FS_ASSERT(::pclose(child) == 0 && read == 2);
  return cost;
}

// One bare verification of a message as long as an order.
double verification_seconds() {
  unsigned char pub[32], secret[64], signature[64];
  FS_ASSERT(sodium_init() >= 0 && crypto_sign_keypair(pub, secret) == 0);
  const Bytes message(400, 1);
  crypto_sign_detached(signature, nullptr, message.data(), message.size(), secret);
  return Report::best_seconds([&] {
    FS_ASSERT(crypto_sign_verify_detached(signature, message.data(), message.size(), pub) == 0);
  });
}

void verify_order(Report& report, double verification) {
  const fixture::Tenant tenant([](model::Root& root) {
    for (const char* name : {"dave", "erin"})
      root.keys.push_back(
          {fixture::key_named(name).public_key(), model::Scheme::kEd25519, name, 0, ""});
    for (model::RoleRule& rule : root.roles)
      if (rule.role == model::Role::kClean) rule.clauses = {{0, {0, 1, 2, 4, 5}, 5}};
  });
  const std::initializer_list<std::string> everybody = {"alice", "bob", "carol", "dave", "erin"};
  trust::Fold fold(tenant.id(), trust::Fold::Keep::kForHost);
  FS_ASSERT(fold.append(tenant.sign(tenant.root(), everybody), start()).taken ==
            trust::Taken::kAccepted);
  const DocumentId looked =
      fixture::id_of(tenant.sign(fixture::dry_run(fixture::hash_policy()), {"alice"}));
  const Bytes entry = tenant.sign(fixture::apply(fixture::hash_policy(), looked), everybody);
  const double ours = Report::best_seconds([&] {
    const auto opened = trust::open_entry(entry);
    const auto change = trust::examine(fold.state(), *opened, entry, {1, start()});
    FS_ASSERT(change && std::get<trust::NewOrder>(*change).entry.signed_by.size() == 5);
  });
  report.bound("an order with 5 signatures", 5 * verification * 1e3, ours * 1e3, 1, "ms");
}

int run() {
  Report report;
  Report::print_head();
  const double verification = verification_seconds();
  verify_order(report, verification);

  char folder[] = "/tmp/fleetsweep-trust-bench-XXXXXX";
  FS_ASSERT(::mkdtemp(folder) != nullptr);
  const std::string path = folder + std::string("/log"), nothing = folder + std::string("/empty");
  std::size_t signatures = 0;
  {
    LogFile file(path);
    signatures = write_log(long_lived_tenant(), fixture::hash_policy(), file);
    const LogFile empty(nothing);
  }
  const Cost least = cost_of_fold(nothing), cost = cost_of_fold(path);
  const auto size = static_cast<double>(std::filesystem::file_size(path));
  std::filesystem::remove_all(folder);
  report.bound("fold 10,000 entries", static_cast<double>(signatures) * verification, cost.seconds,
               3, "s");
  report.bound("its peak memory", least.peak / 1e6, cost.peak / 1e6, 32, "MB");
  std::printf("the log: %.1f MB, %zu signatures\n", size / 1e6, signatures);
  return report.exit_code();
}

}  // namespace
}  // namespace fleetsweep::bench

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "fold") return fleetsweep::bench::fold(argv[2]);
  return fleetsweep::bench::run();
}
