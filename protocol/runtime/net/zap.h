#pragma once

// The keeper of the door: answers ZeroMQ's authentication requests (RFC 27 ZAP) from an allow-list
// in memory, on its own thread. Start it before the first EdgeSocket. If its thread dies the
// process dies: without it nobody is admitted, and nobody would notice.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/runtime/net/net.h"

namespace fleetsweep::net {

class ZapHandler {
 public:
  struct Domain {
    std::string name;
    bool admits_any = false;  // enrolment: any key may knock, its User-Id is still its own key
  };
  // Until its first replace(), a listed domain answers "try again" (300) instead of "no" (400),
  // after which an agent would never come back by itself.
  static Result<std::unique_ptr<ZapHandler>> start(Context& context, std::vector<Domain> domains);
  ~ZapHandler();
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

  // All from any thread, effective for the next handshake. Revoking a key does not cut its
  // connection: the owner of the socket also checks the key of each message.
  void replace(const std::string& domain, const std::vector<CurveKey>& keys);
  void allow(const std::string& domain, const CurveKey& key);
  void deny(const std::string& domain, const CurveKey& key);

  std::uint64_t admitted() const { return admitted_; }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Entry {
    bool admits_any = false;
    bool loaded = false;
    std::unordered_set<CurveKey> keys;
  };
  ZapHandler() = default;
  void run(void* handler, void* control);
  bool answer_one(void* handler);
  std::string decide(const std::string& domain, const std::string& mechanism, BytesView key);

  std::mutex mutex_;
  std::unordered_map<std::string, Entry> domains_;
  std::atomic<std::uint64_t> admitted_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  void* stop_ = nullptr;
  std::thread thread_;
};

}  // namespace fleetsweep::net
