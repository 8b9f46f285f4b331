#pragma once

// The tables of the controller's store. For sqlite_store.cc only.

#include "protocol/runtime/sqlite/sqlite.h"

namespace fleetsweep::store {

// Steps are only ever added; tests keep a file of every older version.
inline constexpr sqlite::Sql kMigrations[] = {
    R"(
    create table tenants(no integer primary key, id blob not null unique, name text not null,
                         created integer not null);
    create table log_entries(tenant_no integer not null, entry_no integer not null,
                             envelope blob not null, admitted integer not null,
                             primary key(tenant_no, entry_no)) without rowid;
    create table checkpoints(tenant_no integer primary key, size integer not null,
                             note text not null, time integer not null);
    create table witnessed(tenant_no integer not null, size integer not null,
                           time integer not null, primary key(tenant_no, size)) without rowid;
    create table blobs(no integer primary key, tenant_no integer not null, digest blob not null,
                       bytes blob not null, unique(tenant_no, digest));
    create table agents(tenant_no integer not null, host_no integer not null,
                        agent_key blob not null, batch blob not null, enrolled integer not null,
                        primary key(tenant_no, host_no)) without rowid;
    create table agents_seen(tenant_no integer not null, host_no integer not null,
                             hello blob not null, heard integer not null,
                             primary key(tenant_no, host_no)) without rowid;
    create table receipts(no integer primary key, tenant_no integer not null,
                          host_no integer not null, seq integer not null, id blob not null,
                          order_id blob not null, campaign text not null, kind text not null,
                          state text not null, reason text not null, matched integer not null,
                          acted integer not null, received integer not null,
                          envelope blob not null);
    create unique index receipts_by_host on receipts(tenant_no, host_no, seq);
    create index receipts_by_campaign on receipts(tenant_no, campaign, no);
    create table forks(no integer primary key, tenant_no integer not null,
                       host_no integer not null, seq integer not null, id blob not null,
                       received integer not null, envelope blob not null,
                       unique(tenant_no, host_no, seq, id));
    create table campaign_hosts(tenant_no integer not null, campaign text not null,
                                host_no integer not null, seq integer not null,
                                order_id blob not null, kind text not null, state text not null,
                                reason text not null,
                                primary key(tenant_no, campaign, host_no)) without rowid;
    create table trips(tenant_no integer not null, order_id blob not null, wave integer not null,
                       reason integer not null, time integer not null,
                       primary key(tenant_no, order_id)) without rowid;
    create table api_tokens(hash blob primary key, role text not null, tenant blob,
                            created integer not null) without rowid;
    create table audit(no integer primary key, time integer not null, who text not null,
                       what text not null, detail text not null);
    )",
    R"(
    create table pending(tenant_no integer not null, id blob not null, envelope blob not null,
                         who text not null, posted integer not null, ends integer not null,
                         primary key(tenant_no, id)) without rowid;
    )",
    R"(
    create table agent_rekeys(tenant_no integer not null, host_no integer not null,
                              number integer not null, agent_key blob not null,
                              received integer not null, used integer,
                              primary key(tenant_no, host_no, number)) without rowid;
    create table quotas(tenant_no integer not null, kind text not null, most integer not null,
                        primary key(tenant_no, kind)) without rowid;
    alter table api_tokens add column expires integer;
    alter table api_tokens add column used integer;
    )",
    R"(
    create table clones(tenant_no integer not null, host_no integer not null,
                        refused integer not null, last integer not null,
                        primary key(tenant_no, host_no)) without rowid;
    )"};

}  // namespace fleetsweep::store
