// What an agent reads on a host that somebody else may have written: persistence files, /proc, YARA
// sources, archives, the table of known files, dpkg's database, what container engines write, the
// loader's cache, what systemd and a taken parser answer, its own journal, vault, anchor and
// enrolment, key files, configuration. The first byte chooses.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "agent/act/anchor.h"
#include "agent/act/disable.h"
#include "agent/act/hold.h"
#include "agent/act/lines.h"
#include "agent/act/loader_cache.h"
#include "agent/act/metadata.h"
#include "agent/act/netfilter.h"
#include "agent/act/reach.h"
#include "agent/act/reinstall.h"
#include "agent/act/service_manager.h"
#include "agent/act/transaction.h"
#include "agent/hive/paths.h"
#include "agent/hive/registry.h"
#include "agent/hive/task.h"
#include "agent/hive/task_cache.h"
#include "agent/lines/logical_lines.h"
#include "agent/local/enrolment.h"
#include "agent/overlay/bolt.h"
#include "agent/overlay/container.h"
#include "agent/overlay/containerd_store.h"
#include "agent/overlay/image_store.h"
#include "agent/overlay/overlay.h"
#include "agent/package_db/berkeley_hash.h"
#include "agent/package_db/ndb.h"
#include "agent/package_db/package_db.h"
#include "agent/package_db/rpm_header.h"
#include "agent/package_db/sqlite_rows.h"
#include "agent/plan/network.h"
#include "agent/plan/pam.h"
#include "agent/plan/shell.h"
#include "agent/scan/archive/archive.h"
#include "agent/scan/attributes.h"
#include "agent/scan/baseline.h"
#include "agent/scan/checkpoint.h"
#include "agent/scan/cross_view.h"
#include "agent/scan/evaluate/template.h"
#include "agent/scan/identity_table.h"
#include "agent/scan/job.h"
#include "agent/scan/magic.h"
#include "agent/scan/memory.h"
#include "agent/scan/parser.h"
#include "agent/scan/process.h"
#include "agent/scan/sockets.h"
#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/key_file.h"
#include "protocol/rule_text/shape.h"
#include "protocol/rule_text/source.h"
#include "protocol/runtime/config/config.h"
#include "protocol/runtime/http/address.h"
#include "protocol/runtime/net/curve.h"
#include "tests/fuzz/host_cases.h"

namespace {

using namespace fleetsweep;

void parse_entries(std::uint8_t format, std::string_view text) {
  const auto of = static_cast<scan::Format>(format);
  for (const auto& entry : scan::parse_persistence(of, "/etc/file", "user", text)) {
    // What is found in a file must be a line of it, or removing it would remove something else.
    if (!entry.entry.empty()) FS_ASSERT(text.find(entry.entry) != std::string_view::npos);
    if (entry.of_loader && entry.entry.size() < limits::kLineBytes) {
      FS_ASSERT(act::without_line(text, entry.entry, "x", lines::Join::kUnit));
      const std::string rest = lines::without_word(entry.entry, entry.command);
      FS_ASSERT(rest.size() < entry.entry.size());
      for (const auto& word : lines::environment_words(rest))
        FS_ASSERT(word.value != entry.command);
    }
  }
  FS_ASSERT(scan::followed_files(of, "/etc/file", text).size() <= limits::kPersistenceFollowed);
}

// Every edit finds its line, and afterwards the scan takes the file for off.
void turn_off(std::string_view text) {
  for (const char* path : {"/x.desktop", "/x.service"}) {
    const auto edits = act::turned_off(path, text);
    if (!edits) continue;
    std::string after(text);
    for (const auto& edit : *edits) {
      auto edited = act::without_line(after, edit.line, edit.rest);
      FS_ASSERT(edited);
      after = std::move(*edited);
    }
    FS_ASSERT(scan::parse_persistence(scan::Format::kDesktop, path, "user", after).empty());
  }
}

// Of each way to join lines: no byte is lost, and what is taken out can be put back.
void edit(std::string_view text) {
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(lines::kJoinLast); ++i) {
    const auto join = static_cast<lines::Join>(i);
    const auto all = lines::logical_lines(text, join);
    std::size_t bytes = 0;
    for (const auto& line : all) bytes += line.text.size() + line.newline.size();
    FS_ASSERT(bytes == text.size());
    if (all.empty()) continue;
    const std::string_view line = all.front().text;
    const auto without = act::without_line(text, line, "", join);
    FS_ASSERT(without && without->size() <= text.size());
    if (join != lines::Join::kNone) continue;  // what is left may join anew
    FS_ASSERT(!act::without_line(*without, line));
    if (const auto back = act::with_line_back(text, *without, line)) FS_ASSERT(*back == text);
  }
}

