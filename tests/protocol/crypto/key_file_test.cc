#include "protocol/crypto/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fleetsweep::crypto {
namespace {

namespace fs = std::filesystem;

class KeyFile : public testing::Test {
 protected:
  KeyFile() {
    std::string pattern = (fs::temp_directory_path() / "keyfile.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~KeyFile() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  void write(std::string_view name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::string read(std::string_view name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The stock tool, in the folder of the test; its exit code.
  int openssl(const std::string& arguments) const {
    return std::system(
        fmt::format("cd '{}' && openssl {} >out 2>err </dev/null", folder_, arguments).c_str());
  }

  const SecretKey key_ = SecretKey::generate();
  std::string folder_;
};

TEST_F(KeyFile, AnEncryptedKeyComesBackAsAnother) {
  ASSERT_TRUE(write_key_file(path("k"), key_, "correct horse"));
  const auto again = read_key_file(path("k"), "correct horse");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->seed(), key_.seed());
  EXPECT_NE(read("k").find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
}

TEST_F(KeyFile, OthersMayReadTheKey) {
  const auto mask = umask(0);
  ASSERT_TRUE(write_key_file(path("k"), key_, "p"));
  umask(mask);
  struct stat status;
  ASSERT_EQ(stat(path("k").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(KeyFile, AKeyIsOverwritten) {
  ASSERT_TRUE(write_key_file(path("k"), key_, "p"));
  const std::string before = read("k");
  const Status status = write_key_file(path("k"), SecretKey::generate(), "p");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kConflict);
  EXPECT_EQ(read("k"), before);
  fs::create_symlink(path("elsewhere"), path("link"));
  EXPECT_FALSE(write_key_file(path("link"), key_, "p"));
  EXPECT_FALSE(fs::exists(path("elsewhere")));
}

TEST_F(KeyFile, AMissingFolderGivesNoReason) {
  const Status status = write_key_file(path("no/such/k"), key_, "p");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalid);
  EXPECT_NE(status.error().message.find("No such file"), std::string::npos);
  EXPECT_EQ(read_key_file(path("absent"), "p").error().code, Code::kNotFound);
}

TEST_F(KeyFile, AWrongPassphraseIsNotTold) {
  ASSERT_TRUE(write_key_file(path("k"), key_, "right"));
  EXPECT_EQ(read_key_file(path("k"), "wrong").error().code, Code::kUntrusted);
  const auto missing = read_key_file(path("k"), "");
  EXPECT_EQ(missing.error().code, Code::kUntrusted);
  EXPECT_NE(missing.error().message.find("a passphrase is needed"), std::string::npos);
}

TEST_F(KeyFile, AnUnencryptedKeyNeedsAPassphrase) {
  ASSERT_TRUE(write_key_file(path("k"), key_, ""));
  EXPECT_NE(read("k").find("BEGIN PRIVATE KEY"), std::string::npos);
  EXPECT_EQ(read_key_file(path("k"), "")->seed(), key_.seed());
}

TEST_F(KeyFile, TheStockToolCannotReadOurKey) {
  ASSERT_TRUE(write_key_file(path("k"), key_, "pass"));
  ASSERT_EQ(openssl("pkey -in k -passin pass:pass -pubout -out pub"), 0) << read("err");
  EXPECT_EQ(read("pub"), public_key_pem(key_.public_key()));
  EXPECT_NE(openssl("pkey -in k -passin pass:other -pubout -out pub2"), 0);
  ASSERT_EQ(openssl("asn1parse -in k"), 0);
  EXPECT_NE(read("out").find(":scrypt"), std::string::npos) << read("out");
  EXPECT_NE(read("out").find(":010000"), std::string::npos) << "N = 65536";
  EXPECT_NE(read("out").find(":aes-256-cbc"), std::string::npos);
}

TEST_F(KeyFile, TheStockToolCannotVerifyOurSignature) {
  const Bytes message = pae(model::kPayloadStop, as_bytes("halt"));
  write("message", as_text(message));
  write("signature", as_text(key_.sign(message).view()));
  write("pub", public_key_pem(key_.public_key()));
  const std::string verify =
      "pkeyutl -verify -rawin -pubin -inkey pub -in message -sigfile signature";
  EXPECT_EQ(openssl(verify), 0) << read("out") << read("err");
  write("message", as_text(message).substr(1));
  EXPECT_NE(openssl(verify), 0);
}

TEST_F(KeyFile, ASignatureOfTheStockToolIsRefused) {
  ASSERT_TRUE(write_key_file(path("k"), key_, "pass"));
  write("message", "signed elsewhere");
  ASSERT_EQ(openssl("pkeyutl -sign -rawin -inkey k -passin pass:pass -in message -out signature"),
            0)
      << read("err");
  EXPECT_TRUE(verify(key_.public_key(), as_bytes("signed elsewhere"), as_bytes(read("signature"))));
}

// `openssl genpkey -aes256` derives the key with PBKDF2 and 2048 rounds.
TEST_F(KeyFile, AWeaklyEncryptedKeyIsAccepted) {
  ASSERT_EQ(openssl("genpkey -algorithm ed25519 -aes256 -pass pass:p -out pbkdf2"), 0);
  ASSERT_EQ(openssl("pkcs8 -topk8 -in pbkdf2 -passin pass:p -passout pass:p -v1 PBE-SHA1-3DES "
                    "-out pbes1"),
            0)
      << read("err");
  ASSERT_EQ(openssl("pkcs8 -topk8 -in pbkdf2 -passin pass:p -passout pass:p -scrypt -out n16384"),
            0);
  const auto again = [&](const std::string& options, const std::string& name) {
    return openssl("pkcs8 -topk8 -in pbkdf2 -passin pass:p -passout pass:p " + options + " -out " +
                   name);
  };
  // A large N with little memory or one lane costs a fraction of ours.
  ASSERT_EQ(again("-scrypt -scrypt_N 65536 -scrypt_r 2 -scrypt_p 1", "r2p1"), 0) << read("err");
  ASSERT_EQ(again("-scrypt -scrypt_N 65536 -scrypt_r 3 -scrypt_p 5", "p5"), 0) << read("err");
  ASSERT_EQ(again("-v2 aes-256-cbc -iter 1000000", "pbkdf2_long"), 0) << read("err");
  for (const char* name : {"pbkdf2", "pbes1", "n16384", "r2p1", "p5", "pbkdf2_long"}) {
    const auto key = read_key_file(path(name), "p");
    ASSERT_FALSE(key) << name;
    EXPECT_EQ(key.error().code, Code::kInvalid);
    EXPECT_NE(key.error().message.find("openssl pkcs8 -topk8 -scrypt -scrypt_N 65536"),
              std::string::npos)
        << key.error().message;
  }
}

TEST_F(KeyFile, TheAdviceForAWeakKeyDoesNotHelp) {
  ASSERT_EQ(openssl("genpkey -algorithm ed25519 -aes256 -pass pass:p -out weak"), 0);
  ASSERT_EQ(openssl("pkcs8 -topk8 -in weak -passin pass:p -passout pass:p -scrypt -scrypt_N 65536 "
                    "-scrypt_r 3 -scrypt_p 6 -out strong"),
            0)
      << read("err");
  EXPECT_TRUE(read_key_file(path("strong"), "p"));
}

TEST_F(KeyFile, SomethingElseIsTakenForAKey) {
  ASSERT_EQ(openssl("genpkey -algorithm x25519 -out x25519"), 0);
  ASSERT_TRUE(write_key_file(path("whole"), key_, ""));
  write("empty", "");
  write("noise", "not a key\n");
  write("cut", read("whole").substr(0, 60));
  write("public", public_key_pem(key_.public_key()));
  write("large", std::string(20000, 'x'));
  for (const char* name : {"x25519", "empty", "noise", "cut", "public", "large"}) {
    const auto key = read_key_file(path(name), "p");
    ASSERT_FALSE(key) << name;
    EXPECT_EQ(key.error().code, Code::kInvalid) << name;
    EXPECT_NE(key.error().message.find(path(name)), std::string::npos) << name;
  }
  EXPECT_EQ(read_key_file(folder_, "p").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace fleetsweep::crypto
