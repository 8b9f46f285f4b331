#pragma once

// Every bound of the system, by name. A bound that depends on another says so in a static_assert.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fleetsweep::limits {

// Documents, bytes of the signed payload.
inline constexpr std::size_t kRootBytes = 48 * 1024;
inline constexpr std::size_t kOrderBytes = 32 * 1024;
inline constexpr std::size_t kStopBytes = 32 * 1024;
inline constexpr std::size_t kReleaseBytes = 4 * 1024;
inline constexpr std::size_t kResumeBytes = 4 * 1024;
inline constexpr std::size_t kCloseBytes = 4 * 1024;
inline constexpr std::size_t kEndpointsBytes = 16 * 1024;
inline constexpr std::size_t kEnrolBatchBytes = 48 * 1024;
inline constexpr std::size_t kAgentKeyBytes = 4 * 1024;
inline constexpr std::size_t kTimeBytes = 1024;
inline constexpr std::size_t kReceiptBytes = 32 * 1024;
inline constexpr std::size_t kPolicyBytes = 4 * 1024 * 1024;

// The log and the wire.
inline constexpr std::size_t kLogEntryBytes =
    60 * 1024;  // an envelope; tlog-tiles bundles have a u16 length prefix
inline constexpr std::size_t kDsseJsonBytes = 128 * 1024;  // an envelope in base64
inline constexpr std::size_t kReceiveEdgeBytes = 128 * 1024;
inline constexpr std::size_t kReceiveAgentBytes = 256 * 1024;
inline constexpr std::size_t kBlobChunkBytes = 64 * 1024;
inline constexpr std::size_t kBatchBytes = 120 * 1024;  // Entries and Receipts messages
inline constexpr std::size_t kNoteBytes = 16 * 1024;    // a checkpoint with its cosignatures
inline constexpr std::size_t kKeyNameBytes = 255;       // of a log or a witness
inline constexpr std::size_t kProofHashes = 64;         // RFC 9162 proofs never need more
inline constexpr std::size_t kBatchEntries = 4096;      // Entries, Receipts, ReceiptAck
inline constexpr std::size_t kFindingBytes = 96 * 1024;
inline constexpr std::size_t kSealedFindingsBytes = 6 * 1024 * 1024;  // of one scan
inline constexpr std::size_t kLocalMessageBytes =
    64 * 1024 * 1024;  // between our own processes on one host

static_assert(kRootBytes < kLogEntryBytes && kEnrolBatchBytes < kLogEntryBytes);
static_assert(kLogEntryBytes < 65536 && kLogEntryBytes < kBatchBytes);
static_assert(kBatchBytes < kReceiveEdgeBytes && kReceiveEdgeBytes < kReceiveAgentBytes);

// Lists inside documents.
inline constexpr std::size_t kSignatures = 64;
inline constexpr std::size_t kRootKeys = 64;
inline constexpr std::size_t kRoleClauses = 8;
inline constexpr std::size_t kLogs = 4;
inline constexpr std::size_t kWitnesses = 16;
inline constexpr std::size_t kNoteSignatures = kLogs + kWitnesses + 1;
inline constexpr std::size_t kWaves = 16;
inline constexpr std::size_t kScopeNames = 64;
inline constexpr std::size_t kScopeAgents = 512;
inline constexpr std::size_t kWindows = 14;
inline constexpr std::size_t kReceiptItems = 64;
inline constexpr std::size_t kHolderBytes = 64;
inline constexpr std::size_t kTextBytes = 1024;  // a title, a reason, a reference
inline constexpr std::size_t kCampaignIdBytes = 64;
inline constexpr std::size_t kTokens = 512;
inline constexpr std::size_t kFrontier = 64;    // one digest for each bit of a log's size
inline constexpr std::size_t kStopNames = 512;  // of one kind, in one Stop
inline constexpr std::size_t kResumeStops = 64;
inline constexpr std::size_t kEndpoints = 64;
inline constexpr std::size_t kSignatureBytes = 1024;  // an SSHSIG is about 180
inline constexpr std::size_t kSealedPathBytes = 4096 + 64;

// What a decoder accepts.
inline constexpr std::int64_t kTimeMax = 253'402'300'799;  // the last second of the year 9999
inline constexpr std::int64_t kSecondsMax = 100ll * 366 * 24 * 3600;
inline constexpr std::size_t kTraversalSlackWords = 32 * 1024;
inline constexpr int kNesting = 40;

