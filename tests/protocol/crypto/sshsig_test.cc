// What OpenSSH signs, and what only looks like it. The other side is the stock ssh-keygen.

#include "protocol/crypto/sshsig.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/protocol/crypto/ssh_identity.h"

namespace fleetsweep::crypto {
namespace {

// Over SshSignatureTest::kMessage. The first is OpenSSH 9.2's, with a key made for it and thrown
// away. The second is from the words of PROTOCOL.sshsig and PROTOCOL.u2f by Python's hashlib and
// struct and `openssl pkeyutl -sign -rawin`, with the key of RFC 8032's first test; `ssh-keygen -Y
// verify` took it.
constexpr std::pair<std::string_view, std::string_view> kKnownAnswers[] = {
    {"ssh-ed25519 "
     "AAAAC3NzaC1lZDI1NTE5AAAAIJsdynEfVnn4H1bUgAB2bA3Vq6dPwQZZRy0wUebuExtm known answer",
     "-----BEGIN SSH SIGNATURE-----\n"
     "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgmx3KcR9WefgfVtSAAHZsDdWrp0\n"
     "/BBllHLTBR5u4TG2YAAAANZmxlZXRzd2VlcC12MQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtz\n"
     "c2gtZWQyNTUxOQAAAECTfHWwo3HgzZAyfRIRsxTH842tJYxa9IEbX36DJZEHip+8s5pVVC\n"
     "+pHNfz1x9tVw1RJKQoKtkaKpZpKBdkJdEP\n"
     "-----END SSH SIGNATURE-----\n"},
    {"sk-ssh-ed25519@openssh.com "
     "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAINdamAGCsQq31Uv+"
     "08lkBzoO4XLz2qYjJa8CGmj3B1EaAAAADnNzaDpmbGVldHN3ZWVw token",
     "-----BEGIN SSH SIGNATURE-----\n"
     "U1NIU0lHAAAAAQAAAFQAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAg11qYAY\n"
     "KxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoAAAAOc3NoOmZsZWV0c3dlZXAAAAANZmxl\n"
     "ZXRzd2VlcC12MQAAAAAAAAAGc2hhNTEyAAAAZwAAABpzay1zc2gtZWQyNTUxOUBvcGVuc3\n"
     "NoLmNvbQAAAEAZAVnbHrt+zA5aI1hGF1TdCz7fXTxfYb/+CGFck80TbKpDhYoHHcQM1FwD\n"
     "ixz6Y05N9TkqcSd3TQkePdxkklYHAQAAAAc=\n"
     "-----END SSH SIGNATURE-----\n"},
};

class SshSignatureTest : public testing::Test {
 protected:
  SshSignatureTest() {
    char folder[] = "/tmp/fleetsweep-sshsig-XXXXXX";
    folder_ = ::mkdtemp(folder);
    EXPECT_EQ(run("ssh-keygen -q -t ed25519 -N '' -C 'alice at work' -f alice"), 0);
    write("message", kMessage);
  }
  ~SshSignatureTest() override { std::filesystem::remove_all(folder_); }

