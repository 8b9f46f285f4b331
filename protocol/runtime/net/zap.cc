#include "protocol/runtime/net/zap.h"

#include <pthread.h>

#include <cerrno>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/net/raw.h"

namespace fleetsweep::net {

namespace {

constexpr const char* kEndpoint = "inproc://zeromq.zap.01";
constexpr const char* kControl = "inproc://fleetsweep-zap-stop";

// [address, "", "1.0", request id, domain, peer address, routing id, mechanism, credentials...].
// The routing id is the server's own (libzmq issue 4161), so nothing hangs on it.
enum Frame { kAddress, kEmpty, kVersion, kRequest, kDomain, kFrom, kRouting, kMechanism, kKey };

std::vector<std::string> receive_frames(void* socket) {
  std::vector<std::string> frames;
  do {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0 && frames.size() < limits::kZapFrames)
      frames.emplace_back(static_cast<const char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame));
    zmq_msg_close(&frame);
  } while (has_more(socket));
  return frames;
}

}  // namespace

Result<std::unique_ptr<ZapHandler>> ZapHandler::start(Context& context,
                                                      std::vector<Domain> domains) {
  std::unique_ptr<ZapHandler> zap(new ZapHandler());
  for (Domain& domain : domains)
    zap->domains_[domain.name] = Entry{domain.admits_any, domain.admits_any, {}};
  void* handler = zmq_socket(context.raw(), ZMQ_ROUTER);
  void* control = zmq_socket(context.raw(), ZMQ_PAIR);
  zap->stop_ = zmq_socket(context.raw(), ZMQ_PAIR);
  const bool ready = handler && control && zap->stop_ && set_int(handler, ZMQ_LINGER, 0) &&
                     set_int(control, ZMQ_LINGER, 0) && set_int(zap->stop_, ZMQ_LINGER, 0) &&
                     zmq_bind(handler, kEndpoint) == 0 && zmq_bind(control, kControl) == 0 &&
                     zmq_connect(zap->stop_, kControl) == 0;
  if (!ready) {
    const int error = errno;
    if (handler) zmq_close(handler);
    if (control) zmq_close(control);
    return fail(Code::kInternal, "authentication handler: {}", zmq_strerror(error));
  }
  zap->thread_ = std::thread([zap = zap.get(), handler, control] { zap->run(handler, control); });
  ::pthread_setname_np(zap->thread_.native_handle(), "zap");
  return zap;
}

ZapHandler::~ZapHandler() {
  if (thread_.joinable()) {
    zmq_send(stop_, "", 0, 0);
    thread_.join();
  }
  if (stop_) zmq_close(stop_);
}

void ZapHandler::run(void* handler, void* control) {
  zmq_pollitem_t items[] = {{handler, 0, ZMQ_POLLIN, 0}, {control, 0, ZMQ_POLLIN, 0}};
  while (true) {
    const int ready = zmq_poll(items, 2, -1);
    // Without this thread nobody gets in any more: better that a supervisor starts us afresh.
    FS_ASSERT(ready >= 0 || errno == EINTR);
    if (ready < 0) continue;
    if (items[1].revents) break;
    if (items[0].revents) FS_ASSERT(answer_one(handler));
  }
  zmq_close(handler);
  zmq_close(control);
}

// Exactly one reply to a request: a second one hits an assertion of the library.
bool ZapHandler::answer_one(void* handler) {
  const auto frames = receive_frames(handler);
  if (frames.size() <= kRequest) return true;
  const bool is_curve = frames.size() > kKey && frames[kVersion] == "1.0";
  const std::string status =
      is_curve ? decide(frames[kDomain], frames[kMechanism], as_bytes(frames[kKey])) : "400";
  const bool admitted = status == "200";
  // The user id is the key itself; the owner of the socket maps it to an agent.
  const std::string user = admitted ? to_hex(as_bytes(frames[kKey])) : "";
  const std::string reply[] = {frames[kAddress], "", "1.0", frames[kRequest], status, "", user, ""};
  ++(admitted ? admitted_ : refused_);  // before whoever is told of it looks
  constexpr std::size_t kLast = std::size(reply) - 1;
  for (std::size_t i = 0; i <= kLast; ++i)
    if (zmq_send(handler, reply[i].data(), reply[i].size(), i < kLast ? ZMQ_SNDMORE : 0) < 0)
      return false;
  return true;
}

std::string ZapHandler::decide(const std::string& domain, const std::string& mechanism,
                               BytesView key) {
  const auto curve_key = CurveKey::from(key);
  if (mechanism != "CURVE" || !curve_key) return "400";
  const std::lock_guard lock(mutex_);
  const auto entry = domains_.find(domain);
  if (entry == domains_.end()) return "400";
  if (entry->second.admits_any) return "200";
  if (!entry->second.loaded) return "300";
  return entry->second.keys.contains(*curve_key) ? "200" : "400";
}

void ZapHandler::replace(const std::string& domain, const std::vector<CurveKey>& keys) {
  std::unordered_set<CurveKey> fresh(keys.begin(), keys.end());  // built outside the lock
  const std::lock_guard lock(mutex_);
  Entry& entry = domains_[domain];
  entry.keys.swap(fresh);
  entry.loaded = true;
}

void ZapHandler::allow(const std::string& domain, const CurveKey& key) {
  const std::lock_guard lock(mutex_);
  domains_[domain].keys.insert(key);
}

void ZapHandler::deny(const std::string& domain, const CurveKey& key) {
  const std::lock_guard lock(mutex_);
  domains_[domain].keys.erase(key);
}

}  // namespace fleetsweep::net
