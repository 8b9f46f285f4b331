#pragma once

// A small correct policy, and ways to spoil it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "policies/compiler/compiler.h"
#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::compiler {

inline Instant test_now() {
  return *from_rfc3339("2026-11-23T10:00:00Z");
}

inline const std::string kSampleRule =
    "rule Sample\n{\n    strings:\n        $a = \"SAMPLE-MARKER\"\n    condition:\n        $a\n}\n";

// The file of hashes in docs/policy-reference.md.
inline const std::string kSampleHashes =
    "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f:68:Eicar-Test-Signature\n";

inline std::string sample_policy() {
  return R"(apiVersion: fleetsweep/v1
kind: Policy
metadata:
  id: policy--00000000-0000-4000-8000-000000000001
  title: Sample
  version: 1
  author: Example CERT
  malware: {family: Sample}
  authority: {legal_basis: owner-consent, issuer: Example Org, reference: T-1}
target: {platform: linux}
lists:
  c2: {type: ipv4-addr, values: [198.51.100.7, 198.51.100.8], expires: 2027-05-01}
rules:
  - {id: sample, file: rules/sample.yar, sha256: )" +
         crypto::sha256(as_bytes(kSampleRule)).hex() + R"(, license: Apache-2.0, max_size: 4MiB}
detections:
  content:
    object: file
    scope: {paths: [/opt]}
    yara: sample
    score: 60
  started:
    object: process
    for_each: content
    where: {process.exe.path: '{{content.file.path}}'}
  talks:
    object: network-traffic
    where: {network-traffic.dst_ref|in: "@lists/c2"}
verdicts:
  confirmed: {condition: 'content and 1 of (started, talks)', confidence: 90, level: high}
  trace: {condition: 1 of them, confidence: 30, level: low}
responses:
  - on: [confirmed]
    actions:
      - {action: kill, select: started}
      - {action: quarantine, select: content}
  - on: [trace]
    actions: [{action: report}]
verify: {rescan: [0s], expect: {none_of: [confirmed]}}
)";
}

inline Compiled compile_with(const std::string& yaml, const std::string& rule) {
  const ReadFile read = [&rule](const std::string& path, std::size_t) -> Result<std::string> {
    if (path == "rules/sample.yar") return rule;
    if (path == "lists/known-bad.hsb") return kSampleHashes;
    return fail(Code::kNotFound, "'{}' cannot be read: no such file or no permission", path);
  };
  return compile_text(yaml, "policy.yaml", read, test_now());
}

inline Compiled compile(const std::string& yaml) {
  return compile_with(yaml, kSampleRule);
}

// The sample with one piece of text replaced; the piece must be there.
inline std::string with(const std::string& from, const std::string& to,
                        std::string text = sample_policy()) {
  const auto at = text.find(from);
  FS_ASSERT(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

inline std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  FS_ASSERT(file.is_open());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "12:3 error: message | hint" of each diagnostic.
inline std::vector<std::string> lines_of(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> lines;
  for (const auto& d : diagnostics)
    lines.push_back(
        fmt::format("{}:{} {}: {} | {}", d.line, d.column, name(d.severity), d.message, d.hint));
  return lines;
}

inline std::vector<std::string> mistakes(const std::string& yaml) {
  return lines_of(compile(yaml).diagnostics);
}

}  // namespace fleetsweep::compiler
