#include "protocol/runtime/net/curve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/assert.h"

namespace fleetsweep::net {

namespace {

constexpr std::size_t kZ85Bytes = 41;  // 40 characters and a zero

std::array<std::uint8_t, 32> from_z85(const char* text) {
  std::array<std::uint8_t, 32> raw{};
  FS_ASSERT(zmq_z85_decode(raw.data(), text));
  return raw;
}

}  // namespace

CurveKeyPair generate_curve_keys() {
  char pub[kZ85Bytes], secret[kZ85Bytes];
  FS_ASSERT(zmq_curve_keypair(pub, secret) == 0);
  CurveKeyPair keys;
  keys.pub.value = from_z85(pub);
  keys.secret = from_z85(secret);
  return keys;
}

CurveKey curve_public(const std::array<std::uint8_t, 32>& secret) {
  char text[kZ85Bytes], pub[kZ85Bytes];
  FS_ASSERT(zmq_z85_encode(text, secret.data(), secret.size()));
  FS_ASSERT(zmq_curve_public(pub, text) == 0);
  CurveKey key;
  key.value = from_z85(pub);
  return key;
}

Status write_curve_key(const std::string& path, const CurveKeyPair& keys) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    const Code code = errno == EEXIST ? Code::kConflict : Code::kUnavailable;
    return fail(code, "write key {}: {}", path, std::strerror(errno));
  }
  const std::string line = to_hex(keys.secret) + "\n";
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!written) {
    ::unlink(path.c_str());
    return fail(Code::kUnavailable, "write key {}: {}", path, std::strerror(error));
  }
  return {};
}

Result<CurveKeyPair> read_curve_key(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    const Code code = errno == ENOENT ? Code::kNotFound : Code::kUnavailable;
    return fail(code, "read key {}: {}", path, std::strerror(errno));
  }
  struct stat status {};
  char text[65] = {};
  const bool is_read = ::fstat(fd, &status) == 0 && ::read(fd, text, 64) == 64;
  ::close(fd);
  if (status.st_mode & 077)
    return fail(Code::kUntrusted, "key {}: others may read it; chmod 600 it", path);
  const auto secret = Fixed<32, struct SecretTag>::parse_hex(text);
  if (!is_read || !secret) return fail(Code::kInvalid, "key {}: expected 64 hex digits", path);
  CurveKeyPair keys;
  keys.secret = secret->value;
  keys.pub = curve_public(keys.secret);
  return keys;
}

}  // namespace fleetsweep::net
