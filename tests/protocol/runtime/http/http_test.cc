#include "protocol/runtime/http/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "tests/protocol/runtime/http/raw_socket.h"

namespace fleetsweep::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kBody = 1000;

class Http : public testing::Test {
 protected:
  void SetUp() override {
    server_.route("GET", "/v1/tenants/{tenant}/documents/{id}", [this](const Request& request) {
      last_ = request;
      return Response{.body = request.param("tenant") + " " + request.param("id")};
    });
    server_.route("GET", "/files/{rest...}",
                  [](const Request& request) { return Response{.body = request.param("rest")}; });
    server_.route("POST", "/echo", [this](const Request& request) {
      last_ = request;
      return Response{.status = 201,
                      .content_type = "text/plain",
                      .body = request.body,
                      .headers = {{"X-Answer", "yes"}}};
    });
    server_.route("GET", "/throws",
                  [](const Request&) -> Response { throw std::runtime_error("secret inside"); });
    server_.route("GET", "/large", [](const Request&) {
      return Response{.content_type = "application/octet-stream",
                      .body = std::string(100'000, 'x')};
    });
    server_.route("GET", "/packed", [](const Request&) {
      return Response{.content_type = "application/octet-stream",
                      .body = std::string(100'000, 'x'),
                      .pack = true};
    });
    const Status status = server_.start({.listen = "127.0.0.1:0", .body_bytes_max = kBody});
    ASSERT_TRUE(status) << status.error().message;
  }

  std::string url(std::string_view target) const {
    return fmt::format("http://{}{}", server_.address(), target);
  }
  std::string raw(std::string_view request) const {
    const RawSocket socket(server_.address());
    EXPECT_TRUE(socket.send(request));
    return socket.receive_all();
  }

  Request last_;
  Server server_;  // after what its handlers use
};

TEST_F(Http, ARequestArrivesAsAnother) {
  const auto response = request("GET", url("/v1/tenants/ab/documents/c%20d?from=7&x=a%26b"),
                                {{"Authorization", "Bearer secret-token"}, {"X-One", "1"}}, "");
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "ab c d");
  EXPECT_EQ(response->content_type, "application/json");
  EXPECT_EQ(last_.method, "GET");
  EXPECT_EQ(last_.path, "/v1/tenants/ab/documents/c d");
  EXPECT_EQ(last_.query_value("from"), "7");
  EXPECT_EQ(last_.query_value("x"), "a&b");
  EXPECT_EQ(last_.query_value("absent"), std::nullopt);
  EXPECT_EQ(last_.header("x-one"), "1");
  EXPECT_EQ(last_.header("absent"), std::nullopt);
  EXPECT_EQ(last_.bearer(), "secret-token");
  EXPECT_THAT(last_.peer, StartsWith("127.0.0.1:"));
}

TEST_F(Http, ABodyIsChangedOnTheWay) {
  std::string body;
  for (int i = 0; i < 512; ++i) body += static_cast<char>(i);
  const auto response = request("POST", url("/echo"), {{"Content-Type", "application/x"}}, body);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, body);
  EXPECT_EQ(response->header("x-answer"), "yes");
  EXPECT_EQ(last_.header("Content-Type"), "application/x");
  EXPECT_EQ(last_.bearer(), "");
}

TEST_F(Http, WhatMayBePackedIsPackedForWhomItIsNoUse) {
  constexpr std::string_view kEnd = "Host: x\r\nConnection: close\r\n\r\n";
  const auto asked = [&](std::string_view path, std::string_view header) {
    return raw(fmt::format("GET {} HTTP/1.1\r\n{}{}", path, header, kEnd));
  };
  const std::string packed = asked("/packed", "Accept-Encoding: identity, gzip\r\n");
  EXPECT_NE(packed.find("Content-Encoding: gzip\r\n"), std::string::npos) << packed;
  EXPECT_NE(packed.find("\r\n\r\n\x1f\x8b"), std::string::npos) << "the first bytes of gzip";
  EXPECT_LT(packed.size(), 2'000u);
  EXPECT_EQ(asked("/large", "Accept-Encoding: gzip\r\n").find("Content-Encoding"),
            std::string::npos);
  const std::string whole = asked("/packed", "");
  EXPECT_EQ(whole.find("Content-Encoding"), std::string::npos);
  EXPECT_NE(whole.find("Vary: Accept-Encoding\r\n"), std::string::npos) << "caches keep both";
  EXPECT_GT(whole.size(), 100'000u);
  EXPECT_EQ(request("GET", url("/packed"), {}, "")->body, std::string(100'000, 'x'));
}

TEST_F(Http, APathThatIsNotThereIsNotTold) {
  for (const char* path : {"/", "/nothing", "/v1/tenants/ab/documents", "/v1/tenants//documents/c",
                           "/v1/tenants/ab/documents/c/", "/echo/x"}) {
    const auto response = request("GET", url(path), {}, "");
    ASSERT_TRUE(response) << path;
    EXPECT_EQ(response->status, 404) << path;
    EXPECT_THAT(response->body, HasSubstr("\"code\":\"not_found\"")) << path;
  }
  EXPECT_EQ(request("GET", url("/files"), {}, "")->status, 404);
  EXPECT_EQ(request("GET", url("/echo"), {}, "")->status, 405);
  EXPECT_EQ(request("DELETE", url("/echo"), {}, "")->status, 405);
}

TEST_F(Http, TheRestOfAPathLosesItsParts) {
  for (const char* rest : {"a", "a/b/c", "a//b", "a/"}) {
    const auto response = request("GET", url(std::string("/files/") + rest), {}, "");
    ASSERT_TRUE(response) << rest;
    EXPECT_EQ(response->body, rest);
  }
}

TEST_F(Http, ABodyOverTheLimitIsTaken) {
  EXPECT_EQ(request("POST", url("/echo"), {}, std::string(kBody, 'x'))->status, 201);
  const auto response = request("POST", url("/echo"), {}, std::string(kBody + 1, 'x'));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
  EXPECT_THAT(response->body, HasSubstr("larger than 1000 bytes"));
}

// The library bounds only bodies that declare their length.
TEST_F(Http, AChunkedBodyHasNoLimit) {
  const std::string head = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "1f4\r\n" + std::string(500, 'x') + "\r\n";
  EXPECT_THAT(raw(head + chunk + chunk + "0\r\n\r\n"), StartsWith("HTTP/1.1 201"));
  EXPECT_THAT(raw(head + chunk + chunk + chunk + "0\r\n\r\n"), StartsWith("HTTP/1.1 413"));
  const RawSocket endless(server_.address());
  std::string sent = head;
  bool cut = !endless.send(head);
  for (int i = 0; i < 100'000 && !cut; ++i) cut = !endless.send(chunk);
  EXPECT_TRUE(cut) << "50 MB were read";
}

TEST_F(Http, AFormIsTakenForABody) {
  const auto response = request("POST", url("/echo"),
                                {{"Content-Type", "multipart/form-data; boundary=x"}}, "--x--\r\n");
  EXPECT_EQ(response->status, 415);
}

TEST_F(Http, AThrowingHandlerEndsTheServerOrTellsWhy) {
  const auto response = request("GET", url("/throws"), {}, "");
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body.find("secret"), std::string::npos);
  EXPECT_EQ(request("POST", url("/echo"), {}, "still here")->body, "still here");
}

TEST_F(Http, WhatIsNotHttpIsAnswered) {
  EXPECT_THAT(raw("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(raw("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"),
              StartsWith("HTTP/1.1 414"));
  EXPECT_THAT(raw("GET /" + std::string(8000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"),
              StartsWith("HTTP/1.1 404"));
}

// What is left of one request must not be taken for the next.
TEST_F(Http, ASecondRequestIsSmuggledInABody) {
  const std::string answer =
      raw("GET /large HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
          "POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(answer.find("201"), std::string::npos);
}

TEST_F(Http, HeadHasABody) {
  const std::string answer = raw("HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(answer.find("xxx"), std::string::npos);
}

TEST_F(Http, OneSlowRequestHoldsTheOthers) {
  Server server;
  std::latch both(2);
  server.route("GET", "/meet", [&](const Request&) {
    both.arrive_and_wait();  // only two at once get past
    return Response{};
  });
  ASSERT_TRUE(server.start({.listen = "127.0.0.1:0", .workers = 2}));
  const std::string meet = "http://" + server.address() + "/meet";
  std::thread other([&] { EXPECT_EQ(request("GET", meet, {}, "")->status, 200); });
  EXPECT_EQ(request("GET", meet, {}, "")->status, 200);
  other.join();
}

TEST_F(Http, TwoServersShareAPort) {
  Server second;
  const Status status = second.start({.listen = server_.address()});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_EQ(status.error().message, fmt::format("cannot listen on {}: the port is in use by "
                                                "another program: end that, or name another port",
                                                server_.address()));
  server_.stop();
  EXPECT_TRUE(second.start({.listen = server_.address()})) << "a restart must get its port back";
}

TEST(HttpServer, AnAddressBeyondLoopbackIsBoundWithoutAWord) {
  for (const char* listen : {"0.0.0.0:0", "[::]:0", "10.1.2.3:80"}) {
    Server server;
    const Status status = server.start({.listen = listen});
    ASSERT_FALSE(status) << listen;
    EXPECT_EQ(status.error().code, Code::kInvalid);
    EXPECT_THAT(status.error().message, HasSubstr("without TLS is for loopback"));
  }
  Server server;
  EXPECT_TRUE(server.start({.listen = "0.0.0.0:0", .allow_remote = true}));
}

TEST(HttpServer, SomethingElseIsTakenForAnAddress) {
  for (const char* listen :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", ":80",
        "[::1]", "[127.0.0.1]:1", "::1:80", "a b:1", "example.org:80", "127.0.0.1:80 "}) {
    Server server;
    const Status status = server.start({.listen = listen});
    ASSERT_FALSE(status) << listen;
    EXPECT_EQ(status.error().code, Code::kInvalid) << listen;
  }
}

TEST(HttpServer, AnAddressThatIsNotOursGivesNoReason) {
  Server server;
  const Status status = server.start({.listen = "192.0.2.1:0", .allow_remote = true});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("cannot listen on 192.0.2.1:0"));
}

TEST_F(Http, StoppingTwiceOrNeverStartedHangs) {
  server_.stop();
  server_.stop();
  Server unstarted;
  unstarted.stop();
}

TEST_F(Http, NothingListensAndNoOneSaysWhere) {
  server_.stop();
  const auto response = request("GET", url("/"), {}, "");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr(server_.address()));
}

TEST_F(Http, AServerThatNeverAnswersIsWaitedForForEver) {
  std::latch done(1);
  Server silent;
  silent.route("GET", "/", [&](const Request&) {
    done.wait();
    return Response{};
  });
  ASSERT_TRUE(silent.start({.listen = "127.0.0.1:0"}));
  const auto response = request("GET", "http://" + silent.address(), {}, "",
                                {.timeout = std::chrono::milliseconds(50)});
  done.count_down();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("waited up to 50 ms"));
}

TEST_F(Http, AnAnswerOverTheLimitIsKept) {
  const auto response = request("GET", url("/large"), {}, "", {.body_bytes_max = 99'999});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kInvalid);
  EXPECT_EQ(request("GET", url("/large"), {}, "", {.body_bytes_max = 100'000})->body.size(),
            100'000u);
}

TEST(HttpClient, ATokenTravelsInTheOpen) {
  for (const char* url : {"http://192.0.2.1/", "http://example.org/", "http://[2001:db8::1]:80/"}) {
    const auto response = request("GET", url, {{"Authorization", "Bearer x"}}, "");
    ASSERT_FALSE(response) << url;
    EXPECT_EQ(response.error().code, Code::kInvalid) << url;
    EXPECT_THAT(response.error().message, HasSubstr("without TLS")) << url;
  }
}

TEST(HttpClient, AUrlOrHeaderSmugglesALine) {
  for (const char* url :
       {"", "127.0.0.1:80", "ftp://127.0.0.1/", "http://", "https://", "http://:80/",
        "http://127.0.0.1:99999/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y",
        "http://user@127.0.0.1/", "http://127.0.0.1/\x01"}) {
    const auto response = request("GET", url, {}, "");
    ASSERT_FALSE(response) << url;
    EXPECT_EQ(response.error().code, Code::kInvalid) << url;
  }
  const auto response = request("GET", "http://127.0.0.1:1/", {{"X", "a\r\nY: b"}}, "");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kInvalid);
}

TEST(HttpStatus, ACodeComesBackAsAnother) {
  for (const Code code : {Code::kInvalid, Code::kUntrusted, Code::kNotFound, Code::kConflict,
                          Code::kUnavailable, Code::kOverloaded, Code::kInternal})
    EXPECT_EQ(code_of(status_of(code)), code);
  EXPECT_EQ(code_of(401), Code::kUntrusted);
  EXPECT_EQ(code_of(413), Code::kInvalid);
  EXPECT_EQ(code_of(502), Code::kUnavailable);
}

TEST(HttpStatus, AnErrorDiffersFromItsDescription) {
  const Response response = error_response(Error{Code::kConflict, "a\n\"b\""}, "do c");
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(
      response.body,
      "{\"error\":{\"code\":\"conflict\",\"message\":\"a\\\\x0a\\\"b\\\"\",\"next\":\"do c\"}}\n");
}

}  // namespace
}  // namespace fleetsweep::http
