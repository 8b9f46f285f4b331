#include "agent/scan/parser_client.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/scan/file_bytes.h"
#include "agent/scan/root.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/bulk_hash.h"
#include "protocol/runtime/descriptors/descriptors.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kBatchFiles = runtime::kDescriptorsSent;
constexpr std::uint64_t kBatchBytes = 8 << 20;
constexpr std::size_t kBatchesUnderWay = 3;
// Of each batch under way, and of the one that is filled meanwhile.
constexpr std::size_t kSlots = kBatchesUnderWay + 1;
constexpr std::size_t kSlotBytes = 512 * 1024;
constexpr std::uint64_t kSmallBytes = 64 * 1024;
constexpr Duration kStartTimeout = std::chrono::seconds(30);
constexpr Duration kSendTimeout = std::chrono::seconds(60);
constexpr std::uint64_t kBytesPerSecondMin = 20'000'000;

Duration patience_for(std::uint64_t bytes) {
  return std::chrono::seconds(bytes / kBytesPerSecondMin);
}

// Nothing where it cannot be read, or is too large for it.
std::string sha256_of(int fd, std::uint64_t size) {
  FileBytes bytes(fd, size);
  const auto layout = bytes.layout();
  if (layout.data_bytes > limits::kReadFileBytes || layout.hole_bytes > limits::kHashedHoleBytes)
    return {};
  crypto::BulkHash hash(crypto::HashKind::kSha256);
  hash.reset();
  std::vector<std::uint8_t> room(kSmallBytes);
  const auto read = bytes.each_block(0, room, [&](BytesView block) {
    hash.update(block);
    return true;
  });
  return read ? to_hex(hash.finish()) : std::string();
}

}  // namespace

ParserClient::ParserClient(const Matcher& matcher, const model::Policy& policy,
                           ParserOptions options, OnAnswer on_answer, std::function<void()> on_wait)
    : matcher_(matcher),
      policy_(policy),
      options_(options),
      on_answer_(std::move(on_answer)),
      on_wait_(std::move(on_wait)) {
  // Of an archive more is asked than one reading gives.
  for (std::uint16_t d = 0; d < matcher.detections(); ++d)
    reads_small_ &= !matcher.detection(d).scope.archives;
}

ParserClient::~ParserClient() {
  stop();
}

Result<model::SandboxLevel> ParserClient::start() {
  FS_TRY(const Hello hello, spawn());
  if (!hello.sandbox_error.empty()) return fail(Code::kUnavailable, "{}", hello.sandbox_error);
  if (!hello.rules_error.empty()) return fail(Code::kInvalid, "{}", hello.rules_error);
  return hello.level;
}

Result<Hello> ParserClient::spawn() {
  if (!memory_) {
    FS_TRY(auto memory, SharedMemory::create(kSlots * kSlotBytes));
    memory_.emplace(std::move(memory));
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Code::kInternal, "parser: socketpair: {}", std::strerror(errno));
  UniqueFd ours(ends[0]), theirs(ends[1]);
  const pid_t pid = memory_->fork();
  if (pid < 0) return fail(Code::kInternal, "parser: fork: {}", std::strerror(errno));
  if (pid == 0)
    run_parser(Channel(std::move(theirs)), memory_->bytes(), matcher_, policy_, options_);
  pid_ = pid;
  channel_.emplace(std::move(ours));
  theirs.reset();
  FS_TRY(const auto frame, channel_->receive(kStartTimeout));
  if (!frame) return fail(Code::kUnavailable, "parser: does not start");
  Reader reader(*frame);
  const Hello hello = read_hello(reader);
  if (!reader.is_done()) return fail(Code::kInternal, "parser: its first words are malformed");
  return hello;
}

