#include "witness/driver.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "tests/witness/grown_log.h"

namespace fleetsweep::witness {
namespace {

namespace fs = std::filesystem;

class WitnessDriver : public testing::Test {
 protected:
  WitnessDriver() {
    std::string pattern = (fs::temp_directory_path() / "witness.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    state_ = folder_ + "/state";
  }
  ~WitnessDriver() override { fs::remove_all(folder_); }
  void SetUp() override { ASSERT_TRUE(create(state_, "witness.example")); }

  std::unique_ptr<Driver> open() const {
    auto driver = Driver::open(state_, {log_.verifier()});
    EXPECT_TRUE(driver) << driver.error().message;
    return std::move(*driver);
  }
  Answer add(Driver& driver, std::uint64_t old_size, std::int64_t now = 1000) const {
    return driver.add_checkpoint(log_.request(old_size).text(), timestamp(now));
  }
  std::string memory() const {
    return state_ + "/logs/" + crypto::sha256(as_bytes("log.example/tenant")).hex();
  }
  // The time of the cosignature in an answer, if it is a valid one of this checkpoint.
  std::optional<Timestamp> cosigned(const Driver& driver, const Answer& answer) const {
    log::Note note = log::Note::parse(log_.note()).value();
    auto line =
        log::parse_signature_line(std::string_view(answer.text).substr(0, answer.text.find('\n')));
    if (!line || !answer.text.ends_with('\n')) return std::nullopt;
    note.signatures.push_back(*line);
    return log::verify_cosignature(note, driver.verifier());
  }

  std::string folder_, state_;
  GrownLog log_;
};

TEST_F(WitnessDriver, AnAnswerIsNoCosignature) {
  const auto driver = open();
  log_.grow(3);
  const Answer answer = add(*driver, 0, 1234);
  EXPECT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(cosigned(*driver, answer), timestamp(1234));
}

TEST_F(WitnessDriver, AnUnchangedTreeKeepsItsOldTime) {
  const auto driver = open();
  log_.grow(3);
  ASSERT_EQ(add(*driver, 0, 1000).status, 200);
  const auto written = fs::last_write_time(memory());
  EXPECT_EQ(cosigned(*driver, add(*driver, 3, 2000)), timestamp(2000));
  EXPECT_EQ(fs::last_write_time(memory()), written) << "nothing new to remember";
}

TEST_F(WitnessDriver, ARestartForgets) {
  log_.grow(5);
  {
    const auto driver = open();
    ASSERT_EQ(add(*driver, 0).status, 200);
  }
  const auto driver = open();
  EXPECT_EQ(driver->seen("log.example/tenant"), (Seen{5, log_.checkpoint().root}));
  EXPECT_EQ(add(*driver, 0).status, 409);
  log_.shrink(4);
  log_.grow(1, "fork");
  EXPECT_EQ(add(*driver, 5).status, 409);
  log_.grow(5, "fork");
  EXPECT_EQ(add(*driver, 5).status, 422);
}

TEST_F(WitnessDriver, WhatCannotBeRememberedIsCosigned) {
  const auto driver = open();
  log_.grow(2);
  fs::remove(state_ + "/logs");
  const Answer answer = add(*driver, 0);
  EXPECT_EQ(answer.status, 503);
  EXPECT_FALSE(cosigned(*driver, answer));
  EXPECT_EQ(driver->seen("log.example/tenant").size, 0u);
  fs::create_directory(state_ + "/logs");
  EXPECT_EQ(add(*driver, 0).status, 200);
}

TEST_F(WitnessDriver, AChangedMemoryIsRelliedOn) {
  log_.grow(5);
  ASSERT_EQ(add(*open(), 0).status, 200);
  std::ifstream file(memory());
  const std::string good{std::istreambuf_iterator<char>(file), {}};
  GrownLog thief("log.example/tenant", 9);
  for (const std::string& bad :
       std::vector<std::string>{"", "garbage", good.substr(0, 30), thief.note(),
                                std::string(limits::kNoteBytes + 1, 'x')}) {
    std::ofstream(memory(), std::ios::trunc) << bad;
    const auto driver = Driver::open(state_, {log_.verifier()});
    ASSERT_FALSE(driver) << bad.substr(0, 100);
    EXPECT_NE(driver.error().message.find(memory()), std::string::npos) << driver.error().message;
  }
}

// The memory of one log in the place of another's would let that one fork.
TEST_F(WitnessDriver, AMovedMemoryIsReliedOn) {
  GrownLog other("log.example/other", 1);
  other.grow(9);
  log_.grow(5);
  ASSERT_EQ(add(*open(), 0).status, 200);
  std::ofstream(memory(), std::ios::trunc) << other.note();
  EXPECT_FALSE(Driver::open(state_, {log_.verifier(), other.verifier()}));
}

TEST_F(WitnessDriver, ALogThatComesBackIsForgotten) {
  log_.grow(5);
  ASSERT_EQ(add(*open(), 0).status, 200);
  ASSERT_EQ(add(**Driver::open(state_, {}), 5).status, 404);
  EXPECT_EQ(add(*open(), 0).status, 409);
}

TEST_F(WitnessDriver, TwoProcessesWitnessWithOneKey) {
  const auto driver = open();
  const auto second = Driver::open(state_, {log_.verifier()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
}

TEST_F(WitnessDriver, AnOldKeyIsOverwritten) {
  const auto before = open()->verifier();
  EXPECT_EQ(create(state_, "other.example").error().code, Code::kConflict);
  EXPECT_EQ(open()->verifier(), before);
}

TEST_F(WitnessDriver, ARunningWitnessCannotBeAskedForItsKeyByInit) {
  const auto running = open();
  EXPECT_EQ(create(state_, "witness.example").value().verifier, running->verifier());
}

TEST_F(WitnessDriver, AKilledInitCannotBeRepeated) {
  const auto before = open()->verifier();
  fs::remove(state_ + "/witness.vkey");
  EXPECT_EQ(Driver::open(state_, {}).error().code, Code::kNotFound);
  EXPECT_EQ(create(state_, "witness.example").value().verifier, before);
}

TEST_F(WitnessDriver, TheKeyIsOpenToOthers) {
  struct stat status;
  ASSERT_EQ(stat((state_ + "/witness.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(state_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(WitnessDriver, AKeyOfAnotherWitnessIsUsed) {
  ASSERT_TRUE(create(folder_ + "/other", "other.example"));
  fs::copy_file(folder_ + "/other/witness.key", state_ + "/witness.key",
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(Driver::open(state_, {}).error().code, Code::kInvalid);
}

TEST_F(WitnessDriver, ABadNameIsTaken) {
  for (const char* name : {"", "a b", "a+b", "a\nb"})
    EXPECT_EQ(create(folder_ + "/new", name).error().code, Code::kInvalid) << name;
}

// Many at once, each on its own branch from the same tree: one may win.
TEST_F(WitnessDriver, TwoBranchesWinARace) {
  const auto driver = open();
  log_.grow(5);
  ASSERT_EQ(add(*driver, 0).status, 200);
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      GrownLog branch;
      branch.grow(5);
      branch.grow(1, fmt::format("branch {}", i));
      if (driver->add_checkpoint(branch.request(5).text(), timestamp(1)).status == 200) ++won;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_F(WitnessDriver, TheTimeIsNotToldWithTheHeadOfTheLogAndAKeyOfItsOwn) {
  const auto keys = create(state_, "witness.example");
  ASSERT_TRUE(keys);
  EXPECT_NE(keys->time, keys->verifier.key);
  const auto driver = open();
  log_.grow(3);
  ASSERT_EQ(add(*driver, 0).status, 200);
  log::TimeQuery query;
  query.tenant.value.fill(1);
  query.nonce.value.fill(2);
  query.origin = "log.example/tenant";
  const Answer answer = driver->tell_time(query.text(), timestamp(1234));
  ASSERT_EQ(answer.status, 200) << answer.text;
  const auto envelope = codec::from_dsse_json(answer.text);
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_EQ(envelope->payload_type, model::kPayloadTime);
  EXPECT_TRUE(crypto::verify_envelope(keys->time, *envelope));
  EXPECT_FALSE(crypto::verify_envelope(keys->verifier.key, *envelope));
  const auto statement = codec::decode<model::TimeStatement>(envelope->payload);
  ASSERT_TRUE(statement);
  EXPECT_EQ(*statement, (model::TimeStatement{.tenant = query.tenant,
                                              .nonce = query.nonce,
                                              .time = timestamp(1234),
                                              .size = 3,
                                              .root = log_.checkpoint().root}));
}

TEST_F(WitnessDriver, AnotherWitnessesLogOrNonsenseIsToldTheTime) {
  const auto driver = open();
  log::TimeQuery query;
  query.origin = "log.example/other";
  EXPECT_EQ(driver->tell_time(query.text(), timestamp(1)).status, 404);
  EXPECT_EQ(driver->tell_time("what time is it", timestamp(1)).status, 400);
}

// One from before there were time keys: it gets one, and init tells it.
TEST_F(WitnessDriver, AnOlderWitnessHasNoTimeKeyForEver) {
  fs::remove(state_ + "/time.key");
  { const auto driver = open(); }
  const auto keys = create(state_, "witness.example");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->time, create(state_, "witness.example")->time);
}

}  // namespace
}  // namespace fleetsweep::witness
