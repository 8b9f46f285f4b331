#include <cstdio>

#include "controller/options.h"
#include "controller/service/keys.h"
#include "controller/service/service.h"
#include "controller/service/tokens.h"
#include "protocol/runtime/loop/signals.h"

namespace fleetsweep::controller {
namespace {

Status print_keys(const Keys& keys, const std::string& origin) {
  FS_TRY(const std::string json, public_keys_json(keys, origin));
  std::fputs(json.c_str(), stdout);
  return {};
}

Status perform(const InitCommand& command) {
  FS_CHECK(init_keys(command.state, command.origin));
  FS_TRY(const Keys keys, read_keys(command.state));
  return print_keys(keys, keys.origin);
}

Status perform(const OriginCommand& command) {
  FS_TRY(const Keys keys, read_keys(command.state));
  return print_keys(keys, command.origin);
}

Status perform(const RotateLogKey& command) {
  FS_CHECK(rotate_log_key(command.state, command.origin));
  FS_TRY(const Keys keys, read_keys(command.state));
  return print_keys(keys, keys.origin);
}

Status perform(const ServiceOptions& options) {
  FS_TRY(const loop::Signals signals, loop::Signals::block());
  FS_TRY(const auto service, Service::start(options));
  return service->run(signals.fd());
}

Status perform(const CreateToken& command) {
  return create_token(command.state, command.role, command.tenant, command.life, command.out);
}

Status perform(const ListTokens& command) {
  FS_TRY(const std::string tokens, tokens_json(command.state));
  std::fputs(tokens.c_str(), stdout);
  return {};
}

Status perform(const RotateToken& command) {
  return rotate_token(command.state, command.id, command.overlap, command.out);
}

Status perform(const RevokeToken& command) {
  return revoke_token(command.state, command.id);
}

Status perform(const RebuildCommand& command) {
  FS_TRY(const std::size_t rows, rebuild(command.state));
  std::printf("{\"campaign_hosts\": %zu}\n", rows);
  return {};
}

int exit_code(Code code) {
  return code == Code::kInternal ? 70 : 1;
}

}  // namespace
}  // namespace fleetsweep::controller

int main(int argc, char** argv) {
  using namespace fleetsweep::controller;
  const auto parsed = parse_command(argc, argv);
  if (const auto* usage = std::get_if<Usage>(&parsed)) {
    std::fputs(usage->text.c_str(), usage->exit_code == 0 ? stdout : stderr);
    return usage->exit_code;
  }
  const auto status =
      std::visit([](const auto& command) { return perform(command); }, std::get<Command>(parsed));
  if (status) return 0;
  std::fprintf(stderr, "fleetsweep-controller: %s\n", status.error().message.c_str());
  return exit_code(status.error().code);
}
