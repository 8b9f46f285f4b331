// fleetsweep-scan: one scan, then exit. From the agent: a ScanRequest on fd 3 is answered there
// with ScanProgress and ScanDone, findings sealed with the key on fd 4. By hand: --policy FILE
// --json.

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "agent/scan/baseline_scan.h"
#include "agent/scan/engine.h"
#include "agent/scan/health.h"
#include "agent/scan/manners.h"
#include "agent/scan/options.h"
#include "agent/scan/origins.h"
#include "agent/scan/report.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"
#include "protocol/runtime/pipe/pipe.h"
#include "protocol/runtime/sandbox/unpreloaded.h"
#include "protocol/runtime/sealed/sealed.h"

namespace fleetsweep::scan {
namespace {

constexpr int kKeyFd = 4;
// The parts of a policy's hash sets, as `fleetsweep policy build` writes them.
constexpr const char* kHashesSuffix = ".hashes";
constexpr std::size_t kHashesBytes = limits::kHashParts * limits::kHashPartBytes;
constexpr int kExitDone = 0;
constexpr int kExitRefused = 1;
constexpr int kExitBug = 70;
constexpr Duration kRequestTimeout = std::chrono::seconds(60);

// What the walker keeps: reading everything, looking at every process, starting and ending its
// parser. It cannot write, start a program or reach the network.
Status confine_walker(bool looks_at_processes) {
  FS_CHECK(runtime::keep_capabilities(
      {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SETUID, CAP_SETGID, CAP_KILL}));
  FS_CHECK(runtime::no_new_privileges());
  // Inside Landlock no process outside it may be looked at (/proc/PID/exe), so it is for scans of
  // files and persistence alone, beside the filter, which refuses to write in both cases.
  if (!looks_at_processes) {
    FS_TRY([[maybe_unused]] const bool landlock,
           runtime::restrict_files(runtime::FileAccess::kReadOnly));
  }
  return runtime::filter_system_calls(runtime::Profile::kReader);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t kWanted = 4096;
  limit.rlim_cur = std::min<rlim_t>(std::max(limit.rlim_cur, kWanted), limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<Root> open_root(const Options& options) {
  FS_TRY(Root root, Root::open(options.root));
  if (!options.leave_out.empty()) root.leave_out(options.leave_out);
  return root;
}

EngineOptions engine_options(const Options& options) {
  EngineOptions result;
  result.parser.user = options.parser_user;
  result.confine_walker = confine_walker;
  result.now = timestamp(std::time(nullptr));
  return result;
}

bool asks_for_baseline(const model::Policy& policy) {
  const auto asks = [](const model::Selection& selection) {
    return std::any_of(selection.begin(), selection.end(), [](const model::Predicate& predicate) {
      return predicate.field == model::Field::kPersistenceInBaseline;
    });
  };
  return std::any_of(policy.detections.begin(), policy.detections.end(), [&](const auto& one) {
    return std::any_of(one.any_of.begin(), one.any_of.end(), asks) ||
           std::any_of(one.none_of.begin(), one.none_of.end(), asks);
  });
}

// The owner's, if he wrote one, before this process gives its rights up. Without a file nothing is
// in the baseline; one that cannot be trusted is an error, or a hunt would report everything, or
// nothing.
Result<Baseline> owners_baseline(std::span<const model::Policy> policies,
                                 const std::optional<std::string>& path) {
  if (!path || std::none_of(policies.begin(), policies.end(), asks_for_baseline)) return Baseline();
  auto baseline = Baseline::read(*path);
  if (!baseline && baseline.error().code == Code::kNotFound) return Baseline();
  return baseline;
}

// Read only now, after the last parser was forked: a parser must never have had it in its memory.
Result<crypto::MacKey> read_key() {
  crypto::MacKey key{};
  std::size_t have = 0;
  while (have < key.size()) {
    const ssize_t count = ::read(kKeyFd, key.data() + have, key.size() - have);
    if (count <= 0) return fail(Code::kInternal, "fd {}: no key of {} bytes", kKeyFd, key.size());
    have += static_cast<std::size_t>(count);
  }
  return key;
}

void seal(model::ScanDone& done, BytesView policy, const crypto::MacKey& key) {
  const Digest digest = crypto::sha256(policy);
  done.result.policy = digest;
  std::size_t total = 0;
  for (const model::Finding& finding : done.result.findings) {
    model::SealedFinding sealed{codec::encode(finding), {}};
    sealed.mac = crypto::mac(key, {digest.view(), sealed.finding});
    total += sealed.finding.size();
    done.sealed.push_back(std::move(sealed));
  }
  // Act is given two scans in one message; half a result would look like a clean host.
  if (total > limits::kSealedFindingsBytes) {
    done.result = {};
    done.sealed.clear();
    done.reason = model::Reason::kLimit;
    done.detail = fmt::format("findings of {} bytes: the policy matches too much", total);
  }
}

model::ScanDone refused(model::Reason reason, std::string detail) {
  model::ScanDone done;
  done.reason = reason;
  done.detail = std::move(detail);
  return done;
}

// A scan without it is dearer and finds the same.
template <class File>
std::optional<File> open_own(const std::string& path) {
  if (path.empty()) return std::nullopt;
  auto file = File::open(path);
  if (file) return std::move(*file);
  std::fprintf(stderr, "fleetsweep-scan: known files: %s\n", file.error().message.c_str());
  return std::nullopt;
}

model::ScanDone not_decoded(BytesView bytes, const Error& error) {
  const auto schema = codec::schema_of(bytes);
  const bool is_of_another_time = schema && *schema != model::Policy{}.schema;
  return refused(is_of_another_time ? model::Reason::kSchema : model::Reason::kMalformed,
                 error.message);
}

// One for each of these policies.
std::vector<model::ScanDone> scan_for(const Options& options, const model::ScanRequest& request,
                                      std::span<const model::Policy> policies, HashParts hash_parts,
                                      runtime::Pipe& core) {
  const auto nothing = [&](model::Reason reason, const Error& error) {
    return std::vector<model::ScanDone>(policies.size(), refused(reason, error.message));
  };
  auto root = open_root(options);
  if (!root) return nothing(model::Reason::kIo, root.error());
  EngineOptions engine = engine_options(options);
  engine.hash_parts = std::move(hash_parts);
  auto baseline = owners_baseline(policies, options.baseline);
  if (!baseline) return nothing(model::Reason::kIo, baseline.error());
  engine.baseline = std::move(*baseline);
  engine.on_progress = [&core](const model::ScanProgress& progress) {
    // Core went away, or wants no more of this: nothing more is read.
    if (!core.send(progress)) std::_Exit(kExitDone);
  };
  // What a cleaning rests on is read now, whatever a scan before has seen.
  const auto table = open_own<TableFile>(request.verify ? std::string() : options.table);
  if (table) engine.table = &*table;
  auto checkpoint = open_own<Checkpoint>(request.verify ? std::string() : options.checkpoint);
  if (checkpoint) engine.checkpoint = &*checkpoint;
  std::vector<model::ScanDone> answers = scan(policies, request.facts, *root, engine);
  if (!request.verify) return answers;
  // Around a cleaning: how the host is, and what keeps what is found.
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].reason != model::Reason::kNone) continue;
    answers[i].health = measure_health(policies[i].verify.health, *root);
    answers[i].origins = find_origins(*root, {.parser = engine.parser}, answers[i].result.findings);
  }
  return answers;
}

// One for each policy of the request, in their order: that one does not decode, or has not all its
// hashes, is its own affair. `hashes` are those of all policies, as core wrote them down for good.
Result<std::vector<model::ScanDone>> answer(const Options& options,
                                            const model::ScanRequest& request, BytesView hashes,
                                            runtime::Pipe& core) {
  std::vector<BytesView> bytes = {request.policy};
  bytes.insert(bytes.end(), request.others.begin(), request.others.end());
  std::vector<model::ScanDone> answers(bytes.size());
  std::vector<model::Policy> policies;
  std::vector<std::size_t> places;
  HashParts hash_parts;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto policy = codec::decode<model::Policy>(bytes[i]);
    if (!policy) {
      answers[i] = not_decoded(bytes[i], policy.error());
      continue;
    }
    if (const auto added = hash_parts.add(*policy, hashes); !added) {
      answers[i] = refused(model::Reason::kPolicyMissing, added.error().message);
      continue;
    }
    policies.push_back(std::move(*policy));
    places.push_back(i);
  }
  if (policies.empty()) return answers;
  std::vector<model::ScanDone> scanned =
      scan_for(options, request, policies, std::move(hash_parts), core);
  FS_TRY(const crypto::MacKey key, read_key());
  for (std::size_t i = 0; i < places.size(); ++i) {
    model::ScanDone& done = answers[places[i]] = std::move(scanned[i]);
    if (done.reason == model::Reason::kNone) seal(done, bytes[places[i]], key);
  }
  return answers;
}