void list(std::string_view text) {
  const auto baseline = scan::Baseline::parse(text);
  if (!baseline) return;
  const std::string once = baseline->text();
  const auto again = scan::Baseline::parse(once);
  FS_ASSERT(again && again->size() == baseline->size() && again->text() == once);
}

void authenticate(std::string_view text) {
  const auto named = plan::pam_lines_naming(text, "pam_x.so", false);
  (void)plan::why_pam_lines_stay(text, {named.begin(), named.end()}, false);
  (void)plan::why_pam_lines_stay(text, {}, true);
}

void lose_lines(std::string_view text) {
  std::set<std::string> every_second;
  std::size_t number = 0;
  for (const auto& line : lines::logical_lines(text, lines::Join::kShell))
    if (number++ % 2 == 0 && every_second.size() < 8) every_second.emplace(line.text);
  for (const char* path : {"/etc/profile", "/root/.cshrc", "/root/.config/fish/config.fish"})
    (void)plan::shell_lines_that_stay(path, text, every_second);
}

void reach(BytesView bytes) {
  const std::string_view text = as_text(bytes);
  (void)act::parse_endpoint(text);
  (void)act::nameservers(text);
  (void)plan::parse_local_port(text);
  (void)plan::why_not_blocked(text);
  if (const auto range = plan::parse_addresses(text)) {
    FS_ASSERT(range->first <= range->last);
    FS_ASSERT(plan::merged({*range, *range}).size() == 1);
  }
  std::size_t answers = 0;
  while (act::next_answer(bytes)) ++answers;
  FS_ASSERT(bytes.empty() && answers <= text.size() / 16);
}

// Local records are not signed, so several bytes may mean one record; but what is written must mean
// what was read.
template <class T>
void decode_again(Result<T> (*decode)(BytesView), BytesView bytes) {
  if (const auto value = decode(bytes)) FS_ASSERT(decode(act::encode(*value)).value() == *value);
}

void configure(std::string_view text) {
  auto reader = config::Reader::parse(text, "fuzz.conf");
  reader.required("state");
  reader.list("witness");
  reader.number("agents_max", 1, 1, 100);
  reader.duration("heartbeat", Seconds(5));
  reader.flag("json", false);
  (void)reader.finish();
}

// A .list, a .md5sums, a status file and the diversions of dpkg, with a NUL between them.
void own(std::string_view text) {
  const auto cut = [&] {
    const std::string_view part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
  };
  const std::string_view list = cut(), sums = cut(), status = cut();
  PackageDb packages;
  packages.add_diversions(text);
  packages.add("sample", list, sums);
  packages.add_status(status);
  const std::string_view path = list.substr(0, list.find('\n'));
  const auto md5 = packages.recorded(path);
  if (md5) FS_ASSERT(packages.owner(path) == "sample" && packages.intact(path, *md5));
  if (const auto version = act::dpkg_version(status, "sample"))
    FS_ASSERT(status.find(*version) != std::string_view::npos);
}

// A package of rpm's, alone and in a database.
void own_rpm(BytesView header) {
  const auto package = parse_rpm_header(header);
  PackageDb packages;
  FS_ASSERT(packages.add_rpm(header).has_value() == package.has_value());
  if (!package) return;
  for (const RpmFile& file : package->files)
    if (file.path.starts_with('/')) FS_ASSERT(packages.owner(file.path) == package->name);
}

auto counted(std::size_t& packages) {
  return [&packages](BytesView header) -> Status {
    ++packages;
    own_rpm(header);
    return {};
  };
}

void read_rows(BytesView bytes) {
  if (bytes.size() < 2) return;
  const std::size_t wanted = bytes[0] << 8 | bytes[1];
  bytes = bytes.subspan(2);
  const std::size_t size = std::min(wanted, bytes.size());
  std::size_t rows = 0;
  (void)each_blob(source_of(bytes.first(size)), source_of(bytes.subspan(size)), "Packages", 1,
                  1 << 20, counted(rows));
  FS_ASSERT(rows <= 2 * bytes.size());
}

