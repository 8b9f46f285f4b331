#include "agent/scan/parser_client.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kBatchFiles = Channel::kDescriptors;
constexpr std::uint64_t kBatchBytes = 8 << 20;
constexpr std::size_t kBatchesUnderWay = 3;
constexpr std::size_t kRestartsMax = 200;
constexpr Duration kStartTimeout = std::chrono::seconds(30);
constexpr Duration kSendTimeout = std::chrono::seconds(60);
constexpr std::uint64_t kBytesPerSecondMin = 20'000'000;

Duration patience(std::uint64_t bytes) {
  return std::chrono::seconds(30 + bytes / kBytesPerSecondMin);
}

}  // namespace

ParserClient::ParserClient(const Matcher& matcher, const model::Policy& policy,
                           ParserOptions options, OnAnswer on_answer)
    : matcher_(matcher), policy_(policy), options_(options), on_answer_(std::move(on_answer)) {}

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
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Code::kInternal, "parser: socketpair: {}", std::strerror(errno));
  UniqueFd ours(ends[0]), theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Code::kInternal, "parser: fork: {}", std::strerror(errno));
  if (pid == 0) run_parser(Channel(std::move(theirs)), matcher_, policy_, options_);
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
  if (!next_.empty() && next_bytes_ + size > kBatchBytes) flush();
  next_bytes_ += size;
  next_.push_back({std::move(job), std::move(file)});
  if (next_.size() >= kBatchFiles || next_bytes_ >= kBatchBytes) flush();
}

void ParserClient::flush() {
  if (next_.empty()) return;
  while (sent_.size() >= kBatchesUnderWay)
    if (!receive_front()) recover();
  sent_.push_back(std::move(next_));
  next_.clear();
  next_bytes_ = 0;
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
  writer.number(batch.size());
  std::vector<int> descriptors;
  for (const Item& item : batch) {
    write(writer, item.job);
    descriptors.push_back(item.file.get());
  }
  return channel_->send(writer.bytes(), descriptors, kSendTimeout).has_value();
}

bool ParserClient::receive_front() {
  if (!channel_) return false;
  std::uint64_t bytes = 0;
  for (const Item& item : sent_.front()) bytes += item.job.facts.identity.size;
  const auto frame = channel_->receive(patience(bytes));
  if (!frame || !*frame) return false;
  Reader reader(**frame);
  std::vector<Answer> answers;
  for (const Item& item : sent_.front()) {
    answers.push_back(read_answer(reader));
    if (reader.is_bad() || answers.back().id != item.job.id) return false;
  }
  if (!reader.is_done()) return false;
  const Batch batch = std::move(sent_.front());
  sent_.pop_front();
  for (std::size_t i = 0; i < batch.size(); ++i) on_answer_(batch[i].job, std::move(answers[i]));
  return true;
}

// Nobody knows which file it was: each goes alone, to a parser of its own if need be.
void ParserClient::recover() {
  stop();
  std::deque<Batch> again = std::move(sent_);
  sent_.clear();
  for (Batch& batch : again)
    for (Item& item : batch) alone(std::move(item));
}

void ParserClient::alone(Item item) {
  if (!channel_) {
    if (restarts_ >= kRestartsMax) return give_up(item, "the parser died too often");
    ++restarts_;
    const auto hello = spawn();
    if (!hello || !hello->sandbox_error.empty() || !hello->rules_error.empty()) {
      stop();
      return give_up(item, "the parser does not start again");
    }
  }
  Batch batch;
  batch.push_back(std::move(item));
  sent_.push_back(std::move(batch));
  if (send(sent_.back()) && receive_front()) return;
  stop();
  const Batch failed = std::move(sent_.back());
  sent_.pop_back();
  give_up(failed.front(), "the parser died of it");
}

void ParserClient::give_up(const Item& item, std::string reason) {
  on_answer_(item.job,
             {.id = item.job.id, .status = Answer::Status::kFailed, .detail = std::move(reason)});
}

}  // namespace fleetsweep::scan