int complain(const Error& error) {
  std::fprintf(stderr, "fleetsweep-scan: %s\n", error.message.c_str());
  return kExitBug;
}

int serve(const Options& options) {
  be_idle();
  ::fcntl(kPipeFd, F_SETFD, FD_CLOEXEC);
  ::fcntl(kKeyFd, F_SETFD, FD_CLOEXEC);
  runtime::Pipe core{UniqueFd(kPipeFd)};
  const auto received = core.receive(kRequestTimeout);
  if (!received) return complain(received.error().within("waiting for a request on fd 3"));
  const auto* request = std::get_if<model::ScanRequest>(&received->message);
  if (request == nullptr)
    return complain({Code::kInvalid, "the first message on fd 3 is not a ScanRequest"});
  // What is not sealed could be changed after it was checked, and something else be found.
  std::optional<runtime::Mapped> hashes;
  if (received->fd) {
    auto mapped = runtime::Mapped::of_sealed(received->fd.get());
    if (!mapped) return complain(mapped.error().within("hash sets"));
    hashes.emplace(std::move(*mapped));
  }
  const auto answers = answer(options, *request, hashes ? hashes->bytes() : BytesView(), core);
  if (!answers) return complain(answers.error());
  for (const model::ScanDone& done : *answers)
    if (const auto sent = core.send(done); !sent) return complain(sent.error());
  return kExitDone;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return fail(Code::kNotFound, "cannot read {}", path);
  return bytes;
}

