#include "policies/compiler/compiler.h"

#include <sys/stat.h>

#include <fstream>

#include "policies/compiler/draft.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::compiler {
namespace {

Result<std::string> read_file(const std::string& path, std::size_t most) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return fail(Code::kNotFound, "'{}' cannot be read: no such file or no permission",
                escaped(path));
  if (!S_ISREG(info.st_mode)) return fail(Code::kInvalid, "'{}' is not a file", escaped(path));
  if (static_cast<std::uint64_t>(info.st_size) > most)
    return fail(Code::kInvalid, "'{}' has {} bytes; at most {} were expected", escaped(path),
                info.st_size, most);
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad())
    return fail(Code::kUnavailable, "'{}' cannot be read", escaped(path));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

void read_header(Fields& fields, Sink& sink) {
  constexpr std::string_view kApi = "fleetsweep/v1";
  const Node* api = fields.need("apiVersion", "apiVersion: fleetsweep/v1");
  if (api && fields.text("apiVersion") != kApi && api->kind == Node::Kind::kScalar)
    sink.error(api->at, fmt::format("no version '{}' of the policy language", shown(api->text)),
               "apiVersion: fleetsweep/v1");
  const Node* kind = fields.need("kind", "kind: Policy");
  if (kind && fields.text("kind") != "Policy" && kind->kind == Node::Kind::kScalar)
    sink.error(kind->at, fmt::format("no kind '{}'", shown(kind->text)), "kind: Policy");
}

// Sections are read in the order in which they need each other, wherever they stand in the file.
void read_sections(const Node& root, Draft& draft) {
  Fields fields(root, "a policy", draft.sink);
  read_header(fields, draft.sink);
  const auto needed = [&](std::string_view key, void (*read)(const Node&, Draft&),
                          const char* hint) {
    if (const Node* node = fields.need(key, hint)) read(*node, draft);
  };
  const auto optional = [&](std::string_view key, void (*read)(const Node&, Draft&)) {
    if (const Node* node = fields.find(key)) read(*node, draft);
  };
  needed("metadata", read_metadata, "who wrote it, about which family, on whose authority");
  needed("target", read_target, "target: {platform: linux}");
  optional("schedule", read_schedule);
  read_resources(fields.find("resources"), draft);
  optional("lists", read_lists);
  optional("rules", read_rules);
  needed("detections", read_detections, "what to look for");
  needed("verdicts", read_verdicts, "which findings count as what");
  needed("responses", read_responses, "what to do about each verdict");
  read_safety(fields.find("safety"), draft);
  read_verify(fields.find("verify"), draft);
  fields.finish();
  check_policy(root, draft);
}

// Bounds that hold for the whole of it, such as its bytes, and whatever the sections left out.
void check_decodes(const model::Policy& policy, Sink& sink) {
  if (const auto decoded = codec::decode<model::Policy>(codec::encode(policy)); !decoded)
    sink.error({}, fmt::format("no agent could read this policy: {}", decoded.error().message));
}

}  // namespace

Compiled compile_text(std::string_view yaml, const std::string& name, const ReadFile& read_file,
                      Instant now) {
  Sink sink(name);
  Compiled compiled;
  if (const auto root = parse_source(yaml, sink)) {
    Draft draft{.sink = sink, .read_file = read_file, .now = now, .file = name};
    read_sections(*root, draft);
    if (!sink.failed()) check_decodes(draft.policy, sink);
    if (!sink.failed()) {
      compiled.hashes = draft.hashes();
      compiled.policy = std::move(draft.policy);
      compiled.defaults = std::move(draft.defaults);
    }
  }
  compiled.failed = sink.failed();
  compiled.diagnostics = sink.take();
  return compiled;
}

Result<Compiled> compile_file(const std::string& path, Instant now) {
  FS_TRY(const std::string yaml, read_file(path, limits::kPolicySourceBytes));
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const ReadFile beside = [&](const std::string& relative, std::size_t most) {
    return read_file(folder + relative, most);
  };
  return compile_text(yaml, path, beside, now);
}

}  // namespace fleetsweep::compiler
