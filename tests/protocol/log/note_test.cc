#include "protocol/log/note.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::log {
namespace {

crypto::SecretKey key_from(std::uint8_t first, std::uint8_t step) {
  std::array<std::uint8_t, 32> seed;
  for (std::size_t i = 0; i < seed.size(); ++i)
    seed[i] = static_cast<std::uint8_t>(first + i * step);
  return crypto::SecretKey::from_seed(seed);
}

// The example of golang.org/x/mod/sumdb/note, whose format C2SP signed-note is.
constexpr std::string_view kGoKey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6K"
    "E6RyyBwJnAM=\n";

// Made from the words of C2SP by Python's hashlib and struct and `openssl pkeyutl -sign -rawin`:
// the seed is 00 01 .. 1f for both keys, the tree is leaves "a" and "b", the time 1700000000.
constexpr std::string_view kLogKey =
    "log.example/tenant+20069854+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr std::string_view kWitnessKey =
    "witness.example+7e81f231+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr std::string_view kGolden =
    "log.example/tenant\n"
    "2\n"
    "sTeYX/SE+2ANuTEHx3sDZcgNePW0Kd7Q/Zc2HQd5mes=\n"
    "\n"
    "\u2014 log.example/tenant "
    "IAaYVIP3HwmDvk1nYKZj3K1Z4F5F2YTqMDk1xB4fpM5jp6mZZ+wnOzOEzUw3s2y+9u3cVxXuGd4M"
    "dxB+rN6VvizG2gs=\n"
    "\u2014 witness.example "
    "foHyMQAAAABlU/EA2+jQJM8SjXSqKBqOj0P5oBXPygD4gt8tK07ycVuXo0oxVb5/Fb6dkqXqIWMUek86"
    "mPeYneB6dkXbXAtK3qOhAQ==\n";

VerifierKey parse_key(std::string_view text) {
  return VerifierKey::parse(text).value();
}

Checkpoint golden_checkpoint() {
  return {"log.example/tenant", 2, node_hash(leaf_hash(as_bytes("a")), leaf_hash(as_bytes("b")))};
}

struct Witness {
  std::string name;
  crypto::SecretKey key;
  VerifierKey verifier() const { return {name, KeyType::kCosignatureV1, key.public_key()}; }
};

Witness witness(std::uint8_t number) {
  return {fmt::format("witness{}.example", number), key_from(number, 1)};
}

// The examples that C2SP prints in signed-note.md and tlog-cosignature.md; it gives no keys to
// them.
constexpr std::string_view kSignedNoteExample =
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed \u00e8 subito sera.\n"
    "\n"
    "\u2014 quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc="
    "\n";
constexpr std::string_view kCosignatureExample =
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
    "\n"
    "\u2014 witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIU"
    "BkBIfZ+qnA==\n";

TEST(Note, AnExampleOfC2spIsRefused) {
  for (const auto text : {kSignedNoteExample, kCosignatureExample}) {
    const auto note = Note::parse(text);
    ASSERT_TRUE(note) << note.error().message;
    EXPECT_EQ(note->text(), text);
  }
  const Note note = Note::parse(kCosignatureExample).value();
  const Checkpoint checkpoint = Checkpoint::parse(note.body).value();
  EXPECT_EQ(checkpoint.origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint.size, 20852163u);
  ASSERT_EQ(note.signatures.size(), 2u);
  EXPECT_EQ(note.signatures[0].signature.size(), 64u);
  // The text beside it signs "time 1679315147": 8 bytes before the signature, big-endian.
  ASSERT_EQ(note.signatures[1].signature.size(), 72u);
  EXPECT_EQ(to_hex(BytesView(note.signatures[1].signature).first(8)),
            fmt::format("{:016x}", 1679315147));
}

TEST(Note, TheGoExampleDoesNotVerify) {
  const VerifierKey key = parse_key(kGoKey);
  EXPECT_EQ(key.name, "PeterNeumann");
  EXPECT_EQ(key.id(), 0xc74f20a3u);
  EXPECT_EQ(key.text(), kGoKey);
  const Note note = Note::parse(kGoNote).value();
  EXPECT_EQ(note.text(), kGoNote);
  EXPECT_TRUE(verify_log_signature(note, key));
  Note other = note;
  other.body[0] = 'i';
  EXPECT_FALSE(verify_log_signature(other, key));
}

TEST(Note, OurNoteDiffersFromTheWordsOfC2sp) {
  const auto key = key_from(0, 1);
  Note note = sign_checkpoint(golden_checkpoint(), key);
  note.signatures.push_back(cosign(note.body, "witness.example", key, timestamp(1700000000)));
  EXPECT_EQ(note.text(), kGolden);
  EXPECT_EQ((VerifierKey{"log.example/tenant", KeyType::kEd25519, key.public_key()}.text()),
            kLogKey);
  EXPECT_EQ((VerifierKey{"witness.example", KeyType::kCosignatureV1, key.public_key()}.text()),
            kWitnessKey);
}

TEST(Note, TheWordsOfC2spDoNotVerify) {
  const auto verified = verify_checkpoint(kGolden, parse_key(kLogKey), {parse_key(kWitnessKey)}, 1);
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->checkpoint, golden_checkpoint());
  EXPECT_EQ(verified->time, timestamp(1700000000));
}