// Policies.
inline constexpr std::size_t kDetections = 256;
inline constexpr std::size_t kPredicates = 64;  // in one selection
inline constexpr std::size_t kPredicateValues = 20000;
inline constexpr std::size_t kVerdicts = 64;
inline constexpr std::size_t kResponses = 32;
inline constexpr std::size_t kActions = 32;  // in one response
inline constexpr std::size_t kRules = 64;
inline constexpr std::size_t kRuleStrings = 16;  // of a match, whose places are told
inline constexpr std::size_t kConditionDepth = 8;
inline constexpr std::size_t kJoinDepth = 3;
inline constexpr std::size_t kJoinBindings = 100'000;  // evaluations of one condition
inline constexpr std::size_t kPatternBytes = 4096;     // one value of a predicate
inline constexpr std::size_t kSelections = 64;
inline constexpr std::size_t kConditionChildren = 64;
inline constexpr std::size_t kPreconditions = 16;
inline constexpr std::size_t kRescans = 16;
inline constexpr std::size_t kScopePaths = 1024;
inline constexpr std::size_t kRuleBytes = 1024 * 1024;   // YARA source of one rule
inline constexpr std::size_t kActionNames = 256;         // in one list of an action or selector
inline constexpr std::size_t kRegexBytes = 1024;         // as its author writes it
inline constexpr std::size_t kFilledRegexBytes = 16000;  // Hyperscan takes no more
inline constexpr std::size_t kRegexStates = 500;
// Hash sets travel beside a policy, in parts: one is at most four chunks, so that an edge reads
// little that it does not send, and no process holds more than one.
inline constexpr std::size_t kHashPartBytes = 4 * kBlobChunkBytes;
inline constexpr std::size_t kHashParts = 512;  // of one policy: 3,355,000 SHA-256
static_assert(kHashPartBytes <= kPolicyBytes);  // is fetched and posted like one
// The same policies as text, on the author's machine.
inline constexpr std::size_t kPolicySourceBytes = 3 * 1024 * 1024;
inline constexpr std::size_t kPolicySourceDepth = 16;
inline constexpr std::size_t kPolicySourceNodes = 100'000;
inline constexpr std::size_t kRuleSourceBytes = 1024 * 1024;      // one file
inline constexpr std::size_t kHashListBytes = 512 * 1024 * 1024;  // one file of hashes
inline constexpr std::size_t kHashListMistakes = 20;              // of its lines that are named
inline constexpr std::size_t kDiagnostics = 1000;
inline constexpr std::uint32_t kItemsDefault =
    25;  // objects touched on one host when the policy is silent
inline constexpr std::uint32_t kItemsMax = 500;
inline constexpr std::uint64_t kItemBytesMax = 16ull << 30;

