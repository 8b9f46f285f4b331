// Verification is a pure function of its bytes, and in one process a thousand simulated hosts ask
// it the same question. Each question is answered by libsodium once, then by heart: nothing is
// believed that was not verified, bit for bit, before.

#include <cstring>
#include <string>
#include <unordered_map>

extern "C" {
int __real_crypto_sign_ed25519_verify_detached(const unsigned char* signature,
                                               const unsigned char* message,
                                               unsigned long long size, const unsigned char* key);
int __real_crypto_core_ed25519_is_valid_point(const unsigned char* point);

int __wrap_crypto_sign_ed25519_verify_detached(const unsigned char* signature,
                                               const unsigned char* message,
                                               unsigned long long size, const unsigned char* key) {
  constexpr std::size_t kKept = 100'000;
  static std::unordered_map<std::string, int> answers;
  std::string question;
  question.reserve(96 + size);
  question.append(reinterpret_cast<const char*>(key), 32);
  question.append(reinterpret_cast<const char*>(signature), 64);
  question.append(reinterpret_cast<const char*>(message), size);
  if (const auto known = answers.find(question); known != answers.end()) return known->second;
  const int answer = __real_crypto_sign_ed25519_verify_detached(signature, message, size, key);
  if (answers.size() >= kKept) answers.clear();
  answers.emplace(std::move(question), answer);
  return answer;
}

int __wrap_crypto_core_ed25519_is_valid_point(const unsigned char* point) {
  static std::unordered_map<std::string, int> answers;
  std::string question(reinterpret_cast<const char*>(point), 32);
  if (const auto known = answers.find(question); known != answers.end()) return known->second;
  const int answer = __real_crypto_core_ed25519_is_valid_point(point);
  answers.emplace(std::move(question), answer);
  return answer;
}
}
