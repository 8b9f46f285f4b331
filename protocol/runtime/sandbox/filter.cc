#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::runtime {
namespace {

// What parsing needs of a kernel. fstat is here and newfstatat is not: the latter takes a path.
constexpr int kParserCalls[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(preadv2),
    SCMP_SYS(fadvise64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(sched_getaffinity),
};

// What none of the processes that walk, act or talk ever does.
constexpr int kAllRefuse[] = {
    // other programs, other processes
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(userfaultfd),
    // the kernel
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fspick),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(quotactl),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(io_uring_setup),
};

// Who looks into the memory of others is the walker alone, by the kernel's rules for ptrace.
constexpr int kMemoryCalls[] = {SCMP_SYS(process_vm_readv)};

// How anyone comes to a network: an open descriptor can still be read and written.
constexpr int kNetworkCalls[] = {
    SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
    SCMP_SYS(listen), SCMP_SYS(accept),  SCMP_SYS(accept4),
};

// Newer than libseccomp 2.5; one number on all architectures (asm-generic/unistd.h).
constexpr int kFchmodat2 = 452, kSetxattrat = 463, kRemovexattrat = 466, kFileSetattr = 469;

// What a process that only walks and reads never does. Of openat2 a filter cannot see the flags,
// and a handle needs no path.
constexpr int kReaderRefuses[] = {
    SCMP_SYS(open),
    SCMP_SYS(openat2),
    SCMP_SYS(creat),
    SCMP_SYS(truncate),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(fchown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(utime),
    SCMP_SYS(utimes),
    SCMP_SYS(utimensat),
    SCMP_SYS(futimesat),
    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),
    SCMP_SYS(fsetxattr),
    SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr),
    SCMP_SYS(fremovexattr),
    SCMP_SYS(open_by_handle_at),
    kFchmodat2,
    kSetxattrat,
    kRemovexattrat,
    kFileSetattr,
};

int add_parser_rules(scmp_filter_ctx filter) {
  for (const int call : kParserCalls)
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) return error;
      // Anonymous memory only, and none of it executable.
#ifdef FS_SANITIZED
  // With a pipe the sanitizer asks the kernel whether it may read an object's type.
  if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pipe2), 0)) return error;
#endif
  if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                                         SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)))
    return error;
  if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)))
    return error;
  // abort() signals itself; nobody else can be signalled.
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                          SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
}

int refuse(scmp_filter_ctx filter, std::span<const int> calls) {
  for (const int call : calls)
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0)) return error;
  return 0;
}

// What all of these profiles refuse, and these calls.
int add_refusals(scmp_filter_ctx filter, std::initializer_list<std::span<const int>> more) {
  if (const int error = refuse(filter, kAllRefuse)) return error;
  for (const std::span<const int> calls : more)
    if (const int error = refuse(filter, calls)) return error;
  return 0;
}

int add_reader_rules(scmp_filter_ctx filter) {
  if (const int error = add_refusals(filter, {kNetworkCalls, kReaderRefuses})) return error;
  // Two of these change a file that is opened for reading.
  constexpr struct {
    scmp_datum_t mask, value;
  } kChanges[] = {
      {O_ACCMODE, O_WRONLY}, {O_ACCMODE, O_RDWR}, {O_CREAT, O_CREAT}, {O_TRUNC, O_TRUNC}};
  for (const auto& change : kChanges)
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(openat), 1,
                                           SCMP_A2(SCMP_CMP_MASKED_EQ, change.mask, change.value)))
      return error;
  return 0;
}

int add_rules(scmp_filter_ctx filter, Profile profile) {
  switch (profile) {
    case Profile::kParser:
      return add_parser_rules(filter);
    case Profile::kReader:
      return add_reader_rules(filter);
    case Profile::kActor:
      return add_refusals(filter, {kNetworkCalls, kMemoryCalls});
    case Profile::kNetwork:
      return add_refusals(filter, {kMemoryCalls});
  }
  return -EINVAL;
}

}  // namespace

Status filter_system_calls(Profile profile) {
  scmp_filter_ctx filter =
      seccomp_init(profile == Profile::kParser ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ALLOW);
  if (filter == nullptr) return fail(Code::kInternal, "sandbox: seccomp_init: out of memory");
  // A binary tree of numbers instead of a chain, where libseccomp can.
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  int error = add_rules(filter, profile);
  const char* step = "seccomp_rule_add";
  if (error == 0) {
    error = seccomp_load(filter);
    step = "seccomp_load";
  }
  seccomp_release(filter);
  if (error != 0) return fail(Code::kUnavailable, "sandbox: {}: {}", step, std::strerror(-error));
  return {};
}

}  // namespace fleetsweep::runtime
