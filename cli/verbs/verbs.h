#pragma once

// One function a family of verbs: it declares them and their options, and binds what they do.

#include "cli/session.h"

namespace fleetsweep::cli {

void add_key_verbs(CLI::App& app, Session& session);
void add_root_verbs(CLI::App& app, Session& session);
void add_endpoints_verbs(CLI::App& app, Session& session);
void add_policy_verbs(CLI::App& app, Session& session);
void add_policy_import(CLI::App& policy, Session& session);  // policy import
void add_order_verbs(CLI::App& app, Session& session);
void add_inbox_verbs(CLI::App& order, Session& session);
void add_campaign_verbs(CLI::App& app, Session& session);
void add_tenant_verbs(CLI::App& app, Session& session);
// Below the verb `campaign`.
void add_template_verbs(CLI::App& campaign, Session& session);
void add_stop_verbs(CLI::App& app, Session& session);
void add_agent_verbs(CLI::App& app, Session& session);
void add_log_verbs(CLI::App& app, Session& session);
void add_audit_verbs(CLI::App& app, Session& session);
void add_doctor_verb(CLI::App& app, Session& session);

}  // namespace fleetsweep::cli
