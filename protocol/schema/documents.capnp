# What is signed. Encoded canonically: https://capnproto.org/encoding.html#canonicalization, one
# segment, no segment table. protocol/README.md has the rules that hold for every field: times are
# Unix seconds UTC, keys and ids are raw bytes, an absent fixed-size value is all zeros.
@0xa2a4e2e5bdb729d3;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fleetsweep::schema");

using Policy = import "policy.capnp";

struct Envelope {
  payloadType @0 :Text;
  payload @1 :Data;
  signatures @2 :List(EnvelopeSignature);
}
struct EnvelopeSignature {
  keyId @0 :Data;  # a hint, never a decision
  signature @1 :Data;
}

# Root: who may do what in one tenant.

struct Root {
  schema @0 :UInt16;
  tenant @1 :Data;  # zero in version 1
  version @2 :UInt64;
  previous @3 :Data;
  issued @4 :Int64;
  expires @5 :Int64;
  agentSchemaMin @6 :UInt16;
  keys @7 :List(Key);
  roles @8 :List(RoleRule);
  logs @9 :List(LogOrigin);
  witnesses @10 :List(Text);
  witnessQuorum @11 :UInt8;
  policy @12 :RootPolicy;
  evidenceKey @13 :Data;
  pathSalt @14 :Data;
  timeKeys @15 :List(Data);
}
enum Scheme { ed25519 @0; sshsig @1; sshsigSk @2; }
struct Key {
  pub @0 :Data;
  scheme @1 :Scheme;
  holder @2 :Text;
  org @3 :UInt8;
  skApplication @4 :Text;
}
enum Role {
  root @0;
  observe @1;
  read @2;
  contain @3;
  clean @4;
  destroy @5;
  stop @6;
  resume @7;
  release @8;
  enrol @9;
  infra @10;
  conductor @11;
}
struct RoleRule {
  role @0 :Role;
  clauses @1 :List(Clause);
  sealed @2 :List(Clause);
}
struct Clause {
  org @0 :UInt8;
  keys @1 :List(UInt16);
  threshold @2 :UInt8;
}
struct LogOrigin {
  vkey @0 :Text;
  startSize @1 :UInt64;
  startRoot @2 :Data;
  frontier @3 :List(Data);
}
struct SecondsPerClass {
  observe @0 :Int64;
  read @1 :Int64;
  contain @2 :Int64;
  clean @3 :Int64;
  destroy @4 :Int64;
}
struct RootPolicy {
  checkpointAgeMax @0 :SecondsPerClass;
  coolOff @1 :SecondsPerClass;
  orderLifeMax @2 :SecondsPerClass;
  offlineGraceMax @3 :SecondsPerClass;
  dryRunAgeMaxSeconds @4 :Int64;
  itemsMax @5 :UInt32;
  wave1PermilleMax @6 :UInt16;
  standingLifeMaxSeconds @7 :Int64;
}

# Order and the documents that steer it.

enum Mode { dryRun @0; apply @1; undo @2; }
enum Class { observe @0; read @1; contain @2; clean @3; destroy @4; }
enum Clock { utc @0; hostLocal @1; }
enum Gate { none @0; auto @1; manual @2; }

struct Order {
  schema @0 :UInt16;
  tenant @1 :Data;
  rootVersionMin @2 :UInt64;
  nonce @3 :Data;
  title @4 :Text;
  campaign @5 :Text;
  mode @6 :Mode;
  actionClass @7 :Class;
  policy @8 :Data;
  policySize @9 :UInt64;
  scope @10 :Scope;
  schedule @11 :Schedule;
  waves @12 :List(Wave);
  limits @13 :OrderLimits;
  breaker @14 :Breaker;
  dryRunOrder @15 :Data;
  dryRunReport @16 :Data;
  undoes @17 :Data;
  supersedes @18 :Data;
  authority @19 :Authority;
  agentSchemaMin @20 :UInt16;
  standing @21 :Bool;
}
struct Scope {
  jurisdictions @0 :List(Text);
  groups @1 :List(Text);
  include @2 :List(Data);
  exclude @3 :List(Data);
}
struct Window {
  days @0 :UInt8;  # bit 0 is Monday
  fromMinute @1 :UInt16;
  toMinute @2 :UInt16;
}
struct Schedule {
  notBefore @0 :Int64;
  notAfter @1 :Int64;
  clock @2 :Clock;
  windows @3 :List(Window);
  jitterSeconds @4 :Int64;
  repeatSeconds @5 :Int64;
  scanAhead @6 :Bool;
  offlineGraceSeconds @7 :Int64;
}
struct Wave {
  permille @0 :UInt16;
  delayMinSeconds @1 :Int64;
  gate @2 :Gate;
  deadlineSeconds @3 :Int64;
}
struct OrderLimits {
  items @0 :UInt32;
  bytes @1 :UInt64;
  permilleOfScanned @2 :UInt16;
  runtimeSeconds @3 :Int64;
  cpuPercent @4 :UInt8;
}
struct Breaker {
  failures @0 :UInt32;
  failedPermille @1 :UInt16;
}
struct Authority {
  legalBasis @0 :Text;
  issuer @1 :Text;
  reference @2 :Text;
  contact @3 :Text;
}

