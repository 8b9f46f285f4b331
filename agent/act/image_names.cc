#include "agent/act/image_names.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include "agent/act/pack.h"
#include "agent/overlay/bolt.h"
#include "agent/overlay/containerd_store.h"
#include "agent/overlay/image_store.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kReaderBytes = 1ull << 30;
constexpr std::size_t kCacheIdBytes = 256;
constexpr std::string_view kSnapshotter = "io.containerd.snapshotter.v1.overlayfs";
static_assert((limits::kImages + 1) * Digest::kSize + 3 * sizeof(std::uint32_t) <=
              Confined::kMessageBytes);
static_assert(limits::kImageManifests < limits::kImages);
static_assert(3 * limits::kBoltBytes <= kReaderBytes);

std::string text_of(const UniqueFd& record) {
  return to_text(read_whole(record.get(), limits::kImageRecordBytes).value_or(Bytes()));
}

// Containerd may be writing to it: the bytes are of one state only if no other was committed while
// they were read.
Bytes database_of(const UniqueFd& record) {
  for (int i = 0; i < limits::kBoltReadings; ++i) {
    auto bytes = read_whole(record.get(), limits::kBoltBytes);
    if (!bytes) break;
    Bytes head(std::min(bytes->size(), kBoltHeadBytes));
    const auto got = ::pread(record.get(), head.data(), head.size(), 0);
    if (got == static_cast<ssize_t>(head.size()) &&
        bolt_transaction(head) == bolt_transaction(*bytes))
      return std::move(*bytes);
  }
  return {};
}

// A regular file of root, and no link on the way to it; else none.
UniqueFd record_at(const Tree& tree, const std::string& path) {
  const auto parent = tree.parent(path);
  if (!parent) return {};
  auto file = tree.file(*parent, path);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || status.st_uid != 0) return {};
  return std::move(*file);
}

// Names that are digests; none if there are more.
std::set<Digest> digests_in(const Tree& tree, const std::string& folder, std::size_t most) {
  std::set<Digest> digests;
  const auto names = names_at(tree, folder).value_or(std::vector<std::string>());
  for (const std::string& name : names)
    if (const auto digest = Digest::parse_hex(name)) digests.insert(*digest);
  return digests.size() <= most ? digests : std::set<Digest>();
}

}  // namespace

// In the child: the only code of act that looks into what an engine wrote.
Bytes ImageNames::answer(const Confined::Message& request) {
  Unpacker in(request.bytes);
  const auto question = in.one_of(Question::kContainerd);
  const auto layer = in.fixed<Digest>();
  const auto number = in.u64();
  const auto& records = request.descriptors;
  Answer found;
  if (records.size() == 2 && question == Question::kPodman) {
    found[0] = images_with(text_of(records[0]), text_of(records[1]), layer);
  } else if (records.size() == 2 && question == Question::kContainerd) {
    auto known = containerd_layer(number, database_of(records[0]), database_of(records[1]));
    if (known)
      found = {std::set{known->chain_id}, std::move(known->of_kubernetes),
               std::move(known->of_others)};
  } else if (records.size() == 1 && question == Question::kDocument) {
    auto document = parse_image_document(text_of(records[0]));
    found[0] = std::move(document.manifests);
    if (document.configuration) found[1] = {*document.configuration};
  } else if (records.size() == 1 && question == Question::kConfiguration) {
    // It comes alone, and its digest is the image's id.
    const std::string text = text_of(records[0]);
    if (has_layer(text, layer)) found[0] = {crypto::sha256(as_bytes(text))};
  }
  Packer out;
  for (const auto& digests : found) {
    out.u32(static_cast<std::uint32_t>(digests.size()));
    for (const Digest& digest : digests) out.fixed(digest);
  }
  return out.take();
}

Result<std::unique_ptr<ImageNames>> ImageNames::start() {
  FS_TRY(auto reader,
         Confined::start("reader of image stores", {.memory_bytes = kReaderBytes}, answer));
  return std::unique_ptr<ImageNames>(new ImageNames(std::move(reader)));
}

std::set<Digest> ImageNames::of_layer(const Tree& tree, const std::string& folder) const {
  const fs::path path(folder), layer = path.parent_path(), layers = layer.parent_path();
  const fs::path store = layers.parent_path();
  const std::string name = layer.filename().string();
  if (path.filename() == "diff" && layers.filename() == "overlay2")
    return of_docker(tree, store.string(), name);
  if (path.filename() == "diff" && layers.filename() == "overlay")
    return of_podman(tree, store.string(), name);
  if (path.filename() == "fs" && layers.filename() == "snapshots" &&
      store.filename() == kSnapshotter)
    return of_containerd(tree, store.parent_path().string(), name);
  return {};
}

