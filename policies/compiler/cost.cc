#include "policies/compiler/cost.h"

#include <algorithm>
#include <cmath>

#include "policies/compiler/field_table.h"
#include "policies/compiler/naming.h"
#include "policies/compiler/phrases.h"
#include "policies/compiler/strength.h"
#include "protocol/base/bytes.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/rule_text/gate.h"
#include "protocol/rule_text/shape.h"

namespace fleetsweep::compiler {
namespace {

using model::Detection;
using model::Field;
using model::Match;
using model::ObjectKind;
using model::Predicate;

// What one unit of work costs one core, in seconds. Measured on the reference host (two cores of an
// AMD EPYC with SHA-NI, Debian 12, warm cache) over 394,000 files of 3.96 GB: names and statx of
// all in 1.4 s, open and close in 1.30 s, reading in 2.2 s, reading and SHA-256 in 4.3 s. Literals
// of one family run at 2 GB/s. A cold disk takes longer, but not more of the processor.
constexpr double kWalkAndStat = 1.4 / 394'000;
constexpr double kOpen = 1.3 / 394'000;
constexpr double kReadByte = (2.2 - 1.3) / 3.96e9;
constexpr double kHashByte = (4.3 - 2.2) / 3.96e9;
constexpr double kLiteralByte = 1 / 2.0e9;
// A rule that no literal opens is run on all it may match; one rule of a family.
constexpr double kYaraByte = 1 / 317e6;
// Unpacking and hashing 1.24 GB of archives in a /usr took 13.4 s more than leaving them whole.
constexpr double kUnpackByte = 13.4 / 1.24e9;

// Measured on a Debian 12 machine with compilers, 143,594 files of 12.6 GB in /usr, /etc, /var,
// /opt.
struct Share {
  double files = 0;
  double bytes = 0;
  bool operator==(const Share&) const = default;
};
struct FolderShare {
  std::string_view folder;
  Share share;
};
constexpr FolderShare kFolders[] = {
    {"/usr", {0.955, 0.806}},       {"/usr/lib", {0.457, 0.438}}, {"/usr/share", {0.414, 0.082}},
    {"/usr/local", {0.015, 0.231}}, {"/usr/bin", {0.006, 0.039}}, {"/usr/sbin", {0.001, 0.001}},
    {"/lib", {0.457, 0.438}},       {"/bin", {0.006, 0.039}},     {"/sbin", {0.001, 0.001}},
    {"/var", {0.042, 0.138}},       {"/etc", {0.0025, 0.0002}},   {"/opt", {0.001, 0.056}},
};
constexpr Share kOtherFolder = {0.02, 0.05};  // homes, /srv, what the table does not have
constexpr double kInside = 0.1;               // a folder below one of the table

// Shares of the files, and of the bytes, that are smaller.
struct SizeShare {
  double size;
  Share below;
};
constexpr SizeShare kSizes[] = {{0, {0, 0}},
                                {4096, {0.633, 0.010}},
                                {65536, {0.944, 0.069}},
                                {1048576, {0.994, 0.185}},
                                {4194304, {0.998, 0.265}},
                                {67108864, {0.9998, 0.638}},
                                {1e13, {1, 1}}};
// Two files have the same size so often: the sum of the squares of the sizes' shares.
constexpr double kSameSize = 0.00025;
constexpr double kSameName = 0.0001;  // a name or a pattern of names

// Estimates, save that of archives.
Share magic_share(std::string_view magic) {
  if (magic == "elf") return {0.05, 0.5};
  if (magic == "script") return {0.04, 0.02};
  if (magic == "text") return {0.6, 0.15};
  if (magic == "pe") return {0.001, 0.01};
  if (magic == "archive") return {0.184, 0.230};
  return {0.1, 0.15};
}

Share times(Share a, Share b) {
  return {a.files * b.files, a.bytes * b.bytes};
}
Share plus(Share a, Share b) {
  return {std::min(a.files + b.files, 1.0), std::min(a.bytes + b.bytes, 1.0)};
}

Share smaller(Share a, Share b) {
  return {std::min(a.files, b.files), std::min(a.bytes, b.bytes)};
}
Share larger(Share a, Share b) {
  return {std::max(a.files, b.files), std::max(a.bytes, b.bytes)};
}

Share below(double size) {
  for (std::size_t i = 1; i < std::size(kSizes); ++i) {
    const SizeShare& low = kSizes[i - 1];
    const SizeShare& high = kSizes[i];
    if (size > high.size) continue;
    const double part = (size - low.size) / (high.size - low.size);
    return {std::lerp(low.below.files, high.below.files, part),
            std::lerp(low.below.bytes, high.below.bytes, part)};
  }
  return {1, 1};
}
Share above(double size) {
  const Share less = below(size);
  return {1 - less.files, 1 - less.bytes};
}

Share share_of(std::string_view path) {
  while (path.ends_with("/*") || path.ends_with("/**"))
    path.remove_suffix(path.ends_with("/*") ? 2 : 3);
  const FolderShare* best = nullptr;
  for (const FolderShare& one : kFolders)
    if (path.starts_with(one.folder) &&
        (path.size() == one.folder.size() || path[one.folder.size()] == '/') &&
        (!best || one.folder.size() > best->folder.size()))
      best = &one;
  if (!best) return kOtherFolder;
  return path.size() == best->folder.size() ? best->share : times(best->share, {kInside, kInside});
}

bool is_root(std::string_view path) {
  if (path.size() > 1 && path[1] == ':') path.remove_prefix(2);
  return path.find_first_not_of("/\\*?") == std::string_view::npos;
}

// Of files whose path begins so, be it in the middle of a folder's name.
Share beginning_share(std::string_view beginning) {
  if (is_root(beginning)) return {1, 1};
  while (beginning.ends_with('/')) beginning.remove_suffix(1);
  Share share = share_of(beginning);
  for (const FolderShare& one : kFolders)
    if (one.folder.starts_with(beginning)) share = larger(share, one.share);
  return share;
}

}  // namespace

bool is_whole_disk(const model::FileScope& scope) {
  return scope.paths.empty() || std::any_of(scope.paths.begin(), scope.paths.end(), is_root);
}

namespace {

Share scope_share(const model::FileScope& scope) {
  if (is_whole_disk(scope)) return {1, 1};
  Share all;
  for (const std::string& path : scope.paths) all = plus(all, share_of(path));
  return all;
}

Share same_size(std::size_t values) {
  const double files = std::min(kSameSize * static_cast<double>(values), 1.0);
  return {files, files};
}

// What is known of a file without opening it.
Share narrowed(const Predicate& p, const HostProfile& host) {
  const auto number = static_cast<double>(p.values.empty() ? 0 : p.values[0].number);
  const auto count = static_cast<double>(p.values.size());
  // Each hash of a set as if its size were its own: at most so much.
  if (!p.parts.empty())
    return same_size(hash_set::hash_count(p.parts, field_info(p.field).hash_bytes));
  if (fits_any(p)) return {1, 1};
  switch (p.field) {
    case Field::kFileSize:
      if (p.match == Match::kLess) return below(number);
      if (p.match == Match::kGreater) return above(number);
      return same_size(p.values.size());
    case Field::kFilePath:
      if (p.match == Match::kEquals) {
        const double files = std::min(count / static_cast<double>(host.files), 1.0);
        return {files, files};
      }
      if (p.match == Match::kStartsWith) {
        Share any;
        for (const auto& value : p.values) any = plus(any, beginning_share(value.text));
        return any;
      }
      [[fallthrough]];
    case Field::kFileName:
    case Field::kFileExtension:
    case Field::kFileParentName: {
      const double files = std::min(kSameName * count, 1.0);
      return {files, files};
    }
    default:
      return {1, 1};
  }
}

const model::Rule* rule_of(const Detection& detection, const model::Policy& policy) {
  return detection.rule < 0 ? nullptr : &policy.rules[static_cast<std::size_t>(detection.rule)];
}

// Of files that begin with one of these; with none, of all.
Share start_share(const std::vector<std::string>& starts) {
  if (starts.empty()) return {1, 1};
  Share all;
  for (const std::string_view start : starts)
    all = plus(all, magic_share(start.starts_with("\x7f"
                                                  "ELF")
                                    ? "elf"
                                : start.starts_with("#!") ? "script"
                                : start.starts_with("MZ") ? "pe"
                                                          : ""));
  return all;
}

struct Reading {
  Share opened, read;
  bool hashes = false;
  bool operator==(const Reading&) const = default;
};

Reading reading_of(const model::Selection& selection, const Detection& detection,
                   const model::Policy& policy, const HostProfile& host) {
  Reading reading;
  Share left = scope_share(detection.scope);
  for (const Predicate& p : selection) left = times(left, narrowed(p, host));
  const model::Rule* rule = rule_of(detection, policy);
  bool opens = rule != nullptr, reads = rule != nullptr;
  Share kind = {1, 1};
  if (rule != nullptr) {
    const rule_text::Shape shape = rule_text::shape_of(rule->source);
    const std::uint64_t size_max = rule->size_max ? rule->size_max : shape.size_max;
    left = times(left, below(static_cast<double>(std::min(size_max, shape.size_max))));
    left = times(left, above(static_cast<double>(std::max(rule->size_min, shape.size_min))));
    kind = start_share(shape.starts);
    if (!rule->magic.empty()) kind = smaller(kind, magic_share(rule->magic));
  }
  for (const Predicate& p : selection) {
    if (p.field == Field::kFileMagic && p.match == Match::kEquals) {
      opens = true;
      Share any;
      for (const auto& value : p.values) any = plus(any, magic_share(value.text));
      kind = smaller(kind, any);
    }
    opens = opens || p.field == Field::kFileBytesAt0;
    reading.hashes = reading.hashes || is_hash(p.field);
  }
  // What is left out for its hash is hashed, too.
  for (const model::Selection& excluded : detection.none_of)
    for (const Predicate& p : excluded) reading.hashes = reading.hashes || is_hash(p.field);
  reads = reads || reading.hashes;
  if (opens || reads) reading.opened = left;
  if (reads) reading.read = times(left, kind);
  return reading;
}

}  // namespace

PolicyCost predict_cost(const model::Policy& policy, const HostProfile& host) {
  const auto files = static_cast<double>(host.files);
  const auto bytes = static_cast<double>(host.bytes);
  PolicyCost cost;
  Share walked, opened, read, hashed, searched, matched, unpacked;
  for (const Detection& detection : policy.detections) {
    cost.reads_memory |= detection.object == ObjectKind::kProcess && detection.rule >= 0;
    if (detection.object != ObjectKind::kFile || detection.for_each >= 0) continue;
    Reading all;
    std::vector<Reading> seen;
    for (const auto& selection : detection.any_of) {
      const Reading one = reading_of(selection, detection, policy, host);
      // Alternatives that narrow alike, such as a list of hashes in two parts, read the same files.
      if (std::find(seen.begin(), seen.end(), one) != seen.end()) continue;
      seen.push_back(one);
      all.opened = plus(all.opened, one.opened);
      all.read = plus(all.read, one.read);
      all.hashes = all.hashes || one.hashes;
    }
    const Share scope = scope_share(detection.scope);
    if (detection.scope.archives) {
      const Share packed = times(scope, magic_share("archive"));
      all.opened = scope;  // whatever its name is: something in it may be wanted
      all.read = plus(all.read, packed);
      unpacked = plus(unpacked, packed);
    }
    walked = plus(walked, scope);
    opened = plus(opened, all.opened);
    read = plus(read, all.read);
    if (all.hashes) hashed = plus(hashed, all.read);
    if (const model::Rule* rule = rule_of(detection, policy)) {
      Share& by_rules = rule_text::gate_of(rule->source).open ? matched : searched;
      by_rules = plus(by_rules, all.read);
    }
    cost.detections.push_back({detection.id, all.opened.files * files, all.read.bytes * bytes,
                               all.hashes, detection.rule >= 0, detection.scope.archives});
  }
  cost.walked = walked.files * files;
  cost.opened = opened.files * files;
  cost.bytes_read = read.bytes * bytes;
  cost.cpu_seconds = cost.walked * kWalkAndStat + cost.opened * kOpen +
                     cost.bytes_read * kReadByte + hashed.bytes * bytes * kHashByte +
                     searched.bytes * bytes * kLiteralByte + matched.bytes * bytes * kYaraByte +
                     unpacked.bytes * bytes * kUnpackByte;
  return cost;
}

std::string cost_text(const PolicyCost& cost, const HostProfile& host) {
  const auto whole = [](double value) { return static_cast<std::uint64_t>(std::llround(value)); };
  const auto read_words = [&](double bytes) { return fmt::format("{:.1f} GB", bytes / 1e9); };
  std::string text = fmt::format(
      "Costs, at its first sweep, a host of {} files and {}\n"
      "  looks at the names of {} files, opens {}, reads {}: about {:.1f} seconds of one core\n",
      host.files, read_words(static_cast<double>(host.bytes)), whole(cost.walked),
      whole(cost.opened), read_words(cost.bytes_read), cost.cpu_seconds);
  for (const DetectionCost& one : cost.detections)
    if (one.opened >= 1)
      text +=
          fmt::format("  {}: opens {} files, reads {}{}{}{}\n", spoken(one.id), whole(one.opened),
                      read_words(one.bytes_read), one.hashes ? ", for their hashes" : "",
                      one.rules ? ", for its rule" : "", one.unpacks ? ", unpacks archives" : "");
  if (cost.reads_memory)
    text += "  not counted: the memory of processes that all else leaves over, for a rule\n";
  return text;
}

}  // namespace fleetsweep::compiler
