# What to look for and what to do about it. Not signed itself: an order names its SHA-256 and size.
# Strings that may hold paths or other bytes of a host are Data.
@0x841f3ecd75bbd238;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fleetsweep::schema");

struct Policy {
  schema @0 :UInt16;
  id @1 :Text;
  title @2 :Text;
  family @3 :Text;
  platform @4 :Platform;
  preconditions @5 :List(Precondition);
  rules @6 :List(Rule);
  detections @7 :List(Detection);
  verdicts @8 :List(Verdict);
  responses @9 :List(Response);
  limits @10 :PolicyLimits;
  verify @11 :Verify;
}
enum Platform { any @0; linux @1; windows @2; macos @3; }
struct Precondition {
  fact @0 :Text;
  operation @1 :Text;
  value @2 :Text;
}
struct Rule {
  id @0 :Text;
  source @1 :Data;
  license @2 :Text;
  magic @3 :Text;
  sizeMin @4 :UInt64;
  sizeMax @5 :UInt64;
}

enum ObjectKind { file @0; process @1; persistence @2; networkTraffic @3; windowsRegistryKey @4; }
enum Field {
  filePath @0;
  fileName @1;
  fileExtension @2;
  fileParentName @3;
  fileSize @4;
  fileMagic @5;
  fileType @6;
  fileSha256 @7;
  fileSha1 @8;
  fileMd5 @9;
  fileBytesAt0 @10;
  fileMtimeDeltaToParent @11;
  filePackageOwned @12;
  processName @13;
  processCommandLine @14;
  processExePath @15;
  processExeName @16;
  processExeDeleted @17;
  processExeSha256 @18;
  processExePackageOwned @19;
  processIsKernelThread @20;
  processLooksLikeKernelThread @21;
  persistenceKind @22;
  persistenceName @23;
  persistencePath @24;
  persistenceEntry @25;
  persistenceCommand @26;
  networkDstRef @27;
  networkDstPort @28;
  networkSrcPort @29;
  networkProcessName @30;
  networkProcessExePath @31;
  registryKey @32;
  registryValueName @33;
  registryValueData @34;
  registryValueDataType @35;
  fileUid @36;
  fileGid @37;
  fileOwner @38;
  fileIsSetuid @39;
  fileIsSetgid @40;
  fileIsExecutable @41;
  fileIsImmutable @42;
  fileIsAppendOnly @43;
  fileIsHidden @44;
  fileExtensionMismatch @45;
  fileCapabilities @46;
  fileMtime @47;
  fileMtimeDeltaToBirth @48;
  processParentName @49;
  processParentExePath @50;
  processParentCommandLine @51;
  processExeIsMemfd @52;
  processMappedFiles @53;
  processEnvironmentNames @54;
  processCapabilities @55;
  processUser @56;
  processCwd @57;
  processContainerId @58;
  persistenceUser @59;
  persistenceLine @60;
  persistencePackageOwned @61;
  persistenceInBaseline @62;
  networkProtocol @63;
  networkIsListening @64;
  networkSrcRef @65;
  networkProcessExeDeleted @66;
  networkHasPacketFilter @67;
}
enum Match {
  equals @0;
  contains @1;
  startsWith @2;
  endsWith @3;
  regex @4;
  cidr @5;
  greater @6;
  less @7;
  exists @8;
  domain @9;
}
struct Detection {
  id @0 :Text;
  object @1 :ObjectKind;
  scope @2 :FileScope;
  anyOf @3 :List(Selection);
  noneOf @4 :List(Selection);
  forEach @5 :Int16 = -1;  # index of an earlier detection, -1: none
  rule @6 :Int16 = -1;     # index into Policy.rules, -1: none
  score @7 :UInt8;
}
struct FileScope {
  paths @0 :List(Data);
  depth @1 :UInt16;
  deletedExe @2 :Bool;
  memfd @3 :Bool;
  archives @4 :Bool;
}
struct Selection {
  predicates @0 :List(Predicate);
}
struct Predicate {
  field @0 :Field;
  match @1 :Match;
  cased @2 :Bool;
  all @3 :Bool;
  toleranceMs @4 :Int64;
  values @5 :List(Value);
  parts @6 :List(HashPart);  # of a hash set, which it compares with instead of values
  expires @7 :Int64;         # from a list that ends: from then on nothing matches; 0: never
}
struct HashPart {
  digest @0 :Data;
  bytes @1 :UInt32;
}
struct Value {
  text @0 :Data;
  number @1 :Int64;
  templated @2 :Bool;
}

struct Verdict {
  id @0 :Text;
  condition @1 :Condition;
  confidence @2 :UInt8;
  level @3 :Text;
}
enum ConditionKind { and @0; or @1; not @2; atLeast @3; }
struct Condition {
  kind @0 :ConditionKind;
  count @1 :UInt16;
  detections @2 :List(UInt16);
  children @3 :List(Condition);
}

struct Response {
  verdicts @0 :List(UInt16);
  confidenceMin @1 :UInt8;
  actions @2 :List(Action);
}
enum ActionKind {
  report @0;
  collect @1;
  suspend @2;
  disable @3;
  block @4;
  remove @5;
  kill @6;
  quarantine @7;
  restart @8;
  restoreFromPackage @9;
  purge @10;
  isolate @11;
}
struct Action {
  kind @0 :ActionKind;
  select @1 :List(Selector);
  tree @2 :Bool;
  byLine @3 :Bool;
  what @4 :List(Text);
  bytesMax @5 :UInt64;
  clearFlags @6 :List(Text);
  ifLocked @7 :Text;
  direction @8 :Text;
  ttlSeconds @9 :Int64;
  allow @10 :List(Text);
}
enum SelectorKind { detections @0; processesOf @1; servicesMapping @2; all @3; list @4; }
struct Selector {
  kind @0 :SelectorKind;
  detections @1 :List(UInt16);
  values @2 :List(Data);
  expires @3 :Int64;  # as Predicate's
}

enum PackageOwned { never @0; report @1; }
struct PolicyLimits {
  items @0 :UInt32;
  bytes @1 :UInt64;
  files @2 :UInt32;
  processes @3 :UInt32;
  persistence @4 :UInt32;
  independentMin @5 :UInt8;
  packageOwned @6 :PackageOwned;
  protect @7 :List(Data);
  timeoutSeconds @8 :Int64;
  cpuPercent @9 :UInt8;
  iops @10 :UInt32;
  rows @11 :UInt32;
  undoTtlSeconds @12 :Int64;
}
struct Verify {
  rescansSeconds @0 :List(Int64);
  afterReboot @1 :Bool;
  expectNoneOf @2 :List(UInt16);
  health @3 :List(Text);
  respawnRounds @4 :UInt8;
  asksIsolation @5 :Bool;
}