TEST(Note, AChangedCharacterStillVerifies) {
  for (std::size_t i = 0; i < kGolden.size(); ++i) {
    std::string bad(kGolden);
    bad[i] ^= 1;
    EXPECT_FALSE(verify_checkpoint(bad, parse_key(kLogKey), {parse_key(kWitnessKey)}, 1))
        << "character " << i;
  }
  for (std::size_t size = 0; size < kGolden.size(); ++size)
    EXPECT_FALSE(
        verify_checkpoint(kGolden.substr(0, size), parse_key(kLogKey), {parse_key(kWitnessKey)}, 1))
        << size << " characters";
}

// A cosignature is not the log's word, and the log's signature is not a cosignature, even under
// one key.
TEST(Note, ASignatureOfOneKindCountsAsTheOther) {
  const auto key = key_from(0, 1);
  const Note note = Note::parse(kGolden).value();
  const VerifierKey as_log{"witness.example", KeyType::kEd25519, key.public_key()};
  const VerifierKey as_witness{"log.example/tenant", KeyType::kCosignatureV1, key.public_key()};
  EXPECT_FALSE(verify_log_signature(note, as_log));
  EXPECT_FALSE(verify_cosignature(note, as_witness));
  EXPECT_FALSE(verify_log_signature(note, parse_key(kWitnessKey)));
  EXPECT_FALSE(verify_cosignature(note, parse_key(kLogKey)));
  // Nor when the lines carry the other kind's id.
  Note forged = note;
  forged.signatures[0].id = as_witness.id();
  forged.signatures[1].id = as_log.id();
  EXPECT_FALSE(verify_log_signature(forged, as_log));
  EXPECT_FALSE(verify_cosignature(forged, as_witness));
}

TEST(Note, ACosignatureWithAnotherTimeVerifies) {
  const Witness w = witness(1);
  Note note = sign_checkpoint(golden_checkpoint(), key_from(0, 1));
  note.signatures.push_back(cosign(note.body, w.name, w.key, timestamp(1000)));
  EXPECT_EQ(verify_cosignature(note, w.verifier()), timestamp(1000));
  note.signatures[1].signature[7] ^= 1;
  EXPECT_EQ(verify_cosignature(note, w.verifier()), std::nullopt);
}

