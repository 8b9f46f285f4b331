#pragma once

// Every metric the controller exports. Dashboards and alert rules may name nothing else: a test
// compares them with kMetrics.

#include "controller/metrics_names.h"
#include "protocol/runtime/metrics/metrics.h"

namespace fleetsweep::controller {

using metrics::Kind;

inline constexpr double kLagBuckets[] = {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600};
inline constexpr double kAgeBuckets[] = {1, 5, 15, 30, 60, 90, 120, 180, 300, 900, 3600};
inline constexpr double kRssBuckets[] = {2e6, 4e6, 6e6, 8e6, 12e6, 16e6, 32e6, 64e6, 128e6};
inline constexpr double kCpuBuckets[] = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1};
inline constexpr double kCommitBuckets[] = {0.0005, 0.001, 0.0025, 0.005, 0.01,
                                            0.025,  0.05,  0.1,    0.5,   1};

inline constexpr metrics::Family kMetrics[] = {
    {Kind::kGauge, kCampaignInfo, "1; labels tenant, campaign, family, phase, mode."},
    {Kind::kGauge, kCampaignHosts, "Targeted hosts by tenant, campaign, wave, state."},
    {Kind::kGauge, kCampaignTargeted, "Targeted hosts; equals the sum of campaign_hosts."},
    {Kind::kGauge, kCampaignUnscannable,
     "Of them, in whatever state, those of which not everything could be read."},
    {Kind::kGauge, kCampaignRate, "Hosts that settled per second over the last minute."},
    {Kind::kGauge, kCampaignEta,
     "Seconds until all have settled at this rate; -1 when nobody does."},
    {Kind::kGauge, kCampaignFailureRatio, "Failed of answered hosts, by wave."},
    {Kind::kGauge, kBreakerState, "1 when the breaker of the newest order is open."},
    {Kind::kCounter, kBreakerTrips, "Breakers that opened, by reason."},
    {Kind::kGauge, kStopAck, "Of a stopped campaign's connected hosts, those that have the Stop."},
    {Kind::kCounter, kFindings, "Objects that dry runs matched, by family and verdict."},
    {Kind::kCounter, kActions, "Actions on objects, by action and outcome."},
    {Kind::kCounter, kResults, "Verified receipts stored, by phase and outcome."},
    {Kind::kCounter, kResultsDuplicate, "Receipts that were stored already."},
    {Kind::kCounter, kResultsRejected, "Receipts dropped, by reason."},
    {Kind::kHistogram, kResultLag, "From finished on the host to durable here.", kLagBuckets},
    {Kind::kCounter, kRefusals, "Orders that hosts refused, by reason."},
    {Kind::kCounter, kUndo, "Undo receipts, by outcome."},
    {Kind::kCounter, kRespawnRounds, "Cleanings of what had come back, by outcome."},
    {Kind::kGauge, kAgents, "Enrolled agents by tenant, state, version, os."},
    {Kind::kCounter, kAgentReconnects, "Hellos of agents that were here before, by reason."},
    {Kind::kHistogram, kAgentHeartbeatAge, "Time between two signs of life.", kAgeBuckets},
    {Kind::kHistogram, kAgentRss, "Memory of agents, from their beats.", kRssBuckets},
    {Kind::kHistogram, kAgentCpu, "CPU of agents since their last beat.", kCpuBuckets},
    {Kind::kCounter, kReceiptForks, "Two receipts with one number: cloned image or stolen key."},
    {Kind::kCounter, kSignatureFailures, "Documents that nobody with a right to it had signed."},
    {Kind::kCounter, kBreakGlass, "Documents of sealed keys, and standing orders fired, by kind."},
    {Kind::kGauge, kRootExpiry, "When the tenant's root expires."},
    {Kind::kCounter, kPolicyRejected, "Policies refused, by reason."},
    {Kind::kGauge, kLogSize, "Entries in the tenant's control log."},
    {Kind::kGauge, kPendingDocuments, "Documents that wait for signatures in the tenant's inbox."},
    {Kind::kGauge, kCheckpointAge, "Since the last witnessed checkpoint."},
    {Kind::kCounter, kWitnessFailures, "Rounds to the witnesses without a quorum, by reason."},
    {Kind::kCounter, kTimeQuestions,
     "Hosts in doubt of their clock that asked a witness, by outcome."},
    {Kind::kCounter, kEnrolments, "Enrolment requests, by outcome."},
    {Kind::kCounter, kRekeys, "New transport keys of agents, by outcome: offered, used, refused."},
    {Kind::kCounter, kQuotaExceeded, "Refused because a tenant has its share, by quota."},
    {Kind::kCounter, kConnectionsCut, "Connections that the edge ended, by socket and reason."},
    {Kind::kCounter, kDispatchDeferred, "Messages not taken now: retried, by reason."},
    {Kind::kGauge, kQueueDepth, "Work that waits, by queue."},
    {Kind::kCounter, kSocketDrops, "Frames dropped, by socket."},
    {Kind::kGauge, kOpenFds, "Open file descriptors of what this process may open."},
    {Kind::kHistogram, kStoreCommit, "Time of one durable transaction.", kCommitBuckets},
    {Kind::kCounter, kStoreFailures, "Transactions that failed; nothing was acknowledged."},
};

// Every value of the label `document` of kSignatureFailures. Exported as 0 from the start: of a
// counter that is born with its first failure, increase() does not see that one.
inline constexpr std::string_view kSignedDocuments[] = {
    "root",       "order", "release", "stop",     "resume", "endpoints",
    "enrolbatch", "close", "receipt", "agentkey", "time"};

}  // namespace fleetsweep::controller
