#include "agent/act/journal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <bit>
#include <cstring>

#include "agent/act/faults.h"
#include "agent/act/pack.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::act {

namespace {

constexpr std::size_t kHeaderBytes = 4 + 4 + 32;

Result<Bytes> read_all(int file, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size;) {
    const auto got = ::pread(file, bytes.data() + at, size - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Code::kUnavailable, "journal: read failed: {}", std::strerror(errno));
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0x82f63b78u : 0);
    table[i] = value;
  }
  return table;
}();

std::uint32_t next_state(std::uint32_t state, std::uint8_t byte) {
  return (state >> 8) ^ kCrcTable[(state ^ byte) & 0xff];
}

// crc32c() of any part of `bytes` in a few steps, however long it is: the sum is linear, so what
// stands before the part is taken out of the sum of all up to its end.
class PartSums {
 public:
  explicit PartSums(BytesView bytes) : states_(1) {
    states_.reserve(bytes.size() + 1);
    for (const auto byte : bytes) states_.push_back(next_state(states_.back(), byte));
    for (std::size_t bit = 0; bit < 32; ++bit) zeros_[0][bit] = next_state(1u << bit, 0);
    for (std::size_t n = 1; n < zeros_.size(); ++n)
      for (std::size_t bit = 0; bit < 32; ++bit)
        zeros_[n][bit] = moved(zeros_[n - 1], zeros_[n - 1][bit]);
  }
  std::uint32_t of(std::size_t begin, std::size_t end) const {
    std::uint32_t before = ~states_[begin];
    for (std::size_t n = 0; n < zeros_.size(); ++n)
      if (((end - begin) >> n & 1) != 0) before = moved(zeros_[n], before);
    return ~(before ^ states_[end]);
  }

 private:
  using Move = std::array<std::uint32_t, 32>;  // what each bit of a state becomes
  static std::uint32_t moved(const Move& move, std::uint32_t state) {
    std::uint32_t result = 0;
    for (std::size_t bit = 0; state != 0; state >>= 1, ++bit)
      if ((state & 1) != 0) result ^= move[bit];
    return result;
  }

  std::vector<std::uint32_t> states_;                                // after so many bytes, from 0
  std::array<Move, std::bit_width(limits::kJournalBytes)> zeros_{};  // by 2^n bytes of zero
};

// A whole record lies somewhere in it.
bool holds_record(BytesView bytes) {
  const PartSums sums(bytes);
  for (std::size_t at = 0; at + kHeaderBytes <= bytes.size(); ++at) {
    Unpacker header(bytes.subspan(at, 8));
    const std::size_t end = at + kHeaderBytes + header.u32();
    if (end <= bytes.size() && sums.of(at + 8, end) == header.u32()) return true;
  }
  return false;
}

}  // namespace

std::uint32_t crc32c(BytesView bytes) {
  std::uint32_t state = ~0u;
  for (const auto byte : bytes) state = next_state(state, byte);
  return ~state;
}

Result<Journal> Journal::open(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_DSYNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0)
    return fail(Code::kUnavailable, "journal {}: {}", path, std::strerror(errno));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > limits::kJournalBytes)
    return fail(Code::kInvalid, "journal {}: {} bytes where at most {} are written", path, size,
                limits::kJournalBytes);
  FS_TRY(const Bytes bytes, read_all(file.get(), size));

  Journal journal(std::move(file));
  while (journal.size_ < size) {
    const BytesView rest = BytesView(bytes).subspan(journal.size_);
    Unpacker header(rest.first(std::min(rest.size(), kHeaderBytes)));
    const std::size_t length = header.u32();
    const std::uint32_t sum = header.u32();
    const bool is_whole = rest.size() >= kHeaderBytes && length <= rest.size() - kHeaderBytes;
    const bool is_sound = is_whole && crc32c(rest.subspan(8, kHeaderBytes - 8 + length)) == sum;
    if (!is_sound) {
      // Its length may be what is damaged: it does not say whether anything follows.
      const bool is_last = !is_whole || kHeaderBytes + length == rest.size();
      if (!is_last || holds_record(rest.subspan(1)))
        return fail(Code::kInvalid, "journal {}: record {} at byte {} is damaged", path,
                    journal.records_.size(), journal.size_);
      if (::ftruncate(journal.file_.get(), static_cast<off_t>(journal.size_)) != 0)
        return fail(Code::kUnavailable, "journal {}: {}", path, std::strerror(errno));
      break;
    }
    const BytesView body = rest.subspan(kHeaderBytes, length);
    const Digest chain = crypto::sha256({journal.chain_.view(), body});
    if (!equal(chain.view(), rest.subspan(8, 32)))
      return fail(Code::kInvalid, "journal {}: record {} does not continue the one before it", path,
                  journal.records_.size());
    journal.chain_ = chain;
    journal.records_.push_back(to_bytes(body));
    journal.size_ += kHeaderBytes + length;
  }
  return journal;
}

Status Journal::append(BytesView body, std::size_t bytes_max) {
  fault_point("before-record");
  if (size_ + kHeaderBytes + body.size() > bytes_max)
    return fail(Code::kOverloaded,
                "journal: full, {} bytes where {} may be: once nothing in it is to be undone any "
                "more, stop the agent, move act/journal away and start it again",
                size_, bytes_max);
  const Digest chain = crypto::sha256({chain_.view(), body});
  Packer tail;
  tail.fixed(chain);
  Bytes summed = tail.take();
  fleetsweep::append(summed, body);
  Packer head;
  head.u32(static_cast<std::uint32_t>(body.size()));
  head.u32(crc32c(summed));
  Bytes record = head.take();
  fleetsweep::append(record, summed);

  for (std::size_t at = 0; at < record.size();) {
    const auto put = ::pwrite(file_.get(), record.data() + at, record.size() - at,
                              static_cast<off_t>(size_ + at));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      const int error = errno;
      // Nothing is done under a record that is not whole.
      (void)!::ftruncate(file_.get(), static_cast<off_t>(size_));
      return fail(Code::kUnavailable, "journal: {}", std::strerror(error));
    }
    at += static_cast<std::size_t>(put);
  }
  size_ += record.size();
  chain_ = chain;
  records_.push_back(to_bytes(body));
  fault_point("record");
  return {};
}

}  // namespace fleetsweep::act
