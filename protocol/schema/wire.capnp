# Between an agent (DEALER) and its edge (ROUTER): one Message is one ZeroMQ frame.
@0x8d16ea1a684b3d8b;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fleetsweep::schema");

using Documents = import "documents.capnp";

struct Message {
  union {
    hello @0 :Hello;
    welcome @1 :Welcome;
    retryAfter @2 :RetryAfter;
    want @3 :Want;
    entries @4 :Entries;
    checkpoint @5 :Checkpoint;
    blob @6 :Blob;
    receipts @7 :Receipts;
    receiptAck @8 :ReceiptAck;
    beat @9 :Beat;
    enrolRequest @10 :EnrolRequest;
    enrolReply @11 :EnrolReply;
    timeRequest @12 :TimeRequest;
    timeReply @13 :TimeReply;
    rekey @14 :Rekey;
    rekeyed @15 :Rekeyed;
  }
}

struct Facts {
  hostname @0 :Text;
  os @1 :Text;
  osId @2 :Text;
  osVersion @3 :Text;
  kernel @4 :Text;
  arch @5 :Text;
  labels @6 :List(Text);
}
struct Hello {
  tenant @0 :Data;
  logSize @1 :UInt64;
  rootVersion @2 :UInt64;
  agentVersion @3 :Text;
  boot @4 :Data;
  facts @5 :Facts;
  capabilities @6 :List(Text);
  sandbox @7 :Documents.SandboxLevel;
}
struct Welcome {
  heartbeatMs @0 :Int64;
  inFlightMax @1 :UInt32;
}
struct RetryAfter {
  waitMs @0 :Int64;
  reason @1 :Text;
}
struct Want {
  entriesFrom @0 :UInt64;
  blob @1 :Data;
  blobOffset @2 :UInt64;
}
struct Entries {
  from @0 :UInt64;
  entries @1 :List(Data);  # encoded envelopes
}
struct Checkpoint {
  note @0 :Text;
}
struct Blob {
  digest @0 :Data;
  offset @1 :UInt64;
  total @2 :UInt64;
  bytes @3 :Data;
}
struct Receipts {
  receipts @0 :List(Data);  # encoded envelopes
}
struct ReceiptAck {
  receipts @0 :List(Data);
}
struct Beat {
  logSize @0 :UInt64;
  state @1 :Text;
  rssBytes @2 :UInt64;
  cpuMs @3 :Int64;
}
struct EnrolRequest {
  agentKey @0 :Data;
}
struct TimeRequest {
  nonce @0 :Data;
}
struct TimeReply {
  statement @0 :Data;  # an encoded envelope
}
struct Rekey {
  agentKey @0 :Data;  # an encoded envelope
}
struct Rekeyed {
  curve @0 :Data;
}
struct EnrolReply {
  error @0 :Text;
  rootChain @1 :List(Data);
  enrolBatch @2 :Data;
  endpoints @3 :Data;
}
