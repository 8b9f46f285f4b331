#include "protocol/crypto/key_file.h"

#include <fcntl.h>
#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "protocol/base/limits.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::crypto {
namespace {

// The memory of N = 2^17, r = 8 (OWASP's choice) is more than the 32 MiB up to which the stock
// openssl reads a scrypt file, so the same work is spread over six lanes of 24 MiB.
constexpr std::uint64_t kScryptN = 1 << 16;
constexpr std::uint64_t kScryptR = 3;
constexpr std::uint64_t kScryptP = 6;
constexpr int kSaltBytes = 16;
constexpr std::uint64_t kScryptNMin = 1 << 16;
constexpr std::uint64_t kScryptWorkMin = 1 << 20;  // N * r * p of OWASP's choice

template <auto release>
struct Release {
  template <class T>
  void operator()(T* thing) const {
    release(thing);
  }
};
using Bio = std::unique_ptr<BIO, Release<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using PlainKey = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Release<PKCS8_PRIV_KEY_INFO_free>>;
using SealedKey = std::unique_ptr<X509_SIG, Release<X509_SIG_free>>;
using KeyDerivation = std::unique_ptr<PBE2PARAM, Release<PBE2PARAM_free>>;
using ScryptCost = std::unique_ptr<SCRYPT_PARAMS, Release<SCRYPT_PARAMS_free>>;

// OpenSSL's own words for what went wrong; empties its queue.
std::string openssl_error() {
  char text[256] = "no reason given";
  if (const auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

Bio memory_bio() {
  // The secure kind wipes what it held.
  return Bio(BIO_new(BIO_s_secmem()));
}

BytesView content(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

// PBES2 with scrypt and AES-256-CBC, as `openssl pkcs8 -topk8 -scrypt` writes it.
SealedKey encrypt(PKCS8_PRIV_KEY_INFO* plain, std::string_view passphrase) {
  X509_ALGOR* scheme = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, kSaltBytes, nullptr,
                                             kScryptN, kScryptR, kScryptP);
  if (scheme == nullptr) return nullptr;
  SealedKey sealed(
      PKCS8_set0_pbe(passphrase.data(), static_cast<int>(passphrase.size()), plain, scheme));
  if (!sealed) X509_ALGOR_free(scheme);
  return sealed;
}

Status write_new_file(const std::string& path, BytesView bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST)
    return fail(Code::kConflict, "{} exists already; a key is never overwritten", path);
  if (file < 0) return fail(Code::kInvalid, "cannot create {}: {}", path, std::strerror(errno));
  // The mode is set again because a umask may have narrowed it to something unreadable.
  bool written = fchmod(file, 0600) == 0;
  for (BytesView rest = bytes; written && !rest.empty();) {
    const ssize_t count = write(file, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    written = count > 0;
    if (written) rest = rest.subspan(static_cast<std::size_t>(count));
  }
  written = written && fsync(file) == 0;
  const int reason = errno;
  close(file);
  if (written) return {};
  unlink(path.c_str());
  return fail(Code::kUnavailable, "cannot write {}: {}", path, std::strerror(reason));
}

Result<Bytes> read_small_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return fail(errno == ENOENT ? Code::kNotFound : Code::kInvalid, "cannot open {}: {}", path,
                std::strerror(errno));
  Bytes bytes(limits::kKeyFileBytes + 1);
  std::size_t size = 0;
  ssize_t count = 0;
  do {
    count = read(file, bytes.data() + size, bytes.size() - size);
    if (count > 0) size += static_cast<std::size_t>(count);
  } while (count > 0 || (count < 0 && errno == EINTR));
  const int reason = errno;
  close(file);
  if (count < 0) return fail(Code::kInvalid, "cannot read {}: {}", path, std::strerror(reason));
  if (size > limits::kKeyFileBytes)
    return fail(Code::kInvalid, "{} is larger than {} bytes: not a key file", path,
                limits::kKeyFileBytes);
  bytes.resize(size);
  return bytes;
}

// Refuses everything that can be guessed fast: only PBES2 with scrypt of about our cost remains.
// The upper end is OpenSSL's: it refuses what needs more than 32 MiB.
Status check_strength(const std::string& path, const X509_SIG* sealed) {
  const auto weak = [&](std::string_view what) {
    return fail(
        Code::kInvalid,
        "{} is encrypted with {}; expected scrypt with N of at least {} and N * r * p of at "
        "least {}. Encrypt it anew: openssl pkcs8 -topk8 -scrypt -scrypt_N {} -scrypt_r {} "
        "-scrypt_p {}",
        path, what, kScryptNMin, kScryptWorkMin, kScryptN, kScryptR, kScryptP);
  };
  const X509_ALGOR* scheme = nullptr;
  X509_SIG_get0(sealed, &scheme, nullptr);
  const ASN1_OBJECT* name = nullptr;
  const void* parameters = nullptr;
  int type = 0;
  X509_ALGOR_get0(&name, &type, &parameters, scheme);
  if (OBJ_obj2nid(name) != NID_pbes2 || type != V_ASN1_SEQUENCE) return weak("an old scheme");
  const KeyDerivation pbe(static_cast<PBE2PARAM*>(
      ASN1_item_unpack(static_cast<const ASN1_STRING*>(parameters), ASN1_ITEM_rptr(PBE2PARAM))));
  if (!pbe) return weak("broken parameters");
  X509_ALGOR_get0(&name, &type, &parameters, pbe->keyfunc);
  if (OBJ_obj2nid(name) != NID_id_scrypt || type != V_ASN1_SEQUENCE) return weak("PBKDF2");
  const ScryptCost cost(static_cast<SCRYPT_PARAMS*>(ASN1_item_unpack(
      static_cast<const ASN1_STRING*>(parameters), ASN1_ITEM_rptr(SCRYPT_PARAMS))));
  std::uint64_t n = 0, r = 0, p = 0;
  if (!cost || ASN1_INTEGER_get_uint64(&n, cost->costParameter) != 1 ||
      ASN1_INTEGER_get_uint64(&r, cost->blockSize) != 1 ||
      ASN1_INTEGER_get_uint64(&p, cost->parallelizationParameter) != 1)
    return weak("broken parameters");
  const auto capped = [](std::uint64_t value) { return std::min(value, kScryptWorkMin); };
  if (n < kScryptNMin || capped(n) * capped(r) * capped(p) < kScryptWorkMin)
    return weak(fmt::format("scrypt N = {}, r = {}, p = {}", n, r, p));
  return {};
}

Result<SecretKey> to_secret_key(const std::string& path, const PKCS8_PRIV_KEY_INFO* plain) {
  const Key key(EVP_PKCS82PKEY(plain));
  std::array<std::uint8_t, 32> seed;
  std::size_t size = seed.size();
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(key.get(), seed.data(), &size) != 1 || size != seed.size()) {
    ERR_clear_error();
    return fail(Code::kInvalid, "{} does not hold an Ed25519 private key", path);
  }
  SecretKey secret = SecretKey::from_seed(seed);
  wipe(seed);
  return secret;
}

}  // namespace