int by_hand(const Options& options) {
  std::vector<model::Policy> policies;
  std::vector<Digest> digests;
  HashParts hash_parts;
  std::vector<runtime::Mapped> hashes;  // the files that lie beside the policies
  for (const std::string& path : options.policies) {
    const auto bytes = read_file(path);
    if (!bytes) {
      complain(bytes.error());
      return kExitRefused;
    }
    const auto policy = codec::decode<model::Policy>(as_bytes(*bytes));
    if (!policy) {
      complain({Code::kInvalid,
                fmt::format("{}: not a compiled policy, which `fleetsweep policy build` makes of "
                            "its YAML ({})",
                            path, policy.error().message)});
      return kExitRefused;
    }
    if (!hash_set::hash_parts(*policy).empty()) {
      auto mapped = runtime::Mapped::of_file(path + kHashesSuffix, kHashesBytes);
      if (!mapped) {
        complain(mapped.error().within(path));
        return kExitRefused;
      }
      hashes.push_back(std::move(*mapped));
      BytesView bytes = hashes.back().bytes();
      if (const auto added = hash_parts.add(*policy, bytes); !added) {
        complain(added.error().within(path + kHashesSuffix));
        return kExitRefused;
      }
    }
    policies.push_back(*policy);
    digests.push_back(crypto::sha256(as_bytes(*bytes)));
  }
  auto root = open_root(options);
  if (!root) {
    complain(root.error());
    return kExitRefused;
  }
  EngineOptions engine = engine_options(options);
  // Who names a file means one, whatever the policies ask for.
  if (options.baseline) {
    auto baseline = Baseline::read(*options.baseline);
    if (!baseline) {
      complain(baseline.error().within("--baseline"));
      return kExitRefused;
    }
    engine.baseline = std::move(*baseline);
  }
  engine.hash_parts = std::move(hash_parts);
  const auto table = open_own<TableFile>(options.table);
  if (table) engine.table = &*table;
  auto checkpoint = open_own<Checkpoint>(options.checkpoint);
  if (checkpoint) engine.checkpoint = &*checkpoint;
  SweepCounts counts;
  std::vector<model::ScanDone> done = scan(policies, host_facts(*root), *root, engine, &counts);
  bool is_done = true;
  std::string text;
  for (std::size_t i = 0; i < done.size(); ++i) {
    done[i].result.policy = digests[i];
    text += (i == 0 ? "" : ",\n") + to_json(policies[i], done[i], counts);
    is_done &= done[i].reason == model::Reason::kNone;
  }
  std::printf(done.size() == 1 ? "%s\n" : "[%s]\n", text.c_str());
  return is_done ? kExitDone : kExitRefused;
}

int list_persistence(const Options& options) {
  auto root = open_root(options);
  if (!root) {
    complain(root.error());
    return kExitRefused;
  }
  const auto scanned = scan_baseline(*root, engine_options(options));
  if (!scanned) return complain(scanned.error());
  if (scanned->unread > 0)
    std::fprintf(stderr, "fleetsweep-scan: %u places could not be read and are not in the list:\n",
                 scanned->unread);
  for (const std::string& path : scanned->unread_paths)
    std::fprintf(stderr, "  %s\n", escaped(path).c_str());
  std::fputs(scanned->baseline.text().c_str(), stdout);
  return kExitDone;
}

int run(int argc, char** argv) {
  int status = 0;
  const auto options = read_options(argc, argv, status);
  if (!options) return status;
  raise_descriptor_limit();
  if (options->list_persistence) return list_persistence(*options);
  return options->policies.empty() ? serve(*options) : by_hand(*options);
}

}  // namespace
}  // namespace fleetsweep::scan

int main(int argc, char** argv) {
  fleetsweep::runtime::start_unpreloaded(argv);
  return fleetsweep::scan::run(argc, argv);
}