// The agent.
inline constexpr std::size_t kFindings = 5000;  // in one scan
inline constexpr std::size_t kPathBytes = 4096;
inline constexpr std::size_t kLineBytes = 32 * 1024;  // a command line, a line of a crontab
inline constexpr std::size_t kUnscannablePaths = 64;  // named in one scan result
inline constexpr std::size_t kMismatches = 64;        // likewise: where a host contradicts itself
inline constexpr std::size_t kLabels = 64;
inline constexpr std::size_t kDetailBytes = 64 * 1024;  // what one process tells another in words
inline constexpr std::size_t kLocalReplyBytes = 1024 * 1024;
inline constexpr std::size_t kPersistenceBytes = 1024 * 1024;  // of one crontab, unit, profile ...
inline constexpr std::size_t kPersistenceEntries = 20'000;     // in one of them
inline constexpr std::size_t kPersistenceFiles = 200'000;      // of one place
inline constexpr std::size_t kPersistenceFollowed = 256;       // files that one of them names
inline constexpr std::size_t kPersistenceDepth = 128;  // of files that name one another; as sudo's
// Folders or files that the stars of one place stand for, or those of all files that others name.
inline constexpr std::size_t kPersistenceNames = 100'000;
inline constexpr std::size_t kBaselineBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kBaselineMistakes = 10;  // lines that are named when it is refused
// A file up to this size is read whole by rules; of a larger one they see head and tail, and what
// they need to see at all is searched in all of it.
inline constexpr std::size_t kRuleFileBytes = 64ull << 20;
inline constexpr std::size_t kRuleHeadBytes = 16ull << 20;
inline constexpr std::size_t kRuleTailBytes = 4ull << 20;
static_assert(kRuleHeadBytes + kRuleTailBytes <= kRuleFileBytes);
// So much of one file is read to its end, and so many zeros of its holes are hashed.
inline constexpr std::uint64_t kReadFileBytes = 64ull << 30;
inline constexpr std::uint64_t kHashedHoleBytes = 4ull << 30;
inline constexpr std::size_t kPartialPaths = 64;  // named in one scan result
// What is unpacked of one archive and all that lie in it.
inline constexpr unsigned kArchiveDepth = 3;
inline constexpr std::size_t kArchiveMembers = 10'000;
inline constexpr std::uint64_t kArchiveBytes = 512ull << 20;
inline constexpr std::uint64_t kArchiveMemberBytes = 32ull << 20;
// Above this many bytes out for each byte in, it is a bomb.
inline constexpr std::uint64_t kArchiveRatio = 200;
inline constexpr std::uint64_t kArchiveRatioFrom = 16ull << 20;  // bytes out, before it counts
// Of a registry hive: its bytes and those of its logs, cells looked at (4 bytes of data are one),
// and values that are told of it.
inline constexpr std::size_t kHiveBytes = 256ull << 20;
inline constexpr std::uint64_t kHiveCells = 100'000'000;
inline constexpr std::size_t kRegistryValues = 20'000;
inline constexpr std::size_t kWindowsProfiles = 1'000;       // of one volume
inline constexpr std::size_t kRegistryDataBytes = 16 << 20;  // of one value
inline constexpr std::size_t kHiveEditBytes = 1024 * 1024;   // that one edit may change
// Of what docker, podman and cri-o write down about their images: one file, how deep its JSON is,
// and what one store has.
inline constexpr std::size_t kImageRecordBytes = 16 << 20;
inline constexpr int kImageRecordDepth = 32;
inline constexpr std::size_t kImages = 4'000;
inline constexpr std::size_t kImageLayers = 100'000;
// Containerd writes it into bolt databases: bytes of one, buckets and pages within each other, and
// how often one is read while it changes. An image has so many manifests, one for each platform.
inline constexpr std::size_t kBoltBytes = 256ull << 20;
inline constexpr int kBoltDepth = 32;
inline constexpr int kBoltReadings = 3;
inline constexpr std::size_t kImageManifests = 256;
// Command lines, environments, mapped files and folders of all processes together.
inline constexpr std::size_t kProcessTextBytes = 128 << 20;
inline constexpr std::size_t kSweepPolicies = 16;    // answered in one walk
inline constexpr std::size_t kKnownFiles = 400'000;  // unchanged files whose content is known
inline constexpr std::size_t kKnownQuestions = 128;  // put to each of them
// A scan that was stopped goes on with what it had answered, if it began no longer ago than this.
inline constexpr std::size_t kCheckpointFiles = kKnownFiles;
inline constexpr std::size_t kCheckpointBlockFiles = 1024;
inline constexpr std::int64_t kCheckpointAgeSeconds = 86400;
inline constexpr std::size_t kPackageListBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kRpmHeaderBytes = 64 << 20;        // of one package
inline constexpr std::size_t kPackageFiles = 1 << 20;           // of one package
inline constexpr std::uint64_t kRpmDatabaseBytes = 2ull << 30;  // and of its log
inline constexpr int kRpmReadings = 3;                          // while it changes under us
inline constexpr std::size_t kOutboxReceipts = 4096;
inline constexpr std::size_t kIntakeEntriesPerDay = 10'000;
inline constexpr std::size_t kIntakeBytesPerDay = 64ull << 20;
inline constexpr std::uint64_t kVaultBytes = 512ull << 20;  // unless its owner says otherwise
inline constexpr std::uint64_t kVaultBytesLeast = 1ull << 20;
inline constexpr std::size_t kMetadataBytes = 4 << 20;   // of one file in it, beside its content
inline constexpr std::size_t kAttributeBytes = 1 << 20;  // extended attributes among them
static_assert(kAttributeBytes < kMetadataBytes);
inline constexpr std::int64_t kUndoSecondsMin = 86400;  // no policy has evidence purged sooner
inline constexpr unsigned kRespawnRounds = 10;
inline constexpr std::size_t kJournalBytes = 64ull << 20;  // of act
inline constexpr std::size_t kAnchorBytes = 32ull << 20;
inline constexpr std::size_t kMirrorFiles = 256;  // looked at in one folder
inline constexpr std::size_t kTokenFileBytes = 1024;
inline constexpr std::size_t kKeyFileBytes = 16 * 1024;
inline constexpr unsigned kDiskFreePercentMin = 10;    // below it nothing is quarantined
inline constexpr unsigned kFreezePasses = 5;           // until no new descendant is found
inline constexpr unsigned kFailuresInARow = 3;         // more, and the rest of a plan is left alone
inline constexpr std::size_t kEditBytes = 8ull << 20;  // of a file whose lines are edited
inline constexpr std::uint64_t kEvidenceBytes = 64ull
                                                << 20;  // of one object, if the policy is silent
inline constexpr std::size_t kLoaderCacheBytes = 32 << 20;  // /etc/ld.so.cache
// One order waits so long for leases that are held on files; the kernel takes one back after 45 s.
inline constexpr std::chrono::seconds kLeasesWait{60};
inline constexpr std::size_t kServicesRestarted = 32;  // by one order on one host
// How long systemd may take: to greet, to read its units anew, to stop and start a service (its own
// defaults are 90 s for each of the two).
inline constexpr std::chrono::seconds kServicesGreetingWait{5};
inline constexpr std::chrono::seconds kServicesReloadWait{60};
inline constexpr std::chrono::seconds kServiceRestartWait{200};
inline constexpr std::uint64_t kRatioFilesMin =
    10'000;  // the per-host ratio applies above this many scanned files
