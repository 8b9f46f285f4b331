#pragma once

// Which steps of a plan another one makes needless, or would spoil. Pure.

#include "agent/plan/plan.h"

namespace fleetsweep::plan {

// `facts` as in Input.
void drop_redundant(std::vector<model::PlanStep>& steps, const std::vector<ObjectFacts>& facts);

}  // namespace fleetsweep::plan
