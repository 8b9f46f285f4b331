#include "policies/compiler/absolute.h"

namespace fleetsweep::compiler {

bool has_drive(std::string_view path) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  return path.size() > 2 && is_letter(path[0]) && path[1] == ':' && path[2] == '\\';
}

bool is_absolute(std::string_view path, model::Platform platform) {
  return path.starts_with('/') || (platform != model::Platform::kLinux && has_drive(path));
}

}  // namespace fleetsweep::compiler