TEST(Note, ATimePastTheYear9999Overflows) {
  const Witness w = witness(1);
  Note note = sign_checkpoint(golden_checkpoint(), key_from(0, 1));
  note.signatures.push_back(cosign(note.body, w.name, w.key, timestamp(253402300800)));
  EXPECT_EQ(verify_cosignature(note, w.verifier()), std::nullopt);
}

TEST(Note, TheQuorumIsNotTheNthNewestTime) {
  Note note = sign_checkpoint(golden_checkpoint(), key_from(0, 1));
  std::vector<VerifierKey> verifiers;
  const std::int64_t times[] = {300, 100, 200};
  for (std::uint8_t i = 0; i < 3; ++i) {
    const Witness w = witness(static_cast<std::uint8_t>(i + 1));
    note.signatures.push_back(cosign(note.body, w.name, w.key, timestamp(times[i])));
    verifiers.push_back(w.verifier());
  }
  const VerifierKey log = parse_key(kLogKey);
  const auto time = [&](unsigned quorum) {
    return unix_seconds(verify_checkpoint(note.text(), log, verifiers, quorum)->time);
  };
  EXPECT_EQ(time(0), 0);
  EXPECT_EQ(time(1), 300);
  EXPECT_EQ(time(2), 200);
  EXPECT_EQ(time(3), 100);
  const auto short_of = verify_checkpoint(note.text(), log, verifiers, 4);
  ASSERT_FALSE(short_of);
  EXPECT_EQ(short_of.error().code, Code::kUntrusted);
  EXPECT_NE(short_of.error().message.find("3 of 3 witnesses cosigned, 4 are needed"),
            std::string::npos);
}

TEST(Note, OneWitnessKeyUnderTwoNamesCountsTwice) {
  const auto key = key_from(1, 1);
  Note note = sign_checkpoint(golden_checkpoint(), key_from(0, 1));
  std::vector<VerifierKey> verifiers;
  for (const char* name : {"one.example", "two.example"}) {
    note.signatures.push_back(cosign(note.body, name, key, timestamp(5)));
    verifiers.push_back({name, KeyType::kCosignatureV1, key.public_key()});
  }
  EXPECT_FALSE(verify_checkpoint(note.text(), parse_key(kLogKey), verifiers, 2));
  EXPECT_TRUE(verify_checkpoint(note.text(), parse_key(kLogKey), verifiers, 1));
}

TEST(Note, AStrangersCosignatureCounts) {
  const Witness stranger = witness(9);
  Note note = sign_checkpoint(golden_checkpoint(), key_from(0, 1));
  note.signatures.push_back(cosign(note.body, stranger.name, stranger.key, timestamp(5)));
  EXPECT_FALSE(verify_checkpoint(note.text(), parse_key(kLogKey), {witness(1).verifier()}, 1));
  EXPECT_TRUE(verify_checkpoint(note.text(), parse_key(kLogKey), {witness(1).verifier()}, 0))
      << "an unknown signature is ignored";
}

TEST(Note, ACheckpointOfAnotherLogIsTaken) {
  const auto key = key_from(0, 1);
  Checkpoint other = golden_checkpoint();
  other.origin = "log.example/other";
  Note note = sign_checkpoint(other, key);
  // The right log's key signed it under its right name, but the body speaks of another origin.
  const VerifierKey log = parse_key(kLogKey);
  note.signatures[0].name = log.name;
  note.signatures[0].id = log.id();
  ASSERT_TRUE(verify_log_signature(note, log));
  EXPECT_EQ(verify_checkpoint(note.text(), log, {}, 0).error().code, Code::kUntrusted);
}

