#pragma once

// The structs that stand in more than one schema.

#include "documents.capnp.h"
#include "local.capnp.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/frame.h"
#include "wire.capnp.h"

namespace fleetsweep::codec {

void write(Out, const model::ReceiptItem& item, schema::ReceiptItem::Builder to);
void read(In& in, schema::ReceiptItem::Reader from, model::ReceiptItem& item);

void write(Out, const model::Facts& facts, schema::Facts::Builder to);
void read(In& in, schema::Facts::Reader from, model::Facts& facts);

}  // namespace fleetsweep::codec
