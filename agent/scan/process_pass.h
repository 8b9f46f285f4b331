#pragma once

// The part of a scan that is about running programs: who runs, what their programs and their memory
// hold, and whom they talk to.

#include <sys/stat.h>

#include <functional>
#include <map>
#include <tuple>

#include "agent/scan/file_pass.h"
#include "agent/scan/process.h"

namespace fleetsweep::scan {

// The same file with the same content.
using FileState =
    std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;
FileState state_of(const model::FileIdentity& file);

class ProcessPass {
 public:
  // All outlive it. `is_stopped` is asked often.
  ProcessPass(const Root& root, const Matcher& matcher, const PackageDb& packages,
              ParserClient& parser, Collector& collector, const Sweep& sweep, Tallies& tallies,
              std::function<bool()> is_stopped);

  Policies who() const { return sweep_.wanting_processes(); }  // that ask for any of it
  bool is_wanted() const { return who() != 0; }
  void list();  // processes, and connections where they are asked for
  // Programs whose file is gone, or never was one, as files.
  void submit_running_files(FilePass& files, const std::vector<Probe>& probes);
  // Before files are walked: which programs the probe may ask about, so that the walk hashes them.
  void find_candidates(const Probe& probe);
  bool is_waiting_for(const model::FileIdentity& file) const;
  void complete(Job& job) const;
  // Every object of the probe's kind, if that is a process or a connection.
  void ask_all(const Probe& probe);
  // Of any job: what it says about a program that runs.
  void on_answer(const Job& job, const Answer& answer);

 private:
  // With a detection of processes that `wants` takes.
  template <class Wants>
  Policies asking_for(Wants wants) const;
  Policies asking_memory(std::uint16_t rule) const;
  // To whoever asked for what was missed.
  void note(const std::vector<Missed>& missed, Policies asked);
  void learn(ProcessFacts& process);  // what is known of its program
  // It may run another program than when it was listed, or in another thread. False: it ended.
  bool keep_up(ProcessFacts& process);
  std::vector<Probe> asking(const std::vector<Probe>& all, const ProcessFacts& process,
                            Policies& who) const;
  // The program's own bytes, whatever stands at its path by now. That it cannot be opened is told
  // to whoever asked.
  UniqueFd open_exe(const ProcessFacts& process, struct stat& status, Policies asked);
  void tell_of_program(const ProcessFacts& process, std::string_view why, Policies asked);
  void hash_exe(ProcessFacts& process, Policies asked);
  void scan_memory(ProcessFacts& process, std::uint16_t rule);
  // False: not that of the program that is known.
  bool read_memory_of(ProcessFacts& process, std::uint16_t rule);

  const Root& root_;
  const Matcher& matcher_;
  const PackageDb& packages_;
  ParserClient& parser_;
  Collector& collector_;
  const Sweep& sweep_;
  Tallies& tallies_;
  std::function<bool()> is_stopped_;

  Listing listing_;
  std::vector<ProcessFacts> processes_;
  std::vector<Object> connections_;
  // Asked before the walker gives up the right to know of filters.
  using PacketSockets = std::map<std::uint64_t, std::optional<bool>>;  // as in SockDiag
  PacketSockets packet_sockets_;
  struct Program {
    bool is_wanted = false;  // a process detection may ask for it
    std::optional<Digest> sha256{};
  };
  std::map<FileState, Program> programs_;     // that run
  std::map<std::int32_t, Policies> told_of_;  // whose programs could not be read
  std::string unhashed_;                      // why the parser gave no hash of the last program
  ProcessFacts* scanned_ = nullptr;           // whose memory is with the parser
  std::uint64_t last_id_ = 0;
};

}  // namespace fleetsweep::scan
