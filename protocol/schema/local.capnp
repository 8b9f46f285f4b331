# Between the processes of one agent. Whatever may quote a path or another string of the host is
# Data.
@0xe8a454d5133ba48c;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fleetsweep::schema");

using Documents = import "documents.capnp";
using Policy = import "policy.capnp";
using Wire = import "wire.capnp";

struct FileIdentity {
  path @0 :Data;
  device @1 :UInt64;
  inode @2 :UInt64;
  size @3 :UInt64;
  mtimeNs @4 :Int64;
  ctimeNs @5 :Int64;
  links @6 :UInt32;
  sha256 @7 :Data;
}
struct ProcessIdentity {
  pid @0 :Int32;
  startTicks @1 :UInt64;
  exe @2 :FileIdentity;
  exeDeleted @3 :Bool;
  name @4 :Data;
  commandLine @5 :Data;
}
enum PersistenceKind {
  cron @0;
  at @1;
  systemdUnit @2;
  systemdTimer @3;
  ldSoPreload @4;
  initScript @5;
  rcLocal @6;
  shellProfile @7;
  authorizedKey @8;
  windowsService @9;
  windowsTask @10;
  systemdSocket @11;
  systemdPath @12;
  systemdGenerator @13;
  systemdEnvironment @14;
  inittab @15;
  xdgAutostart @16;
  ldSoConf @17;
  pamConfig @18;
  pamModule @19;
  sshdConfig @20;
  udevRule @21;
  motdScript @22;
  packageManagerHook @23;
  gitHook @24;
  dbusService @25;
  polkitRule @26;
  networkmanagerDispatcher @27;
  kernelModule @28;
  modprobeHook @29;
  binfmt @30;
  setuidProgram @31;
  fileCapability @32;
  sudoers @33;
  account @34;
  pathShadow @35;
  webScript @36;
  environmentFile @37;
  windowsRun @38;
  windowsWinlogon @39;
}
struct PersistenceIdentity {
  kind @0 :PersistenceKind;
  file @1 :FileIdentity;
  name @2 :Data;
  entry @3 :Data;
  command @4 :Data;
  entrySha256 @5 :Data;
  user @6 :Data;
  line @7 :UInt32;
}
struct ConnectionIdentity {
  localAddress @0 :Text;
  localPort @1 :UInt16;
  remoteAddress @2 :Text;
  remotePort @3 :UInt16;
  pid @4 :Int32;
  exe @5 :FileIdentity;
  protocol @6 :Text;
  listening @7 :Bool;
}
struct RegistryIdentity {
  hive @0 :FileIdentity;
  key @1 :Data;
  valueName @2 :Data;
  dataType @3 :Text;
  data @4 :Data;
}
struct Finding {
  detection @0 :UInt16;
  number @1 :UInt32;
  joined @2 :UInt32 = 0xffffffff;  # the number of another finding, or none
  rule @3 :Text;
  union {
    file @4 :FileIdentity;
    process @5 :ProcessIdentity;
    persistence @6 :PersistenceIdentity;
    connection @7 :ConnectionIdentity;
    registry @8 :RegistryIdentity;
  }
  member @9 :Data;
  partial @10 :Bool;
  leftAlone @11 :Data;
  ruleStrings @12 :List(RuleString);  # the first of those that rule found
}
struct RuleString {
  name @0 :Text;
  offset @1 :UInt64;
}

struct LocalMessage {
  union {
    startChild @0 :StartChild;
    childStarted @1 :ChildStarted;
    childExited @2 :ChildExited;
    scanRequest @3 :ScanRequest;
    scanProgress @4 :ScanProgress;
    scanDone @5 :ScanDone;
    actRequest @6 :ActRequest;
    actStep @7 :ActStep;
    actDone @8 :ActDone;
    localCommand @9 :LocalCommand;
    localReply @10 :LocalReply;
  }
}

enum Child { scan @0; act @1; }
struct StartChild {
  child @0 :Child;
}
struct ChildStarted {
  child @0 :Child;
  pid @1 :Int32;
  error @2 :Data;
}
struct ChildExited {
  child @0 :Child;
  status @1 :Int32;
}
struct ScanRequest {
  policy @0 :Data;
  facts @1 :Wire.Facts;
  verify @2 :Bool;
  others @3 :List(Data);
}
struct ScanProgress {
  scanned @0 :UInt64;
  scannedBytes @1 :UInt64;
  findings @2 :UInt32;
}
struct SealedFinding {
  finding @0 :Data;  # an encoded Finding
  mac @1 :Data;
}
struct ScanResult {  # its findings travel sealed, in ScanDone
  policy @0 :Data;
  verdicts @1 :List(UInt16);
  scanned @2 :UInt64;
  scannedBytes @3 :UInt64;
  unscannable @4 :UInt32;
  unscannablePaths @5 :List(Data);
  partial @6 :UInt32;
  partialPaths @7 :List(Data);
  mismatches @8 :List(Data);
}
struct Origin {
  finding @0 :UInt32;
  object @1 :Policy.ObjectKind;
  text @2 :Data;
}
enum Health { unknown @0; good @1; bad @2; }
struct HealthMark {
  check @0 :Text;
  health @1 :Health;
  seen @2 :Data;
}
struct ScanDone {
  reason @0 :Documents.Reason;
  detail @1 :Data;
  sandbox @2 :Documents.SandboxLevel;
  result @3 :ScanResult;
  sealed @4 :List(SealedFinding);
  origins @5 :List(Origin);
  health @6 :List(HealthMark);
}
struct TimeProof {
  statement @0 :Data;
  askedSeconds @1 :Int64;
  salt @2 :Data;
}
struct ActRequest {
  resume @0 :Bool;
  order @1 :Data;
  rootChain @2 :List(Data);
  stops @3 :List(Data);
  policy @4 :Data;
  findings @5 :List(SealedFinding);
  dryRun @6 :List(SealedFinding);
  verdicts @7 :List(UInt16);
  scanned @8 :UInt64;
  checkpoint @9 :Text;
  time @10 :TimeProof;
  round @11 :UInt8;
}
struct ActStep {
  number @0 :UInt32;
  total @1 :UInt32;
  item @2 :Documents.ReceiptItem;
  path @3 :Data;
}
struct ActDone {
  state @0 :Documents.HostState;
  reason @1 :Documents.Reason;
  detail @2 :Data;
  order @3 :Data;
  undo @4 :Bool;
  local @5 :Bool;
  acted @6 :UInt32;
  items @7 :List(Documents.ReceiptItem);
  paths @8 :List(Data);
  removed @9 :List(Data);
}
struct LocalCommand {
  verb @0 :Text;
  argument @1 :Data;
}
struct LocalReply {
  ok @0 :Bool;
  json @1 :Data;
}
