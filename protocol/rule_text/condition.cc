#include "protocol/rule_text/condition.h"

namespace fleetsweep::rule_text {

std::vector<Tokens> split(Tokens tokens, std::string_view word) {
  std::vector<Tokens> parts;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == "(" || tokens[i] == "[") ++depth;
    if (tokens[i] == ")" || tokens[i] == "]") --depth;
    if (depth != 0 || tokens[i] != word) continue;
    parts.push_back(tokens.subspan(start, i - start));
    start = i + 1;
  }
  parts.push_back(tokens.subspan(start));
  return parts;
}

std::size_t closing(Tokens tokens) {
  int depth = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == "(") ++depth;
    if (tokens[i] == ")" && --depth == 0) return i;
  }
  return 0;
}

Tokens enclosed(Tokens tokens) {
  if (tokens.empty() || tokens.front() != "(" || closing(tokens) != tokens.size() - 1) return {};
  return tokens.subspan(1, tokens.size() - 2);
}

}  // namespace fleetsweep::rule_text