inline constexpr std::uint32_t kRatioPermille = 5;

// Feeds of indicators, on the author's machine.
inline constexpr std::size_t kImportFileBytes = 32 * 1024 * 1024;
inline constexpr std::size_t kImportIndicators = 50'000;             // of one file
inline constexpr std::size_t kImportAlternatives = 4096;             // of one pattern, written out
inline constexpr std::size_t kImportTerms = 256;                     // of one alternative
inline constexpr std::size_t kImportPatternBytes = 4 * 1024 * 1024;  // of one, written out
inline constexpr std::size_t kImportTakenBytes = 64 * 1024 * 1024;   // of what one file says
inline constexpr std::size_t kImportDepth = 32;  // brackets in a pattern, nested groups
inline constexpr std::size_t kImportValueBytes = 1024;
inline constexpr std::size_t kImportNoteBytes = 160;

// What a fold keeps of a tenant's log. Only documents that met their quorum count towards these.
inline constexpr std::size_t kRootChain = 256;
inline constexpr std::size_t kOrdersKept = 1024;
inline constexpr std::size_t kWaitingEntries =
    16;  // Roots and Resumes that an older rule holds back
inline constexpr std::size_t kStopsActive = 256;
inline constexpr std::size_t kResumesKept = 1024;
inline constexpr std::size_t kBatchesKept = 4096;
inline constexpr std::size_t kClosesKept = 1024;
inline constexpr std::int64_t kOrderKeptSeconds = 90 * 86400;  // after notAfter
inline constexpr std::size_t kRefusedEntriesShown = 32;        // to the host's owner
inline constexpr std::size_t kConsentBytes = 64 * 1024;
inline constexpr std::size_t kConsentLines = 1024;

// The two messages that carry a whole root chain. An ActRequest has the Stops, the policy and two
// scans beside it.
inline constexpr std::size_t kEnrolReplyBytes = (kRootChain + 4) * kLogEntryBytes;
static_assert(kReceiveAgentBytes < kEnrolReplyBytes);
inline constexpr std::size_t kEnrolmentBytes = 2 * kRootChain * kLogEntryBytes;  // as it is kept
static_assert(kStopsActive * kLogEntryBytes + kResumesKept * 2 * kResumeBytes + 1024 * 1024 <
              kAnchorBytes);
static_assert((kRootChain + kStopsActive) * kLogEntryBytes + kResumesKept * 2 * kResumeBytes +
                  kPolicyBytes + 2 * kSealedFindingsBytes + 1024 * 1024 <
              kLocalMessageBytes);

// HTTP, configuration and our own log.
inline constexpr std::size_t kHttpBodyBytes = 5 * 1024 * 1024;  // a policy is the largest
inline constexpr std::size_t kHttpResponseBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kHttpEventBytes = 1024 * 1024;
inline constexpr unsigned kHttpWorkers = 8;
inline constexpr unsigned kHttpStreams = 32;
inline constexpr std::chrono::seconds kHttpStreamBeat{5};  // a silent stream says that it lives
inline constexpr std::size_t kAddCheckpointBytes = kNoteBytes + (kProofHashes + 1) * 48;
inline constexpr std::size_t kTlogProofBytes = kNoteBytes + (kProofHashes + 3) * 48;
// A close-out's file: some 100,000 receipts. It is held in memory, once as text and once as bytes.
inline constexpr std::size_t kReportBytes = std::size_t{256} << 20;
inline constexpr std::size_t kConfigBytes = 256 * 1024;
inline constexpr std::size_t kLogValueBytes = 1024;

static_assert(kPolicyBytes < kHttpBodyBytes);

// The controller.
inline constexpr std::size_t kCommitReceipts =
    1000;  // receipts in one transaction: FULL is as fast as NORMAL here
inline constexpr std::size_t kFleetRatioHostsMin = 20;
inline constexpr std::size_t kPendingDocuments = 256;  // of one tenant, that wait for signatures
inline constexpr std::chrono::seconds kPendingLife{30 * 24 * 3600};
inline constexpr std::size_t kEnrolRequestBytes = 16 * 1024;
// Connections that said nothing yet: all agents of a fleet that lost us at one moment, up to here.
inline constexpr std::size_t kAgentsUnheard = 4096;
inline constexpr std::size_t kEnrolVisits = 512;
inline constexpr std::size_t kZapFrames = 16;

}  // namespace fleetsweep::limits