void ParserClient::stop() {
  channel_.reset();
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void ParserClient::submit(Job job, UniqueFd file) {
  const std::uint64_t size = job.facts.identity.size;
  if (!next_.items.empty() && next_.bytes + size > kBatchBytes) flush();
  next_.bytes += size;
  next_.items.push_back({.job = std::move(job), .file = std::move(file)});
  read_small(next_.items.back());
  if (next_.items.size() >= kBatchFiles || next_.bytes >= kBatchBytes ||
      next_.used + kSmallBytes > kSlotBytes)
    flush();
}

// What fails here the parser is given to find out.
void ParserClient::read_small(Item& item) {
  const model::FileIdentity& identity = item.job.facts.identity;
  if (!reads_small_ || identity.size > kSmallBytes || item.job.hive.kind != HiveJob::Kind::kNone ||
      !memory_)
    return;
  const std::size_t place = next_.slot * kSlotBytes + next_.used;
  FileBytes bytes(item.file.get(), identity.size);
  struct stat status {};
  if (!bytes.read(memory_->bytes().subspan(place, identity.size), 0) ||
      ::fstat(item.file.get(), &status) != 0 || !is_seen(identity, status))
    return;
  item.place = place;
  item.operations = bytes.operations();
  next_.used += identity.size;
}

void ParserClient::flush() {
  if (next_.items.empty()) return;
  while (sent_.size() >= kBatchesUnderWay)
    if (!receive_front()) recover();
  sent_.push_back(std::move(next_));
  turn_ = (turn_ + 1) % kSlots;
  next_ = {.slot = turn_};
  if (!send(sent_.back())) recover();
}

void ParserClient::finish() {
  flush();
  while (!sent_.empty())
    if (!receive_front()) recover();
}

bool ParserClient::send(const Batch& batch) {
  if (!channel_) return false;
  Writer writer;
  writer.number(batch.items.size());
  std::vector<int> descriptors;
  for (const Item& item : batch.items) {
    write(writer, item.job);
    writer.small(item.place.has_value());
    writer.number(item.place.value_or(0));
    if (!item.place) descriptors.push_back(item.file.get());
  }
  return channel_->send(writer.bytes(), descriptors, kSendTimeout).has_value();
}

// In moments: who asked for the scan hears of it, and can end it, while one large file is read.
Result<std::optional<Bytes>> ParserClient::wait_for_answers(Duration patience) {
  constexpr Duration kMoment = std::chrono::milliseconds(500);
  while (true) {
    auto frame = channel_->receive(std::min(patience, kMoment));
    patience -= kMoment;
    if (!frame || *frame || patience <= Duration(0)) return frame;
    if (on_wait_) on_wait_();
  }
}

bool ParserClient::receive_front() {
  if (!channel_) return false;
  std::uint64_t bytes = 0;
  for (const Item& item : sent_.front().items)
    bytes += std::min(item.job.facts.identity.size, limits::kReadFileBytes);
  const auto frame = wait_for_answers(options_.patience + patience_for(bytes));
  is_late_ = frame && !*frame;
  if (!frame || !*frame) return false;
  Reader reader(**frame);
  std::vector<Answer> answers;
  for (const Item& item : sent_.front().items) {
    answers.push_back(read_answer(reader));
    if (reader.is_bad() || answers.back().id != item.job.id) return false;
    answers.back().operations += item.operations;
  }
  if (!reader.is_done()) return false;
  Batch batch = std::move(sent_.front());
  sent_.pop_front();
  for (std::size_t i = 0; i < batch.items.size(); ++i)
    on_answer_(batch.items[i].job, std::move(answers[i]));
  return true;
}

// Nobody knows which file it was: each goes alone, to a parser of its own if need be.
void ParserClient::recover() {
  stop();
  std::deque<Batch> again = std::move(sent_);
  sent_.clear();
  // What lies in the shared memory the parser that is gone may have changed.
  for (Item& item : next_.items) item.place.reset();
  for (Batch& batch : again)
    for (Item& item : batch.items) alone(std::move(item));
}

void ParserClient::alone(Item item) {
  if (!channel_) {
    if (is_exhausted()) return give_up(item, "the parser died too often");
    ++restarts_;
    const auto hello = spawn();
    if (!hello || !hello->sandbox_error.empty() || !hello->rules_error.empty()) {
      stop();
      return give_up(item, "the parser does not start again");
    }
  }
  Batch batch;
  batch.items.push_back(std::move(item));
  batch.items.back().place.reset();
  sent_.push_back(std::move(batch));
  if (send(sent_.back()) && receive_front()) return;
  stop();
  Batch failed = std::move(sent_.back());
  sent_.pop_back();
  give_up(failed.items.front(),
          is_late_ ? "the parser took too long over it" : "the parser died of it");
}

void ParserClient::give_up(Item& item, const std::string& reason) {
  const std::string sha256 = sha256_of(item.file.get(), item.job.facts.identity.size);
  on_answer_(item.job, {.id = item.job.id,
                        .status = Answer::Status::kFailed,
                        .detail = sha256.empty() ? reason : reason + " (SHA-256 " + sha256 + ")"});
}

}  // namespace fleetsweep::scan
