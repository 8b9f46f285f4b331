#pragma once

// HTTP/1.1, with or without TLS 1.3, for the API, metrics, the witness and their clients: one
// connection a request. Plain HTTP is for loopback; beyond it the caller says so (`allow_remote`),
// because a bearer token would travel in the open. A server that shows itself beyond loopback asks
// its clients for certificates or is allowed to as well, because the library puts no bound on a
// header line. The only user of cpp-httplib.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/limits.h"
#include "protocol/base/time.h"

namespace fleetsweep::http {

struct Header {
  std::string name;  // compared without case
  std::string value;
  bool operator==(const Header&) const = default;
};

struct Request {
  std::string method;
  std::string path;                                        // percent-decoded, without the query
  std::map<std::string, std::string, std::less<>> params;  // of the pattern's {names}
  std::multimap<std::string, std::string, std::less<>> query;
  std::vector<Header> headers;
  std::string body;
  std::string peer;  // the client's address, "127.0.0.1:41234"

  // The first value, if there is one.
  std::optional<std::string> header(std::string_view name) const;
  std::optional<std::string> query_value(std::string_view name) const;
  // The parameter of the pattern; it is there if the pattern names it.
  const std::string& param(std::string_view name) const;
  // What follows "Bearer " in Authorization; empty without it.
  std::string bearer() const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Header> headers;
  bool pack = false;  // a server's: gzip for who takes it, whatever the type (text always is)

  std::optional<std::string> header(std::string_view name) const;
};

// {"error": {"code", "message", "next"}}: the one form of errors; the server uses it for its own.
Response error_response(int status, std::string_view code, std::string_view message,
                        std::string_view next = "");
Response error_response(const Error& error, std::string_view next = "");

// 400 kInvalid, 403 kUntrusted, 404 kNotFound, 409 kConflict, 429 kOverloaded, 503 kUnavailable,
// 500 kInternal; and back (401 is kUntrusted, 413 and 422 kInvalid).
int status_of(Code code);
Code code_of(int status);

// One server-sent event. `data` may have several lines.
struct Event {
  std::string name;  // may be empty
  std::string data;
  bool operator==(const Event&) const = default;
};

// The source of one client's events. The server owns it, calls next() from one thread until it
// ends, the client is gone or the server stops, and then destroys it.
class Feed {
 public:
  virtual ~Feed() = default;
  enum class State { kEvent, kNothingYet, kEnd };
  // Blocks for at most `patience` (the server passes a fraction of a second).
  virtual State next(Duration patience, Event& event) = 0;
};

// Files in PEM. `certificate` begins with one's own and may be followed by those between it and the
// authority.
struct Tls {
  std::string certificate;
  std::string key;
  std::string authorities;  // who may have signed the other side's certificate
};

struct ServerOptions {
  std::string listen;         // "127.0.0.1:7680", "[::1]:0"; port 0 takes a free one
  bool allow_remote = false;  // an address that is not loopback
  std::optional<Tls> tls;     // with `authorities`, every client must show a certificate of theirs
  std::size_t body_bytes_max = limits::kHttpBodyBytes;
  unsigned workers = limits::kHttpWorkers;      // requests at the same time
  unsigned streams_max = limits::kHttpStreams;  // event streams beside them
};

// Routes are added before start(). Handlers run on worker threads, several at once, and may block;
// one that throws is answered with 500. HEAD is answered by GET's handler.
class Server {
 public:
  using Handler = std::function<Response(const Request&)>;
  // Sets `feed` to start a stream of text/event-stream (the Response is then ignored), or answers.
  using StreamHandler = std::function<Response(const Request&, std::unique_ptr<Feed>& feed)>;

  Server();
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Patterns are whole paths whose {name} parts match one non-empty part:
  // "/v1/tenants/{tenant}/log"; a last part {name...} matches all that is left. Methods: GET, POST,
  // PUT, PATCH, DELETE. The first match counts.
  void route(std::string_view method, std::string_view pattern, Handler handler);
  void stream(std::string_view pattern, StreamHandler handler);
  struct RouteName {
    std::string method;
    std::string pattern;
    bool is_stream = false;
  };
  std::vector<RouteName> routes() const;  // all of them, in the order in which they match

  // Returns when it accepts connections. kInvalid: not an address, not loopback without
  // allow_remote or client certificates, or a file of `tls` that does not do; kUnavailable: the
  // port is in use or may not be bound.
  Status start(const ServerOptions& options);
  // "127.0.0.1:43211", with the real port; empty before start().
  std::string address() const;
  // Waits for the handlers that run. Idempotent.
  void stop();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

struct ClientOptions {
  Duration timeout = std::chrono::seconds(10);  // to connect, and for each read and write
  bool allow_remote = false;                    // an http:// address that is not loopback
  // For https://. Empty authorities: those of the system. The certificate may be missing.
  Tls tls;
  std::size_t body_bytes_max = limits::kHttpResponseBytes;
};

// Any status is an answer, not an error. kInvalid: the URL, a header, or an answer larger than
// body_bytes_max; kUnavailable: no connection or no answer in time (the text names the address).
Result<Response> request(std::string_view method, const std::string& url,
                         const std::vector<Header>& headers, std::string_view body,
                         const ClientOptions& options = {});

// GETs a stream of events and gives each to `on_event` until that returns false (a success), the
// server ends the stream (a success) or it fails. Silence for longer than options.timeout is
// kUnavailable; servers send a comment at least every limits::kHttpStreamBeat, and `keep_going` is
// asked whenever something came: false ends the stream too. A status other than 200 is an error
// with code_of(status).
Status follow_events(
    const std::string& url, const std::vector<Header>& headers, const ClientOptions& options,
    const std::function<bool(const Event&)>& on_event,
    const std::function<bool()>& keep_going = [] { return true; });

}  // namespace fleetsweep::http
