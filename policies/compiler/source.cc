#include "policies/compiler/source.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

constexpr std::string_view kNoAnchors =
    "write the value out; a policy must read the same everywhere";

// Builds the tree from yaml-cpp's events. Keys are kept as they come; a map's frame alternates
// between waiting for a key and waiting for its value.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, Sink& sink) : text_(text), sink_(sink) {}

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark&, const std::string&) override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check_properties(mark, "?", anchor);
    place(Node{.kind = Node::Kind::kNull, .at = position(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    sink_.error(position(mark), "aliases (*name) are not part of the policy language",
                std::string(kNoAnchors));
    place(Node{.kind = Node::Kind::kNull, .at = position(mark)});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_properties(mark, tag, anchor);
    Node node{.kind = Node::Kind::kScalar, .at = position(mark), .quoted = tag == "!"};
    node.text = value;
    place(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_properties(mark, tag, anchor);
    open(Node{.kind = Node::Kind::kSequence, .at = position(mark)});
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_properties(mark, tag, anchor);
    open(Node{.kind = Node::Kind::kMap, .at = position(mark)});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    bool has_key = false;
    Entry entry;  // of a map: the key whose value comes next
    std::unordered_map<std::string, Position> seen;
  };

  static Position position(const YAML::Mark& mark) {
    return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
  }

  void check_properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const auto at = static_cast<std::size_t>(std::max(mark.pos, 0));
    const char first = at < text_.size() ? text_[at] : '\0';
    if (anchor != 0)
      sink_.error(position(mark), "anchors (&name) are not part of the policy language",
                  std::string(kNoAnchors));
    if ((tag != "?" && tag != "!" && !tag.empty()) || first == '!')
      sink_.error(position(mark), "tags (!type) are not part of the policy language",
                  "leave the tag out; each field has one type");
  }

  void place(Node node) {
    if (++nodes_ > limits::kPolicySourceNodes) return;  // reported once, in close() of the document
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == Node::Kind::kSequence) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      take_key(frame, std::move(node));
    } else {
      frame.has_key = false;
      // yaml-cpp finds out at the next token that there was no value; the mistake is at the key.
      if (node.kind == Node::Kind::kNull) node.at = frame.entry.at;
      frame.entry.value = std::move(node);
      if (!frame.entry.key.empty()) frame.node.entries.push_back(std::move(frame.entry));
      frame.entry = {};
    }
  }

  void take_key(Frame& frame, Node key) {
    frame.has_key = true;
    frame.entry.at = key.at;
    if (key.kind != Node::Kind::kScalar || key.text.empty()) {
      sink_.error(key.at, fmt::format("a key is a word, not {}", describe(key.kind)));
      return;
    }
    const auto [seen, fresh] = frame.seen.emplace(key.text, key.at);
    if (!fresh) {
      sink_.error(key.at, fmt::format("'{}' stands here twice", shown(key.text)),
                  fmt::format("the first is on line {}", seen->second.line));
      return;
    }
    frame.entry.key = std::move(key.text);
  }

  void open(Node node) {
    if (frames_.size() == limits::kPolicySourceDepth)
      sink_.error(node.at, fmt::format("nested deeper than {} levels", limits::kPolicySourceDepth));
    frames_.push_back(Frame{.node = std::move(node)});
  }

  void close() {
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    // What lies too deep was reported when it was opened; dropping it bounds every later recursion.
    if (frames_.size() >= limits::kPolicySourceDepth) node = Node{.at = node.at};
    place(std::move(node));
  }

 public:
  bool too_many_nodes() const { return nodes_ > limits::kPolicySourceNodes; }

 private:
  std::string_view text_;
  Sink& sink_;
  Node root_;
  std::vector<Frame> frames_;
  std::size_t nodes_ = 0;
};

bool has_directive(std::string_view text, Position& at) {
  for (std::uint32_t line = 1; !text.empty(); ++line) {
    if (text[0] == '%') {
      at = {line, 1};
      return true;
    }
    const auto content = text.find_first_not_of(" \t\r");
    if (content == std::string_view::npos) return false;
    if (text[content] != '#' && text[content] != '\n') return false;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return false;
}

// yaml-cpp would guess an encoding or pass control characters on; we read UTF-8 text only.
bool is_plain_text(std::string_view text, Sink& sink) {
  std::uint32_t line = 1, column = 1;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    std::size_t length = c < 0x80         ? 1
                         : (c >> 5) == 6  ? 2
                         : (c >> 4) == 14 ? 3
                         : (c >> 3) == 30 ? 4
                                          : 0;
    bool good = length != 0 && i + length <= text.size() &&
                (c >= 0x20 || c == '\n' || c == '\r' || c == '\t') && c != 0x7f;
    for (std::size_t k = 1; good && k < length; ++k)
      good = (static_cast<unsigned char>(text[i + k]) >> 6) == 2;
    if (!good) {
      sink.error({line, column}, fmt::format("byte 0x{:02x} is not UTF-8 text", c),
                 "inside double quotes write it as \\x..");
      return false;
    }
    column = c == '\n' ? 1 : column + static_cast<std::uint32_t>(std::max<std::size_t>(length, 1));
    line += c == '\n';
    i += length;
  }
  return true;
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const auto& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

Position Node::inside(std::size_t offset) const {
  return {at.line, at.column + static_cast<std::uint32_t>(offset) + (quoted ? 1 : 0)};
}

std::string_view describe(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "text";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "nothing";
}

std::optional<Node> parse_source(std::string_view text, Sink& sink) {
  if (text.size() > limits::kPolicySourceBytes) {
    sink.error({}, fmt::format("{} bytes; a policy has at most {}", text.size(),
                               limits::kPolicySourceBytes));
    return std::nullopt;
  }
  if (!is_plain_text(text, sink)) return std::nullopt;
  if (Position at; has_directive(text, at)) {
    sink.error(at, "directives (%...) are not part of the policy language", "leave the line out");
    return std::nullopt;
  }
  Builder builder(text, sink);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      sink.error({}, "the file is empty", "start with 'apiVersion: fleetsweep/v1'");
      return std::nullopt;
    }
    Builder second(text, sink);
    if (parser.HandleNextDocument(second)) {
      sink.error({}, "more than one YAML document in the file", "one file is one policy: split it");
      return std::nullopt;
    }
  } catch (const YAML::Exception& e) {
    const bool known = !e.mark.is_null();
    sink.error(known ? Position{static_cast<std::uint32_t>(e.mark.line + 1),
                                static_cast<std::uint32_t>(e.mark.column + 1)}
                     : Position{},
               "not YAML: " + e.msg,
               "check indentation, brackets and quotes around ': ', '#', '@'");
    return std::nullopt;
  } catch (const std::exception& e) {
    sink.error({}, fmt::format("not YAML: {}", e.what()));
    return std::nullopt;
  }
  if (builder.too_many_nodes()) {
    sink.error({}, fmt::format("more than {} values", limits::kPolicySourceNodes));
    return std::nullopt;
  }
  return builder.take();
}

}  // namespace fleetsweep::compiler