void read_berkeley(BytesView bytes) {
  std::size_t values = 0;
  (void)each_berkeley_value(source_of(bytes), 1 << 20, counted(values));
  FS_ASSERT(values <= bytes.size());
}

// Its checksums let little past them, but what is before them is read, and own_rpm() the rest.
void read_ndb(BytesView bytes) {
  std::size_t blobs = 0;
  (void)each_ndb_blob(source_of(bytes), 1 << 20, counted(blobs));
  FS_ASSERT(blobs <= bytes.size());
}

// The border to the process that reads hostile files. What was read is written and read again the
// same.
template <class T>
void cross(T (*read)(scan::Reader&), BytesView bytes) {
  scan::Reader reader(bytes);
  const T message = read(reader);
  if (!reader.is_done()) return;
  scan::Writer once, twice;
  write(once, message);
  scan::Reader again(once.bytes());
  write(twice, read(again));
  FS_ASSERT(again.is_done() && equal(once.bytes(), twice.bytes()));
}

void answer(BytesView bytes) {
  cross(scan::read_answer, bytes);
  scan::Reader reader(bytes);
  const scan::Answer answer = scan::read_answer(reader);
  FS_ASSERT(answer.entries.size() <= limits::kPersistenceEntries);
  FS_ASSERT(answer.sha256.empty() || Digest::parse_hex(answer.sha256));
  scan::FileFacts facts;
  apply(answer, facts);
}

// A table's run, count and entries, with the header and checksum that let them in.
void remember(BytesView bytes) {
  constexpr std::size_t kChecksumAt = 8, kKeyAt = kChecksumAt + 8, kRunAt = kKeyAt + 16;
  Bytes table = to_bytes(scan::IdentityTable().encode());
  const std::size_t numbers = std::min<std::size_t>(bytes.size(), 8);
  std::copy_n(bytes.begin(), numbers, table.begin() + kRunAt);
  table.insert(table.end(), bytes.begin() + numbers, bytes.end());
  // A count beyond the entries is refused before the checksum is looked at.
  std::uint32_t count = 0;
  std::memcpy(&count, table.data() + kRunAt + 4, sizeof count);
  constexpr std::size_t kEntry = sizeof(scan::IdentityTable::Known);
  const std::size_t header = table.size() - (bytes.size() - numbers);
  const std::size_t used = header + std::size_t{count} * kEntry;
  if (used <= table.size()) table.resize(used);
  const std::uint64_t sum = XXH3_64bits(table.data() + kKeyAt, table.size() - kKeyAt);
  std::memcpy(table.data() + kChecksumAt, &sum, sizeof sum);
  auto read = scan::IdentityTable::decode(std::move(table));
  if (!read) return;
  const auto bit = read->question(crypto::sha256(as_bytes("question")));
  FS_ASSERT(bit);
  const auto name = read->name_of({.inode = 1, .name = "file"});
  scan::IdentityTable::Questions no{};
  scan::set(no, *bit);
  read->learn(name, {}, no);
  FS_ASSERT(scan::has(read->find(name)->no, *bit));
  FS_ASSERT(scan::IdentityTable::decode(to_bytes(read->encode())));
}

// A block, with the check that lets it in.
void go_on(BytesView bytes) {
  const scan::CheckpointHead head{.started = 5, .key = {1}};
  (void)scan::decode_head(bytes);
  (void)scan::decode_block(head, 80, bytes);
  std::vector<scan::Answered> files(
      std::min(bytes.size() / sizeof(scan::Answered), limits::kCheckpointBlockFiles));
  if (files.empty()) return;
  std::memcpy(files.data(), bytes.data(), files.size() * sizeof(scan::Answered));
  Bytes block = scan::encode_block(head, 80, files);
  const auto read = scan::decode_block(head, 80, block);
  FS_ASSERT(read && *read == files);
  FS_ASSERT(!scan::decode_block(head, 81, block));
  block.resize(block.size() - 1);
  FS_ASSERT(!scan::decode_block(head, 80, block));
}