std::set<Digest> ImageNames::of_podman(const Tree& tree, const std::string& store,
                                       const std::string& layer) const {
  const auto id = Digest::parse_hex(layer);
  const UniqueFd images = record_at(tree, store + "/overlay-images/images.json");
  const UniqueFd layers = record_at(tree, store + "/overlay-layers/layers.json");
  if (!id || !images || !layers) return {};
  const int records[] = {images.get(), layers.get()};
  return ask(Question::kPodman, records, *id)[0];
}

// The layer's folder has a name of its own; its chain id is that of the folder that tells it.
std::set<Digest> ImageNames::of_docker(const Tree& tree, const std::string& store,
                                       const std::string& layer) const {
  const std::string chains = store + "/image/overlay2/layerdb/sha256";
  const std::string configurations = store + "/image/overlay2/imagedb/content/sha256";
  std::optional<Digest> chain_id;
  for (const Digest& one : digests_in(tree, chains, limits::kImageLayers)) {
    const std::string path = chains + "/" + one.hex() + "/cache-id";
    const UniqueFd record = record_at(tree, path);
    if (record && read_text(record.get(), path, kCacheIdBytes) == layer) chain_id = one;
  }
  if (!chain_id) return {};
  std::set<Digest> found;
  for (const Digest& image : digests_in(tree, configurations, limits::kImages)) {
    const UniqueFd record = record_at(tree, configurations + "/" + image.hex());
    // A file that is not what its name says, docker itself does not take.
    const int records[] = {record.get()};
    if (record && ask(Question::kConfiguration, records, *chain_id)[0].contains(image))
      found.insert(image);
  }
  return found;
}

// Its databases tell the layer's chain id and what images there are, its content the rest: an index
// leads to manifests, of which only those for this platform need to be there, a manifest to a
// configuration.
std::set<Digest> ImageNames::of_containerd(const Tree& tree, const std::string& store,
                                           const std::string& layer) const {
  std::uint64_t number = 0;
  const char* const end = layer.data() + layer.size();
  const UniqueFd snapshots = record_at(tree, fmt::format("{}/{}/metadata.db", store, kSnapshotter));
  const UniqueFd metadata = record_at(tree, store + "/io.containerd.metadata.v1.bolt/meta.db");
  if (std::from_chars(layer.data(), end, number).ptr != end || !snapshots || !metadata) return {};
  const int databases[] = {snapshots.get(), metadata.get()};
  const Answer known = ask(Question::kContainerd, databases, {}, number);
  if (known[0].size() != 1) return {};
  const Digest chain_id = *known[0].begin();
  // Images share what they lead to: each file is asked about once.
  std::map<std::pair<Question, Digest>, Answer> answers;
  const auto about = [&](Question question, const Digest& blob) -> const Answer& {
    static const Answer kNone;
    const auto asked = answers.find({question, blob});
    if (asked != answers.end()) return asked->second;
    const UniqueFd record =
        record_at(tree, store + "/io.containerd.content.v1.content/blobs/sha256/" + blob.hex());
    const int records[] = {record.get()};
    return record ? answers[{question, blob}] = ask(question, records, chain_id) : kNone;
  };
  const auto configurations_of = [&](const Digest& target) {
    std::set<Digest> manifests = about(Question::kDocument, target)[0], found;
    manifests.insert(target);
    for (const Digest& manifest : manifests)
      for (const Digest& one : about(Question::kDocument, manifest)[1])
        if (about(Question::kConfiguration, one)[0].contains(one)) found.insert(one);
    return found;
  };
  std::set<Digest> images;
  for (const Digest& target : known[1]) images.merge(configurations_of(target));
  for (const Digest& target : known[2])
    if (!configurations_of(target).empty()) images.insert(target);
  return images;
}

ImageNames::Answer ImageNames::ask(Question question, std::span<const int> records,
                                   const Digest& layer, std::uint64_t number) const {
  Packer request;
  request.u8(static_cast<std::uint8_t>(question));
  request.fixed(layer);
  request.u64(number);
  const auto answer = reader_->ask(request.take(), records);
  Answer found;
  if (!answer) return found;
  Unpacker in(*answer);
  for (auto& digests : found)
    for (std::uint32_t left = in.count(); left > 0; --left) digests.insert(in.fixed<Digest>());
  return in.done() ? found : Answer();
}

}  // namespace fleetsweep::act
