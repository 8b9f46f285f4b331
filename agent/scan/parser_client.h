#pragma once

// The walker's side of the parser: batches of files go out, answers come back in order. A small
// file is read here, into memory that both see; a larger one goes over open. A parser that dies or
// stalls is replaced, its files are tried again one by one, and the one it dies of alone is
// answered with kFailed, and with the digest that its content has: to take that needs no parser.

#include <deque>
#include <functional>

#include "agent/scan/job.h"
#include "agent/scan/parser.h"
#include "agent/scan/shared_memory.h"

namespace fleetsweep::scan {

class ParserClient {
 public:
  using OnAnswer = std::function<void(Job&, Answer)>;
  static constexpr std::size_t kRestartsMax = 50;

  // The matcher and the policy outlive it.
  ParserClient(const Matcher& matcher, const model::Policy& policy, ParserOptions options,
               OnAnswer on_answer, std::function<void()> on_wait = {});
  ~ParserClient();  // ends the parser

  // kUnavailable: no sandbox; kInvalid: the rules do not compile.
  Result<model::SandboxLevel> start();
  // Answers may be delivered during both calls.
  void submit(Job job, UniqueFd file);
  void finish();  // until everything is answered

  int parser_pid() const { return pid_; }
  // It died too often: what is submitted is no longer read.
  bool is_late_ = false;  // it did not answer in time, the last time it was waited for
  bool is_exhausted() const { return restarts_ >= kRestartsMax; }

 private:
  struct Item {
    Job job;
    UniqueFd file;
    std::optional<std::size_t> place;  // of its content in the shared memory
    std::uint64_t operations = 0;      // of the disk, to bring it there
  };
  struct Batch {
    std::vector<Item> items;
    std::size_t slot = 0;  // of the shared memory
    std::size_t used = 0;  // bytes of it
    std::uint64_t bytes = 0;
  };

  Result<Hello> spawn();
  void stop();
  void read_small(Item& item);
  void flush();
  bool send(const Batch& batch);
  Result<std::optional<Bytes>> wait_for_answers(Duration patience);
  // One answered batch off the front; false when the parser is gone.
  bool receive_front();
  void recover();
  void alone(Item item);
  void give_up(Item& item, const std::string& reason);

  const Matcher& matcher_;
  const model::Policy& policy_;
  ParserOptions options_;
  OnAnswer on_answer_;
  std::function<void()> on_wait_;  // called now and then while nothing comes; may be empty
  std::optional<Channel> channel_;
  int pid_ = -1;
  std::size_t restarts_ = 0;
  std::optional<SharedMemory> memory_;
  bool reads_small_ = true;
  Batch next_;
  std::deque<Batch> sent_;
  std::size_t turn_ = 0;
};

}  // namespace fleetsweep::scan
