// TLS between our server and our client, and against the stock openssl.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "protocol/runtime/http/http.h"

namespace fleetsweep::http {
namespace {

using testing::HasSubstr;

class HttpTls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    char folder[] = "/tmp/fleetsweep-tls-XXXXXX";
    folder_ = ::mkdtemp(folder);
    for (const char* authority : {"ca", "other"})
      run(fmt::format(
          "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN={0} -keyout {0}.key "
          "-out {0}.pem",
          authority));
    certify("server", "ca", "IP:127.0.0.1");
    certify("elsewhere", "ca", "DNS:elsewhere.example");
    certify("client", "ca", "email:soc@test.example");
    certify("stranger", "other", "email:x@test.example");
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static int run(const std::string& command) {
    return std::system(fmt::format("cd '{}' && {{ {}; }} >said 2>&1", folder_, command).c_str());
  }
  static void certify(const std::string& name, const std::string& authority,
                      const std::string& alternative) {
    std::ofstream(folder_ + "/ext") << "subjectAltName=" << alternative << "\n";
    ASSERT_EQ(
        run(fmt::format("openssl req -newkey ed25519 -nodes -subj /CN={0} -keyout {0}.key -out "
                        "{0}.csr && openssl x509 -req -in {0}.csr -CA {1}.pem -CAkey {1}.key "
                        "-CAcreateserial -days 2 -extfile ext -out {0}.pem",
                        name, authority)),
        0);
  }
  static std::string at(const std::string& name) { return folder_ + "/" + name; }
  static Tls tls(const std::string& name, const std::string& authority) {
    return {at(name + ".pem"), at(name + ".key"), authority.empty() ? "" : at(authority + ".pem")};
  }

  Status start(const Tls& tls) {
    server_.route("GET", "/", [](const Request&) { return Response{.body = "{}"}; });
    return server_.start({.listen = "127.0.0.1:0", .tls = tls});
  }
  Result<Response> get(const Tls& tls) const {
    return request("GET", fmt::format("https://{}/", server_.address()), {}, "", {.tls = tls});
  }

  static inline std::string folder_;
  Server server_;
};

TEST_F(HttpTls, AnswerDoesNotArrive) {
  ASSERT_TRUE(start(tls("server", "")));
  const auto answer = get({.authorities = at("ca.pem")});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "{}");
}

TEST_F(HttpTls, ServerOfAnotherAuthorityIsBelieved) {
  ASSERT_TRUE(start(tls("server", "")));
  for (const Tls& trusts : {Tls{.authorities = at("other.pem")}, Tls{}}) {
    const auto answer = get(trusts);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kUntrusted) << answer.error().message;
  }
}

TEST_F(HttpTls, ServerOfAnotherNameIsBelieved) {
  ASSERT_TRUE(start(tls("elsewhere", "")));
  EXPECT_EQ(get({.authorities = at("ca.pem")}).error().code, Code::kUntrusted);
}

TEST_F(HttpTls, ClientWithoutACertificateIsServed) {
  ASSERT_TRUE(start(tls("server", "ca")));
  EXPECT_FALSE(get({.authorities = at("ca.pem")}));
  EXPECT_FALSE(get(tls("stranger", "ca")));
  const auto answer = get(tls("client", "ca"));
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_F(HttpTls, OldTlsIsSpoken) {
  ASSERT_TRUE(start(tls("server", "")));
  const std::string connect =
      fmt::format("openssl s_client -connect {} -CAfile ca.pem -verify_return_error </dev/null ",
                  server_.address());
  EXPECT_EQ(run(connect + "-tls1_3"), 0);
  EXPECT_NE(run(connect + "-tls1_2"), 0);
  EXPECT_FALSE(request("GET", fmt::format("http://{}/", server_.address()), {}, ""))
      << "plain HTTP to the same port";
}

TEST_F(HttpTls, FileThatDoesNotDoIsNotNamed) {
  Tls missing = tls("server", "");
  missing.certificate = at("none.pem");
  EXPECT_THAT(start(missing).error().message, HasSubstr("the certificate " + at("none.pem")));
  Tls mixed = tls("server", "");
  mixed.key = at("client.key");
  EXPECT_THAT(Server().start({.listen = "127.0.0.1:0", .tls = mixed}).error().message,
              HasSubstr("TLS: "));
  EXPECT_THAT(Server()
                  .start({.listen = "127.0.0.1:0", .tls = Tls{.authorities = at("ca.pem")}})
                  .error()
                  .message,
              HasSubstr("a server needs a certificate"));
  EXPECT_THAT(Server()
                  .start({.listen = "127.0.0.1:0", .tls = Tls{.certificate = at("server.pem")}})
                  .error()
                  .message,
              HasSubstr("go together"));
}

TEST_F(HttpTls, StrangersFromAfarNeedNoCertificate) {
  EXPECT_THAT(Server().start({.listen = "0.0.0.0:0", .tls = tls("server", "")}).error().message,
              HasSubstr("clients show certificates"));
  Server server;
  EXPECT_TRUE(server.start({.listen = "0.0.0.0:0", .tls = tls("server", "ca")}));
}

}  // namespace
}  // namespace fleetsweep::http