void name_images(std::string_view text) {
  Digest layer;
  layer.value.fill(0xaa);
  (void)has_layer(text, layer);
  FS_ASSERT(parse_image_document(text).manifests.size() <= limits::kImageManifests);
  const std::string_view images = text.substr(0, text.find('\0'));
  text.remove_prefix(std::min(images.size() + 1, text.size()));
  FS_ASSERT(images_with(images, text, layer).size() <= limits::kImages);
}

// Its checksum is put right, or nothing would get past it.
void read_bolt(BytesView input) {
  constexpr std::size_t kMetaAt = 16, kSumAt = kMetaAt + 56;
  if (input.size() < kSumAt + 8) return;
  Bytes bytes = to_bytes(input);
  std::uint64_t sum = 0xcbf29ce484222325;
  for (std::size_t i = kMetaAt; i < kSumAt; ++i) sum = (sum ^ bytes[i]) * 0x100000001b3;
  for (int i = 0; i < 8; ++i) bytes[kSumAt + i] = static_cast<std::uint8_t>(sum >> 8 * i);
  std::size_t values = 0;
  (void)each_bolt_value(bytes, [&](std::span<const std::string_view> path, std::string_view) {
    ++values;
    FS_ASSERT(!path.empty() && path.size() <= static_cast<std::size_t>(limits::kBoltDepth));
  });
  FS_ASSERT(values <= bytes.size());
  const auto layer = containerd_layer(1, bytes, bytes);
  if (layer) FS_ASSERT(layer->of_kubernetes.size() + layer->of_others.size() <= limits::kImages);
}

void fill(std::string_view text) {
  const auto parsed = scan::Template::parse(text, [](std::string_view id) {
    return id == "loader" ? std::optional(std::uint16_t{0}) : std::nullopt;
  });
  if (!parsed) return;
  scan::FileFacts file;
  file.identity.path = "/opt/loader";
  const scan::Object object = file;
  const scan::Bound bound[] = {{0, &object}};
  (void)parsed->fill(bound, [](std::string_view value) { return std::string(value); });
}

// For what is read from a file; one folder for all inputs.
std::string on_disk(const std::string& name, std::initializer_list<std::string_view> content) {
  struct Folder {
    Folder() { FS_ASSERT(::mkdtemp(path) != nullptr && ::umask(077) >= 0); }
    ~Folder() { std::filesystem::remove_all(path); }
    char path[32] = "/tmp/fleetsweep-fuzz-XXXXXX";
  };
  static const Folder folder;
  std::ofstream file(folder.path + ("/" + name), std::ios::binary);
  for (const std::string_view part : content) file << part;
  return folder.path;
}

// The checksum is added, or nothing would get past it.
void load_anchor(BytesView bytes) {
  (void)act::load_anchor(
      on_disk("anchor", {as_text(bytes), as_text(crypto::sha256(bytes).view())}));
}

void read_operator_key(std::string_view text) {
  const auto key = crypto::read_key_file(on_disk("key", {text}) + "/key", "");
  if (!key) return;
  const auto signature = key->sign(as_bytes(text));
  FS_ASSERT(crypto::verify(key->public_key(), as_bytes(text), signature.value));
}

void read_curve_key(std::string_view text) {
  const auto keys = net::read_curve_key(on_disk("curve", {text}) + "/curve");
  if (keys) FS_ASSERT(keys->pub == net::curve_public(keys->secret));
}

void enrolled(std::string_view text) {
  const auto enrolment = agent::parse_enrolment(text);
  if (!enrolment) return;
  FS_ASSERT(agent::parse_enrolment(agent::enrolment_text(*enrolment)).value() == *enrolment);
  (void)agent::verify_membership(*enrolment);
}

void read_proc(std::string_view text) {
  for (const auto& region : scan::regions_to_scan(text, {})) FS_ASSERT(region.start < region.end);
  (void)scan::environment_names(text);
  (void)scan::effective_user(text);
  if (const auto mask = scan::effective_capabilities(text)) (void)scan::capability_names(*mask);
  FS_ASSERT(container_id(text).size() % 64 == 0);
  (void)scan::covered_processes("/proc", text);
  (void)scan::module_oddities(text, {"ext4"});
  (void)scan::foreign_lines(text, {"/usr/lib/libc.so.6"});
  (void)scan::is_altered_loader(text);
  scan::for_each_line(text, [](std::string_view line) { (void)scan::parse_packet_line(line); });
  std::vector<std::string> layers;
  for (const auto& overlay : parse_overlays(text))
    layers.insert(layers.end(), overlay.lowers.begin(), overlay.lowers.end());
  FS_ASSERT(std::find(layers.begin(), layers.end(), "") == layers.end());
  (void)act::freezer_mount(text);
  for (const bool is_v2 : {false, true})
    if (const auto group = act::group_in(text, is_v2)) FS_ASSERT(!group->starts_with("/.."));
}