struct Release {
  schema @0 :UInt16;
  tenant @1 :Data;
  order @2 :Data;
  wave @3 :UInt16;
  evidence @4 :Data;
  expires @5 :Int64;
}
struct Stop {
  schema @0 :UInt16;
  tenant @1 :Data;
  nonce @2 :Data;
  issued @3 :Int64;
  haltAll @4 :Bool;
  haltClass @5 :Bool;  # then haltFromClass counts; otherwise it is `observe`
  haltFromClass @6 :Class;
  orders @7 :List(Data);
  policies @8 :List(Data);
  keys @9 :List(Data);
  agents @10 :List(Data);
  reason @11 :Text;
}
struct Resume {
  schema @0 :UInt16;
  tenant @1 :Data;
  stops @2 :List(Data);
  reason @3 :Text;
}
struct Close {
  schema @0 :UInt16;
  tenant @1 :Data;
  campaign @2 :Text;
  resultsSize @3 :UInt64;
  resultsRoot @4 :Data;
}

# How hosts come in and where they go.

struct Endpoints {
  schema @0 :UInt16;
  tenant @1 :Data;
  version @2 :UInt64;
  relays @3 :List(Endpoint);
  mirrors @4 :List(Text);
}
struct Endpoint {
  address @0 :Text;
  curve @1 :Data;
  validFrom @2 :Int64;
  validTo @3 :Int64;
}
struct EnrolBatch {
  schema @0 :UInt16;
  tenant @1 :Data;
  batch @2 :Data;
  notAfter @3 :Int64;
  tokens @4 :List(Token);
  groups @5 :List(Text);
  jurisdiction @6 :Text;
}
struct Token {
  pub @0 :Data;
  usesMax @1 :UInt16;
}
struct AgentKey {
  schema @0 :UInt16;
  tenant @1 :Data;
  identity @2 :Data;
  curve @3 :Data;
  host @4 :Data;
  token @5 :Data;
  hostname @6 :Text;
  issued @7 :Int64;
}
struct TimeStatement {
  schema @0 :UInt16;
  tenant @1 :Data;
  nonce @2 :Data;
  time @3 :Int64;
  size @4 :UInt64;
  root @5 :Data;
}

# What a host says it did.

enum HostState {
  pending @0;
  offered @1;
  scanning @2;
  clean @3;
  found @4;
  waiting @5;
  cleaning @6;
  cleaned @7;
  verified @8;
  residual @9;
  respawned @10;
  needsReboot @11;
  failed @12;
  refused @13;
  untrusted @14;
  unreachable @15;
  expired @16;
  undone @17;
}
enum ReceiptKind { refused @0; scan @1; clean @2; verify @3; undo @4; stop @5; }
enum ClockState { ok @0; behind @1; ahead @2; untrusted @3; }
enum SandboxLevel { none @0; reduced @1; full @2; }
enum Outcome { found @0; done @1; undone @2; skipped @3; failed @4; }
enum Reason {
  none @0;
  malformed @1;
  untrusted @2;
  schema @3;
  tenant @4;
  rootVersion @5;
  rootExpired @6;
  policyMissing @7;
  policyMismatch @8;
  classMismatch @9;
  quorum @10;
  executed @11;
  stopped @12;
  lifetime @13;
  expired @14;
  jurisdiction @15;
  scope @16;
  stale @17;
  clock @18;
  logFork @19;
  dryRunMissing @20;
  dryRunOld @21;
  undoUnknown @22;
  consent @23;
  halted @24;
  poison @25;
  platform @26;
  precondition @27;
  capability @28;
  sandbox @29;
  limit @30;
  knownGood @31;
  protected @32;
  notIndependent @33;
  changed @34;
  gone @35;
  raced @36;
  immutable @37;
  hardLinks @38;
  diskFull @39;
  vaultFull @40;
  permission @41;
  conflict @42;
  unscannable @43;
  respawned @44;
  timeout @45;
  io @46;
  internal @47;
  health @48;
}
struct ReceiptItem {
  detection @0 :Text;
  verdict @1 :Text;
  object @2 :Policy.ObjectKind;
  action @3 :Policy.ActionKind;
  outcome @4 :Outcome;
  reason @5 :Reason;
  pathHash @6 :Data;
  sha256 @7 :Data;
  size @8 :UInt64;
  sealedPath @9 :Data;
}
struct Receipt {
  schema @0 :UInt16;
  tenant @1 :Data;
  agent @2 :Data;
  seq @3 :UInt64;
  previous @4 :Data;
  order @5 :Data;
  policy @6 :Data;
  kind @7 :ReceiptKind;
  state @8 :HostState;
  reason @9 :Reason;
  wave @10 :UInt16;
  logSize @11 :UInt64;
  rootVersion @12 :UInt64;
  started @13 :Int64;
  finished @14 :Int64;
  boot @15 :Data;
  clock @16 :ClockState;
  sandbox @17 :SandboxLevel;
  agentVersion @18 :Text;
  agentSha256 @19 :Data;
  consent @20 :Data;
  lab @21 :Bool;
  local @22 :Bool;
  scanned @23 :UInt64;
  scannedBytes @24 :UInt64;
  unscannable @25 :UInt32;
  matched @26 :UInt32;
  acted @27 :UInt32;
  verdicts @28 :List(Text);
  itemsRoot @29 :Data;
  items @30 :List(ReceiptItem);
}