Status write_key_file(const std::string& path, const SecretKey& key, std::string_view passphrase) {
  auto seed = key.seed();
  const Key pkey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  wipe(seed);
  const PlainKey plain(pkey ? EVP_PKEY2PKCS8(pkey.get()) : nullptr);
  const Bio pem = memory_bio();
  bool done = plain && pem;
  if (done && passphrase.empty()) {
    done = PEM_write_bio_PKCS8_PRIV_KEY_INFO(pem.get(), plain.get()) == 1;
  } else if (done) {
    const SealedKey sealed = encrypt(plain.get(), passphrase);
    done = sealed && PEM_write_bio_PKCS8(pem.get(), sealed.get()) == 1;
  }
  if (!done)
    return fail(Code::kInternal, "cannot encode the key for {}: {}", path, openssl_error());
  return write_new_file(path, content(pem));
}

Result<SecretKey> read_key_file(const std::string& path, std::string_view passphrase) {
  FS_TRY(Bytes bytes, read_small_file(path));
  const auto open_pem = [&] {
    return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  };
  Result<SecretKey> result = [&]() -> Result<SecretKey> {
    if (const PlainKey plain(
            PEM_read_bio_PKCS8_PRIV_KEY_INFO(open_pem().get(), nullptr, nullptr, nullptr));
        plain)
      return to_secret_key(path, plain.get());
    const SealedKey sealed(PEM_read_bio_PKCS8(open_pem().get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    if (!sealed) return fail(Code::kInvalid, "{} is not a private key in PKCS#8 PEM form", path);
    FS_CHECK(check_strength(path, sealed.get()));
    if (passphrase.empty())
      return fail(Code::kUntrusted, "{} is encrypted: a passphrase is needed", path);
    const PlainKey plain(
        PKCS8_decrypt(sealed.get(), passphrase.data(), static_cast<int>(passphrase.size())));
    ERR_clear_error();
    if (!plain) return fail(Code::kUntrusted, "{} does not open: the passphrase is wrong", path);
    return to_secret_key(path, plain.get());
  }();
  wipe(bytes);
  return result;
}

std::string public_key_pem(const PublicKey& key) {
  const Key pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.value.data(), key.value.size()));
  const Bio pem = memory_bio();
  if (!pkey || !pem || PEM_write_bio_PUBKEY(pem.get(), pkey.get()) != 1) return {};
  return to_text(content(pem));
}

}  // namespace fleetsweep::crypto