// A list of bad notes: each differs from kGolden in the one thing its name says.
std::string replaced(std::string_view what, std::string_view with) {
  std::string text(kGolden);
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(Note, AMalformedNoteIsParsed) {
  const std::pair<const char*, std::string> bad[] = {
      {"empty", ""},
      {"only newlines", "\n\n"},
      {"CRLF", replaced("tenant\n2\n", "tenant\r\n2\r\n")},
      {"CRLF after a signature", replaced("2gs=\n", "2gs=\r\n")},
      {"no blank line", replaced("\n\n", "\n")},
      {"no newline at the end", std::string(kGolden.substr(0, kGolden.size() - 1))},
      {"no signature", "text\n\n"},
      {"blank line at the end", std::string(kGolden) + "\n"},
      {"hyphen for the em dash", replaced("\u2014 log", "- log")},
      {"two hyphens for the em dash", replaced("\u2014 log", "-- log")},
      {"en dash for the em dash", replaced("\u2014 log", "\u2013 log")},
      {"horizontal bar for the em dash", replaced("\u2014 log", "\u2015 log")},
      {"no space after the em dash", replaced("\u2014 log", "\u2014log")},
      {"no-break space after the em dash", replaced("\u2014 log", "\u2014\u00a0log")},
      {"two spaces before base64", replaced(" IAaY", "  IAaY")},
      {"space in base64", replaced("IAaYVIP3", "IAaY VIP3")},
      {"space after base64", replaced("2gs=\n", "2gs= \n")},
      {"tab before base64", replaced(" IAaY", "\tIAaY")},
      {"unpadded base64", replaced("2gs=\n", "2gs\n")},
      {"url-safe base64", replaced("Z+wn", "Z-wn")},
      {"left-over bits in base64", replaced("2gs=\n", "2gt=\n")},
      {"plus in the name", replaced("\u2014 log.example", "\u2014 log+example")},
      {"control character in the body", replaced("tenant\n2",
                                                 "ten\x01"
                                                 "ant\n2")},
      {"bidi override in the body", replaced("tenant\n2",
                                             "ten\u202e"
                                             "ant\n2")},
      {"bytes that are no UTF-8", replaced("tenant\n2",
                                           "ten\xff"
                                           "ant\n2")},
      {"the same signature twice",
       std::string(kGolden) + std::string(kGolden.substr(kGolden.rfind("\u2014")))},
      {"a signature of 4 bytes", "text\n\n\u2014 name AAAAAA==\n"},
      {"no name", "text\n\n\u2014  AAAAAAA=\n"},
      {"no base64", "text\n\n\u2014 name\n"},
  };
  ASSERT_TRUE(Note::parse(kGolden));
  for (const auto& [name, text] : bad) {
    const auto note = Note::parse(text);
    ASSERT_FALSE(note) << name;
    EXPECT_EQ(note.error().code, Code::kInvalid) << name;
    EXPECT_EQ(note.error().message, escaped(note.error().message)) << name;
  }
}

TEST(Note, TheBlankLineIsTheFirstAndNotTheLast) {
  const auto note = Note::parse("a\n\nb\n\n\u2014 name AAAAAAA=\n");
  ASSERT_TRUE(note);
  EXPECT_EQ(note->body, "a\n\nb\n");
}

TEST(Note, SignaturesAndBytesHaveNoBound) {
  Note note{"text\n", {}};
  for (std::uint32_t i = 0; i < limits::kNoteSignatures; ++i)
    note.signatures.push_back({fmt::format("name{}", i), i, Bytes(64)});
  EXPECT_EQ(Note::parse(note.text()).value(), note);
  note.signatures.push_back({"onemore", 1, Bytes(64)});
  EXPECT_FALSE(Note::parse(note.text()));
  Note large{std::string(limits::kNoteBytes, 'x') + "\n", {{"n", 1, Bytes(64)}}};
  EXPECT_FALSE(Note::parse(large.text()));
}

TEST(Checkpoint, AMalformedCheckpointIsParsed) {
  const std::string root = to_base64(empty_root().view());
  const std::pair<const char*, std::string> bad[] = {
      {"empty", ""},
      {"two origins", "log.example\nlog2.example\n1\n" + root + "\n"},
      {"extension line", "log.example\n1\n" + root + "\nextension\n"},
      {"no root", "log.example\n1\n"},
      {"no last newline", "log.example\n1\n" + root},
      {"empty origin", "\n1\n" + root + "\n"},
      {"leading zero", "log.example\n01\n" + root + "\n"},
      {"zero twice", "log.example\n00\n" + root + "\n"},
      {"sign", "log.example\n+1\n" + root + "\n"},
      {"minus", "log.example\n-1\n" + root + "\n"},
      {"space before the size", "log.example\n 1\n" + root + "\n"},
      {"hexadecimal", "log.example\n0x1\n" + root + "\n"},
      {"fraction", "log.example\n1.0\n" + root + "\n"},
      {"no size", "log.example\n\n" + root + "\n"},
      {"2^63", "log.example\n9223372036854775808\n" + root + "\n"},
      {"2^64", "log.example\n18446744073709551616\n" + root + "\n"},
      {"a long number", "log.example\n" + std::string(400, '9') + "\n" + root + "\n"},
      {"root of 31 bytes", "log.example\n1\n" + to_base64(Bytes(31)) + "\n"},
      {"root of 33 bytes", "log.example\n1\n" + to_base64(Bytes(33)) + "\n"},
      {"root with a space", "log.example\n1\n" + root.substr(0, 10) + " " + root.substr(10) + "\n"},
      {"hex root", "log.example\n1\n" + empty_root().hex() + "\n"},
      {"long origin", std::string(limits::kKeyNameBytes + 1, 'o') + "\n1\n" + root + "\n"},
  };
  for (const auto& [name, text] : bad) {
    const auto checkpoint = Checkpoint::parse(text);
    ASSERT_FALSE(checkpoint) << name;
    EXPECT_EQ(checkpoint.error().code, Code::kInvalid) << name;
  }
  EXPECT_EQ(Checkpoint::parse("log.example\n9223372036854775807\n" + root + "\n")->size,
            9223372036854775807u);
  EXPECT_EQ(Checkpoint::parse("log.example\n0\n" + root + "\n")->root, empty_root());
}

TEST(VerifierKey, AMalformedKeyIsParsed) {
  const std::pair<const char*, std::string> bad[] = {
      {"empty", ""},
      {"name only", "log.example"},
      {"no key", "log.example+20069854"},
      {"wrong id", "log.example/tenant+20069855+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"},
      {"wrong name", "log.example/tenanu+20069854+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"},
      {"wrong key", "log.example/tenant+20069854+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG5"},
      {"upper case id", "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
      {"short id", "log.example/tenant+2006985+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"},
      {"unknown type",
       VerifierKey{"a", static_cast<KeyType>(2), key_from(1, 1).public_key()}.text()},
      {"low-order key", VerifierKey{"a", KeyType::kEd25519, PublicKey{}}.text()},
      {"name with a space",
       VerifierKey{"a b", KeyType::kEd25519, key_from(1, 1).public_key()}.text()},
      {"trailing newline", std::string(kLogKey) + "\n"},
      {"long key", "a+00000000+" + to_base64(Bytes(34))},
  };
  for (const auto& [name, text] : bad) EXPECT_FALSE(VerifierKey::parse(text)) << name;
}

TEST(VerifierKey, ANameCanDeceiveTheReader) {
  for (const char* good : {"log.example/tenant", "L", "caf\u00e9", "a-b_c:1"})
    EXPECT_TRUE(is_key_name(good)) << good;
  for (const char* bad : {"", "a b", "a+b", "a\tb", "a\nb", "a\u00a0b", "a\u2003b", "a\u3000b",
                          "a\u202eb", "a\u200bb", "a\x80"})
    EXPECT_FALSE(is_key_name(bad)) << escaped(bad);
  EXPECT_FALSE(is_key_name(std::string(limits::kKeyNameBytes + 1, 'a')));
}

}  // namespace
}  // namespace fleetsweep::log
