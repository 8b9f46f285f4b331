#pragma once

#include <cstddef>

namespace fleetsweep::scan {

// Asks for large pages, where the kernel has them, for memory that will all be written soon: a few
// faults instead of thousands.
void expect_all(void* memory, std::size_t bytes);

}  // namespace fleetsweep::scan