  int run(const std::string& command) const {
    return std::system(fmt::format("cd '{}' && {} >said 2>&1", folder_, command).c_str());
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  Bytes signature(const std::string& options = "-n fleetsweep-v1") const {
    EXPECT_EQ(run("rm -f message.sig && ssh-keygen -Y sign -f alice " + options + " message"), 0)
        << read("said");
    return unarmor_ssh_signature(read("message.sig")).value();
  }
  SshPublicKey alice() const { return parse_ssh_public_key(read("alice.pub")).value(); }
  Status check(BytesView blob) const {
    return check_ssh_signature(alice(), as_bytes(kMessage), blob);
  }

  static constexpr std::string_view kMessage = "DSSEv1 3 abc 5 order";
  std::string folder_;
};

TEST_F(SshSignatureTest, APublicKeyIsNotWrittenAsSshKeygenWritesIt) {
  EXPECT_EQ(ssh_public_key_text(alice()) + " alice at work\n", read("alice.pub"));
  SshPublicKey token = alice();
  token.application = "ssh:fleetsweep";
  EXPECT_EQ(parse_ssh_public_key(ssh_public_key_text(token)).value(), token);
}

TEST_F(SshSignatureTest, SignatureOfSshKeygenDoesNotHold) {
  EXPECT_TRUE(check(signature()));
  EXPECT_FALSE(check_ssh_signature(alice(), as_bytes("another message"), signature()));
}

TEST_F(SshSignatureTest, SignatureMadeLongAgoDoesNotHold) {
  for (const auto& [line, armored] : kKnownAnswers) {
    const SshPublicKey key = parse_ssh_public_key(line).value();
    const Bytes blob = unarmor_ssh_signature(armored).value();
    EXPECT_TRUE(check_ssh_signature(key, as_bytes(kMessage), blob)) << line;
    EXPECT_FALSE(check_ssh_signature(key, as_bytes("DSSEv1 3 abc 5 orden"), blob)) << line;
    const SshSignature parsed = parse_ssh_signature(blob).value();
    EXPECT_EQ(parsed.signer, key);
    EXPECT_EQ(parsed.name_space, kSshNamespace);
    EXPECT_EQ(parsed.hash, "sha512");
    EXPECT_EQ(parsed.flags, key.application.empty() ? 0 : 1);
    EXPECT_EQ(parsed.counter, key.application.empty() ? 0u : 7u);
  }
}

TEST_F(SshSignatureTest, SignatureForAnotherPurposeIsTaken) {
  EXPECT_EQ(check(signature("-n file")).error().message,
            "ssh signature: its namespace is file, fleetsweep-v1 was expected");
  EXPECT_EQ(check(signature("-n fleetsweep-v1 -O hashalg=sha256")).error().message,
            "ssh signature: it is over sha256, sha512 was expected");
}

TEST_F(SshSignatureTest, SignatureOfAnotherKeyIsTaken) {
  const Bytes of_alice = signature();
  ASSERT_EQ(run("rm alice alice.pub && ssh-keygen -q -t ed25519 -N '' -f alice"), 0);
  EXPECT_EQ(check(of_alice).error().message, "ssh signature: it is of another key");
}

TEST_F(SshSignatureTest, FlippedBitOrMissingByteGoesUnnoticed) {
  const Bytes good = signature();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    ASSERT_FALSE(check(bad)) << "bit " << bit;
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    ASSERT_FALSE(check(BytesView(good).first(size))) << size;
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(check(longer));
}

TEST_F(SshSignatureTest, KeyOfAnotherTypeIsTaken) {
  ASSERT_EQ(run("ssh-keygen -q -t ecdsa -N '' -f ecdsa"), 0);
  EXPECT_EQ(parse_ssh_public_key(read("ecdsa.pub")).error().message,
            "ssh key: its type is ecdsa-sha2-nistp256, ssh-ed25519 or "
            "sk-ssh-ed25519@openssh.com was expected");
  std::string line = read("alice.pub");
  EXPECT_FALSE(parse_ssh_public_key("sk-ssh-ed25519@openssh.com" + line.substr(line.find(' '))));
  EXPECT_FALSE(parse_ssh_public_key("ssh-ed25519"));
  EXPECT_FALSE(parse_ssh_public_key(""));
}

// An authority vouches for a certificate; the root names keys, and nobody else may add one.
TEST_F(SshSignatureTest, CertificateStandsInForAKeyOfTheRoot) {
  ASSERT_EQ(run("ssh-keygen -q -t ed25519 -N '' -f authority && "
                "ssh-keygen -q -s authority -I alice -n alice alice.pub"),
            0)
      << read("said");
  EXPECT_EQ(parse_ssh_public_key(read("alice-cert.pub")).error().message,
            "ssh key: its type is ssh-ed25519-cert-v01@openssh.com, ssh-ed25519 or "
            "sk-ssh-ed25519@openssh.com was expected");
  ASSERT_EQ(run("ssh-keygen -Y sign -f alice-cert.pub -n fleetsweep-v1 message || "
                "(eval $(ssh-agent -s) && ssh-add -q alice && "
                "ssh-keygen -Y sign -f alice-cert.pub -n fleetsweep-v1 message; "
                "code=$?; ssh-agent -k; exit $code)"),
            0)
      << read("said");
  const Bytes blob = unarmor_ssh_signature(read("message.sig")).value();
  if (as_text(blob).find("ssh-ed25519-cert-v01@openssh.com") == std::string_view::npos)
    GTEST_SKIP() << "this ssh-keygen signs with the bare key";
  EXPECT_EQ(check(blob).error().message,
            "ssh key: its type is ssh-ed25519-cert-v01@openssh.com, ssh-ed25519 or "
            "sk-ssh-ed25519@openssh.com was expected");
}

// Each of these is signed by the right key over the right message, and departs in one thing only.
TEST_F(SshSignatureTest, SignatureThatDepartsInOneThingIsTaken) {
  struct Case {
    test::SshShape shape;
    std::string refused;
  };
  const std::string key_types = ", ssh-ed25519 or sk-ssh-ed25519@openssh.com was expected";
  for (const std::string application : {"", "ssh:fleetsweep"}) {
    const test::SshIdentity person(SecretKey::generate(), application);
    const SshPublicKey key = parse_ssh_public_key(person.public_line()).value();
    const auto why = [&](const test::SshShape& shape) {
      const Status status =
          check_ssh_signature(key, as_bytes(kMessage), person.sign(as_bytes(kMessage), shape));
      return status ? std::string() : status.error().message;
    };
    ASSERT_EQ(why({}), "");
    const Case cases[] = {
        {{.version = 0}, "ssh signature: version 0, 1 was expected"},
        {{.version = 2}, "ssh signature: version 2, 1 was expected"},
        {{.name_space = ""}, "ssh signature: its namespace is , fleetsweep-v1 was expected"},
        {{.name_space = "fleetsweep-v1\n"},
         "ssh signature: its namespace is fleetsweep-v1\\x0a, fleetsweep-v1 was expected"},
        {{.name_space = "Fleetsweep-v1"},
         "ssh signature: its namespace is Fleetsweep-v1, fleetsweep-v1 was expected"},
        {{.reserved = "x"}, "ssh signature: it is not whole"},
        {{.hash = "sha256"}, "ssh signature: it is over sha256, sha512 was expected"},
        {{.hash = ""}, "ssh signature: it is over , sha512 was expected"},
        {{.key_type = "ssh-ed25519-cert-v01@openssh.com"},
         "ssh key: its type is ssh-ed25519-cert-v01@openssh.com" + key_types},
        {{.key_type = "sk-ssh-ed25519-cert-v01@openssh.com"},
         "ssh key: its type is sk-ssh-ed25519-cert-v01@openssh.com" + key_types},
        {{.key_type = "ssh-rsa"}, "ssh key: its type is ssh-rsa" + key_types},
        {{.after_key = {0}}, "ssh key: it is not whole"},
        {{.after_inner = {0}}, "ssh signature: its inner part is not of the key's type"},
        {{.after_all = {0}}, "ssh signature: it is not whole"},
    };
    for (const Case& one : cases) EXPECT_EQ(why(one.shape), one.refused) << application;
  }
}

// The same bytes as a token makes, held against the stock verifier.
TEST_F(SshSignatureTest, TokenThatNobodyTouchedSigns) {
  const test::SshIdentity token(SecretKey::generate(), "ssh:fleetsweep");
  const Bytes touched = token.sign(as_bytes(kMessage));
  const SshPublicKey key = parse_ssh_public_key(token.public_line()).value();
  EXPECT_TRUE(check_ssh_signature(key, as_bytes(kMessage), touched));
  write("message.sig", fmt::format("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH "
                                   "SIGNATURE-----\n",
                                   to_base64(touched)));
  write("allowed", "alice " + token.public_line() + "\n");
  EXPECT_EQ(
      run("ssh-keygen -Y verify -f allowed -I alice -n fleetsweep-v1 -s message.sig <message"), 0)
      << read("said");

  EXPECT_EQ(check_ssh_signature(key, as_bytes(kMessage), token.sign(as_bytes(kMessage), 0))
                .error()
                .message,
            "ssh signature: nobody touched the token");
  SshPublicKey elsewhere = key;
  elsewhere.application = "ssh:other";
  EXPECT_FALSE(check_ssh_signature(elsewhere, as_bytes(kMessage), touched));
}

}  // namespace
}  // namespace fleetsweep::crypto