void unpack(BytesView bytes) {
  [[maybe_unused]] static const bool prepared = (scan::prepare_archives(), true);
  scan::ArchiveSource source{bytes.size(), [&](std::span<std::uint8_t> target, std::uint64_t at) {
                               const auto rest = bytes.subspan(std::min(at, bytes.size()));
                               const std::size_t count = std::min(rest.size(), target.size());
                               std::copy_n(rest.begin(), count, target.begin());
                               return static_cast<std::int64_t>(count);
                             }};
  std::size_t members = 0;
  const auto unpacked = scan::unpack(source, "sample.gz", [&](const scan::Member& member) {
    ++members;
    FS_ASSERT(member.content.size() <= limits::kArchiveMemberBytes);
    FS_ASSERT(!member.is_complete || member.content.size() == member.size);
  });
  FS_ASSERT(members <= limits::kArchiveMembers);
  FS_ASSERT(!unpacked.is_cut_off || !unpacked.left_out.empty());
}

void search_cache(BytesView bytes) {
  for (const auto& path : act::paths_in_cache(bytes, {"/usr/lib/libevil.so.1", "/lib/x.so"}))
    FS_ASSERT(as_text(bytes).find(path.substr(path.rfind('/'))) != std::string_view::npos);
}

// Its greeting is given, or nothing would get past it; it asks for root's, as act does.
void answer_restart(BytesView bytes) {
  if (::geteuid() != 0) return;
  static const std::string folder = on_disk("manager", {});
  const std::string path = folder + "/systemd";
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  (void)::unlink(path.c_str());
  FS_ASSERT(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
            ::listen(listening.get(), 1) == 0);
  std::thread systemd([&] {
    const UniqueFd line(::accept(listening.get(), nullptr, nullptr));
    constexpr std::string_view kGreeting =
        "DATA\r\nOK 00112233445566778899aabbccddeeff\r\nAGREE_UNIX_FD\r\n";
    (void)::send(line.get(), kGreeting.data(), kGreeting.size(), MSG_NOSIGNAL);
    (void)::send(line.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ::shutdown(line.get(), SHUT_WR);
    char asked[4096];
    while (::read(line.get(), asked, sizeof asked) > 0) continue;
  });
  {
    auto manager = act::ServiceManager::open(path);
    if (manager) (void)manager->restart("cron.service", std::chrono::milliseconds(200));
  }
  systemd.join();
}

// Size and checksum are put right, or nothing would get past them.
void read_hive(BytesView input) {
  if (input.size() < 2 * hive::kHeaderBytes) return;
  Bytes bytes = to_bytes(input.first(input.size() / hive::kHeaderBytes * hive::kHeaderBytes));
  const auto put = [&](std::size_t at, std::size_t number) {
    for (int i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(number >> 8 * i);
  };
  put(40, bytes.size() - hive::kHeaderBytes);
  put(508, hive::header_checksum(bytes));
  (void)hive::last_logged(bytes);
  const auto hive = hive::Hive::open(bytes);
  if (!hive) return;
  bool complete = true;
  (void)hive::version_of(*hive);
  FS_ASSERT(hive::profiles_of(*hive, complete).size() <= limits::kWindowsProfiles);
  for (const auto role : {hive::Role::kSystem, hive::Role::kSoftware, hive::Role::kUser}) {
    (void)hive::values_of(*hive, role, {.all = true});
    for (const auto& start : hive::autostarts_of(*hive, role).entries) {
      using Kind = hive::Change::Kind;
      const bool is_task = start.kind == model::PersistenceKind::kWindowsTask;
      const hive::Change change{is_task ? Kind::kRemoveTask : Kind::kRemoveEntry,
                                is_task ? start.name : start.entry, start.command};
      constexpr std::size_t kExportBytes = 64 * 1024;
      const auto file = hive::exported(bytes, role, change, kExportBytes);
      FS_ASSERT(!file || file->size() <= kExportBytes);
      const auto after = hive::changed(bytes, role, change);
      // What was taken out is gone, and only a hive that can be read again is given.
      if (!after) continue;
      const auto again = hive::Hive::open(*after);
      FS_ASSERT(again && after->size() == bytes.size() && !again->is_dirty());
      const auto back = hive::changed_back(bytes, role, change, *after);
      FS_ASSERT(!back || (back->size() == bytes.size() && hive::Hive::open(*back)));
    }
  }
}

void read_rules(BytesView bytes) {
  const std::string_view text = as_text(bytes);
  (void)rule_text::read_yara(text, 4);
  const rule_text::Shape shape = rule_text::shape_of(text);
  FS_ASSERT(shape.takes_head(bytes) || !shape.starts.empty());
}

// A task's file, what the registry has of one, and a folder that the registry gives a user.
void read_windows(std::string_view text) {
  (void)hive::read_task(text);
  FS_ASSERT(hive::commands_of(as_bytes(text)).size() <= hive::kTaskActions);
  (void)hive::is_windows_path(hive::spelling_of(text));
  const std::string profiles[] = {"/" + std::string(text)};
  for (const std::string& glob : hive::globs_of("%APPDATA%\\x", profiles))
    FS_ASSERT(glob.starts_with('/'));
  (void)hive::globs_of(text);
}

void parse_one(std::uint8_t which, BytesView bytes) {
  const std::string_view text = as_text(bytes);
  if (which < fuzz::kFormats) return parse_entries(which, text);
  switch (which) {
    case fuzz::kSocketLine:
      return (void)scan::parse_socket_line(text);
    case fuzz::kStatLine:
      return (void)scan::parse_stat_line(text);
    case fuzz::kYara:
      return read_rules(bytes);
    case fuzz::kRecord:
      return decode_again(act::decode_record, bytes);
    case fuzz::kMetadata:
      return decode_again(act::decode_metadata, bytes);
    case fuzz::kEdit:
      edit(text);
      return turn_off(text);
    case fuzz::kConfiguration:
      return configure(text);
    case fuzz::kAddress:
      (void)http::parse_url(text);
      return (void)http::parse_address(text);
    case fuzz::kPackages:
      return own(text);
    case fuzz::kAnswer:
      return answer(bytes);
    case fuzz::kHello:
      return cross(scan::read_hello, bytes);
    case fuzz::kJob:
      return cross(scan::read_job, bytes);
    case fuzz::kTemplate:
      return fill(text);
    case fuzz::kAnchor:
      return load_anchor(bytes);
    case fuzz::kOperatorKey:
      return read_operator_key(text);
    case fuzz::kHive:
      return read_hive(bytes);
    case fuzz::kCurveKey:
      return read_curve_key(text);
    case fuzz::kCapabilities:
      return (void)scan::capability_names(bytes);
    case fuzz::kIdentityTable:
      return remember(bytes);
    case fuzz::kProcText:
      return read_proc(text);
    case fuzz::kEntries:
      if (!text.empty()) parse_entries(bytes[0] % model::kEntryFormats, text.substr(1));
      return;
    case fuzz::kBaseline:
      return list(text);
    case fuzz::kCheckpoint:
      return go_on(bytes);
    case fuzz::kPam:
      return authenticate(text);
    case fuzz::kShell:
      return lose_lines(text);
    case fuzz::kRpmHeader:
      return own_rpm(bytes);
    case fuzz::kSqlite:
      return read_rows(bytes);
    case fuzz::kBerkeley:
      return read_berkeley(bytes);
    case fuzz::kNdb:
      return read_ndb(bytes);
    case fuzz::kNetwork:
      return reach(bytes);
    case fuzz::kImages:
      return name_images(text);
    case fuzz::kTask:
      return read_windows(text);
    case fuzz::kArchive:
      FS_ASSERT(scan::magic_of(bytes).empty() == bytes.empty());
      return unpack(bytes);
    case fuzz::kLoaderCache:
      return search_cache(bytes);
    case fuzz::kManager:
      return answer_restart(bytes);
    case fuzz::kBolt:
      return read_bolt(bytes);
    default:
      enrolled(text);
  }
}

}  // namespace

// Libarchive keeps what it converts names with beyond the archive they were in.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:gconv";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) parse_one(data[0] % fuzz::kCases, {data + 1, size - 1});
  return 0;
}
