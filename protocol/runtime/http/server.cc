#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"
#include "protocol/runtime/http/address.h"
#include "protocol/runtime/http/events.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/http/tls.h"

namespace fleetsweep::http {
namespace {

constexpr int kBacklog = 128;           // the library's own is 5
constexpr Duration kFeedPatience{100};  // how long a stop may wait for a stream
constexpr std::string_view kSeeCalls = "ARCHITECTURE.md lists the calls there are";
constexpr std::size_t kDrainFactor = 4;       // of a body over the limit, before the line is cut
constexpr std::chrono::seconds kSlowest{10};  // for each read and write

using Parts = std::vector<std::string>;

Parts split(std::string_view path) {
  Parts parts;
  for (std::size_t at = 1; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    parts.emplace_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool is_name(std::string_view part) {
  return part.size() > 2 && part.front() == '{' && part.back() == '}';
}

constexpr std::string_view kRest = "...}";  // of a name that takes all parts that are left

// The last parts in one, as the last part of a pattern that ends in {name...} takes them.
Parts joined(Parts path, std::size_t parts) {
  for (; path.size() > parts; path.pop_back()) path[path.size() - 2] += "/" + path.back();
  return path;
}

struct Route {
  std::string method;
  Parts pattern;
  Server::Handler handler;
  Server::StreamHandler stream;  // one of the two

  // The names' values go to `params`.
  bool matches(const Parts& whole, Request& request) const {
    const bool takes_rest = pattern.back().ends_with(kRest);
    const Parts path = takes_rest ? joined(whole, pattern.size()) : whole;
    if (path.size() != pattern.size()) return false;
    std::map<std::string, std::string, std::less<>> params;
    for (std::size_t i = 0; i < path.size(); ++i) {
      const std::string& part = pattern[i];
      if (is_name(part) && !path[i].empty())
        params[part.substr(1, part.size() - (part.ends_with(kRest) ? kRest.size() + 1 : 2))] =
            path[i];
      else if (part != path[i])
        return false;
    }
    request.params = std::move(params);
    return true;
  }
};

Request to_request(const httplib::Request& from) {
  Request request;
  request.method = from.method;
  request.path = from.path;
  request.query.insert(from.params.begin(), from.params.end());
  for (const auto& [name, value] : from.headers) request.headers.push_back({name, value});
  request.peer = Address{from.remote_addr, from.remote_port}.text();
  return request;
}

void answer(const Response& from, httplib::Response& to) {
  to.status = from.status;
  for (const Header& header : from.headers) to.set_header(header.name, header.value);
  to.set_content(from.body, from.content_type);
}

// The library packs text by itself and nothing else.
void pack(const httplib::Request& request, Response& response) {
  response.headers.push_back({"Vary", "Accept-Encoding"});
  if (request.get_header_value("Accept-Encoding").find("gzip") == std::string::npos) return;
  std::string packed;
  const bool is_packed = httplib::detail::gzip_compressor().compress(
      response.body.data(), response.body.size(), true, [&](const char* data, std::size_t size) {
        packed.append(data, size);
        return true;
      });
  if (!is_packed) return;
  response.body = std::move(packed);
  response.headers.push_back({"Content-Encoding", "gzip"});
}

// Opens what the library keeps to itself: the listening socket.
template <class Library>
class Listener final : public Library {
 public:
  using Library::Library;
  int descriptor() const { return this->svr_sock_; }
};
using PlainListener = Listener<httplib::Server>;
using TlsListener = Listener<httplib::SSLServer>;

// The number of streams; lives as long as the last stream, which may outlive a request.
using StreamCount = std::shared_ptr<std::atomic<unsigned>>;

// One client's events, called by the library until it returns false.
class Streamer {
 public:
  explicit Streamer(std::unique_ptr<Feed> feed) : feed_(std::move(feed)) {}

  bool write_next(httplib::DataSink& sink) {
    Event event;
    switch (feed_->next(kFeedPatience, event)) {
      case Feed::State::kEvent:
        return write(sink, format_event(event));
      case Feed::State::kEnd:
        sink.done();
        return true;
      case Feed::State::kNothingYet:
        break;
    }
    // Without a word now and then neither side would notice that the other is gone.
    if (std::chrono::steady_clock::now() - last_ < limits::kHttpStreamBeat)
      return sink.is_writable();
    return write(sink, ":\n\n");
  }

 private:
  bool write(httplib::DataSink& sink, const std::string& text) {
    last_ = std::chrono::steady_clock::now();
    return sink.write(text.data(), text.size());
  }

  std::unique_ptr<Feed> feed_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

struct Server::Implementation {
  std::vector<Route> routes;
  std::size_t body_bytes_max = 0;
  unsigned streams_max = 0;
  StreamCount streams = std::make_shared<std::atomic<unsigned>>(0);
  std::unique_ptr<httplib::Server> listener;
  std::function<int()> descriptor;  // of its socket
  std::thread thread;
  std::atomic<bool> ended = false;
  std::string address;

  Status open(const std::optional<Tls>& tls) {
    if (!tls) {
      auto plain = std::make_unique<PlainListener>();
      descriptor = [plain = plain.get()] { return plain->descriptor(); };
      listener = std::move(plain);
      return {};
    }
    if (tls->certificate.empty())
      return fail(Code::kInvalid, "TLS: a server needs a certificate and its key");
    Status status;
    auto secure = std::make_unique<TlsListener>([&](SSL_CTX& context) {
      status = set_up_tls(context, *tls);
      if (!tls->authorities.empty())
        SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      return status.has_value();
    });
    FS_CHECK(status);
    descriptor = [secure = secure.get()] { return secure->descriptor(); };
    listener = std::move(secure);
    return {};
  }

  // The route, or the answer that there is none.
  const Route* find(Request& request, Response& refusal) const {
    const Parts path = split(request.path);
    const std::string method = request.method == "HEAD" ? "GET" : request.method;
    bool exists = false;
    for (const Route& route : routes) {
      if (!route.matches(path, request)) continue;
      if (route.method == method) return &route;
      exists = true;
    }
    refusal =
        exists ? error_response(405, "invalid",
                                fmt::format("{} is not possible here", request.method), kSeeCalls)
               : error_response(404, "not_found",
                                fmt::format("there is nothing at {}", request.path), kSeeCalls);
    return nullptr;
  }

  void handle(const httplib::Request& from, httplib::Response& to, std::string body) const {
    Request request = to_request(from);
    request.body = std::move(body);
    Response response;
    const Route* route = find(request, response);
    if (route == nullptr) return answer(response, to);
    if (route->stream) return start_stream(*route, request, to);
    response = route->handler(request);
    if (response.pack) pack(from, response);
    answer(response, to);
  }

  void handle_with_body(const httplib::Request& from, httplib::Response& to,
                        const httplib::ContentReader& read) const {
    if (from.is_multipart_form_data())
      return answer(error_response(415, "invalid", "forms are not understood here", kSeeCalls), to);
    std::string body;
    std::size_t received = 0;
    // Counted here, because the library bounds only a body that declares its length.
    const bool whole = read([&](const char* data, std::size_t size) {
      received += size;
      if (received <= body_bytes_max) body.append(data, size);
      return received <= kDrainFactor * body_bytes_max;
    });
    if (received > body_bytes_max || to.status == 413)
      return answer(error_response(413, "invalid",
                                   fmt::format("the body is larger than {} bytes", body_bytes_max),
                                   "send less at once"),
                    to);
    if (!whole)
      return answer(error_response(400, "invalid", "the body ends too early", "send it whole"), to);
    handle(from, to, std::move(body));
  }

  void start_stream(const Route& route, const Request& request, httplib::Response& to) const {
    // Counted before the handler runs, so that a crowd cannot pass together.
    const auto release = [streams = streams](bool) { --*streams; };
    if (++*streams > streams_max) {
      release(false);
      return answer(error_response(503, "overloaded",
                                   fmt::format("{} event streams are open, as many as there may be",
                                               streams_max),
                                   "close one, or try again later"),
                    to);
    }
    std::unique_ptr<Feed> feed;
    Response response;
    try {
      response = route.stream(request, feed);
    } catch (...) {
      release(false);
      throw;
    }
    if (feed == nullptr) {
      release(false);
      return answer(response, to);
    }
    to.set_header("Cache-Control", "no-store");
    to.set_chunked_content_provider(
        "text/event-stream",
        [streamer = std::make_shared<Streamer>(std::move(feed))](
            std::size_t, httplib::DataSink& sink) { return streamer->write_next(sink); },
        release);
  }

  void install() {
    const auto plain = [this](const httplib::Request& from, httplib::Response& to) {
      handle(from, to, {});
    };
    const auto with_body = [this](const httplib::Request& from, httplib::Response& to,
                                  const httplib::ContentReader& read) {
      handle_with_body(from, to, read);
    };
    listener->Get(".*", plain).Options(".*", plain);
    listener->Post(".*", with_body).Put(".*", with_body).Patch(".*", with_body);
    listener->Delete(".*", with_body);
    listener->set_exception_handler(
        [](const httplib::Request&, httplib::Response& to, std::exception_ptr) {
          answer(error_response(500, "internal", "the request could not be handled",
                                "look at the log of this service"),
                 to);
        });
    // What the library refuses itself (a request that is not HTTP) has no body yet.
    listener->set_error_handler([](const httplib::Request&, httplib::Response& to) {
      if (to.body.empty())
        answer(error_response(to.status, "invalid", "the request is not understood", kSeeCalls),
               to);
    });
  }
};

Server::Server() : implementation_(std::make_unique<Implementation>()) {}

Server::~Server() {
  stop();
}

void Server::route(std::string_view method, std::string_view pattern, Handler handler) {
  FS_ASSERT(pattern.starts_with('/') && implementation_->listener == nullptr);
  implementation_->routes.push_back(
      {std::string(method), split(pattern), std::move(handler), nullptr});
}

void Server::stream(std::string_view pattern, StreamHandler handler) {
  FS_ASSERT(pattern.starts_with('/') && implementation_->listener == nullptr);
  implementation_->routes.push_back({"GET", split(pattern), nullptr, std::move(handler)});
}

std::vector<Server::RouteName> Server::routes() const {
  std::vector<RouteName> names;
  for (const Route& route : implementation_->routes) {
    std::string pattern;
    for (const std::string& part : route.pattern) pattern += "/" + part;
    names.push_back({route.method, std::move(pattern), route.stream != nullptr});
  }
  return names;
}

Status Server::start(const ServerOptions& options) {
  Implementation& self = *implementation_;
  FS_ASSERT(self.listener == nullptr);
  FS_TRY(Address address, parse_address(options.listen));
  if (!is_numeric(address.host))
    return fail(Code::kInvalid, "cannot listen on '{}'; expected an address in numbers",
                options.listen);
  const bool knows_clients = options.tls && !options.tls->authorities.empty();
  if (!is_loopback(address.host) && !knows_clients && !options.allow_remote)
    return fail(Code::kInvalid, "will not listen on {}: {}", options.listen,
                options.tls
                    ? "beyond loopback clients show certificates. Set up their authority, listen "
                      "on 127.0.0.1 behind a proxy that asks for them, or allow it in the "
                      "configuration"
                    : "HTTP without TLS is for loopback. Listen on 127.0.0.1 or set up TLS; what "
                      "carries no token may be allowed in the configuration");
  self.body_bytes_max = options.body_bytes_max;
  self.streams_max = options.streams_max;
  FS_CHECK(self.open(options.tls));
  httplib::Server& listener = *self.listener;
  // Not SO_REUSEPORT, the library's choice: two servers would share one port and no one would know.
  listener.set_socket_options([](int socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  // One request a connection: an idle one would hold a worker, and what is left of a refused body
  // could be taken for the next request.
  listener.set_keep_alive_max_count(1);
  listener.set_read_timeout(kSlowest).set_write_timeout(kSlowest);
  listener.set_tcp_nodelay(true);
  listener.set_payload_max_length(options.body_bytes_max);
  const bool has_streams =
      std::ranges::any_of(self.routes, [](const Route& route) { return route.stream != nullptr; });
  const unsigned threads = options.workers + (has_streams ? options.streams_max : 0);
  listener.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
  self.install();
  errno = 0;
  const bool bound = address.port == 0
                         ? (address.port = listener.bind_to_any_port(address.host)) > 0
                         : listener.bind_to_port(address.host, address.port);
  if (!bound) {
    const int reason = errno;
    self.listener.reset();
    return fail(Code::kUnavailable, "cannot listen on {}: {}", options.listen,
                reason == EADDRINUSE
                    ? "the port is in use by another program: end that, or name another port"
                : reason == 0 ? "the address cannot be used"
                              : std::strerror(reason));
  }
  ::listen(self.descriptor(), kBacklog);
  self.address = address.text();
  self.thread = std::thread([&self] {
    self.listener->listen_after_bind();
    self.ended = true;
  });
  // Before it runs, the library's stop() does nothing.
  while (!listener.is_running() && !self.ended) std::this_thread::yield();
  return {};
}

std::string Server::address() const {
  return implementation_->address;
}

void Server::stop() {
  Implementation& self = *implementation_;
  if (!self.thread.joinable()) return;
  self.listener->stop();
  self.thread.join();
}

}  // namespace fleetsweep::http
