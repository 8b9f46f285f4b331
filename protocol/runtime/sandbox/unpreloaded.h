#pragma once

namespace fleetsweep::runtime {

// First thing in main(), before there are threads, of a program that must see and change the host
// as it is: a rootkit named in /etc/ld.so.preload is loaded into every program that starts, and
// answers in the C library's place. If that file names anything, the program starts once more, in
// this process and with the descriptors it has, in a mount namespace where the file is empty, and
// goes back into the host's mounts as soon as the loader is done (ld.so(8), setns(2)).
//
// Only root can; whoever cannot goes on with what was loaded, which a scan tells. LD_PRELOAD stays
// as it is: that is of whoever starts us.
void start_unpreloaded(char** arguments);

}  // namespace fleetsweep::runtime
