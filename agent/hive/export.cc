#include "agent/hive/export.h"

#include <algorithm>

#include "agent/hive/text.h"

namespace fleetsweep::hive {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// A line end in a name would begin a key of the author's own choice.
bool has_controls(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < ' '; });
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

// As a text only what becomes the same bytes again.
std::optional<std::string> plain_text(const Value& value) {
  if (type_name(value.type) != "REG_SZ") return std::nullopt;
  std::string text = text_of(value);
  Bytes again = to_utf16(text);
  again.insert(again.end(), 2, 0);
  if (again != value.data || has_controls(text)) return std::nullopt;
  return in_quotes(text);
}

std::string data_of(const Value& value) {
  if (auto text = plain_text(value)) return std::move(*text);
  if (type_name(value.type) == "REG_DWORD" && value.data.size() == 4)
    return fmt::format("dword:{:08x}", le32(value.data, 0));
  constexpr std::size_t kOnALine = 25;
  std::string hex = type_name(value.type) == "REG_BINARY" ? std::string("hex:")
                                                          : fmt::format("hex({:x}):", value.type);
  for (std::size_t i = 0; i < value.data.size(); ++i) {
    if (i != 0) hex += i % kOnALine == 0 ? ",\\\r\n  " : ",";
    hex += fmt::format("{:02x}", value.data[i]);
  }
  return hex;
}

class Writer {
 public:
  // Half of it: text outside of ASCII needs as many bytes in UTF-16 as here at most twice.
  Writer(const Hive& hive, std::string_view prefix, std::size_t bytes_max)
      : hive_(hive), prefix_(prefix), bytes_max_(bytes_max / 2) {}

  Bytes file(std::span<const Edit> edits) {
    line("Windows Registry Editor Version 5.00");
    if (hive_.is_dirty()) line("; written to and not brought to its end: a log holds the rest");
    for (const Edit& edit : edits) {
      const auto key = hive_.find(hive_.root(), edit.key);
      if (!key) continue;
      if (edit.kind == Edit::Kind::kDeleteKey) {
        whole(*key, edit.key);
        continue;
      }
      begin_key(edit.key);
      if (const auto value = hive_.value(*key, edit.value_name)) add(*value);
    }
    if (hive_.is_damaged()) line("; damaged: " + hive_.damage());
    Bytes bytes{0xff, 0xfe};
    append(bytes, to_utf16(text_));
    return bytes;
  }

 private:
  bool line(std::string_view text) {
    constexpr std::string_view kCut = "; more than fits is left out";
    if (is_full_) return false;
    is_full_ = text_.size() + text.size() + kCut.size() + 2 * kLineEnd.size() > bytes_max_;
    text_ += is_full_ ? kCut : text;
    text_ += kLineEnd;
    return !is_full_;
  }

  void whole(Cell top, const std::string& path) {
    hive_.walk(top, [&](Cell key, const std::string& below) {
      begin_key(below.empty() ? path : path + '\\' + below);
      bool fits = true;
      hive_.each_value(key, [&](Value& value) {
        hive_.load(value);
        return fits = add(value);
      });
      return fits ? Hive::Next::kGoOn : Hive::Next::kStop;
    });
  }

  void begin_key(const std::string& path) {
    line("");
    is_named_ = !has_controls(path);
    line(is_named_ ? fmt::format("[{}\\{}]", prefix_, path)
                   : fmt::format("; a key with control characters in its name: {}", escaped(path)));
  }

  bool add(const Value& value) {
    if (value.is_cut())
      return line(fmt::format("; {} has {} bytes, more than are written here", escaped(value.name),
                              value.size));
    const std::string name = value.name.empty() ? "@" : in_quotes(value.name);
    if (is_named_ && !has_controls(value.name)) return line(name + "=" + data_of(value));
    std::string said = fmt::format("; {}={}", escaped(name), data_of(value));
    for (std::size_t at = 0; (at = said.find(kLineEnd, at)) != std::string::npos;)
      said.insert(at += kLineEnd.size(), ";");
    return line(said);
  }

  const Hive& hive_;
  const std::string_view prefix_;
  const std::size_t bytes_max_;
  std::string text_;
  bool is_named_ = false, is_full_ = false;
};

}  // namespace

Bytes registry_file(const Hive& hive, std::string_view prefix, std::span<const Edit> edits,
                    std::size_t bytes_max) {
  return Writer(hive, prefix, bytes_max).file(edits);
}

}  // namespace fleetsweep::hive
