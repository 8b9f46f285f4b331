#pragma once

// The names of all metrics that the controller exports; metrics_table.h says what they are. Never a
// host label, and no label whose values a host chooses: the number of series does not grow with the
// fleet.

#include <string_view>

namespace fleetsweep::controller {

inline constexpr std::string_view kCampaignInfo = "fleetsweep_campaign_info";
inline constexpr std::string_view kCampaignHosts = "fleetsweep_campaign_hosts";
inline constexpr std::string_view kCampaignTargeted = "fleetsweep_campaign_targeted_hosts";
inline constexpr std::string_view kCampaignUnscannable = "fleetsweep_campaign_unscannable_hosts";
inline constexpr std::string_view kCampaignRate = "fleetsweep_campaign_settled_per_second";
inline constexpr std::string_view kCampaignEta = "fleetsweep_campaign_eta_seconds";
inline constexpr std::string_view kCampaignFailureRatio = "fleetsweep_campaign_failure_ratio";
inline constexpr std::string_view kBreakerState = "fleetsweep_breaker_state";
inline constexpr std::string_view kBreakerTrips = "fleetsweep_breaker_trips_total";
inline constexpr std::string_view kStopAck = "fleetsweep_stop_ack_ratio";
inline constexpr std::string_view kFindings = "fleetsweep_findings_total";
inline constexpr std::string_view kActions = "fleetsweep_actions_total";
inline constexpr std::string_view kResults = "fleetsweep_results_total";
inline constexpr std::string_view kResultsDuplicate = "fleetsweep_results_duplicate_total";
inline constexpr std::string_view kResultsRejected = "fleetsweep_results_rejected_total";
inline constexpr std::string_view kResultLag = "fleetsweep_result_lag_seconds";
inline constexpr std::string_view kRefusals = "fleetsweep_refusals_total";
inline constexpr std::string_view kUndo = "fleetsweep_undo_total";
inline constexpr std::string_view kRespawnRounds = "fleetsweep_respawn_rounds_total";
inline constexpr std::string_view kAgents = "fleetsweep_agents";
inline constexpr std::string_view kAgentReconnects = "fleetsweep_agent_reconnects_total";
inline constexpr std::string_view kAgentHeartbeatAge = "fleetsweep_agent_heartbeat_age_seconds";
inline constexpr std::string_view kAgentRss = "fleetsweep_agent_rss_bytes";
inline constexpr std::string_view kAgentCpu = "fleetsweep_agent_cpu_ratio";
inline constexpr std::string_view kReceiptForks = "fleetsweep_receipt_forks_total";
inline constexpr std::string_view kSignatureFailures = "fleetsweep_signature_failures_total";
inline constexpr std::string_view kBreakGlass = "fleetsweep_break_glass_total";
inline constexpr std::string_view kRootExpiry = "fleetsweep_root_expiry_timestamp_seconds";
inline constexpr std::string_view kPolicyRejected = "fleetsweep_policy_rejected_total";
inline constexpr std::string_view kLogSize = "fleetsweep_log_size";
inline constexpr std::string_view kPendingDocuments = "fleetsweep_pending_documents";
inline constexpr std::string_view kCheckpointAge = "fleetsweep_checkpoint_age_seconds";
inline constexpr std::string_view kWitnessFailures = "fleetsweep_witness_failures_total";
inline constexpr std::string_view kTimeQuestions = "fleetsweep_time_questions_total";
inline constexpr std::string_view kEnrolments = "fleetsweep_enrolments_total";
inline constexpr std::string_view kRekeys = "fleetsweep_agent_rekeys_total";
inline constexpr std::string_view kQuotaExceeded = "fleetsweep_quota_exceeded_total";
inline constexpr std::string_view kConnectionsCut = "fleetsweep_connections_cut_total";
inline constexpr std::string_view kDispatchDeferred = "fleetsweep_dispatch_deferred_total";
inline constexpr std::string_view kQueueDepth = "fleetsweep_queue_depth";
inline constexpr std::string_view kSocketDrops = "fleetsweep_socket_drops_total";
inline constexpr std::string_view kOpenFds = "fleetsweep_open_fds_ratio";
inline constexpr std::string_view kStoreCommit = "fleetsweep_store_commit_seconds";
inline constexpr std::string_view kStoreFailures = "fleetsweep_store_failures_total";

}  // namespace fleetsweep::controller
