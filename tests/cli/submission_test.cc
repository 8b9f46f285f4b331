// A controller of ours on one side, honest or stolen; `fleetsweep stop` on the other.

#include "cli/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/documents.h"
#include "protocol/base/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/http/http.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class FakeController {
 public:
  FakeController() {
    log.append(tenant.root_envelope());
    note = log.note(fixture::start());
    const auto locked = [this](auto answer) {
      return [this, answer](const http::Request& request) {
        const std::lock_guard lock(mutex_);
        return answer(request);
      };
    };
    server_.route("GET", "/v1/tenants", locked([this](const http::Request&) {
                    return json_answer({{{"tenant", tenant.id().hex()}}});
                  }));
    server_.route("POST", "/v1/tenants/{t}/documents", locked([this](const http::Request& request) {
                    return take(*codec::from_dsse_json(request.body));
                  }));
    server_.route("GET", "/v1/tenants/{t}/checkpoint",
                  locked([this](const http::Request&) { return text_answer(note); }));
    server_.route("GET", "/v1/tenants/{t}/log", locked([this](const http::Request& request) {
                    json entries = json::array();
                    for (std::size_t i = std::stoul(*request.query_value("from"));
                         i < log.entries().size(); ++i)
                      entries.push_back(to_base64(log.entries()[i]));
                    return json_answer({{"entries", entries}, {"size", log.entries().size()}});
                  }));
    EXPECT_TRUE(server_.start({.listen = "127.0.0.1:0"}));
  }
  std::string url() const { return "http://" + server_.address(); }

  fixture::Tenant tenant;
  fixture::Log log;
  std::string note;  // what it shows as its checkpoint
  enum class Mind {
    kHonest,
    kSwallows,
    kLogsAndShowsNoWitness,
    kHidesTheEnd,
    kLogsAnother,
    kRefuses
  };
  Mind mind = Mind::kHonest;

 private:
  static http::Response json_answer(const json& body) {
    http::Response response;
    response.body = body.dump();
    return response;
  }
  static http::Response text_answer(const std::string& text) {
    http::Response response;
    response.content_type = "text/plain";
    response.body = text;
    return response;
  }
  http::Response take(const model::Envelope& envelope) {
    switch (mind) {
      case Mind::kRefuses:
        return http::error_response(403, "untrusted", "no key of root version 1 signed it",
                                    "give up");
      case Mind::kHonest:
        log.append(codec::encode(envelope));
        note = log.note(now());
        break;
      case Mind::kSwallows:  // and has the witnesses sign a fresh head without it
        note = log.note(now());
        break;
      case Mind::kLogsAndShowsNoWitness:
        log.append(codec::encode(envelope));
        break;
      case Mind::kHidesTheEnd: {
        fixture::Log longer = log;
        longer.append(codec::encode(envelope));
        note = longer.note(now());
        break;
      }
      case Mind::kLogsAnother: {  // the entries have it, the tree that witnesses signed does not
        fixture::Log other = log;
        other.append(to_bytes("other"));
        note = other.note(now());
        log.append(codec::encode(envelope));
        break;
      }
    }
    return json_answer({{"index", log.entries().size() - 1}});
  }

  std::mutex mutex_;
  http::Server server_;
};

class ProvenStop : public testing::Test {
 protected:
  using Mind = FakeController::Mind;
  void SetUp() override {
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    std::filesystem::current_path(folder_);
    ASSERT_TRUE(write_text_file(folder_ + "/token", "secret\n"));
    session_.url = controller_.url();
    session_.token_file = folder_ + "/token";
    session_.tenant = controller_.tenant.id().hex();
    session_.console.json = true;
  }
  void TearDown() override {
    std::filesystem::current_path("/");
    std::filesystem::remove_all(folder_);
  }
  model::Envelope stop() const {
    return *codec::decode<model::Envelope>(
        controller_.tenant.sign(model::Stop{.halt_all = true}, {"carol"}));
  }
  Result<Proven> submit(Mind mind, model::Envelope document) {
    controller_.mind = mind;
    return submit_proven(session_, std::move(document), {.keys = {}, .file = "", .wait = "1s"});
  }
  // The file that a host takes instead.
  std::string kept(const model::Envelope& document) {
    return "stop-" + crypto::document_id(document).hex().substr(0, 12) + ".dsse";
  }

  std::string folder_ = "/tmp/fleetsweep-proven.XXXXXX";
  FakeController controller_;
  Session session_;
};

TEST_F(ProvenStop, AStopThatWitnessesSawIsDoubted) {
  const auto proven = submit(Mind::kHonest, stop());
  ASSERT_TRUE(proven) << proven.error().message;
  EXPECT_EQ(proven->witnessed.notice.index, 1u);
  EXPECT_EQ(proven->witnessed.size, 2u);
  EXPECT_EQ(proven->witnessed.witnesses, 1u);
  EXPECT_EQ(proven->witnessed.state.stops.size(), 1u);
  EXPECT_EQ(proven->doubt, "");
  EXPECT_TRUE(std::filesystem::is_empty(folder_) || !std::filesystem::exists(kept(stop())));
}

// Whatever a stolen controller does instead of logging it, its word is not taken for the log's.
TEST_F(ProvenStop, AStolenControllerSaysThatItLoggedIt) {
  const struct {
    Mind mind;
    Code code;
    const char* says;
  } minds[] = {
      {Mind::kSwallows, Code::kUnavailable, "NOT proved"},
      {Mind::kLogsAndShowsNoWitness, Code::kUnavailable, "NOT proved"},
      {Mind::kHidesTheEnd, Code::kUntrusted, "the checkpoint covers 2 entries"},
      {Mind::kLogsAnother, Code::kUntrusted, "the checkpoint covers"},
      {Mind::kRefuses, Code::kUntrusted, "no key of root version 1"},
  };
  for (const auto& row : minds) {
    controller_.log = {};
    controller_.log.append(controller_.tenant.root_envelope());
    controller_.note = controller_.log.note(fixture::start());
    const model::Envelope document = stop();
    const auto proven = submit(row.mind, document);
    ASSERT_FALSE(proven) << row.says;
    EXPECT_EQ(proven.error().code, row.code) << proven.error().message;
    EXPECT_THAT(proven.error().message, HasSubstr(row.says));
    EXPECT_THAT(proven.error().message, HasSubstr("kept in " + kept(document)));
    EXPECT_THAT(proven.error().message, HasSubstr("fleetsweep-agent stop"));
    EXPECT_THAT(proven.error().message, testing::Not(HasSubstr("give up")));
    const auto file = read_document(kept(document));
    ASSERT_TRUE(file) << row.says;
    EXPECT_EQ(*file, document);
    std::filesystem::remove(kept(document));
  }
}

TEST_F(ProvenStop, AStopIsLostWithItsController) {
  session_.url = "http://127.0.0.1:1";
  const model::Envelope document = stop();
  const auto proven = submit(Mind::kHonest, document);
  ASSERT_FALSE(proven);
  EXPECT_TRUE(std::filesystem::exists(kept(document))) << proven.error().message;
}

TEST_F(ProvenStop, AStopFromAFileIsWrittenASecondTime) {
  controller_.mind = Mind::kSwallows;
  const auto proven =
      submit_proven(session_, stop(), {.keys = {}, .file = "mine.dsse", .wait = "1s"});
  ASSERT_FALSE(proven);
  EXPECT_THAT(proven.error().message, HasSubstr("kept in mine.dsse"));
  EXPECT_FALSE(std::filesystem::exists(kept(stop())));
}

TEST_F(ProvenStop, AControllerVouchesForItself) {
  session_.tenant = "";  // it says which tenant this is
  const auto proven = submit(Mind::kHonest, stop());
  ASSERT_TRUE(proven) << proven.error().message;
  EXPECT_THAT(proven->doubt, HasSubstr("--tenant"));
}

TEST_F(ProvenStop, AnotherTenantsLogProvesIt) {
  session_.tenant = std::string(64, 'a');
  const auto proven = submit(Mind::kHonest, stop());
  ASSERT_FALSE(proven);
  EXPECT_EQ(proven.error().code, Code::kUntrusted) << proven.error().message;
}

// Logged with too few signatures: it lies in the log, and no host obeys it.
TEST_F(ProvenStop, AnEntryThatHostsRefuseIsCalledInForce) {
  const Bytes alone = controller_.tenant.sign(model::Resume{.stops = {DocumentId{}}}, {"alice"});
  const auto proven = submit(Mind::kHonest, *codec::decode<model::Envelope>(alone));
  ASSERT_FALSE(proven);
  EXPECT_THAT(proven.error().message, HasSubstr("which no host obeys"));
  EXPECT_THAT(proven.error().message, HasSubstr("hosts stay stopped"));
}

}  // namespace
}  // namespace fleetsweep::cli
